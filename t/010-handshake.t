# The handshake, RFC 6455, section 4.2: what is answered with a status, what a
# 101 says, and when it leaves.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# header lines for requests by hand
my $upgrade = 'Upgrade: websocket\r\nConnection: Upgrade\r\n';
my $rest = 'Host: a\r\nSec-WebSocket-Version: 13\r\n'
           . 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n';

$ENV{TEST_NGINX_UPGRADE} = $upgrade;
$ENV{TEST_NGINX_REST} = $rest;
$ENV{TEST_NGINX_HEADERS} = $upgrade . $rest;

# the lines once for each value, which stands for VALUE in them
sub each_of {
    my ($lines, @values) = @_;
    return join '', map { my $value = $_; $lines =~ s/VALUE/$value/gr } @values;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the 101 of RFC 6455, section 1.3, and nothing more
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: expect_header Upgrade websocket
ann: expect_header Connection upgrade
ann: expect_header Sec-WebSocket-Accept s3pPLMBiTxaQ9kYGzzhZRbK+xOo=
ann: expect_header Sec-WebSocket-Protocol none
ann: expect_header Sec-WebSocket-Extensions none
ann: expect_header Sec-WebSocket-Version none
ann: expect_header Content-Type none
ann: expect_header Content-Length none
ann: expect_header Transfer-Encoding none
bob: open
bob: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n"
bob: expect_bytes /\AHTTP\/1\.1 101 Switching Protocols\r\n.*\r\n\r\n\z/s
nginx: status accepted 2
nginx: status connections 2



=== TEST 2: all three endpoints
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

        location = /ws/feed/ {
            messaging on;
            messaging_channel user:$messaging_user;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a: connect /ws/messaging/7/?token=$jwt_ann
b: connect /ws/messaging/?token=$jwt_ann
c: connect /ws/feed/?token=$jwt_ann
backend: expect_subscribers 7 1 user:1 1
a,b,c: send {"type":"ping"}
a,c: recv {"type":"pong"}
b: recv {"type":"pong","timestamp":"<any>"}



=== TEST 3: not a GET: 405
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: open
ann: bytes "VALUE /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS" "Content-Length: 2\r\n\r\nhi"
ann: expect_status 405
ann: expect_header Allow GET
ann: expect_header Sec-WebSocket-Accept none
}, qw( POST PUT PATCH DELETE OPTIONS PROPFIND FOO )) . q{
ann: http HEAD /ws/messaging/7/
ann: expect_status 405
ann: expect_header Allow GET
ann: http POST /ws/messaging/7/ hello
ann: expect_status 405
nginx: status refusals.method 9
nginx: status accepted 0
}



=== TEST 4: no upgrade asked: 426
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: http GET /ws/messaging/7/?token=$jwt_ann
ann: expect_status 426
ann: expect_header Upgrade websocket
ann: expect_header Connection /\bUpgrade\b/
ann: expect_header Content-Type text/plain
ann: expect_body /WebSocket/
nginx: status refusals.upgrade 1
nginx: status connections 0
bob: open
bob: bytes "GET /ws/messaging/7/ HTTP/1.1\r\nHost: a\r\n\r\n"
bob: expect_bytes /^HTTP\/1\.1 426 Upgrade Required\r\n/
bob: expect_bytes /version 13\.\n/
bob: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n"
bob: expect_status 101



=== TEST 5: not an upgrade to "websocket", or not of this connection: 426
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: header VALUE
ann: refused 426 /ws/messaging/7/?token=$jwt_ann
ann: expect_header Upgrade websocket
ann: expect_header Connection /\bUpgrade\b/
ann: expect_header Sec-WebSocket-Accept none
}, '!Upgrade', '!Connection', 'Upgrade: h2c', 'Upgrade: websockets',
   'Upgrade: web', 'Upgrade: web socket', 'Upgrade: "websocket"', 'Upgrade:',
   'Connection: keep-alive', 'Connection: close', 'Connection: Upgraded',
   'Connection: Up', 'Connection: keep-alive Upgrade', 'Connection:',
   'Connection: ,,')
. 'nginx: status refusals.upgrade 15'



=== TEST 6: Upgrade and Connection are lists, in any case
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: header VALUE
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: close 1000
ann: expect_close 1000
}, 'Upgrade: WebSocket', 'Upgrade: WEBSOCKET', 'Upgrade: h2c, websocket',
   'Upgrade: websocket,h2c', "Upgrade: h2c\nann: header Upgrade: websocket",
   "Upgrade: websocket\nann: header Upgrade: h2c", 'Connection: upgrade',
   'Connection: UPGRADE', 'Connection: keep-alive, Upgrade',
   'Connection: Upgrade,keep-alive', "Connection: ,\t Upgrade ,",
   "Connection: keep-alive\nann: header Connection: Upgrade",
   "Connection: Upgrade\nann: header Connection: keep-alive")



=== TEST 7: HTTP/1.0: 426, whatever else it says
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: open
ann: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.0\r\n" \
    "$TEST_NGINX_HEADERS\r\n"
ann: expect_status 426
ann: expect_header Upgrade websocket
bob: http GET /ws/messaging/7/?token=$jwt_ann HTTP/1.0
bob: expect_status 426
nginx: status refusals.upgrade 2



=== TEST 8: a request body: 400
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: open
ann: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS" "Content-Length: 6\r\n\r\n" 818000000000
ann: expect_status 400
ann: expect_header Sec-WebSocket-Accept none
bob: open
bob: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS" "Transfer-Encoding: chunked\r\n\r\n" \
    "2\r\nhi\r\n0\r\n\r\n"
bob: expect_status 400
eve: open
eve: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS" "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
eve: expect_status 400
dan: http GET /ws/messaging/7/ hello
dan: expect_status 400
nginx: status refusals.request 4
nginx: status connections 0



=== TEST 9: "Content-Length: 0" is no body
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Content-Length: 0
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"ping"}
ann: recv {"type":"pong"}



=== TEST 10: HTTP/2: 400, for nothing can be upgraded there
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_REDIS_PORT http2;

        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
    }
--- websocket
# a GET of /ws/messaging/ at "a": the preface, SETTINGS, HEADERS
# at a port that Redis has not been told to use
ann: tls off
ann: port $TEST_NGINX_REDIS_PORT
ann: open
ann: bytes "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" 000000040000000000 \
    000015 0105 00000001 82 86 04 0e "/ws/messaging/" 01 01 "a"
# HEADERS of the same stream, ":status: 400"
ann: expect_bytes /..\x01\x04\0\0\0\x01\x20?\x8c/s
nginx: status refusals.request 1
ann: drop



=== TEST 11: Sec-WebSocket-Version missing, not 13, or twice: 426
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: header VALUE
ann: refused 426 /ws/messaging/7/?token=$jwt_ann
ann: expect_header Sec-WebSocket-Version 13
ann: expect_header Sec-WebSocket-Accept none
}, '!Sec-WebSocket-Version', map { "Sec-WebSocket-Version: $_" } qw( banana 14
   12 8 0 1 3 130 013 13.0 +13 0x0d ), '', '13, 14', '14, 13',
   "13\nann: header Sec-WebSocket-Version: 14",
   "14\nann: header Sec-WebSocket-Version: 13")
. 'nginx: status refusals.version 18'



=== TEST 12: Sec-WebSocket-Key missing, twice, or not 16 bytes: 400
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $key = 'dGhlIHNhbXBsZSBub25jZQ==';

main::each_of(q{
ann: header VALUE
ann: refused 400 /ws/messaging/7/?token=$jwt_ann
ann: expect_header Sec-WebSocket-Accept none
}, '!Sec-WebSocket-Key', map { "Sec-WebSocket-Key: $_" }
   "$key\nann: header Sec-WebSocket-Key: $key",
   "$key\nann: header Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
   "$key, $key", '', 'x', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZQ=',
   'dGhlIHNhbXBsZSBub25jZQ===', 'dGhlIHNhbXBsZSBub25j', 'x' x 24, '=' x 24,
   'dGhlIHNhbXBsZSBub25jZQ=x', 'dGhlIHNhbXBsZSBub25jZx==z', 'A' x 120,
   'dGhlIHNhbXBsZSBub25jZSE=', 'dGhlIHNhbXBsZSBub25!ZQ==',
   'dGhlIHNhbXBsZS Bub25jZQ=', 'dGhlIHNhbXBs=SBub25jZQ==',
   '_-hlIHNhbXBsZSBub25jZQ==', "\"$key\"")
. 'nginx: status refusals.key 21'



=== TEST 13: any 16 bytes are a key
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: header Sec-WebSocket-Key: VALUE
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: close
ann: expect_close none
}, 'AAAAAAAAAAAAAAAAAAAAAA==', '/////////////////////w==',
   '++++++++++++++++++++++==')



=== TEST 14: a conversation id is 1 to 128 of [A-Za-z0-9_.-]
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: connect /ws/messaging/VALUE/?token=$jwt_ann
backend: expect_subscribers VALUE 1
ann: close
ann: expect_close none
backend: expect_subscribers VALUE 0
}, 7, 0, 'a', '_', '-', '...', '00', 'AZaz09_.-', '-1', '9007199254740993',
   '1' x 128, 'x' x 128) . q{
ann: connect /ws/messaging/%41%5f%37/?token=$jwt_ann
backend: expect_subscribers A_7 1
}



=== TEST 15: any other id: 404
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: refused 404 /ws/messaging/VALUE/?token=$jwt_ann
ann: expect_header Sec-WebSocket-Accept none
}, 'x' x 129, 'x' x 1000, 'user:5', '%3A', 'a%3ab', ':', 'a+b', 'a~b', 'a%20b',
   '%C3%A4', '%ff', 'a%25b', 'a%0Ab', 'a%0db', 'a%09', 'a*', 'a@b', 'a,b',
   'a$$b',
   'a%24b', "a'b", 'a(b)', 'a%22', '%7B7%7D', '@control', 'a%5Cb', 'a;b', 'a=b')
. 'nginx: status refusals.conversation 28'



=== TEST 16: an empty conversation id: 404
--- config
        location = /ws/ {
            messaging on;
            messaging_conversation $arg_id;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: refused 404 /ws/?token=$jwt_ann
ann: refused 404 /ws/?id=&token=$jwt_ann
ann: refused 404 /ws/?id=a%41&token=$jwt_ann
ann: connect /ws/?id=7&token=$jwt_ann



=== TEST 17: a channel without a colon is no channel: 404
--- config
        location = /ws/ {
            messaging on;
            messaging_channel $arg_to;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: refused 404 /ws/?token=$jwt_ann
ann: refused 404 /ws/?to=7&token=$jwt_ann
ann: refused 404 /ws/?to=a%3Ab&token=$jwt_ann
ann: connect /ws/?to=a:b&token=$jwt_ann
backend: expect_subscribers a:b 1



=== TEST 18: messaging_max_connections over all workers: 503 with Retry-After
--- http_config
    messaging_max_connections 2;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/?token=$jwt_bob
c1..c8: refused 503 /ws/messaging/7/?token=$jwt_ann
c1..c8: expect_header Retry-After /^[1-9][0-9]*$$/
c1..c8: expect_header Sec-WebSocket-Accept none
nginx: status connections 2
nginx: status refusals.connections 8
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
# a place is given back with the end of TCP, however it comes
bob: close 1000
bob: expect_close 1000
nginx: status connections 1
bob: connect /ws/messaging/7/?token=$jwt_bob
c1..c4: refused 503 /ws/messaging/7/?token=$jwt_ann
bob: reset
nginx: status connections 1
bob: connect /ws/messaging/7/?token=$jwt_bob
c1..c4: refused 503 /ws/messaging/7/?token=$jwt_ann
# who was refused has taken no place
bob: drop
nginx: status connections 1
c1: refused 404 /ws/messaging/a:b/?token=$jwt_ann
bob: connect /ws/messaging/7/?token=$jwt_bob
nginx: status connections 2



=== TEST 19: a client that is not let in takes no place
--- http_config
    messaging_max_connections 1;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
eve: auto_close off
eve: connect /ws/messaging/7/
eve: expect_close 4001 token missing
nginx: status connections 0
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: refused 503 /ws/messaging/7/
eve: close 4001
eve: expect_eof
nginx: status connections 1
bob: refused 503 /ws/messaging/7/



=== TEST 20: the subprotocol is "messaging.v1", if it was offered
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: header Sec-WebSocket-Protocol: VALUE
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: expect_header Sec-WebSocket-Protocol messaging.v1
ann: close
ann: expect_close none
}, 'messaging.v1', 'chat, messaging.v1', 'messaging.v1,chat',
   "chat\t,  messaging.v1 ,,superchat",
   "chat\nann: header Sec-WebSocket-Protocol: messaging.v1",
   "messaging.v1\nann: header Sec-WebSocket-Protocol: chat")
. main::each_of(q{
ann: header Sec-WebSocket-Protocol: VALUE
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: expect_header Sec-WebSocket-Protocol none
ann: close
ann: expect_close none
}, 'chat', 'messaging.v2', 'messaging.v11', 'messaging', 'Messaging.V1',
   'messaging.v1 chat', 'chat, superchat', 'bearer.x', '')



=== TEST 21: a subprotocol that carries the token is never selected
--- config
        location = /ws/ {
            messaging on;
            messaging_jwt_from subprotocol;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
old: {"user_id":1,"exp":"-1"}
--- websocket
ann: header Sec-WebSocket-Protocol: bearer.$jwt_ann
ann: connect /ws/
ann: expect_header Sec-WebSocket-Protocol none
bob: header Sec-WebSocket-Protocol: bearer.$jwt_ann, messaging.v1
bob: connect /ws/
bob: expect_header Sec-WebSocket-Protocol messaging.v1
eve: header Sec-WebSocket-Protocol: messaging.v1
eve: header Sec-WebSocket-Protocol: bearer.$jwt_ann
eve: connect /ws/
eve: expect_header Sec-WebSocket-Protocol messaging.v1
# a browser reads the Close only if its subprotocol was selected
dan: header Sec-WebSocket-Protocol: messaging.v1, bearer.$jwt_old
dan: connect /ws/
dan: expect_header Sec-WebSocket-Protocol messaging.v1
dan: expect_close 4001 token expired
ann,bob,eve: send {"type":"ping"}
ann,bob,eve: recv {"type":"pong","timestamp":"<any>"}



=== TEST 22: no extension is accepted that is not ours
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Sec-WebSocket-Extensions: permessage-brotli; client_max_window_bits
ann: header Sec-WebSocket-Extensions: x-webkit-deflate-frame, foo; bar="baz"
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: expect_header Sec-WebSocket-Extensions none
ann: send {"type":"ping"}
ann: recv_raw {"type":"pong"}



=== TEST 23: frames that come with the request are handled
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: cork
ann: ping hello
ann: send {"type":"typing"}
ann: send {"type":"ping"}
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: recv_pong hello
ann: recv {"type":"pong"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
nginx: status messages.in 2



=== TEST 24: so many that they do not fit in the buffer of the request
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: cork\n" . main::each_of(q{ann: ping VALUE
ann: send {"type":"ping"}
ann: frame x=500
}, 1 .. 60) . q{ann: connect /ws/messaging/7/?token=$jwt_ann
} . main::each_of(q{ann: recv_pong VALUE
ann: recv {"type":"pong"}
ann: recv {"type":"error","code":"invalid_json","...":0}
}, 1 .. 60)



=== TEST 25: a frame that comes with the request in part
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $frame = '8190' . '00000000' . unpack 'H*', '{"type": "ping"}';

main::each_of(q{
ann: open
ann: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n" VALUE
ann: recv {"type":"pong"}
ann: close
ann: expect_close none
}, map { substr($frame, 0, 2 * $_) . "\nann: expect_status 101\nann: bytes "
         . substr $frame, 2 * $_ } 1 .. 21)



=== TEST 26: a frame with the request that breaks the rules
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: auto_close off
ann: cork
ann: send {"type":"ping"}
ann: frame mask=0 text={"type":"ping"}
ann: send {"type":"ping"}
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: recv {"type":"pong"}
ann: expect_close 1002 protocol error
ann: expect_eof
bob: cork
bob: close 3001
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: expect_close 3001
nginx: status connections 0



=== TEST 27: an upgrade of a connection that has served other requests
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: open
ann: bytes "GET /status HTTP/1.1\r\nHost: a\r\n\r\n"
ann: expect_bytes /^HTTP\/1\.1 200 .*\}\n/s
ann: bytes "GET /status HTTP/1.1\r\nHost: a\r\n\r\n" \
    "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n$TEST_NGINX_HEADERS\r\n" \
    818000000000
ann: expect_bytes /^HTTP\/1\.1 200 .*\}\n(?=HTTP)/s
ann: expect_status 101
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}



=== TEST 28: add_header adds to the 101
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            add_header X-Fruit apple always;
            add_header X-User $messaging_user always;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: expect_header X-Fruit apple
ann: expect_header X-User 1
ann: send {"type":"ping"}
ann: recv {"type":"pong","timestamp":"<any>"}
bob: http GET /ws/messaging/
bob: expect_status 426
bob: expect_header X-Fruit apple



=== TEST 29: the 101 leaves when the broker has confirmed the subscription
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
fake: hang SUBSCRIBE
ann: open
ann: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n"
fake: expect_command /^SUBSCRIBE messaging:7$$/
ann: recv_none 300ms
nginx: status accepted 0
nginx: status connections 1
fake: normal
ann: expect_status 101
nginx: status accepted 1
fake: publish messaging:7 {"n":1}
ann: recv {"n":1}



=== TEST 30: others wait with it, and a frame that came meanwhile is handled
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
fake: hang SUBSCRIBE
a,b,c,d: open
a,b,c,d: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n" 8180 00
fake: expect_command /\ASUBSCRIBE .*messaging:7/
nginx: status connections 4
a,b,c,d: recv_none 50ms
fake: normal
a,b,c,d: expect_status 101
fake: publish messaging:7 {"n":1}
a,b,c,d: recv {"n":1}
a,b,c,d: bytes 000000
a,b,c,d: recv {"type":"error","code":"invalid_json","message":"<string>"}
e: cork
e: send {"type":"ping"}
e: connect /ws/messaging/7/?token=$jwt_ann
e: recv {"type":"pong"}



=== TEST 31: frames sent while the subscription is not confirmed wait for it
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
fake: hang SUBSCRIBE
ann: open
ann: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n"
fake: expect_command /\ASUBSCRIBE .*messaging:7/
ann: bytes 8183 00000000 "{}}"
ann: bytes 8980 00000000
ann: recv_none 50ms
fake: normal
ann: expect_status 101
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
ann: recv_pong



=== TEST 32: not confirmed within 5 s: 101 and Close 1013, or 503
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location ~ ^/ws/http/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_reject http;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /status {
            messaging_status on;
        }
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
fake: hang SUBSCRIBE
ann,bob: open
bob: bytes "GET /ws/http/8/?token=$jwt_ann HTTP/1.1\r\n$TEST_NGINX_HEADERS\r\n"
ann: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n" 818f 00000000 "{\"type\":\"ping\"}"
fake: expect_command /\ASUBSCRIBE .*messaging:7/
ann: not_before 4.5s within 6s expect_status 101
ann: expect_close 1013 subscription timed out
bob: within 1s expect_status 503
bob: expect_header Retry-After /^[1-9][0-9]*$$/
nginx: status refusals.broker 2
nginx: status closes.1013 1
nginx: status accepted 0
nginx: status connections 0
nginx: status subscriptions 0
nginx: status messages.in 0
fake: normal
eve: connect /ws/messaging/7/?token=$jwt_ann
fake: publish messaging:7 {"n":1}
eve: recv {"n":1}



=== TEST 33: a client that leaves while it waits is forgotten
--- not_in: poll (nginx does not see the end behind unread bytes there)
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
fake: hang SUBSCRIBE
a,b,c: open
a,b,c: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n" 8180 00000000
fake: expect_command /\ASUBSCRIBE .*messaging:7/
nginx: status connections 3
nginx: status subscriptions 3
a: drop
nginx: status connections 2
b: reset
nginx: status connections 1
c: bytes 8180 00000000
c: drop
nginx: status connections 0
nginx: status subscriptions 0
nginx: status channels 0
nginx: status accepted 0
fake: normal
fake: expect_command UNSUBSCRIBE messaging:7
fake: publish messaging:7 {"n":1}
ann: connect /ws/messaging/7/?token=$jwt_ann
fake: publish messaging:7 {"n":2}
ann: recv {"n":2}
nginx: no_log /\[(?:error|crit)\]/



=== TEST 34: what is published as soon as the client is open reaches it
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: connect /ws/messaging/VALUE/?token=$jwt_ann
backend: publish VALUE {"n":VALUE}
ann: recv {"n":VALUE}
ann: close
ann: expect_close none
}, 1 .. 30)
