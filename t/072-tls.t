# The same over TLS: records, large frames, bursts, the end of a connection.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: relay, ping and close over TLS
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
tls on
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"message","content":"hello","client_id":"1"}
bob:   recv {"type":"new_message","message":{"content":"hello","...":0},"client_id":"1"}
ann:   recv_unordered {"type":"ack","...":0} {"type":"new_message","...":0}
ann:   ping x
ann:   recv_pong x
ann:   close 1000 bye
ann:   expect_close 1000
bob:   close 4000
bob:   expect_close 4000



=== TEST 2: frames larger than a record, and many small ones
--- not_in: onebyte (600,000 bytes take too long)
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_max_message 200k;
            messaging_max_content 100000;
            messaging_send_buffer 2m;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
tls on
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob:   ignore /"n":(?![123],)\d/
ann:   ignore /"n":\d/
bob:   stall
redis: command EVAL "for i = 1, 12 do redis.call('PUBLISH', 'messaging:7', '{\"n\":' .. i .. ',\"x\":\"' .. string.rep('a', 50000 + i) .. '\"}') end for i = 1, 300 do redis.call('PUBLISH', 'messaging:7', '{\"n\":' .. i .. '}') end redis.call('PUBLISH', 'messaging:7', '{\"n\":\"last\"}')" 0
bob:   resume
bob:   recv {"n":1,"x":"<string>"}
bob:   recv {"n":2,"x":"<string>"}
bob:   recv {"n":3,"x":"<string>"}
bob:   recv {"n":"last"}
ann:   recv {"n":"last"}
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}



=== TEST 3: a refused token, a reload and a quit over TLS
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
old: {"user_id":1,"exp":"-60"}
--- websocket
tls on
old:   connect /ws/messaging/7/?token=$jwt_old
old:   expect_close 4001 token expired
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: reload
ann:   expect_close 1012
nginx: expect_workers $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: quit
ann:   expect_close 1001
nginx: expect_exit



=== TEST 4: frames that come byte by byte, each in a record
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
tls on
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   split 1
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}



=== TEST 5: who leaves while a record is on its way is no error of TLS
--- http_config
messaging_close_timeout 100ms;
server {
    listen 127.0.0.1:$TEST_NGINX_TLS_PORT ssl sndbuf=4096;
    ssl_certificate $TEST_NGINX_KEYS/cert.pem;
    ssl_certificate_key $TEST_NGINX_KEYS/cert.key;
    server_name none;
}
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
tls on

a: rcvbuf 4096
a: connect /ws/messaging/7/?token=$jwt_ann
a: stall
backend: publish 7 {"x":"%{60000}"}
nginx: status broker.received 1
a: shutdown
nginx: status connections 0

b: rcvbuf 4096
b: connect /ws/messaging/7/?token=$jwt_ann
b: stall
backend: publish 7 {"x":"%{60000}"}
nginx: status broker.received 2
b: reset
nginx: status connections 0

c: rcvbuf 4096
c: connect /ws/messaging/7/?token=$jwt_ann
c: stall
backend: publish 7 {"x":"%{60000}"}
nginx: status broker.received 3
c: close 1000
nginx: status connections 0

a,c: may_close
a,c: resume
a,c: expect_gone
nginx: status closes.1006 2
nginx: status closes.1000 1
nginx: quit
nginx: expect_exit
nginx: no_log /SSL_shutdown\(\) failed/
