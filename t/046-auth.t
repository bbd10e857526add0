
# Copyright (C) The ngx_http_messaging_module authors

# The frame "auth": a new token for a connection that is open.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# all endpoints; conversations by the claim "rooms" below /claim/
my $config = <<'EOC';
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
        messaging_access any;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }
        location = /ws/messaging/ {
            messaging on;
        }
        location = /ws/notifications/ {
            messaging on;
            messaging_channel user:$messaging_user;
        }
        location ~ ^/claim/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access claim=rooms;
        }
        location = /claim/ {
            messaging on;
            messaging_access claim=rooms;
        }
        location = /status {
            messaging_status on;
        }
EOC

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('config', $config) unless defined $block->config;
});

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: auth_ok tells when the new token expires, on every endpoint
--- jwt
old:  {"user_id":1,"exp":"+60"}
int:  {"user_id":1,"exp":2000000000}
real: {"user_id":1,"exp":2000000000.25}
far:  {"user_id":1,"exp":9007199254740992}
--- websocket
one:     connect /ws/messaging/7/?token=$jwt_old
one:     send {"type":"auth","token":"$jwt_int"}
one:     recv {"type":"auth_ok","expires_at":"2033-05-18T03:33:20.000Z"}
one:     send {"type":"auth","token":"$jwt_real"}
one:     recv {"type":"auth_ok","expires_at":"2033-05-18T03:33:20.250Z"}
one:     send {"type":"auth","token":"$jwt_far"}
one:     recv {"type":"auth_ok","expires_at":"9999-12-31T23:59:59.999Z"}
many:    connect /ws/messaging/?token=$jwt_old
many:    send {"type":"auth","token":"$jwt_int"}
many:    recv {"type":"auth_ok","expires_at":"2033-05-18T03:33:20.000Z"}
user:    connect /ws/notifications/?token=$jwt_old
user:    send {"type":"auth","token":"$jwt_int"}
user:    recv {"type":"auth_ok","expires_at":"2033-05-18T03:33:20.000Z"}
# and life goes on
backend: publish 7 {"n":1}
one:     recv {"n":1}
backend: publish user:1 {"n":2}
user:    recv {"n":2}
many:    send {"type":"subscribe","conversation_id":7}
many:    recv {"type":"subscribed","conversation_id":7}



=== TEST 2: with the leeway
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_jwt_leeway 10s;
            messaging_access any;
        }
--- jwt
old:  {"user_id":1,"exp":"-2"}
new:  {"user_id":1,"exp":2000000000}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_old
ann:   send {"type":"auth","token":"$jwt_new"}
ann:   recv {"type":"auth_ok","expires_at":"2033-05-18T03:33:30.000Z"}



=== TEST 3: the expiry moves, to later and to earlier
--- websocket
jwt:   short {"user_id":1,"exp":"+1.0"}
jwt:   long {"user_id":1,"exp":"+60"}
later: connect /ws/messaging/7/?token=$jwt_short
many:  connect /ws/messaging/?token=$jwt_short
early: connect /ws/messaging/7/?token=$jwt_long
again: connect /ws/messaging/7/?token=$jwt_short
later,many: send {"type":"auth","token":"$jwt_long"}
later,many: recv {"type":"auth_ok","expires_at":"<time>"}
early: send {"type":"auth","token":"$jwt_short"}
early: recv {"type":"auth_ok","expires_at":"<now>"}
again: send {"type":"auth","token":"$jwt_long"}
again: send {"type":"auth","token":"$jwt_short"}
again: recv {"type":"auth_ok","expires_at":"<time>"}
again: recv {"type":"auth_ok","expires_at":"<now>"}
early: not_before 300ms within 1500ms expect_close 4001 token expired
again: expect_close 4001 token expired
wait 300ms
later,many: send {"type":"ping"}
later,many: recv {"type":"pong","...":0}
nginx: status closes.4001 2



=== TEST 4: a token of another user closes with 4001
--- jwt
number:  {"user_id":1,"exp":"+60"}
string:  {"user_id":"1","exp":"+60"}
text:    {"user_id":"ann","exp":"+60"}
other:   {"user_id":2,"exp":"+60"}
longer:  {"user_id":11,"exp":"+60"}
case:    {"user_id":"Ann","exp":"+60"}
same:    {"user_id":"\u0061nn","exp":"+60"}
missing: {"exp":"+60"}
--- websocket
a,b,c,d: connect /ws/messaging/7/?token=$jwt_number
a:       send {"type":"auth","token":"$jwt_other"}
a:       expect_close 4001 token invalid
b:       send {"type":"auth","token":"$jwt_longer"}
b:       expect_close 4001 token invalid
# the same text in another JSON type is the same user, and stays what it was
c:       send {"type":"auth","token":"$jwt_string"}
c:       recv {"type":"auth_ok","expires_at":"<time>"}
c:       send {"type":"read"}
c,d:     recv {"type":"read_receipt","reader_id":1,"read_at":"<time>"}
c:       close 1000
c:       expect_close 1000
d:       send {"type":"auth","token":"$jwt_missing"}
d:       expect_close 4001 token invalid
e:       connect /ws/messaging/7/?token=$jwt_string
e:       send {"type":"auth","token":"$jwt_number"}
e:       recv {"type":"auth_ok","expires_at":"<time>"}
e:       close 1000
e:       expect_close 1000
f,g:     connect /ws/messaging/?token=$jwt_text
f:       send {"type":"auth","token":"$jwt_case"}
f:       expect_close 4001 token invalid
g:       send {"type":"auth","token":"$jwt_same"}
g:       recv {"type":"auth_ok","expires_at":"<time>"}
nginx:   status closes.4001 4
nginx:   status auth.failed 4
nginx:   status auth.renewed 3
backend: expect_subscribers 7 0



=== TEST 5: a bad or an expired token closes with 4001
--- jwt
good:    {"user_id":1,"exp":"+60"}
flip:    {"user_id":1,"exp":"+60"} forge=flip
none:    {"user_id":1,"exp":"+60"} forge=none
other:   {"user_id":1,"exp":"+60"} key=other
hs512:   {"user_id":1,"exp":"+60"} alg=HS512
kid:     {"user_id":1,"exp":"+60"} kid=x
no_exp:  {"user_id":1}
not_yet: {"user_id":1,"exp":"+60","nbf":"+30"}
expired: {"user_id":1,"exp":"-1"}
--- websocket
c1..c10: connect /ws/messaging/7/?token=$jwt_good
c1:    send {"type":"auth","token":"$jwt_flip"}
c2:    send {"type":"auth","token":"$jwt_none"}
c3:    send {"type":"auth","token":"$jwt_other"}
c4:    send {"type":"auth","token":"$jwt_hs512"}
c5:    send {"type":"auth","token":"$jwt_kid"}
c6:    send {"type":"auth","token":"$jwt_no_exp"}
c7:    send {"type":"auth","token":"$jwt_not_yet"}
c8:    send {"type":"auth","token":"x"}
c9:    send {"type":"auth","token":"Bearer $jwt_good"}
c1..c9: expect_close 4001 token invalid
c10:   send {"type":"auth","token":"$jwt_expired"}
c10:   expect_close 4001 token expired
d:     connect /ws/messaging/?token=$jwt_good
d:     send {"type":"auth","token":""}
d:     expect_close 4001 token missing
nginx: status closes.4001 11



=== TEST 6: nothing of what came behind a bad token is obeyed
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
bad: {"user_id":1,"exp":"+60"} forge=flip
--- websocket
bob:     connect /ws/messaging/7/?token=$jwt_bob
ann:     connect_apart bob /ws/messaging/7/?token=$jwt_ann
ann:     cork
ann:     send {"type":"auth","token":"$jwt_bad"}
ann:     send {"type":"message","content":"x"}
ann:     send {"type":"auth","token":"$jwt_ann"}
ann:     send {"type":"ping"}
ann:     uncork
ann:     expect_close 4001 token invalid
backend: publish 7 {"n":1}
bob:     recv {"n":1}
backend: expect_subscribers 7 1



=== TEST 7: without a token it is an invalid frame, and no harm is done
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"auth"}
ann:   recv {"type":"error","code":"invalid_frame","message":"<string>"}
ann:   send {"type":"auth","token":null}
ann:   recv {"type":"error","code":"invalid_frame","message":"<string>"}
ann:   send {"type":"auth","token":42}
ann:   recv {"type":"error","code":"invalid_frame","message":"<string>"}
ann:   send {"type":"auth","token":["$jwt_ann"]}
ann:   recv {"type":"error","code":"invalid_frame","message":"<string>"}
ann:   send {"type":"auth","token":"$jwt_ann"}
ann:   recv {"type":"auth_ok","expires_at":"<time>"}
many:  connect /ws/messaging/?token=$jwt_ann
many:  send {"type":"auth"}
many:  recv {"type":"error","code":"invalid_frame","message":"<string>"}
many:  send {"type":"ping"}
many:  recv {"type":"pong","timestamp":"<now>"}



=== TEST 8: the new token has to meet all that is required
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_jwt_require token_type=access;
            messaging_jwt_user_claim sub;
            messaging_access any;
        }
--- jwt
ann:     {"sub":"ann","exp":"+60","token_type":"access"}
refresh: {"sub":"ann","exp":"+60","token_type":"refresh"}
user_id: {"user_id":"ann","exp":"+60","token_type":"access"}
--- websocket
a,b:   connect /ws/messaging/7/?token=$jwt_ann
a,b:   send {"type":"auth","token":"$jwt_ann"}
a,b:   recv {"type":"auth_ok","expires_at":"<time>"}
a:     send {"type":"auth","token":"$jwt_refresh"}
a:     expect_close 4001 token invalid
b:     send {"type":"auth","token":"$jwt_user_id"}
b:     expect_close 4001 token invalid



=== TEST 9: the keys in force now decide
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_access any;
        }
        location ~ ^/other/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem;
            messaging_access any;
        }
--- jwt
hs: {"user_id":1,"exp":"+60"}
rs: {"user_id":1,"exp":"+60"} key=rsa
--- websocket
a:     connect /ws/messaging/7/?token=$jwt_hs
a:     send {"type":"auth","token":"$jwt_rs"}
a:     expect_close 4001 token invalid
b:     connect /other/7/?token=$jwt_rs
b:     send {"type":"auth","token":"$jwt_rs"}
b:     recv {"type":"auth_ok","expires_at":"<time>"}
b:     send {"type":"auth","token":"$jwt_hs"}
b:     expect_close 4001 token invalid



=== TEST 10: a conversation the new token does not grant closes with 4003
--- jwt
seven:  {"user_id":1,"exp":"+60","rooms":[7]}
both:   {"user_id":1,"exp":"+60","rooms":["7",8]}
any:    {"user_id":1,"exp":"+60","rooms":"*"}
eight:  {"user_id":1,"exp":"+60","rooms":[8]}
none:   {"user_id":1,"exp":"+60"}
bob:    {"user_id":2,"exp":"+60","rooms":[7]}
--- websocket
bob:     connect /claim/7/?token=$jwt_bob
a,b:     connect_apart bob /claim/7/?token=$jwt_seven
a:       send {"type":"auth","token":"$jwt_both"}
a:       recv {"type":"auth_ok","expires_at":"<time>"}
a:       send {"type":"auth","token":"$jwt_any"}
a:       recv {"type":"auth_ok","expires_at":"<time>"}
nginx:   status subscriptions 3
a:       send {"type":"auth","token":"$jwt_eight"}
a:       expect_close 4003 access withdrawn
b:       cork
b:       send {"type":"auth","token":"$jwt_none"}
b:       send {"type":"typing"}
b:       uncork
b:       expect_close 4003 access withdrawn
backend: publish 7 {"n":1}
bob:     recv {"n":1}
nginx:   status subscriptions 1
nginx:   status closes.4003 2
nginx:   status auth.failed 2
nginx:   status auth.renewed 2



=== TEST 11: with many conversations only those not granted are left
--- jwt
three: {"user_id":1,"exp":"+60","rooms":[7,8,"a"]}
two:   {"user_id":1,"exp":"+60","rooms":[8,9]}
bob:   {"user_id":2,"exp":"+60","rooms":"*"}
--- websocket
ann:     connect /claim/?token=$jwt_three
ann:     send {"type":"subscribe","conversation_id":7}
ann:     recv {"type":"subscribed","conversation_id":7}
ann:     send {"type":"subscribe","conversation_id":8}
ann:     recv {"type":"subscribed","conversation_id":8}
ann:     send {"type":"subscribe","conversation_id":"a"}
ann:     recv {"type":"subscribed","conversation_id":"a"}
ann:     send {"type":"subscribe","conversation_id":9}
ann:     recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
bob:     connect_apart ann /claim/7/?token=$jwt_bob
ann:     send {"type":"auth","token":"$jwt_two"}
ann:     recv_unordered {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"} {"type":"error","conversation_id":"a","code":"access_denied","message":"<string>"} {"type":"auth_ok","expires_at":"<time>"}
backend: expect_subscribers 7 1 8 1
# no message of them any more
backend: publish 7 {"n":1}
bob:     recv {"n":1}
backend: publish a {"n":2}
backend: publish 8 {"n":3}
ann:     recv {"conversation_id":8,"n":3}
# nothing can be sent to them, and they cannot be had again
ann:     send {"type":"message","conversation_id":7,"content":"x"}
ann:     recv {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"}
ann:     send {"type":"subscribe","conversation_id":7}
ann:     recv {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"}
# but what is granted now can
ann:     send {"type":"subscribe","conversation_id":9}
ann:     recv {"type":"subscribed","conversation_id":9}
nginx:   status subscriptions 3
bob:     recv_none 50ms



=== TEST 12: the others see that typing has ended where access is withdrawn
--- jwt
both:  {"user_id":1,"exp":"+60","rooms":[7,8]}
eight: {"user_id":1,"exp":"+60","rooms":[8]}
bob:   {"user_id":2,"exp":"+60","rooms":"*"}
--- websocket
bob:   connect /claim/7/?token=$jwt_bob
ann:   connect_apart bob /claim/?token=$jwt_both
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
ann:   send {"type":"typing","conversation_id":7}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann:   send {"type":"auth","token":"$jwt_eight"}
bob:   within 3s recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann:   recv_unordered {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"} {"type":"auth_ok","expires_at":"<time>"}



=== TEST 13: a subscription that is still to be confirmed is withdrawn, too
--- fake_redis
hang SUBSCRIBE
--- jwt
both:  {"user_id":1,"exp":"+60","rooms":[7,8]}
eight: {"user_id":1,"exp":"+60","rooms":[8]}
--- websocket
ann:   connect /claim/?token=$jwt_both
ann:   send {"type":"subscribe","conversation_id":7}
fake:  expect_command SUBSCRIBE messaging:7
ann:   send {"type":"auth","token":"$jwt_eight"}
ann:   recv_unordered {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"} {"type":"auth_ok","expires_at":"<time>"}
fake:  normal
fake:  expect_command UNSUBSCRIBE messaging:7
fake:  publish messaging:7 {"n":1}
ann:   send {"type":"subscribe","conversation_id":8}
ann:   recv {"type":"subscribed","conversation_id":8}
ann:   recv_none 50ms



=== TEST 14: "messaging_access any" has nothing to withdraw
--- jwt
old: {"user_id":1,"exp":"+60","rooms":[7]}
new: {"user_id":1,"exp":"+120","rooms":[]}
--- websocket
one:     connect /ws/messaging/7/?token=$jwt_old
many:    connect /ws/messaging/?token=$jwt_old
many:    send {"type":"subscribe","conversation_id":7}
many:    recv {"type":"subscribed","conversation_id":7}
one,many: send {"type":"auth","token":"$jwt_new"}
one,many: recv {"type":"auth_ok","expires_at":"<time>"}
backend: publish 7 {"n":1}
one:     recv {"n":1}
many:    recv {"conversation_id":7,"n":1}



=== TEST 15: the token of an auth frame is neither relayed nor logged
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
new: {"user_id":1,"exp":"+120"}
bad: {"user_id":1,"exp":"+120"} forge=flip
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob:     connect /ws/messaging/7/?token=$jwt_bob
ann:     connect_apart bob /ws/messaging/7/?token=$jwt_ann
ann:     send {"type":"auth","token":"$jwt_new"}
ann:     recv {"type":"auth_ok","expires_at":"<time>"}
ann:     send {"type":"auth","token":"$jwt_bad"}
ann:     expect_close 4001 token invalid
backend: expect_subscribers 7 1
nginx:   status connections 1
nginx:   no_log $jwt_new
nginx:   no_log $jwt_bad
nginx:   no_access_log $jwt_new
nginx:   no_access_log $jwt_bad
bob:     recv_none 50ms
