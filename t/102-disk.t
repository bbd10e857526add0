# Logs on a disk that is full: nginx says so where it can, and serves.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the access log
--- http_config
    access_log /dev/full;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
bad: {"user_id":1,"exp":"-60"}
--- websocket
nginx: remember_baseline
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
eve:   connect /ws/messaging/7/?token=$jwt_bad
eve:   expect_close 4001
ann,bob: talk stay
b1..b30: connect /ws/messaging/8/?token=$jwt_bob
b1..b10: close 1000
b1..b10: expect_close 1000
b11..b20: drop
b21..b30: reset
ann,bob: expect_talked 5
ann,bob: hush
ann,bob: expect_heard
nginx: status connections 2
nginx: status closes.1000 10
nginx: status closes.4001 1
nginx: expect_log /\[alert\] .* write\(\) to "\/dev\/full" failed \(28: No space left on device\) while logging request/
ann,bob: talk_end
ann,bob: close 1000
ann,bob: expect_close 1000
nginx: expect_baseline
--- allow_log
write\(\) to "/dev/full" failed \(28: No space left



=== TEST 2: an access log with a buffer
--- http_config
    access_log /dev/full combined buffer=4k flush=100ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: remember_baseline
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   talk stay
b1..b40: connect /ws/messaging/8/?token=$jwt_ann
b1..b40: reset
nginx: expect_log /\[alert\] .* write\(\) to "\/dev\/full" failed \(28: /
ann:   expect_talked 5
ann:   hush
ann:   expect_heard
ann:   drop
nginx: expect_baseline
--- allow_log
write\(\) to "/dev/full" failed \(28: No space left



=== TEST 3: the error log, of all that happens
What main_config names is the log of the whole process, of Redis too; the
server has its own, which is the one that is looked at.
--- main_config
    error_log /dev/full debug;
--- config
        error_log /dev/full info;
        access_log /dev/full;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
bad: {"user_id":1,"exp":"-60"}
--- websocket
nginx: remember_baseline
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann,bob: talk stay
ann,bob: expect_talked 3
redis: kill
eve:   connect /ws/messaging/7/?token=$jwt_bad
eve:   expect_close 4001
redis: start
redis: publish messaging:7 junk
ann,bob: expect_resyncs 1
nginx: status redis.ready $WORKERS
eve:   connect /ws/messaging/8/?token=$jwt_ann
eve:   auto_close off
eve:   frame mask=0 text=x
eve:   expect_close 1002
eve:   expect_gone
ann,bob: expect_talked 3
ann,bob: hush
ann,bob: expect_heard
nginx: status redis.ready $WORKERS
nginx: expect_idle
ann,bob: drop
nginx: expect_baseline
--- allow_log
write\(\) to "/dev/full" failed \(28: No space left
