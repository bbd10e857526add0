
# Copyright (C) The ngx_http_messaging_module authors

# A token that expires while its connection is open.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: at the time of "exp", integer or real, 4001 on every endpoint
--- not_in: detach (the access log is written at the handshake)
--- config
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
        location = /status {
            messaging_status on;
        }
--- websocket
jwt:   real {"user_id":1,"exp":"+1.0"}
jwt:   int {"user_id":1,"exp":"+2"}
one,other: connect /ws/messaging/7/?token=$jwt_real
many:  connect /ws/messaging/?token=$jwt_real
many:  send {"type":"subscribe","conversation_id":8}
many:  recv {"type":"subscribed","conversation_id":8}
user:  connect /ws/notifications/?token=$jwt_real
int:   connect /ws/messaging/9/?token=$jwt_int
one:   not_before 400ms within 1500ms expect_close 4001 token expired
other,many,user: within 500ms expect_close 4001 token expired
int:   within 2s expect_close 4001 token expired
nginx: status closes.4001 5
nginx: status connections 0
nginx: status subscriptions 0
nginx: expect_access_log /"GET \/ws\/messaging\/7\/\?token=\*+ HTTP\/1\.1".* close=4001 /



=== TEST 2: whatever the client sends does not put it off
--- websocket
jwt:   ann {"user_id":1,"exp":"+0.8"}
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   ignore /pong|read_receipt/
ann:   send {"type":"ping"}
wait 110ms
ann:   send {"type":"read"}
wait 110ms
ann:   send {"type":"typing"}
wait 110ms
ann:   pong x
wait 110ms
ann:   send {"type":"ping"}
wait 110ms
ann:   send {"type":"read"}
wait 110ms
ann:   send {"type":"typing"}
wait 110ms
ann:   pong x
wait 110ms
ann:   send {"type":"ping"}
wait 110ms
ann:   send {"type":"read"}
wait 110ms
ann:   send {"type":"typing"}
wait 110ms
ann:   pong x
wait 110ms
ann:   within 250ms expect_close 4001 token expired
nginx: no_log /\[error\]/



=== TEST 3: nor does what others send
--- websocket
jwt:     ann {"user_id":1,"exp":"+1.2"}
jwt:     bob {"user_id":2,"exp":"+60"}
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob:     send {"type":"typing"}
ann:     recv {"type":"typing_indicator","user_id":2,"is_typing":true}
wait 200ms
bob:     send {"type":"typing","is_typing":false}
ann:     recv {"type":"typing_indicator","user_id":2,"is_typing":false}
wait 200ms
backend: publish 7 {"n":1}
ann,bob: recv {"n":1}
ann:     within 1200ms expect_close 4001 token expired
# and bob stays
backend: publish 7 {"n":2}
bob:     recv {"n":2}



=== TEST 4: who expires and keeps sending, or does not answer, is out at once
--- jwt
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob:     connect /ws/messaging/7/?token=$jwt_bob
jwt:     ann {"user_id":1,"exp":"+1.0"}
ann:     auto_close off
ann:     connect /ws/messaging/7/?token=$jwt_ann
nginx:   status subscriptions 2
ann:     expect_close 4001 token expired
nginx:   within 1s status subscriptions 1
ann:     send {"type":"message","content":"after the end"}
ann:     send {"type":"typing"}
backend: publish 7 {"n":1}
bob:     recv {"n":1}
bob:     recv_none 100ms
ann:     recv_none 10ms
nginx:   status messages.in 0



=== TEST 5: the others see that typing has ended
--- websocket
jwt:   ann {"user_id":1,"exp":"+1.0"}
jwt:   bob {"user_id":2,"exp":"+60"}
bob:   connect /ws/messaging/7/?token=$jwt_bob
ann:   connect_apart bob /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob:   within 1500ms recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann:   expect_close 4001 token expired



=== TEST 6: the leeway is added to "exp"
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_jwt_leeway 3s;
            messaging_access any;
        }
--- websocket
jwt:   over {"user_id":1,"exp":"-2.0"}
jwt:   soon {"user_id":1,"exp":"+0.5"}
over:  connect /ws/messaging/7/?token=$jwt_over
soon:  connect /ws/messaging/7/?token=$jwt_soon
over:  not_before 400ms within 1500ms expect_close 4001 token expired
soon:  send {"type":"ping"}
soon:  recv {"type":"pong"}



=== TEST 7: a time far away is far away
--- websocket
jwt:   a {"user_id":1,"exp":"+52"}
jwt:   b {"user_id":1,"exp":"+4294968"}
jwt:   c {"user_id":1,"exp":4294967297}
jwt:   d {"user_id":1,"exp":253402300800}
jwt:   e {"user_id":1,"exp":9007199254740992}
jwt:   f {"user_id":1,"exp":9007199254740992.0}
a:     connect /ws/messaging/7/?token=$jwt_a
b:     connect /ws/messaging/7/?token=$jwt_b
c:     connect /ws/messaging/7/?token=$jwt_c
d:     connect /ws/messaging/7/?token=$jwt_d
e:     connect /ws/messaging/7/?token=$jwt_e
f:     connect /ws/messaging/7/?token=$jwt_f
# the wheel turns in 51.2 s, 32 bits of milliseconds in 49.7 days
wait 1100ms
a,b,c,d,e,f: send {"type":"ping"}
a,b,c,d,e,f: recv {"type":"pong"}



=== TEST 8: a token that expires before the broker has confirmed
--- fake_redis
hang SUBSCRIBE
--- websocket
jwt:   ann {"user_id":1,"exp":"+0.7"}
ann:   open
ann:   bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n" 818f00000000 "{\"type\":\"read\"}"
fake:  expect_command SUBSCRIBE messaging:7
wait 800ms
fake:  normal
fake:  publish messaging:7 {"n":1}
ann:   expect_status 101
ann:   expect_close 4001 token expired
fake:  count PUBLISH 0
