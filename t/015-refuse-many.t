# Copyright (C) The ngx_http_messaging_module authors

# Refused clients that wait must not use up the connections: with 64 of them
# eight may wait.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
workers(1);
worker_connections(64);
run_tests();

__DATA__

=== TEST 1: whoever is refused on top of those that wait is refused at once
--- http_config
messaging_refuse_delay on;
--- websocket
a: connect /ws/messaging/7/
a: expect_close 4001 token missing
a1..a8: connect /ws/messaging/7/
nginx: status limits.refuse_delay 8
b1..b5: connect /ws/messaging/7/
b1..b5: expect_close 4001 token missing
nginx: status limits.refuse_delay 8
nginx: status refusals.token_missing 14
a8: drop
nginx: status closes.1006 1
a8: connect /ws/messaging/7/
nginx: status limits.refuse_delay 9
b1: connect /ws/messaging/7/
b1: expect_close 4001 token missing
a1..a8: close 1000
a1..a8: expect_close 1000
