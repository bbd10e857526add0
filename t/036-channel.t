
# Copyright (C) The ngx_http_messaging_module authors

# messaging_channel: endpoints on a channel that the configuration names,
# usually one per user, where clients only receive.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();

my $always = <<'EOC';
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;

        location = /status {
            messaging_status on;
        }

        location = /ws/notifications/ {
            messaging on;
            messaging_channel user:$messaging_user;
        }
EOC

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('config', $always . $block->config);
});

run_tests();

__DATA__

=== TEST 1: each user has a channel: its payloads come verbatim, to all connections of that user alone
--- config
--- jwt
ann: {"user_id":5,"exp":"+60"}
bob: {"user_id":55,"exp":"+60"}
--- websocket
ann:     connect /ws/notifications/?token=$jwt_ann
ann_b:   connect_apart ann /ws/notifications/?token=$jwt_ann
bob:     connect /ws/notifications/?token=$jwt_bob
backend: publish user:5 { "type":"presence","user_id":2, "is_online":true}
ann,ann_b: recv_raw { "type":"presence","user_id":2, "is_online":true}
backend: publish user:55 {"n":1}
bob:     recv_raw {"n":1}
backend: publish user:5 {}
ann,ann_b: recv_raw {}
backend: publish 5 {"n":5}
backend: publish user: {"n":6}
backend: publish users:5 {"n":7}
ann,ann_b,bob: recv_none 100ms



=== TEST 2: a number and a string are the same user
--- config
--- jwt
n: {"user_id":5,"exp":"+60"}
s: {"user_id":"5","exp":"+60"}
z: {"user_id":"05","exp":"+60"}
m: {"user_id":-5,"exp":"+60"}
b: {"user_id":9007199254740991,"exp":"+60"}
--- websocket
n:       connect /ws/notifications/?token=$jwt_n
s:       connect_apart n /ws/notifications/?token=$jwt_s
z:       connect /ws/notifications/?token=$jwt_z
m:       connect /ws/notifications/?token=$jwt_m
b:       connect /ws/notifications/?token=$jwt_b
backend: publish user:5 {"n":1}
n,s:     recv_raw {"n":1}
backend: publish user:05 {"n":2}
z:       recv_raw {"n":2}
backend: publish user:-5 {"n":3}
m:       recv_raw {"n":3}
backend: publish user:9007199254740991 {"n":4}
b:       recv_raw {"n":4}
n,s,z,m,b: recv_none 100ms



=== TEST 3: outside [A-Za-z0-9_.-] a user id is percent-encoded, in upper case
--- config
--- jwt
plain: {"user_id":"Az09_.-","exp":"+60"}
space: {"user_id":"a b","exp":"+60"}
enc:   {"user_id":"a%20b","exp":"+60"}
colon: {"user_id":"x:y","exp":"+60"}
odd:   {"user_id":"/\\\"*?[]{}@+~%\u00fc\ud83d\ude00","exp":"+60"}
long:  {"user_id":"\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc","exp":"+60"}
--- websocket eval
my %id = (plain => 'Az09_.-', space => 'a%20b', enc => 'a%2520b',
          colon => 'x%3Ay', long => '%C3%BC' x 64,
          odd => '%2F%5C%22%2A%3F%5B%5D%7B%7D%40%2B%7E%25%C3%BC%F0%9F%98%80');

"plain: connect /ws/notifications/?token=\$jwt_plain\n"
. "space: connect_apart plain /ws/notifications/?token=\$jwt_space\n"
. CORE::join('', map { "$_: connect /ws/notifications/?token=\$jwt_$_\n" }
             'enc', 'colon', 'odd', 'long')
. 'backend: expect_subscribers '
. CORE::join(' ', map { "user:$_ 1" } values %id) . "\n"
. CORE::join('', map {
    "backend: publish user:$id{$_} {\"to\":\"$_\"}\n"
    . "$_: recv_raw {\"to\":\"$_\"}\n"
} sort keys %id)
. <<'EOS';
backend: publish user:x:y {"n":1}
backend: publish user:x%3ay {"n":2}
plain,space,enc,colon,odd,long: recv_none 100ms
EOS



=== TEST 4: clients only receive
--- config
--- jwt
ann: {"user_id":5,"exp":"+60"}
--- websocket
ann,ann_b: connect /ws/notifications/?token=$jwt_ann
backend: subscribe user:5
ann:     send {"type":"typing","is_typing":true}
ann:     recv {"type":"error","code":"access_denied","message":"<string>"}
ann:     send {"type":"read","message_id":1}
ann:     recv {"type":"error","code":"access_denied","message":"<string>"}
ann:     send {"type":"message","content":"x"}
ann:     recv {"type":"error","code":"access_denied","message":"<string>"}
ann:     send {"type":"message","content":"x","conversation_id":"user:5"}
ann:     recv {"type":"error","code":"access_denied","message":"<string>"}
ann:     send {"type":"message","content":"x","conversation_id":7,"client_id":"c1"}
ann:     recv_unordered {"type":"error","code":"access_denied","message":"<string>"} \
    {"type":"nack","client_id":"c1","code":"access_denied","retry":false,"retry_after_ms":0}
ann:     send {"type":"subscribe","conversation_id":7}
ann:     recv {"type":"error","code":"unknown_type","message":"<string>"}
ann:     send {"type":"unsubscribe","conversation_id":7}
ann:     recv {"type":"error","code":"unknown_type","message":"<string>"}
ann:     send {"type":"oops"}
ann:     recv {"type":"error","code":"unknown_type","message":"<string>"}
ann:     send {}
ann:     recv {"type":"error","code":"invalid_frame","message":"<string>"}
ann:     send_text {
ann:     recv {"type":"error","code":"invalid_json","message":"<string>"}

# but for these
ann:     send {"type":"ping"}
ann:     recv_raw {"type":"pong"}
jwt:     new {"user_id":5,"exp":"+90"}
ann:     send {"type":"auth","token":"$jwt_new"}
ann:     recv {"type":"auth_ok","expires_at":"<time>"}
nginx:   status broker.published 0
backend: recv_none 50ms
backend: publish user:5 {"n":1}
backend: recv user:5 {"n":1}
ann,ann_b: recv_raw {"n":1}
ann,ann_b: recv_none 50ms



=== TEST 5: a channel is no conversation, and a conversation no channel
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location = /ws/messaging/ {
            messaging on;
        }
--- jwt
ann: {"user_id":5,"exp":"+60"}
bob: {"user_id":6,"exp":"+60"}
--- websocket
ann:     connect /ws/notifications/?token=$jwt_ann
bob:     refused 404 /ws/messaging/user:5/?token=$jwt_bob
bob:     refused 404 /ws/messaging/user%3A5/?token=$jwt_bob
bob:     connect /ws/messaging/?token=$jwt_bob
bob:     send {"type":"subscribe","conversation_id":"user:5"}
bob:     recv {"type":"error","code":"invalid_frame","message":"<string>"}
bob:     send {"type":"message","conversation_id":"user:5","content":"x"}
bob:     recv {"type":"error","code":"invalid_frame","message":"<string>"}
one:     connect /ws/messaging/5/?token=$jwt_ann
backend: publish 5 {"n":1}
one:     recv_raw {"n":1}
backend: publish user:5 {"n":2}
ann:     recv_raw {"n":2}
ann,bob,one: recv_none 100ms



=== TEST 6: a value without a colon, or with a character that is not allowed, is answered by 404 and logged
--- config
        location = /ws/any/ {
            messaging on;
            messaging_channel $arg_c;
        }

        location = /ws/fixed/ {
            messaging on;
            set $feed feed;
            messaging_channel $feed;
        }
--- jwt
ann: {"user_id":5,"exp":"+60"}
--- websocket eval
CORE::join('', map {
    "ann: refused 404 /ws/any/?c=$_&token=\$jwt_ann\n"
} '', 'feed', '7', 'a.b-c_d', 'a:*', 'a:b*', 'a:?', 'a:[b]', 'a:b/c', 'a:@', '@a:b',
  'a:b,c', 'a:"b"', 'a:{b}', 'a:b+c', 'a:b~', "a:\xc3\xbc", 'a:' . 'x' x 511)
. "ann: refused 404 /ws/any/?token=\$jwt_ann\n"
. "ann: refused 404 /ws/fixed/?token=\$jwt_ann\n"
. "nginx: expect_log /\\[error\\] .*messaging_channel \"feed\" is not a channel/\n"
. "nginx: expect_log /\\[error\\] .*messaging_channel \"\" is not a channel/\n"
. "nginx: status refusals.conversation 20\n"
. "nginx: status connections 0\n"

# as odd and as long as it may be
. CORE::join('', map {
    "ann: connect /ws/any/?c=$_&token=\$jwt_ann\n"
    . "backend: publish $_ {\"n\":1}\n"
    . "ann: recv_raw {\"n\":1}\n"
    . "ann: close 1000\nann: expect_close 1000\n"
} ':', 'a:', ':a', '::', 'a:b:c', 'user:%20', '.:-_%', 'A9:z', 'a:' . 'x' x 510);



=== TEST 7: a bad token is refused before the channel is looked at
--- config
        location = /ws/fixed/ {
            messaging on;
            set $feed feed;
            messaging_channel $feed;
        }
--- jwt
ann: {"user_id":5,"exp":"+60"}
old: {"user_id":5,"exp":"-60"}
--- websocket
ann:     connect /ws/fixed/?token=$jwt_old
ann:     expect_close 4001
ann:     connect /ws/fixed/
ann:     expect_close 4001
ann:     connect /ws/notifications/?token=$jwt_old
ann:     expect_close 4001
nginx:   no_log /is not a channel/
backend: expect_subscribers user:5 0
ann:     refused 404 /ws/fixed/?token=$jwt_ann



=== TEST 8: one channel for all, and one of other variables
--- config
        location = /ws/feed/ {
            messaging on;
            messaging_channel feed:all;
        }

        location ~ ^/ws/team/(?<team>\w+)/$ {
            messaging on;
            messaging_channel team:$team:$messaging_user;
        }
--- jwt
ann: {"user_id":"a b","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1:      connect /ws/feed/?token=$jwt_ann
c2:      connect_apart c1 /ws/feed/?token=$jwt_bob
t1:      connect /ws/team/red/?token=$jwt_ann
t2:      connect /ws/team/red/?token=$jwt_bob
t3:      connect /ws/team/blue/?token=$jwt_bob
backend: publish feed:all {"n":1}
c1,c2:   recv_raw {"n":1}
backend: publish team:red:a%20b {"n":3}
t1:      recv_raw {"n":3}
backend: publish team:red:2 {"n":4}
t2:      recv_raw {"n":4}
backend: publish team:blue:2 {"n":5}
t3:      recv_raw {"n":5}
c1,c2,t1,t2,t3: recv_none 100ms



=== TEST 9: messaging_access looks at the channel's name
--- config
        location = /ws/team/ {
            messaging on;
            messaging_channel team:$arg_team;
            messaging_access claim=may;
        }
--- jwt
ann:  {"user_id":1,"may":["team:red",7],"exp":"+60"}
star: {"user_id":2,"may":"*","exp":"+60"}
none: {"user_id":3,"exp":"+60"}
--- websocket
ann:     connect /ws/team/?team=red&token=$jwt_ann
backend: publish team:red {"n":1}
ann:     recv_raw {"n":1}
star:    connect /ws/team/?team=blue&token=$jwt_star
backend: publish team:blue {"n":2}
star:    recv_raw {"n":2}
no:      connect /ws/team/?team=blue&token=$jwt_ann
no:      expect_close 4003
no:      connect /ws/team/?team=7&token=$jwt_ann
no:      expect_close 4003
no:      connect /ws/team/?team=red&token=$jwt_none
no:      expect_close 4003
backend: expect_subscribers team:red 1 team:blue 1



=== TEST 10: a burst comes whole and in order, and the channel is left with its last member
--- config
--- jwt
ann: {"user_id":5,"exp":"+60"}
--- websocket
c1:      connect /ws/notifications/?token=$jwt_ann
c2:      connect_apart c1 /ws/notifications/?token=$jwt_ann
c3..c4:  connect /ws/notifications/?token=$jwt_ann
backend: publish_series 1..500 user:5 {"n":%d}
c1..c4:  recv_series 1..500 {"n":%d}
c1..c4:  recv_none 50ms
nginx:   status subscriptions 4
c1,c2:   reset
c3,c4:   drop
backend: expect_subscribers user:5 0
nginx:   status channels 0
nginx:   status connections 0



=== TEST 11: headers are taken off here, too, and what is no frame is dropped
--- config
        location = /ws/feed/ {
            messaging on;
            messaging_channel feed:all;
        }
--- jwt
ann: {"user_id":"a b","exp":"+60"}
bob: {"user_id":55,"exp":"+60"}
--- websocket
ann:   connect /ws/notifications/?token=$jwt_ann
c1:    connect /ws/feed/?token=$jwt_ann
c2:    connect_apart c1 /ws/feed/?token=$jwt_bob
redis: publish_raw messaging:user:a%20b "@ k=presence\n{\"n\":2}"
redis: publish_raw messaging:user:a%20b "@ x=a%20b\n{\"n\":3}"
redis: publish_raw messaging:user:a%20b "@ x=55\n{\"n\":4}"
redis: publish messaging:user:a%20b no
redis: command PUBLISH "messaging:user:a b" {"n":5}
redis: publish user:a%20b {"n":6}
ann:   recv_raw {"n":2}
ann:   recv_raw {"n":4}
redis: publish_raw messaging:feed:all "@ x=a%20b\n{\"n\":7}"
c2:    recv_raw {"n":7}
ann,c1,c2: recv_none 100ms
