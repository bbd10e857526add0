# Who is not let in: Close 4001, 4003 or 1013 behind the 101 and, for clients
# that are not browsers, the statuses of "messaging_reject http".

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: without a token: 101, then Close 4001, and the close handshake
--- websocket
ann: connect /ws/messaging/7/
ann: expect_close 4001 token missing
bob: connect /ws/messaging/
bob: expect_close 4001 token missing
nginx: status refusals.token_missing 2
nginx: status closes.4001 2
nginx: status accepted 0
nginx: status connections 0
nginx: expect_access_log /^101 "GET .* close=4001 /



=== TEST 2: with a token that is no good: the same
--- jwt
junk: token=this.is.junk
none: {"user_id":1,"exp":"+60"} forge=none
flip: {"user_id":1,"exp":"+60"} forge=flip
other: {"user_id":1,"exp":"+60"} key=hs-other
early: {"user_id":1,"exp":"+60","nbf":"+30"}
nobody: {"exp":"+60"}
late: {"user_id":1,"exp":"-1"}
--- websocket
ann: connect /ws/messaging/7/?token=
ann: expect_close 4001
ann: connect /ws/messaging/7/?token=$jwt_junk
ann: expect_close 4001 token invalid
ann: connect /ws/messaging/7/?token=$jwt_none
ann: expect_close 4001 token invalid
ann: connect /ws/messaging/7/?token=$jwt_flip
ann: expect_close 4001 token invalid
ann: connect /ws/messaging/7/?token=$jwt_other
ann: expect_close 4001 token invalid
ann: connect /ws/messaging/7/?token=$jwt_early
ann: expect_close 4001 token invalid
ann: connect /ws/messaging/7/?token=$jwt_nobody
ann: expect_close 4001 token invalid
ann: connect /ws/messaging/7/?token=$jwt_late
ann: expect_close 4001 token expired
nginx: status closes.4001 8
nginx: status refusals.token_signature 2
nginx: status refusals.token_expired 1
nginx: status refusals.token_not_yet 1
nginx: status refusals.token_user 1
nginx: status accepted 0
nginx: status channels 0



=== TEST 3: without access: 101, then Close 4003
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access claim=rooms;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
bob: {"user_id":2,"exp":"+60"}
old: {"user_id":1,"exp":"-1","rooms":[8]}
--- websocket
ann: connect /ws/messaging/8/?token=$jwt_ann
ann: expect_close 4003 no access
bob: connect /ws/messaging/7/?token=$jwt_bob
bob: expect_close 4003 no access
eve: connect /ws/messaging/7/?token=$jwt_old
eve: expect_close 4001 token expired
nginx: status refusals.access 2
nginx: status closes.4003 2
nginx: status accepted 0
nginx: status channels 0
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: status accepted 1



=== TEST 4: while the broker is down: 101, then Close 1013
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
fake: refuse
fake: drop
nginx: status redis.ready 0
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: expect_close 1013 broker unavailable
bob: connect /ws/messaging/?token=$jwt_ann
bob: expect_close 1013 broker unavailable
eve: connect /ws/messaging/7/
eve: expect_close 4001 token missing
nginx: status refusals.broker 2
nginx: status closes.1013 2
nginx: status connections 0
fake: accept
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/7/?token=$jwt_ann



=== TEST 5: messaging_reject http: 401, 403 and 503 instead of 101
--- config
        messaging_reject http;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access claim=rooms;
        }

        location = /status {
            messaging_status on;
        }
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
old: {"user_id":1,"exp":"-1","rooms":[7]}
--- websocket
nginx: status redis.ready $WORKERS
ann: refused 401 /ws/messaging/7/
ann: expect_header WWW-Authenticate Bearer
ann: expect_header Sec-WebSocket-Accept none
ann: expect_header Upgrade none
ann: refused 401 /ws/messaging/7/?token=$jwt_old
ann: expect_header WWW-Authenticate Bearer
ann: refused 403 /ws/messaging/8/?token=$jwt_ann
ann: expect_header WWW-Authenticate none
ann: expect_header Sec-WebSocket-Accept none
fake: refuse
fake: drop
nginx: status redis.ready 0
ann: refused 503 /ws/messaging/7/?token=$jwt_ann
ann: expect_header Retry-After /^[1-9][0-9]*$$/
ann: expect_header Sec-WebSocket-Accept none
nginx: status refusals.token_missing 1
nginx: status refusals.token_expired 1
nginx: status refusals.access 1
nginx: status refusals.broker 1
nginx: status closes.4001 0
nginx: status closes.4003 0
nginx: status closes.1013 0
nginx: status connections 0
fake: accept
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/7/?token=$jwt_ann



=== TEST 6: messaging_reject is inherited, and a location has its own
--- http_config
    messaging_reject http;
--- config
        location = /ws/http/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /ws/close/ {
            messaging on;
            messaging_reject close;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /ws/feed/ {
            messaging on;
            messaging_channel user:$messaging_user;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- websocket
ann: refused 401 /ws/http/
ann: connect /ws/close/
ann: expect_close 4001 token missing
ann: refused 401 /ws/feed/



=== TEST 7: an HTTP connection goes on behind a refusal
--- config
        messaging_reject http;

        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /hello {
            return 200 hello;
        }
--- websocket
ann: open
ann: bytes "GET /ws/messaging/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n" \
    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" \
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
ann: expect_bytes /^HTTP\/1\.1 401 .*<\/html>\r\n/s
ann: bytes "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"
ann: expect_status 200
ann: expect_body /^hello$$/



=== TEST 8: frames behind a refused handshake are not obeyed
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
bob: {"user_id":2,"exp":"+60"}
eve: {"user_id":2,"exp":"-1"}
--- websocket
# on both workers the channel is subscribed already
bob: connect /ws/messaging/7/?token=$jwt_bob
ben: connect_apart bob /ws/messaging/7/?token=$jwt_bob
backend: subscribe 7
eve: cork
eve: send {"type":"ping"}
eve: send {"type":"message","content":"from nobody"}
eve: send {"type":"typing"}
eve: send {"type":"read"}
eve: send {"type":"auth","token":"$jwt_bob"}
eve: send {"type":"message","content":"from nobody"}
eve: connect /ws/messaging/7/?token=$jwt_eve
eve: expect_close 4001 token expired
dan: cork
dan: send {"type":"subscribe","conversation_id":7}
dan: send {"type":"message","conversation_id":7,"content":"from nobody"}
dan: send {"type":"typing","conversation_id":7}
dan: ping hello
dan: connect /ws/messaging/
dan: expect_close 4001 token missing
backend: recv_none 100ms
nginx: status messages.in 0
nginx: status broker.published 0



=== TEST 9: nothing of a conversation reaches who was refused
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access claim=rooms;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
bob: {"user_id":2,"exp":"+60","rooms":["8"]}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
amy: connect_apart ann /ws/messaging/7/?token=$jwt_ann
bob,eve: auto_close off
bob: connect /ws/messaging/7/?token=$jwt_bob
bob: expect_close 4003 no access
eve: connect /ws/messaging/7/
eve: expect_close 4001 token missing
nginx: status connections 2
nginx: status subscriptions 2
ann: send {"type":"message","content":"among us"}
ann,amy: recv {"type":"new_message","message":{"...":0}}
backend: publish 7 {"type":"for members"}
ann,amy: recv {"type":"for members"}
bob,eve: recv_none 50ms
bob: close 4003
bob: expect_eof
eve: close 4001
eve: expect_eof



=== TEST 10: what is no WebSocket handshake gets its status either way
--- config
        location = /ws/close/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /ws/http/ {
            messaging on;
            messaging_reject http;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- websocket
ann: http GET /ws/close/
ann: expect_status 426
ann: http GET /ws/http/
ann: expect_status 426
ann: http POST /ws/close/ x
ann: expect_status 405
ann: http POST /ws/http/ x
ann: expect_status 405
