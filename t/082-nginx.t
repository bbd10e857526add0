# Other directives of nginx in a messaging location.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: post_action runs when the connection has ended
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            post_action /after;
        }
        location = /after {
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ended;
        }
        location = /ended { return 200 "ok"; }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   close 1000
ann:   expect_close 1000
nginx: expect_access_log /GET \/ended /
bob:   connect /ws/messaging/7/?token=$jwt_ann
bob:   send {"type":"typing"}
bob:   reset
bob:   connect /ws/messaging/7/?token=$jwt_ann
bob:   send {"type":"ping"}
bob:   recv {"type":"pong"}



=== TEST 2: limit_rate does not hold the connection
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            limit_rate 1;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}



=== TEST 3: error_page for a handshake that is refused
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_reject http;
            error_page 401 /why;
        }
        location = /why { internal; return 401 "why"; }
        location = /status { messaging_status on; }
--- websocket
ann:   refused 401 /ws/messaging/7/
ann:   expect_body /^why$/
nginx: status /status refusals.token_missing 1



=== TEST 4: an internal redirect into the location
--- config
        location ~ ^/ws/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
        location = /old {
            rewrite ^ /ws/7/ last;
        }
        location = /older {
            error_page 418 /ws/8/;
            return 418;
        }
        location = /named {
            try_files /nothing @ws;
        }
        location @ws {
            rewrite ^ /ws/9/ last;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a:       connect /old?token=$jwt_ann
b:       header Authorization: Bearer $jwt_ann
b:       connect /older
c:       connect /named?token=$jwt_ann
backend: expect_subscribers 7 1 8 1 9 1
a,b,c:   send {"type":"ping"}
a,b,c:   recv {"type":"pong"}
nginx:   no_access_log eyJ



=== TEST 5: auth_request, allow and satisfy come before the upgrade
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            auth_request /auth;
        }
        location = /auth {
            if ($http_x_let) { return 204; }
            return 403;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   refused 403 /ws/messaging/7/?token=$jwt_ann
ann:   header X-Let: 1
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}



=== TEST 6: limit_conn holds for as long as the connection lasts
--- not_in: detach (limit_conn ends with the request)
--- http_config
limit_conn_zone $arg_user zone=one:1m;
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            limit_conn one 1;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a:     connect /ws/messaging/7/?user=1&token=$jwt_ann
b:     refused 503 /ws/messaging/7/?user=1&token=$jwt_ann
a:     close 1000
a:     expect_close 1000
nginx: expect_access_log / close=1000 /
b:     connect /ws/messaging/7/?user=1&token=$jwt_ann



=== TEST 7: mirror, and a subrequest into the location is refused
--- not_in: detach (the access log is written at the handshake)
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            mirror /mirror;
        }
        location = /mirror {
            internal;
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/copy;
        }
        location = /copy { return 200 "ok"; }
        location = /page {
            auth_request /ws/messaging/7/;
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/copy;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
nginx: expect_access_log /GET \/copy\?token=\*+ /
ann:   drop
nginx: expect_access_log / close=1006 /
b:     http GET /page?token=$jwt_ann
b:     expect_status 500



=== TEST 8: post_action of a client that has left before its status came
--- http_config
    limit_req_zone $request_method zone=slow:1m rate=30r/m;
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/conf/slow.sock;
        location / {
            limit_req zone=slow burst=5;
            root html;
        }
    }
--- config
        messaging_refuse_delay on;
        messaging_reject http;
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            post_action /after;
        }
        location /after {
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/conf/slow.sock:/;
        }
        location = /status {
            messaging_status on;
        }
--- websocket
x: http GET /after
x: expect_status 200
a: refused 401 /ws/messaging/7/
a: open
a: bytes "GET /ws/messaging/a/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
nginx: status limits.refuse_delay 1
a: drop
nginx: expect_access_log /"GET \/ws\/messaging\/a\//
nginx: no_access_log /^499 "GET \/ HTTP/
nginx: status limits.refuse_delay 1



=== TEST 9: post_action of a client that has left before its 101 came
--- not_in: hup (a socket of the block before would be unlinked)
--- http_config
    limit_req_zone $request_method zone=slow:1m rate=30r/m;
    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/conf/slow.sock;
        location / {
            limit_req zone=slow burst=5;
            root html;
        }
    }
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            post_action /after;
        }
        location /after {
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/conf/slow.sock:/;
        }
        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
x: http GET /after
x: expect_status 200
redis: pause
a: open
a: bytes "GET /ws/messaging/a/?token=$jwt_ann HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
nginx: status connections 1
a: drop
redis: continue
nginx: expect_access_log /"GET \/ws\/messaging\/a\//
nginx: no_access_log /^499 "GET \/ HTTP/
nginx: status connections 0
nginx: status accepted 0
