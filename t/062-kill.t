# A worker that is killed loses its own connections and nothing else.
#
# not in: master-off (nobody would start another)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
workers(2) if workers() == 1 && master_process_enabled() eq 'on';
run_tests();

__DATA__

=== TEST 1: a killed worker loses only its own connections
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
nginx:   kill_worker_of ann
ann:     expect_gone
nginx:   expect_workers $WORKERS
backend: publish 7 {"type":"x"}
bob:     recv {"type":"x"}
bob:     send {"type":"message","content":"still here"}
bob:     recv {"type":"new_message","message":{"content":"still here","...":0}}
ann:     connect /ws/messaging/7/?token=$jwt_ann
backend: publish 7 {"type":"y"}
ann,bob: recv {"type":"y"}



=== TEST 2: connections of a killed worker are no longer counted
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/8/?token=$jwt_ann
nginx: status connections 2
nginx: status subscriptions 2
nginx: status channels 2
nginx: kill_worker_of ann
nginx: expect_workers $WORKERS
nginx: status connections 1
nginx: status subscriptions 1
nginx: status channels 1
nginx: status accepted 2
nginx: status ended 0
nginx: metric messaging_connections 1
nginx: metric messaging_subscriptions 1
nginx: metric messaging_connections_accepted_total 2
nginx: metrics
bob:   drop
nginx: status connections 0
nginx: status workers $WORKERS
ann:   expect_gone



=== TEST 3: killed again and again, messaging_max_connections still counts right
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_max_connections 2;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_ann
cid:   refused 503 /ws/messaging/7/?token=$jwt_ann
nginx: kill_worker_of ann
nginx: expect_workers $WORKERS
ann:   expect_gone
ann:   connect_apart bob /ws/messaging/7/?token=$jwt_ann
cid:   refused 503 /ws/messaging/7/?token=$jwt_ann
nginx: kill_worker_of bob
nginx: expect_workers $WORKERS
bob:   expect_gone
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_ann
cid:   refused 503 /ws/messaging/7/?token=$jwt_ann
