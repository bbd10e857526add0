# Another binary takes over (USR2), or does not, while clients talk: the two
# nginx are two hosts to each other, and relay through Redis.
#
# not in: embedded (two binaries relay through Redis)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: old and new relay to each other
The drain is long: of many connections some are still on the old one.
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 60s;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
my $n = main::workers();
<<"EOS";
a1..a40: connect /ws/messaging/7/?token=\$jwt_ann
a1..a40: may_close
a1..a39: ignore /new_message/
a40:    talk stay
a40:    expect_talked 3
nginx:  upgrade
nginx:  status redis.ready $n
redis:  expect_clients ${\(4 * $n)}
nginx:  signal_old WINCH
nginx:  expect_log /leaves, closing its \\d+ connections with 1001 /
b1..b6: connect /ws/messaging/7/?token=\$jwt_bob
b1..b6: talk stay
a40,b1..b6: expect_talked 5
a40,b1..b6: hush
a40,b1..b6: expect_heard
nginx:  status connections 6

# two numbers, one of each
redis:  expect_answer EVAL "return #redis.call('KEYS', 'messaging:\@host:*')" 0 => 2
a1..a40: drop
nginx:  expect_old_workers 0
nginx:  signal_old QUIT
nginx:  expect_only new
redis:  expect_clients ${\(2 * $n)}
b1..b6: expect_resyncs 0
b1..b6: drop
nginx:  status connections 0
EOS



=== TEST 2: the old one quits: its clients are told, and come to the new one
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 500ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
my $n = main::workers();
<<"EOS";
a1..a6: connect /ws/messaging/7/?token=\$jwt_ann
a1..a6: talk
a1:     expect_talked 3
nginx:  upgrade
nginx:  status redis.ready $n
nginx:  signal_old WINCH
nginx:  expect_old_workers 0
a1..a6: expect_talked 3
nginx:  signal_old QUIT
nginx:  expect_only new
a1..a6: expect_talked 3
a1..a6: hush
a1..a6: expect_heard
nginx:  status accepted 6
nginx:  status connections 6
nginx:  status workers $n
redis:  expect_clients ${\(2 * $n)}
nginx:  expect_idle
nginx:  remember_baseline

# the new one reloads like any other
a1..a6: talk
nginx:  reload
a1..a6: within 15s expect_talked 20
nginx:  expect_workers $n
a1..a6: talk_end
a1..a6: drop
nginx:  expect_baseline connections=0 subscriptions=0 channels=0 sockets=-6
EOS



=== TEST 3: going back: the old one gets its workers again, the new one quits
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 500ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
my $n = main::workers();
<<"EOS";
nginx:  remember_baseline
a1..a6: connect /ws/messaging/7/?token=\$jwt_ann
a1..a6: talk
a1:     expect_talked 3
nginx:  upgrade
nginx:  signal_old WINCH
nginx:  expect_old_workers 0
a1..a6: expect_talked 3
nginx:  signal_old HUP
nginx:  expect_old_workers $n
redis:  expect_clients ${\(4 * $n)}
b1..b6: connect /ws/messaging/7/?token=\$jwt_bob
b1..b6: talk
b1..b6: expect_talked 3
nginx:  quit
nginx:  expect_only old
a1..a6,b1..b6: expect_talked 3
a1..a6,b1..b6: hush
a1..a6,b1..b6: expect_heard
redis:  expect_clients ${\(2 * $n)}
nginx:  status workers $n
nginx:  status connections 12
nginx:  no_log /no slot left/
nginx:  expect_idle
a1..a6,b1..b6: drop
nginx:  expect_baseline
EOS
