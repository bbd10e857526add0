# Copyright (C) The ngx_http_messaging_module authors

# messaging_refuse_delay: who is refused again and again has to wait, and
# holds nothing meanwhile.  t/unit/refusals.c has what takes longer.  A time
# is taken from the 101 on, hence the low lower bounds.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the first refusal is immediate, the next ones wait for 1, 2 and 4 s
--- http_config
messaging_refuse_delay on;
--- websocket
a: connect /ws/messaging/7/
a: expect_close 4001 token missing
nginx: status limits.refuse_delay 0
a: connect /ws/messaging/7/
a: not_before 400ms expect_close 4001 token missing
nginx: expect_log /messaging refusal delayed by 1000 ms/
a: connect /ws/messaging/?token=junk
a: not_before 1200ms expect_close 4001 token invalid
nginx: expect_log /messaging refusal delayed by 2000 ms/
a: connect /ws/messaging/7/
nginx: expect_log /messaging refusal delayed by 4000 ms/
a: drop
nginx: status limits.refuse_delay 3
nginx: status refusals.token_missing 3
nginx: status refusals.token_malformed 1
nginx: status closes.4001 3
nginx: status closes.1006 1



=== TEST 2: another address does not wait, another worker knows who has to
--- http_config
messaging_refuse_delay on;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
good: connect /ws/messaging/7/?token=$jwt_ann
a: connect /ws/messaging/7/
a: expect_close 4001 token missing
b: connect_apart a /ws/messaging/7/
nginx: status limits.refuse_delay 1

# who is let in does not wait, nor does another address
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
c: from 127.0.0.2
c: connect_apart a /ws/messaging/7/
c: expect_close 4001 token missing
b: expect_close 4001 token missing
nginx: status limits.refuse_delay 1



=== TEST 3: who waits holds no place and no channel, and is obeyed in nothing
--- http_config
messaging_refuse_delay on;
messaging_ping_interval 400ms;
messaging_ping_timeout 400ms;
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access claim=rooms;
            messaging_user_connections 1;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+300","rooms":[7]}
--- websocket
a: connect /ws/messaging/8/?token=$jwt_ann
a: expect_close 4003 no access
b: connect /ws/messaging/8/?token=$jwt_ann
a: cork
a: frame text={"type":"message","content":"too early"}
a: connect /ws/messaging/8/?token=$jwt_ann
nginx: status limits.refuse_delay 2
nginx: status connections 0
nginx: status subscriptions 0
nginx: status channels 0
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: drop
a: uncork
a: send {"type":"ping"}
a: frame fin=0 text={"type"
a: frame fin=0 op=cont x=20000
a: ping hello
a: frame op=cont text=:"ping"}
a: frame fin=0 text={
nginx: status queued_bytes 0
backend: publish 8 {"n":1}
a: recv_none 300ms
a,b: expect_close 4003 no access
nginx: status messages.in 0
nginx: status closes.4003 3
nginx: status closes.4000 0



=== TEST 4: its own Close is answered at once, and so is what breaks the protocol
--- http_config
messaging_refuse_delay on;
--- websocket
a: connect /ws/messaging/7/
a: expect_close 4001 token missing
a,b,c: connect /ws/messaging/7/
nginx: status limits.refuse_delay 3
b: close 1000
b: within 900ms expect_close 1000
c: close
c: within 900ms expect_close none
nginx: status closes.1000 1
nginx: status closes.1005 1
a: expect_close 4001
d: auto_close off
d: connect /ws/messaging/7/
d: frame rsv=7 text=x
d: within 3s expect_close 1002
nginx: status limits.refuse_delay 4
d: drop



=== TEST 5: messaging_reject http: the status waits
--- http_config
messaging_refuse_delay on;
messaging_reject http;
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access claim=rooms;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+300","rooms":[7]}
--- websocket
a: refused 401 /ws/messaging/7/
a: not_before 950ms within 5s refused 403 /ws/messaging/8/?token=$jwt_ann
nginx: status limits.refuse_delay 1
a: not_before 1950ms within 6s refused 401 /ws/messaging/7/?token=junk
a: expect_header WWW-Authenticate Bearer
nginx: status limits.refuse_delay 2
nginx: status connections 0
a: connect /ws/messaging/7/?token=$jwt_ann
nginx: status refusals.access 1
nginx: status refusals.token_missing 1
nginx: status refusals.token_malformed 1
nginx: expect_access_log /^403 "GET /



=== TEST 6: a client that leaves before its status has come
--- http_config
messaging_refuse_delay on;
messaging_reject http;
--- websocket
a: refused 401 /ws/messaging/7/
a,b: open
a,b: bytes "GET /ws/messaging/$ACTOR/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
nginx: status limits.refuse_delay 2
nginx: status connections 0
a: drop
b: reset
nginx: expect_access_log /^499 "GET \/ws\/messaging\/a\//
nginx: expect_access_log /^499 "GET \/ws\/messaging\/b\//
nginx: status refusals.token_missing 3



=== TEST 7: a worker that leaves waits for nobody
--- http_config
messaging_refuse_delay on;
messaging_drain 100ms;
--- websocket
a: connect /ws/messaging/7/
a: expect_close 4001
a1..a6: connect /ws/messaging/7/
nginx: status limits.refuse_delay 6
nginx: reload
a6,a5,a4: within 3s expect_close 4001 token missing
a1..a3: expect_close 4001 token missing
nginx: within 6s expect_workers $WORKERS
nginx: status closes.4001 7
nginx: status closes.1012 0

# the address is remembered
a: connect /ws/messaging/7/
nginx: status limits.refuse_delay 7
nginx: quit
a: within 3s expect_close 4001 token missing
nginx: within 5s expect_exit



=== TEST 8: nor does a status
--- http_config
messaging_refuse_delay on;
messaging_reject http;
--- websocket
a: refused 401 /ws/messaging/7/
a1..a6: open
a1..a6: bytes "GET /ws/messaging/7/ HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
nginx: status limits.refuse_delay 6
nginx: quit
a4..a6: within 3s expect_status 401
a1..a3: expect_status 401
nginx: within 5s expect_exit



=== TEST 9: 1013 and 503 are not the client's fault and do not wait
--- http_config
messaging_refuse_delay on;
messaging_user_connections 1;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
a: connect /ws/messaging/7/?token=$jwt_ann
b1..b5: connect /ws/messaging/7/?token=$jwt_ann
b1..b5: expect_close 1013 too many connections
c: connect /ws/messaging/7/
c: expect_close 4001 token missing
nginx: status limits.refuse_delay 0



=== TEST 10: messaging_refuse_delay off
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;
        messaging_refuse_delay on;

        location = /ws/off/ {
            messaging on;
            messaging_refuse_delay off;
        }

        location = /ws/on/ {
            messaging on;
        }

        location = /status {
            messaging_status on;
        }
--- websocket
a: connect /ws/off/
a: expect_close 4001
a: connect /ws/off/
a: expect_close 4001
a: connect /ws/on/
a: expect_close 4001
a: connect /ws/on/
a: not_before 400ms expect_close 4001
a: connect /ws/off/
a: expect_close 4001
nginx: status limits.refuse_delay 1



=== TEST 11: over TLS
--- http_config
messaging_refuse_delay on;
--- websocket
tls on
a: connect /ws/messaging/7/
a: expect_close 4001 token missing
a: connect /ws/messaging/7/
a: not_before 400ms expect_close 4001 token missing
