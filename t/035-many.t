
# Copyright (C) The ngx_http_messaging_module authors

# The many-conversation endpoint: subscribe and unsubscribe, what Redis sees
# of them, and the conversation_id that every frame carries.
#
# also: valgrind

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: subscribe, and everything of that conversation comes with its id
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/?token=$jwt_bob
ann,bob: send {"type":"subscribe","conversation_id":7}
ann,bob: recv {"type":"subscribed","conversation_id":7}
bob:     send {"type":"subscribe","conversation_id":"room.a"}
bob:     recv {"type":"subscribed","conversation_id":"room.a"}
ann:     send {"type":"message","conversation_id":7,"content":"hello","client_id":"c1"}
bob:     recv {"type":"new_message","conversation_id":7,"client_id":"c1", \
    "message":{"id":"<int>","conversation_id":7,"sender":{"id":1,"name":"Ann"}, \
    "content":"hello","image":null,"is_read":false,"read_at":null,"created_at":"<now>"}}
bob:     capture id message.id
bob:     capture at message.created_at
ann:     recv_unordered {"type":"ack","conversation_id":7,"client_id":"c1","id":$id,"created_at":"$at"} \
    {"type":"new_message","conversation_id":7,"client_id":"c1","message":{"id":$id,"...":0}}
bob:     send {"type":"typing","conversation_id":7,"is_typing":true}
ann:     recv {"type":"typing_indicator","conversation_id":7,"user_id":2,"is_typing":true}
bob:     send {"type":"typing","conversation_id":7,"is_typing":false}
ann:     recv {"type":"typing_indicator","conversation_id":7,"user_id":2,"is_typing":false}
bob:     send {"type":"read","conversation_id":7,"message_ids":[1,"2"]}
ann,bob: recv {"type":"read_receipt","conversation_id":7,"reader_id":2,"read_at":"<now>","message_ids":[1,"2"]}
bob:     send {"type":"message","conversation_id":"room.a","content":"x"}
bob:     recv {"type":"new_message","conversation_id":"room.a","message":{"conversation_id":"room.a","...":0}}
ann,bob: recv_none 100ms



=== TEST 2: both endpoints meet in one conversation, each with its own form of the same frame
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann,ann_b: connect /ws/messaging/?token=$jwt_ann
bob:       connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob_b:     connect /ws/messaging/7/?token=$jwt_bob
ann,ann_b: send {"type":"subscribe","conversation_id":7}
ann,ann_b: recv {"type":"subscribed","conversation_id":7}
backend:   publish 7 {"type":"message_edited","id":5}
ann,ann_b: recv_raw {"conversation_id":7,"type":"message_edited","id":5}
bob,bob_b: recv_raw {"type":"message_edited","id":5}
ann:       send {"type":"message","conversation_id":7,"content":"x"}
ann,ann_b: recv {"type":"new_message","conversation_id":7,"message":{"content":"x","...":0}}
bob,bob_b: recv {"type":"new_message","message":{"conversation_id":7,"content":"x","...":0}}
bob:       send {"type":"typing"}
ann,ann_b: recv {"type":"typing_indicator","conversation_id":7,"user_id":2,"is_typing":true}
bob:       send {"type":"read"}
ann,ann_b: recv {"type":"read_receipt","conversation_id":7,"reader_id":2,"read_at":"<now>"}
bob,bob_b: recv {"type":"read_receipt","reader_id":2,"read_at":"<now>"}
ann,ann_b,bob,bob_b: recv_none 100ms



=== TEST 3: the id is inserted as the first member, whatever the payload looks like
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/?token=$jwt_ann
ann:     send {"type":"subscribe","conversation_id":7}
ann:     recv {"type":"subscribed","conversation_id":7}
backend: publish 7 {"a":1}
ann:     recv_raw {"conversation_id":7,"a":1}
backend: publish 7 {"a":{"conversation_id":8},"b":[{}]}
ann:     recv_raw {"conversation_id":7,"a":{"conversation_id":8},"b":[{}]}

# a member of that name in the payload stays, and wins because it is later
backend: publish 7 {"conversation_id":9,"a":1}
ann:     recv_raw {"conversation_id":7,"conversation_id":9,"a":1}
ann:     capture wins conversation_id
expect_numbers $wins = 9
backend: publish 7 {"a":1,"conversation_id":null}
ann:     recv_raw {"conversation_id":7,"a":1,"conversation_id":null}

# empty objects need no comma
backend: publish 7 {}
ann:     recv_raw {"conversation_id":7}
backend: publish 7 { }
ann:     recv_raw {"conversation_id":7 }

# white space after the brace
backend: publish 7 { "a":1 }
ann:     recv_raw {"conversation_id":7, "a":1 }

# of every form of length
backend: publish 7 {"n":"%{96}"}
backend: publish 7 {"n":"%{97}"}
backend: publish 7 {"n":"%{98}"}
backend: publish 7 {"n":"%{65507}"}
backend: publish 7 {"n":"%{65508}"}
ann:     recv /\A\{"conversation_id":7,"n":"x{96}"\}\z/
ann:     recv /\A\{"conversation_id":7,"n":"x{97}"\}\z/
ann:     recv /\A\{"conversation_id":7,"n":"x{98}"\}\z/
ann:     recv /\A\{"conversation_id":7,"n":"x{65507}"\}\z/
ann:     recv /\A\{"conversation_id":7,"n":"x{65508}"\}\z/
ann:     recv_none 100ms



=== TEST 4: an id is a number if it is a canonical decimal up to 2^53 - 1, however the client writes it
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/?token=\$jwt_ann\n"
. CORE::join '', map {
    my ($sent, $json) = @$_;
    my $channel = $json =~ s/"//gr;
    "ann: send {\"type\":\"subscribe\",\"conversation_id\":$sent}\n"
    . "ann: recv_raw {\"type\":\"subscribed\",\"conversation_id\":$json}\n"
    . "backend: expect_subscribers $channel 1\n"
    . "backend: publish $channel {\"n\":1}\n"
    . "ann: recv_raw {\"conversation_id\":$json,\"n\":1}\n"
    . "ann: send {\"type\":\"message\",\"conversation_id\":$sent,\"content\":\"x\"}\n"
    . "ann: recv /^\\{\"conversation_id\":$json,\"type\":\"new_message\",.*\"conversation_id\":$json,/\n"
    . "ann: send {\"type\":\"unsubscribe\",\"conversation_id\":$sent}\n"
    . "ann: recv_raw {\"type\":\"unsubscribed\",\"conversation_id\":$json}\n"
} (['0', '0'], ['7', '7'], ['"7"', '7'], ['"0"', '0'], ['"\u0037"', '7'],
   ['9007199254740991', '9007199254740991'],
   ['"9007199254740991"', '9007199254740991'],
   ['9007199254740992', '"9007199254740992"'],
   ['"9007199254740992"', '"9007199254740992"'],
   ['"007"', '"007"'], ['"00"', '"00"'], ['"7.0"', '"7.0"'], ['"1e3"', '"1e3"'],
   ['"-7"', '"-7"'], ['"A_z.9-"', '"A_z.9-"'],
   ['"f47ac10b-58cc-4372-a567-0e02b2c3d479"',
    '"f47ac10b-58cc-4372-a567-0e02b2c3d479"'],
   ['"' . 'x' x 128 . '"', '"' . 'x' x 128 . '"']);



=== TEST 5: without a conversation_id, or with a bad one, no frame is anything but invalid
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my @bad = ('null', 'true', 'false', '1.5', '7.0', '1e2', '[]', '[7]', '{}',
           '{"id":7}', '""', '" "', '"7 "', '" 7"', '"a b"', '"a/b"', '"user:7"',
           '"a:b"', '":"', '"*"', '"a*"', '"%37"', '"\u00e9"', '"a\n"', '"@control"',
           '"' . 'x' x 129 . '"', '-7');
my @types = ('subscribe', 'unsubscribe', 'typing', 'read', 'message');
"ann: connect /ws/messaging/?token=\$jwt_ann\n"
. CORE::join('', map {
    my $type = $_;
    map {
        "ann: send {\"type\":\"$type\",\"content\":\"x\"$_}\n"
        . "ann: recv {\"type\":\"error\",\"code\":\"invalid_frame\",\"message\":\"<string>\"}\n"
    } '', (map { ",\"conversation_id\":$_" }
           $type eq 'subscribe' ? @bad : @bad[0, 6, 10, 16]),
      ',"conversation":7', ',"Conversation_id":7';
} @types)
. <<'EOS';
nginx: status subscriptions 0
nginx: status broker.published 0
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
EOS



=== TEST 6: who is not subscribed may send nothing and gets nothing
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"typing","conversation_id":7}
ann: recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":7}
ann: send {"type":"read","conversation_id":"7"}
ann: recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":7}
ann: send {"type":"message","conversation_id":"a","content":"x"}
ann: recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":"a"}
ann: send {"type":"subscribe","conversation_id":8}
ann: recv {"type":"subscribed","conversation_id":8}
ann: send {"type":"message","conversation_id":7,"content":"x"}
ann: recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":7}
backend: publish 7 {"n":1}
bob: recv_raw {"n":1}
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"unsubscribe","conversation_id":7}
ann: recv {"type":"unsubscribed","conversation_id":7}
ann: send {"type":"message","conversation_id":7,"content":"x"}
ann: recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":7}
backend: publish 7 {"n":2}
bob: recv_raw {"n":2}
ann,bob: recv_none 100ms



=== TEST 7: subscribe and unsubscribe may be repeated, and a frame still comes once
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/?token=$jwt_ann
ann:     send {"type":"unsubscribe","conversation_id":7}
ann:     recv {"type":"unsubscribed","conversation_id":7}
ann:     send {"type":"subscribe","conversation_id":7}
ann:     recv {"type":"subscribed","conversation_id":7}
ann:     send {"type":"subscribe","conversation_id":7}
ann:     recv {"type":"subscribed","conversation_id":7}
ann:     send {"type":"subscribe","conversation_id":"7"}
ann:     recv {"type":"subscribed","conversation_id":7}
nginx:   status subscriptions 1
backend: publish 7 {"n":1}
ann:     recv_raw {"conversation_id":7,"n":1}
ann:     recv_none 50ms
ann:     send {"type":"unsubscribe","conversation_id":7}
ann:     recv {"type":"unsubscribed","conversation_id":7}
nginx:   status subscriptions 0
backend: expect_subscribers 7 0
ann:     send {"type":"unsubscribe","conversation_id":7}
ann:     recv {"type":"unsubscribed","conversation_id":7}
ann:     send {"type":"subscribe","conversation_id":7}
ann:     recv {"type":"subscribed","conversation_id":7}
backend: publish 7 {"n":2}
ann:     recv_raw {"conversation_id":7,"n":2}
ann:     recv_none 50ms



=== TEST 8: messaging_max_subscriptions: one more is refused, one less makes room
--- http_config
messaging_max_subscriptions 3;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/?token=$jwt_ann
ann:     cork
ann:     send_series 1..4 {"type":"subscribe","conversation_id":%d}
ann:     uncork
ann:     recv_unordered {"type":"subscribed","conversation_id":1} \
    {"type":"subscribed","conversation_id":2} \
    {"type":"subscribed","conversation_id":3} \
    {"type":"error","code":"access_denied","message":"<string>","conversation_id":4}
ann:     send {"type":"message","conversation_id":4,"content":"x"}
ann:     recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":4}

# repeating one is not one more
ann:     send {"type":"subscribe","conversation_id":3}
ann:     recv {"type":"subscribed","conversation_id":3}
ann:     send {"type":"unsubscribe","conversation_id":5}
ann:     recv {"type":"unsubscribed","conversation_id":5}
ann:     send {"type":"subscribe","conversation_id":4}
ann:     recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":4}
ann:     send {"type":"unsubscribe","conversation_id":2}
ann:     recv {"type":"unsubscribed","conversation_id":2}
ann:     send {"type":"subscribe","conversation_id":4}
ann:     recv {"type":"subscribed","conversation_id":4}
ann:     send {"type":"subscribe","conversation_id":2}
ann:     recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":2}
nginx:   status subscriptions 3
backend: expect_subscribers 1 1 3 1 4 1

# each connection has its own limit
bob:     connect /ws/messaging/?token=$jwt_bob
bob:     send_series 1..3 {"type":"subscribe","conversation_id":%d}
bob:     recv_unordered {"type":"subscribed","conversation_id":1} \
    {"type":"subscribed","conversation_id":2} \
    {"type":"subscribed","conversation_id":3}
nginx:   status subscriptions 6



=== TEST 9: the default is 256 conversations, all of which work and all of which are left
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/?token=$jwt_ann
ann:     cork
ann:     send_series 1..256 {"type":"subscribe","conversation_id":%d}
ann:     uncork
ann:     recv_series 1..256 {"type":"subscribed","conversation_id":%d}
ann:     send {"type":"subscribe","conversation_id":257}
ann:     recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":257}
nginx:   status subscriptions 256
nginx:   status channels 256
backend: publish_series 1..257 %d {}
ann:     recv_series 1..256 {"conversation_id":%d}
backend: expect_subscribers 1..256 1
ann:     close 1000
ann:     expect_close 1000
nginx:   status subscriptions 0
nginx:   status channels 0
backend: expect_subscribers 1 0



=== TEST 10: Redis is told of a conversation when its first member comes and its last one goes
--- not_in: onebyte (four frames have to be obeyed in one turn)
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:  connect_retry /ws/messaging/?token=$jwt_ann
fake: count UNSUBSCRIBE 0
ann:  send {"type":"subscribe","conversation_id":7}
ann:  recv {"type":"subscribed","conversation_id":7}
fake: expect_command /^SUBSCRIBE messaging:7$/

# what changes nothing is not told
ann:  send {"type":"subscribe","conversation_id":7}
ann:  recv {"type":"subscribed","conversation_id":7}
ann:  send {"type":"unsubscribe","conversation_id":8}
ann:  recv {"type":"unsubscribed","conversation_id":8}
ann:  cork
ann:  send {"type":"unsubscribe","conversation_id":7}
ann:  send {"type":"subscribe","conversation_id":7}
ann:  send {"type":"subscribe","conversation_id":9}
ann:  send {"type":"unsubscribe","conversation_id":9}
ann:  uncork
ann:  recv {"type":"unsubscribed","conversation_id":7}
ann:  recv {"type":"subscribed","conversation_id":7}
ann:  recv {"type":"unsubscribed","conversation_id":9}
fake: publish messaging:7 {"n":1}
ann:  recv_raw {"conversation_id":7,"n":1}
fake: count SUBSCRIBE 0
fake: count UNSUBSCRIBE 0

ann:  send {"type":"subscribe","conversation_id":8}
ann:  recv {"type":"subscribed","conversation_id":8}
fake: expect_command /^SUBSCRIBE messaging:8$/
ann:  send {"type":"unsubscribe","conversation_id":7}
ann:  recv {"type":"unsubscribed","conversation_id":7}
fake: expect_command /^UNSUBSCRIBE messaging:7$/
fake: count SUBSCRIBE 0
ann:  send {"type":"subscribe","conversation_id":"a"}
ann:  recv {"type":"subscribed","conversation_id":"a"}
fake: expect_command /^SUBSCRIBE messaging:a$/

# the end of a connection leaves all of them
ann:  close 1000
ann:  expect_close 1000
fake: expect_command /^UNSUBSCRIBE (?:messaging:8 messaging:a|messaging:a messaging:8)$/
ann:  recv_none 100ms
fake: count SUBSCRIBE 0
fake: count UNSUBSCRIBE 0



=== TEST 11: each worker subscribes once, however many members it has
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1:      connect /ws/messaging/?token=$jwt_ann
c2:      connect_apart c1 /ws/messaging/?token=$jwt_bob
c3..c9:  connect /ws/messaging/?token=$jwt_ann
one:     connect /ws/messaging/7/?token=$jwt_bob
c1..c9:  send {"type":"subscribe","conversation_id":7}
c1..c9:  recv {"type":"subscribed","conversation_id":7}
nginx:   status subscriptions 10
nginx:   capture members channels
backend: expect_subscribers 7 $members
backend: publish 7 {"n":1}
c1..c9:  recv_raw {"conversation_id":7,"n":1}
one:     recv_raw {"n":1}
nginx:   status broker.received $members

# and unsubscribes once, when its last one goes
c3..c9:  send {"type":"unsubscribe","conversation_id":7}
c3..c9:  recv {"type":"unsubscribed","conversation_id":7}
one:     close 1000
one:     expect_close 1000
backend: publish 7 {"n":2}
c1,c2:   recv_raw {"conversation_id":7,"n":2}
c1:      drop
c2:      reset
backend: expect_subscribers 7 0
nginx:   status channels 0



=== TEST 12: subscribed comes when Redis has confirmed, and only then
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:  connect_retry /ws/messaging/?token=$jwt_ann
fake: hang SUBSCRIBE
ann:  send {"type":"subscribe","conversation_id":7}
fake: expect_command /^SUBSCRIBE messaging:7$/
ann:  recv_none 100ms

# not a member yet
ann:  send {"type":"message","conversation_id":7,"content":"x"}
ann:  recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":7}

# a repeated one is answered with the first
ann:  send {"type":"subscribe","conversation_id":7}
ann:  send {"type":"ping"}
ann:  recv {"type":"pong","timestamp":"<now>"}
ann:  recv_none 100ms
fake: normal
ann:  recv {"type":"subscribed","conversation_id":7}
fake: publish messaging:7 {"n":1}
ann:  recv_raw {"conversation_id":7,"n":1}
ann:  send {"type":"message","conversation_id":7,"content":"x"}
ann:  recv {"type":"new_message","conversation_id":7,"...":0}
ann:  recv_none 100ms
fake: count SUBSCRIBE 0



=== TEST 13: who has left before Redis confirms is not told that he came
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:  connect_retry /ws/messaging/?token=$jwt_ann
fake: hang SUBSCRIBE
ann:  send {"type":"subscribe","conversation_id":7}
fake: expect_command /^SUBSCRIBE messaging:7$/
ann:  send {"type":"unsubscribe","conversation_id":7}
ann:  recv {"type":"unsubscribed","conversation_id":7}
fake: expect_command /^UNSUBSCRIBE messaging:7$/
fake: normal
ann:  recv_none 100ms

# comes, goes and comes again before the first answer
fake: hang SUBSCRIBE
ann:  send {"type":"subscribe","conversation_id":8}
fake: expect_command /^SUBSCRIBE messaging:8$/
ann:  send {"type":"unsubscribe","conversation_id":8}
ann:  recv {"type":"unsubscribed","conversation_id":8}
fake: expect_command /^UNSUBSCRIBE messaging:8$/
ann:  send {"type":"subscribe","conversation_id":8}
fake: expect_command /^SUBSCRIBE messaging:8$/
ann:  recv_none 100ms
fake: normal
ann:  recv {"type":"subscribed","conversation_id":8}
fake: publish messaging:8 {"n":1}
ann:  recv_raw {"conversation_id":8,"n":1}
ann:  recv_none 100ms

# the connection ends before
fake: hang SUBSCRIBE
ann:  send {"type":"subscribe","conversation_id":9}
fake: expect_command /^SUBSCRIBE messaging:9$/
ann:  close 1000
ann:  expect_close 1000
fake: normal
nginx: status subscriptions 0
nginx: status channels 0



=== TEST 14: what Redis does not confirm within 5 s is unavailable, and may be tried again
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":6}
ann:   recv {"type":"subscribed","conversation_id":6}

# a stray answer is no confirmation
fake:  reply SUBSCRIBE*1 "*3\r\n$$9\r\nsubscribe\r\n$$11\r\nmessaging:x\r\n:1\r\n"
ann:   send {"type":"subscribe","conversation_id":7}
fake:  expect_command /^SUBSCRIBE messaging:7$/
ann:   not_before 4500ms within 6500ms recv {"type":"error","code":"unavailable","message":"<string>","conversation_id":7}
ann:   send {"type":"message","conversation_id":7,"content":"x"}
ann:   recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":7}
nginx: status subscriptions 1
ann:   send {"type":"message","conversation_id":6,"content":"x"}
ann:   recv {"type":"new_message","conversation_id":6,"...":0}



=== TEST 15: without Redis subscribe is unavailable at once
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":6}
ann:   recv {"type":"subscribed","conversation_id":6}
redis: stop
nginx: status redis.ready 0
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"error","code":"unavailable","message":"<string>","conversation_id":7}
ann:   send {"type":"unsubscribe","conversation_id":8}
ann:   recv {"type":"unsubscribed","conversation_id":8}

# one that it has already
ann:   send {"type":"subscribe","conversation_id":6}
ann:   recv {"type":"subscribed","conversation_id":6}
redis: start
ann:   recv {"type":"resync","conversation_id":6,"within_ms":"<int>"}
nginx: status redis.ready $WORKERS
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
ann:   recv_none 100ms



=== TEST 16: typing stops in each conversation by itself: by time, by unsubscribe, by the end
--- http_config
messaging_typing_timeout 500ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/?token=$jwt_bob
ann,bob: send_series 1..3 {"type":"subscribe","conversation_id":%d}
ann,bob: recv_series 1..3 {"type":"subscribed","conversation_id":%d}

# 2 begins later and ends later
ann:     send {"type":"typing","conversation_id":1}
bob:     recv {"type":"typing_indicator","conversation_id":1,"user_id":1,"is_typing":true}
bob:     recv_none 300ms
ann:     send {"type":"typing","conversation_id":2}
bob:     recv {"type":"typing_indicator","conversation_id":2,"user_id":1,"is_typing":true}
bob:     recv {"type":"typing_indicator","conversation_id":1,"user_id":1,"is_typing":false}
bob:     not_before 150ms recv {"type":"typing_indicator","conversation_id":2,"user_id":1,"is_typing":false}

ann:     send_series 1..3 {"type":"typing","conversation_id":%d}
bob:     recv_series 1..3 {"type":"typing_indicator","conversation_id":%d,"user_id":1,"is_typing":true}
ann:     send {"type":"unsubscribe","conversation_id":2}
bob:     within 400ms recv {"type":"typing_indicator","conversation_id":2,"user_id":1,"is_typing":false}
ann:     recv {"type":"unsubscribed","conversation_id":2}
ann:     drop
bob:     recv_unordered {"type":"typing_indicator","conversation_id":1,"user_id":1,"is_typing":false} \
    {"type":"typing_indicator","conversation_id":3,"user_id":1,"is_typing":false}
bob:     recv_none 700ms



=== TEST 17: who may enter is asked for each conversation
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access claim=rooms;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann:  {"user_id":1,"rooms":[7,"a","007"],"exp":"+60"}
star: {"user_id":2,"rooms":"*","exp":"+60"}
none: {"user_id":3,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/?token=$jwt_ann
star:    connect /ws/messaging/?token=$jwt_star
none:    connect /ws/messaging/?token=$jwt_none
ann,star: send {"type":"subscribe","conversation_id":7}
ann,star: recv {"type":"subscribed","conversation_id":7}
ann,star: send {"type":"subscribe","conversation_id":"a"}
ann,star: recv {"type":"subscribed","conversation_id":"a"}
ann,star: send {"type":"subscribe","conversation_id":"007"}
ann,star: recv {"type":"subscribed","conversation_id":"007"}
ann:     send {"type":"subscribe","conversation_id":8}
ann:     recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":8}
ann:     send {"type":"subscribe","conversation_id":"A"}
ann:     recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":"A"}
star:    send {"type":"subscribe","conversation_id":8}
star:    recv {"type":"subscribed","conversation_id":8}
none:    send {"type":"subscribe","conversation_id":7}
none:    recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":7}
backend: publish 8 {"n":1}
star:    recv_raw {"conversation_id":8,"n":1}
backend: publish 7 {"n":2}
ann,star: recv_raw {"conversation_id":7,"n":2}
ann,star,none: recv_none 100ms
nginx:   status subscriptions 7



=== TEST 18: refused messages name their conversation in error, nack and ack
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: send_series 7..8 {"type":"subscribe","conversation_id":%d}
ann: recv_series 7..8 {"type":"subscribed","conversation_id":%d}
ann: send {"type":"message","conversation_id":7,"content":"","client_id":"c1"}
ann: recv_unordered {"type":"error","code":"invalid_frame","message":"<string>","conversation_id":7} \
    {"type":"nack","conversation_id":7,"client_id":"c1","code":"invalid_frame","retry":false,"retry_after_ms":0}
ann: send {"type":"read","conversation_id":8,"message_id":true}
ann: recv {"type":"error","code":"invalid_frame","message":"<string>","conversation_id":8}

# not subscribed, and no conversation at all
ann: send {"type":"message","conversation_id":9,"content":"x","client_id":"c2"}
ann: recv_unordered {"type":"error","code":"access_denied","message":"<string>","conversation_id":9} \
    {"type":"nack","conversation_id":9,"client_id":"c2","code":"access_denied","retry":false,"retry_after_ms":0}
ann: send {"type":"message","content":"x","client_id":"c3"}
ann: recv_unordered {"type":"error","code":"invalid_frame","message":"<string>"} \
    {"type":"nack","client_id":"c3","code":"invalid_frame","retry":false,"retry_after_ms":0}
ann: send {"type":"message","conversation_id":9,"content":"x","client_id":5}
ann: recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":9}

# of a message only
ann: send {"type":"typing","conversation_id":9,"client_id":"c4"}
ann: recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":9}
ann: send {"type":"subscribe","conversation_id":"a b","client_id":"c5"}
ann: recv {"type":"error","code":"invalid_frame","message":"<string>"}
ann: recv_none 100ms



=== TEST 19: bursts of several conversations come whole and in order
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . CORE::join '', map {
ann:     connect /ws/messaging/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/?token=$jwt_bob
ann,bob: send_series 0..2 {"type":"subscribe","conversation_id":%d}
ann,bob: recv_series 0..2 {"type":"subscribed","conversation_id":%d}
backend: publish_series 0..299 0,1,2,3,4 {"n":%d}
EOS
    my $id = $_ % 5;
    $id < 3 ? "ann,bob: recv_raw {\"conversation_id\":$id,\"n\":$_}\n" : ();
} 0 .. 299;



=== TEST 20: the id is inserted behind a header, and in front of any white space
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
redis: publish_raw messaging:7 "{\r\n\t }\n"
ann:   recv /\A\{"conversation_id":7\r\n\t \}\n\z/
redis: publish_raw messaging:7 "{\r\n\t \"a\":1}"
ann:   recv /\A\{"conversation_id":7,\r\n\t "a":1\}\z/
redis: publish_raw messaging:7 "@ x=2 k=typing\n{\"a\":1}"
ann:   recv_raw {"conversation_id":7,"a":1}
redis: publish_raw messaging:7 "@ k=receipt\n{ }"
ann:   recv_raw {"conversation_id":7 }
redis: publish_raw messaging:7 "@ x=1 k=typing\n{\"a\":1}"
ann:   recv_none 100ms



=== TEST 21: the commands of a worker: one to subscribe, and one to unsubscribe
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1:     connect /ws/messaging/?token=$jwt_ann
c2:     connect_apart c1 /ws/messaging/?token=$jwt_bob
c3..c9: connect /ws/messaging/?token=$jwt_ann
one:    connect /ws/messaging/7/?token=$jwt_bob
c1..c9: send {"type":"subscribe","conversation_id":7}
c1..c9: recv {"type":"subscribed","conversation_id":7}
redis:  command PUBSUB NUMSUB messaging:7
redis:  capture members 1
nginx:  status channels $members
redis:  expect_calls SUBSCRIBE $members
c1,c2,one: drop
c3..c9: reset
redis:  expect_subscribers messaging:7 0
redis:  expect_calls UNSUBSCRIBE $members
redis:  expect_calls SUBSCRIBE $members
