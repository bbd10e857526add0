# Signs of life: server pings, what counts as an answer, 4000 on silence.
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

=== TEST 1: a silent client is pinged, and its pong keeps it
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_ping_interval 200ms;
            messaging_ping_timeout 5s;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   recv_ping
ann:   recv_ping
ann:   recv_ping
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
ann:   close 1000
ann:   expect_close 1000



=== TEST 2: a client that answers nothing is closed with 4000
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_ping_interval 200ms;
            messaging_ping_timeout 300ms;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   auto_pong off
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   recv_ping
ann:   not_before 200ms expect_close 4000 no sign of life
nginx: status closes.4000 1



=== TEST 3: any traffic counts as life, not only a pong
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_ping_interval 300ms;
            messaging_ping_timeout 300ms;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   auto_pong off
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   recv_ping
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
ann:   recv_ping
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
ann:   recv_ping
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
ann:   close 1000
ann:   expect_close 1000



=== TEST 4: messaging_ping_interval 0 sends none
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_ping_interval 0;
            messaging_ping_timeout 10ms;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   recv_none 700ms
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}



=== TEST 5: a half-open peer that was refused is cut off as well
--- jwt
ann: {"user_id":1,"exp":"-60"}
--- websocket
ann:   auto_close off
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: status connections 0
nginx: within 15s status closes.4001 1
ann:   expect_close 4001 token expired
ann:   expect_gone



=== TEST 6: a worker that was stopped takes nobody for dead
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_ping_interval 600ms;
            messaging_ping_timeout 1200ms;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: pause_worker_of ann
wait 4s
nginx: continue_worker_of ann
ann:   recv_ping
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}

# the answer to a ping has come while it was stopped
ann:   auto_pong off
ann:   recv_ping
nginx: pause_worker_of ann
ann:   pong
wait 4s
nginx: continue_worker_of ann
ann:   recv_ping
ann:   pong
ann:   auto_pong on
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}



=== TEST 7: the next ping does not wait for as long as the answer might have taken
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_ping_interval 100ms;
            messaging_ping_timeout 60s;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   recv_ping
ann:   recv_ping
ann:   recv_ping
