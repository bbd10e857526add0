# The end of a worker: reload, quit, worker_shutdown_timeout.
#
# not in: master-off (it can neither reload nor leave gracefully)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a reload closes with 1012, and the old worker leaves
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 300ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann,bob,cid: connect /ws/messaging/7/?token=$jwt_ann
nginx: reload
ann,bob,cid: expect_close 1012 server reload
nginx: expect_workers $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
nginx: status closes.1012 3



=== TEST 2: quit closes with 1001
--- not_in: detach (the access log is written at the handshake)
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 300ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann,bob: connect /ws/messaging/7/?token=$jwt_ann
nginx: quit
ann,bob: expect_close 1001 server shutdown
nginx: expect_exit
nginx: expect_access_log / close=1001 /



=== TEST 3: old and new workers relay to each other meanwhile
The drain is long: of many connections some are still there when new
clients come.
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 60s;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
ann1..ann40: connect /ws/messaging/7/?token=$jwt_ann
ann1..ann40: may_close
ann1..ann39: ignore /new_message/
nginx: reload
bob:   connect /ws/messaging/7/?token=$jwt_bob
bob:   send {"type":"message","content":"new to old"}
ann40: recv {"type":"new_message","message":{"content":"new to old","...":0}}
bob:   recv {"type":"new_message","message":{"content":"new to old","...":0}}
ann40: send {"type":"message","content":"old to new"}
bob:   recv {"type":"new_message","message":{"content":"old to new","...":0}}
ann40: recv {"type":"new_message","message":{"content":"old to new","...":0}}



=== TEST 4: the closes are spread over messaging_drain
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 2s;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann1..ann30: connect /ws/messaging/7/?token=$jwt_ann
nginx: reload
ann1: expect_close 1012
ann30: not_before 500ms expect_close 1012
ann2..ann29: expect_close 1012
nginx: expect_workers $WORKERS



=== TEST 5: an idle old worker leaves at once
--- websocket
nginx: reload
nginx: expect_workers $WORKERS
nginx: reload
nginx: expect_workers $WORKERS



=== TEST 6: a client that does not answer the Close does not hold the worker
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:   auto_close off
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: reload
nginx: within 15s expect_workers $WORKERS
ann:   expect_close 1012 server reload
ann:   expect_gone



=== TEST 7: worker_shutdown_timeout ends what is left
--- main_config
    worker_shutdown_timeout 300ms;
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 60s;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann1..ann20: connect /ws/messaging/7/?token=$jwt_ann
ann1..ann20: may_close
nginx: reload
nginx: expect_workers $WORKERS
nginx: status connections 0
nginx: status closes.1012 $WORKERS



=== TEST 8: many reloads in a row leave nobody behind
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
nginx:   reload
ann:     expect_close 1012
nginx:   expect_workers $WORKERS
bob:     connect /ws/messaging/7/?token=$jwt_ann
nginx:   reload
bob:     expect_close 1012
nginx:   expect_workers $WORKERS
cid:     connect /ws/messaging/7/?token=$jwt_ann
nginx:   reload
cid:     expect_close 1012
nginx:   expect_workers $WORKERS
backend: expect_subscribers 7 0
nginx:   status connections 0



=== TEST 9: a handshake that waits when the worker is told to leave gets its 101
--- fake_redis
hang SUBSCRIBE
--- messaging_http
messaging_redis unix:$TEST_NGINX_FAKE_SOCKET;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:   open
ann:   bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
fake:  expect_command /SUBSCRIBE messaging:7/
nginx: reload
ann:   expect_bytes /101 Switching Protocols/
nginx: within 15s expect_workers $WORKERS



=== TEST 10: a request that is completed when all others have gone
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann1..ann8: connect /ws/messaging/7/?token=$jwt_ann
bob:   open
bob:   bytes "GET /ws/messaging/8/?token=$jwt_ann HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
nginx: reload
ann1..ann8: expect_close 1012
wait 200ms
bob:   bytes "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
bob:   expect_bytes /101 Switching Protocols/
bob:   expect_bytes /\x88.\x03\xf4server reload/
nginx: within 15s expect_workers $WORKERS



=== TEST 11: also with 1012 if the zone has another size, or is not needed any more
--- not_in: hup (the zone is the harness's there)
--- http_config
messaging_drain 100ms;
include zone.conf;
--- config
        include location.conf;
--- conf_files
>>> zone.conf
messaging_zone chat:16m;
>>> location.conf
location /ws/ {
    messaging on;
    messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
    messaging_access any;
}
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/?token=$jwt_ann
nginx: write_file zone.conf messaging_zone chat:17m;
nginx: reload
ann:   expect_close 1012 server reload
nginx: expect_workers $WORKERS
ann:   connect /ws/?token=$jwt_ann
nginx: write_file zone.conf "\n"
nginx: write_file location.conf "\n"
nginx: signal HUP
ann:   expect_close 1012 server reload



=== TEST 12: several conversations during reloads: one order for old and new workers
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 400ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
my ($connect, $talkers) = ('', 'a1..a5,b1..b5,c1..c5,d1..d5');
$connect .= "${_}1..${_}3: talk every=3ms /ws/messaging/$_/?token=\$jwt_ann\n"
          . "${_}4..${_}5: talk every=3ms /ws/messaging/$_/?token=\$jwt_bob\n"
    for qw(a b c d);

$connect . <<'EOS' x 4 . <<"EOS";
a1,b1,c1,d1: expect_talked 20
nginx: reload
EOS
a1,b1,c1,d1: expect_talked 20
$talkers: hush
$talkers: expect_heard
nginx: expect_workers \$WORKERS
EOS
