# No token in a log; one line at the end of each connection; variables.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: one line at the end of a connection, with the variables
--- not_in: detach (the access log is written at the handshake)
--- jwt
ann: {"user_id":"a b","exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?a=1&token=$jwt_ann&b=2
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
nginx: no_access_log messaging/7
ann:   close 4321
ann:   expect_close 4321
nginx: expect_access_log /^101 "GET \/ws\/messaging\/7\/\?a=1&token=\*+&b=2 HTTP\/1.1" "-" uri=\/ws\/messaging\/7\/\?a=1&token=\*+&b=2 user=a%20b conversation=7 close=4321 received=2 sent=2$/
nginx: no_log /\[(info|notice|warn|error|crit)\].*eyJ/
nginx: no_log /messaging .*eyJ/
nginx: no_access_log eyJ



=== TEST 2: close codes of the log: none, an empty close, the server's
--- not_in: detach (the access log is written at the handshake)
--- jwt
ann: {"user_id":1,"exp":"+60"}
old: {"user_id":1,"exp":"-60"}
--- websocket
ann:   connect /ws/messaging/1/?token=$jwt_ann
ann:   reset
nginx: expect_access_log / conversation=1 close=1006 /
ann:   connect /ws/messaging/2/?token=$jwt_ann
ann:   close
ann:   expect_close none
nginx: expect_access_log / conversation=2 close=1005 /
ann:   connect /ws/messaging/3/?token=$jwt_old
ann:   expect_close 4001
nginx: expect_access_log / user=- conversation=3 close=4001 received=0 sent=0$/



=== TEST 3: requests that are refused, before and after they have a location
--- not_in: onebyte (nginx resets where it has not read all of such a request)
--- websocket
a:     http GET /ws/messaging/7/?token=SECRET2
a:     expect_status 426
a:     http GET /nowhere?x=1&token=SECRET3
a:     expect_status 404
a:     open
a:     bytes "GET /ws/messaging/7/?token=SECRET4 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"
a:     expect_bytes /400 Bad Request/
b:     open
b:     bytes "GET /ws/messaging/7/?token=SECRET5 HTTP/1.1\r\n\r\n"
b:     expect_bytes /400 Bad Request/
c:     open
c:     bytes "GET /ws/messaging/7/?token=SECRET6 HTTP/1.1\r\nHost: a\r\nBad Header\r\n: x\r\n\r\n"
c:     expect_bytes / 4\d\d /
d:     http GET /ws/messaging/7/?TOKEN=SECRET7&token=SECRET8&token=SECRET9
d:     expect_status 426
nginx: expect_access_log /token=\*+&token=\*+/
nginx: no_access_log SECRET



=== TEST 4: a token in the Referer
--- websocket
a:     header Referer: https://app.example.com/?token=SECRET1&x=1
a:     http GET /ws/messaging/7/
a:     expect_status 426
nginx: expect_access_log "https://app.example.com/?token=*******&x=1"
nginx: no_access_log SECRET
nginx: no_log /\[(info|notice|warn|error|crit)\].*SECRET/



=== TEST 5: error.log at its default level, of other modules too
--- not_in: detach (limit_conn ends with the request)
--- http_config
limit_conn_zone $binary_remote_addr zone=one:1m;
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            limit_conn one 1;
        }
        location = /denied { deny all; }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   header Referer: https://x/?token=$jwt_ann
bob:   refused 503 /ws/messaging/7/?token=$jwt_ann
bob:   header Referer: https://x/?token=$jwt_ann
bob:   http GET /denied?token=$jwt_ann
bob:   expect_status 403
nginx: expect_log /limiting connections by zone .*request: "GET \/ws\/messaging\/7\/\?token=\*+ HTTP\/1.1".*referrer: "https:\/\/x\/\?token=\*+"/
nginx: expect_log /access forbidden by rule/
nginx: no_log /\[(notice|warn|error|crit).*eyJ/
nginx: no_access_log eyJ



=== TEST 6: arguments named by messaging_jwt_from are masked, and "token" always
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_jwt_from query=jwt query=access_token;
            messaging_access any;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?access_token=$jwt_ann
ann:   close 1000
ann:   expect_close 1000
ann:   connect /ws/messaging/7/?token=SECRET&jwt=$jwt_ann&nottoken=visible
ann:   close 1000
ann:   expect_close 1000
nginx: expect_access_log /token=\*+&jwt=\*+&nottoken=visible/
nginx: expect_access_log /\?access_token=\*+ HTTP/
nginx: no_access_log eyJ
nginx: no_access_log SECRET



=== TEST 7: backends of other locations still get what was sent
--- config
        location = /api {
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/backend;
            proxy_pass_request_headers on;
        }
        location = /api2 {
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/backend?$args;
        }
        location = /backend {
            return 200 "$args|$arg_token";
        }
        location = /redirect {
            return 302 /other?$args;
        }
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- websocket
a:     http GET /api?token=SECRET1
a:     expect_status 200
a:     expect_body /^token=SECRET1\|SECRET1$/
a:     http GET /redirect?token=SECRET2
a:     expect_status 302
a:     expect_header Location /token=SECRET2$/
nginx: expect_access_log /GET \/api\?token=\*+ /
nginx: expect_access_log /GET \/redirect\?token=\*+ /
nginx: no_access_log SECRET



=== TEST 8: variables that were evaluated before the log phase
--- http_config
log_format early 'early $request_uri|$args|$arg_token|$is_args$query_string|$mapped';
map $request_uri $mapped { default $request_uri; }
--- config
        access_log logs/access.log early;
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            add_header X-All "$request_uri|$args|$arg_token|$query_string|$mapped" always;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   expect_header X-All /eyJ.*eyJ.*eyJ.*eyJ/
ann:   close 1000
ann:   expect_close 1000
nginx: expect_access_log /^early \/ws\/messaging\/7\/\?token=\*+\|token=\*+\|\*+\|\?token=\*+\|\/ws\/messaging\/7\/\?token=\*+$/
nginx: no_access_log eyJ



=== TEST 9: requests that are refused before their server is known
--- not_in: tls (the second server is without)
--- http_config
large_client_header_buffers 1 1k;
    server {
        listen 127.0.0.1:$TEST_NGINX_TLS_PORT default_server;
    }
    server {
        listen 127.0.0.1:$TEST_NGINX_TLS_PORT;
        server_name chat;
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
    }
--- config
        location = /too-long {
            proxy_pass http://127.0.0.1:$TEST_NGINX_TLS_PORT/ws/messaging/?token=SECRET1&x=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa;
            proxy_set_header Host chat;
        }
--- websocket
a:     http GET /too-long
a:     expect_status 414
nginx: expect_access_log /^414 "GET \/ws\/messaging\/\?token=\*+/
nginx: no_access_log SECRET



=== TEST 10: asterisks in a value hide nothing
--- websocket
a:     http GET /ws/messaging/7/?token=*SECRET1&token=**&token=*SECRET2*
a:     expect_status 426
nginx: expect_access_log /token=\*+&token=\*+&token=\*+ HTTP/
nginx: no_access_log SECRET



=== TEST 11: a line of error.log names the upstream with its arguments
--- config
        location = /up {
            proxy_pass http://127.0.0.1:$TEST_NGINX_FAKE_PORT;
        }
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- websocket
a:     header Referer: http://x/?token=SECRET2
a:     http GET /up?token=SECRET1&y=2
a:     expect_status 502
nginx: expect_log /connect\(\) failed .*request: "GET \/up\?token=\*+&y=2 HTTP\/1.1", upstream: "http:\/\/[\d.:]+\/up\?token=\*+&y=2", host: "[^"]+", referrer: "http:\/\/x\/\?token=\*+"/
nginx: no_log /\[(info|notice|warn|error|crit)\].*SECRET/
