
# Copyright (C) The ngx_http_messaging_module authors

# A Redis that says nothing: each block lasts for the 5 seconds after which
# an answer is no longer waited for, or for twice that.
#
# not in: embedded (it is about Redis)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: no answer to PUBLISH: not taken, and no gap; none to SUBSCRIBE, and none to PING: a gap
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
nginx: status redis.ready $WORKERS
fake:  expect_command SUBSCRIBE messaging:7
fake:  hang PUBLISH
fake:  hang SUBSCRIBE
ann:   send {"type":"subscribe","conversation_id":8}
ann:   ignore /new_message|read_receipt/
ann:   send {"type":"message","conversation_id":7,"content":"x","client_id":"c1"}
ann:   send {"type":"typing","conversation_id":7}
ann:   send {"type":"read","conversation_id":7}
fake:  count SUBSCRIBE 1
fake:  count PUBLISH 3
fake:  reply PUBLISH*0 ""
fake:  reply SUBSCRIBE*0 ""
ann:   send {"type":"ping"}
ann:   recv {"type":"pong","timestamp":"<now>"}
ann:   not_before 4s within 8s recv_unordered \
    {"type":"nack","conversation_id":7,"client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"} \
    {"type":"error","conversation_id":7,"code":"unavailable","message":"<string>"} \
    {"type":"error","conversation_id":8,"code":"unavailable","message":"<string>"}
nginx: expect_log /\[error\] .*: no answer to a command \(110: /
fake:  expect_command PING

# commands work again, and the other connection still has its chance
nginx: status redis.lost 1
nginx: status redis.ready $WORKERS
ann:   send {"type":"message","conversation_id":7,"content":"x","client_id":"c2"}
ann:   recv {"type":"ack","conversation_id":7,"client_id":"c2","...":0}
ann:   recv_none 50ms
nginx: within 8s expect_log /\[error\] .*: no answer to PING \(110: /
ann:   recv {"type":"resync","conversation_id":7,"within_ms":"<int>"}
nginx: status redis.lost 2
fake:  publish messaging:7 {"n":1}
ann:   recv {"conversation_id":7,"n":1}
fake:  publish messaging:8 {"n":2}
ann:   recv_none 50ms



=== TEST 2: it accepts connections and says nothing
--- fake_redis
hang CLIENT
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /status {
            messaging_status on;
        }

        location /other {
            return 200 here;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   http GET /other
ann:   expect_status 200
ann:   not_before 4s within 8s connect /ws/messaging/7/?token=$jwt_ann
ann:   expect_close 1013 subscription timed out
nginx: status redis.ready 0
fake:  reply CLIENT*0 ""
nginx: within 8s status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
fake:  publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
--- grep_error_log eval: qr/\[error\] .*?\K no answer from unix:\S+ \(110/
--- grep_error_log_out eval
" no answer from unix:$ENV{TEST_NGINX_FAKE_SOCKET} (110\n" x (2 * main::workers())



=== TEST 3: the whole Redis is stopped, and goes on later
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
# all subscribers ask; of the others only those that wait for an answer know
my $n = main::workers();
my $lost = $n + ($n > 1 ? 2 : 1);
<<"EOS";
ann:   connect /ws/messaging/7/?token=\$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=\$jwt_bob
nginx: status redis.ready $n
redis: pause
ann:   send {"type":"message","content":"x","client_id":"c1"}
bob:   send {"type":"message","content":"y"}
ann,bob: send {"type":"ping"}
ann,bob: recv {"type":"pong"}
ann:   not_before 4s within 8s recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
bob:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   send {"type":"message","content":"x","client_id":"c2"}
ann:   recv {"type":"nack","client_id":"c2","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
eve:   connect /ws/messaging/7/?token=\$jwt_ann
eve:   expect_close 1013
ann,bob: recv_none 50ms
nginx: within 12s status redis.lost $lost

# what it finds in its sockets it does: c1 may come, but not twice
ann,bob: ignore /new_message/
redis: continue
ann,bob: recv {"type":"resync","within_ms":"<int>"}
nginx: within 15s status redis.ready $n
ann:   send {"type":"message","content":"z","client_id":"c3"}
ann:   recv {"type":"ack","client_id":"c3","...":0}
redis: publish messaging:7 {"n":1}
ann,bob: recv_raw {"n":1}
ann,bob: recv_none 50ms
nginx: status connections 2
EOS



=== TEST 4: a subscriber that hears nothing asks, and stays
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: within 8s not_before 4s expect_calls ping $WORKERS
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
nginx: status redis.ready $WORKERS
nginx: status redis.lost 0
