
# Copyright (C) The ngx_http_messaging_module authors

# {"type":"ping"}: answered at once and by the worker alone.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the pong has no member but its type, however the ping is written
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"ping"}
ann:   recv_raw {"type":"pong"}
ann:   send {"type": "ping"}
ann:   recv_raw {"type":"pong"}
ann:   send_text { "type" : "ping" }
ann:   recv_raw {"type":"pong"}
ann:   frame text="\t{\"type\":\r\n\"ping\"}\n "
ann:   recv_raw {"type":"pong"}
ann:   send_text {"\u0074ype":"\u0070ing"}
ann:   recv_raw {"type":"pong"}
ann:   send {"timestamp":1763640000000,"type":"ping","id":[1,{"a":null}]}
ann:   recv_raw {"type":"pong"}
ann:   send {"type":"ping","conversation_id":"not/one"}
ann:   recv_raw {"type":"pong"}

# in pieces, and in fragments with a ping of the protocol between them
ann:   split 1
ann:   send {"type":"ping"}
ann:   recv_raw {"type":"pong"}
ann:   split off
ann:   frame fin=0 text={"type":
ann:   ping x
ann:   frame fin=0 op=cont text="\"pin"
ann:   frame op=cont text=g"}
ann:   recv_pong x
ann:   recv_raw {"type":"pong"}

# what only looks like one
ann:   send {"type":"pinG"}
ann:   recv {"type":"error","code":"unknown_type","message":"<string>"}
ann:   send_text {"type":"ping"
ann:   recv {"type":"error","code":"invalid_json","message":"<string>"}
ann:   send_text {"type":"ping"}}
ann:   recv {"type":"error","code":"invalid_json","message":"<string>"}
ann:   send_text {"type":"ping",}
ann:   recv {"type":"error","code":"invalid_json","message":"<string>"}
ann,bob: recv_none 100ms



=== TEST 2: on the many-conversation endpoint the pong has a timestamp
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: send {"type":"ping"}
ann: recv {"type":"pong","timestamp":"<now>"}
ann: send {"type":"ping","timestamp":5,"conversation_id":7}
ann: recv {"type":"pong","timestamp":"<now>"}
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
ann: send {"type": "ping"}
ann: recv {"type":"pong","timestamp":"<now>"}



=== TEST 3: Redis is not touched: it may hang, or not be there
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
many:  connect /ws/messaging/?token=$jwt_ann
redis: pause
ann:   send {"type":"ping"}
ann:   within 1s recv_raw {"type":"pong"}
many:  send {"type":"ping"}
many:  within 1s recv {"type":"pong","timestamp":"<now>"}
ann:   cork
ann:   send_series 1..200 {"type":"ping","n":%d}
ann:   uncork
ann:   within 1s recv_series 1..200 {"type":"pong"}
redis: continue
redis: expect_calls PUBLISH 0
redis: stop
ann:   send {"type":"ping"}
ann:   recv_raw {"type":"pong"}
many:  send {"type":"ping"}
many:  recv {"type":"pong","timestamp":"<now>"}



=== TEST 4: a ping behind a message is not held up by it, and no answer is lost in a burst
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: pause
ann:   cork
ann:   send {"type":"message","content":"x"}
ann:   send {"type":"ping"}
ann:   send {"type":"oops"}
ann:   send {"type":"ping","n":2}
ann:   uncork
ann:   within 1s recv_raw {"type":"pong"}
ann:   within 1s recv {"type":"error","code":"unknown_type","message":"<string>"}
ann:   within 1s recv_raw {"type":"pong"}
ann:   recv_none 100ms
redis: continue
ann:   recv {"type":"new_message","...":0}



=== TEST 5: pings sent with the handshake, before its answer, are answered behind it
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:  cork
ann:  send {"type":"ping"}
ann:  send {"type": "ping"}
ann:  connect /ws/messaging/7/?token=$jwt_ann
ann:  recv_raw {"type":"pong"}
ann:  recv_raw {"type":"pong"}
many: cork
many: send {"type":"ping"}
many: send {"type":"subscribe","conversation_id":7}
many: connect /ws/messaging/?token=$jwt_ann
many: recv {"type":"pong","timestamp":"<now>"}
many: recv {"type":"subscribed","conversation_id":7}
