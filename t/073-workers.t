# Many workers that start at once: each has a slot of the zone for itself.
#
# not in: master-off (it is one worker)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
workers(16) if master_process_enabled() eq 'on';
run_tests();

__DATA__

=== TEST 1: sixteen workers at once, and again after each reload
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 100ms;
--- websocket
nginx: status workers $WORKERS
nginx: status redis.ready $WORKERS
nginx: reload
nginx: expect_workers $WORKERS
nginx: status workers $WORKERS
nginx: status redis.ready $WORKERS
nginx: reload
nginx: expect_workers $WORKERS
nginx: status workers $WORKERS
nginx: status redis.ready $WORKERS
nginx: reload
nginx: expect_workers $WORKERS
nginx: status workers $WORKERS
nginx: status redis.ready $WORKERS
