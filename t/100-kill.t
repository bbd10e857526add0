# Workers that are killed again and again, while several conversations talk:
# who is on another worker notices nothing, who comes back hears everything.
#
# TEST_NGINX_LONG=1 kills for a minute.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
workers(2) if workers() == 1 && master_process_enabled() eq 'on';
run_tests();

sub times { return $ENV{TEST_NGINX_LONG} ? 60 : 6 }

__DATA__

=== TEST 1: others hear and are heard all the time, those of a killed worker again
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
# b.. come back wherever they can; on the worker that is killed next, half of
# the time
<<'EOS' . CORE::join('', map { <<'EOS' } 1 .. main::times()) . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
b1..b4: connect /ws/messaging/7/?token=$jwt_bob
c1..c4: connect /ws/messaging/8/?token=$jwt_bob
d1..d4: connect /ws/messaging/9/?token=$jwt_ann
ann:    talk stay
bob,b1..b4,c1..c4,d1..d4: talk
EOS
ann:    expect_talked 4
b1,c1:  expect_talked 4
nginx:  kill_worker_but ann
nginx:  expect_workers $WORKERS
ann:    expect_talked 4
b1,c1:  expect_talked 4
EOS
ann,bob,b1..b4,c1..c4,d1..d4: hush
ann,bob,b1..b4,c1..c4,d1..d4: expect_heard
nginx:  status redis.ready $WORKERS
nginx:  status broker.resyncs 0
nginx:  status closes.1006 0
nginx:  expect_idle

# what a killed worker had counted is not lost, though not all of it was seen
nginx:  expect_counters accepted messages.out>= messages.in<=
ann,bob,b1..b4,c1..c4,d1..d4: drop
nginx:  expect_baseline
EOS



=== TEST 2: workers that are all killed at the same time
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
<<'EOS' . CORE::join('', map { <<'EOS' } 1 .. 3) . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
b1..b4: connect /ws/messaging/7/?token=$jwt_ann
ann,b1..b4: talk
EOS
ann,b1..b4: expect_talked 4
nginx:  kill_all_workers
nginx:  expect_workers $WORKERS
EOS
ann,b1..b4: expect_talked 4
ann,b1..b4: hush
ann,b1..b4: expect_heard
backend: publish 7 {"n":1}
ann,b1..b4: recv_raw {"n":1}
ann,b1..b4: drop
nginx:  expect_baseline redis.ready=$WORKERS
EOS



=== TEST 3: one that is killed while Redis is away
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:    talk stay
bob:    talk
ann,bob: expect_talked 3
redis:  stop
nginx:  kill_worker_but ann
nginx:  expect_workers $WORKERS
redis:  start
ann,bob: expect_talked 3
ann,bob: hush
ann,bob: expect_heard
ann:    expect_resyncs 1
nginx:  expect_idle
ann,bob: drop
nginx:  expect_baseline redis.ready=$WORKERS



=== TEST 4: a worker that hangs holds up nobody else, and misses nothing
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
cid: {"user_id":3,"exp":"+300"}
--- websocket
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
cid:    connect_apart ann /ws/messaging/8/?token=$jwt_cid
cid:    talk stay
bob:    talk stay
ann:    talk stay
ann,bob,cid: expect_talked 5
nginx:  pause_worker_of ann
bob,cid: expect_talked 20
nginx:  continue_worker_of ann
ann:    expect_talked 5
ann,bob,cid: hush
ann,bob,cid: expect_heard
ann,bob:     expect_resyncs 0
nginx:  expect_counters accepted messages.in messages.out
ann,bob,cid: drop
nginx:  expect_baseline



=== TEST 5: one that was stopped for more than a minute still has its counters to itself
It is no longer counted, but nobody else may write where it writes.  Without
TEST_NGINX_LONG it is stopped for a moment only.
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
my $pause = $ENV{TEST_NGINX_LONG} ? '65s' : '100ms';
<<"EOS";
ann:    connect /ws/messaging/7/?token=\$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=\$jwt_bob
cid:    connect_apart ann /ws/messaging/7/?token=\$jwt_bob
nginx:  pause_worker_of ann
bob,cid: recv_none $pause
nginx:  kill_worker_but ann
nginx:  expect_workers \$WORKERS
bob,cid: may_close
eve:    connect_apart ann /ws/messaging/8/?token=\$jwt_bob
nginx:  continue_worker_of ann
nginx:  within 15s status workers \$WORKERS
ann:    send {"type":"ping"}
ann:    recv {"type":"pong"}
ann:    close 1000
ann:    expect_close 1000
eve:    drop
bob,cid: reset
nginx:  status connections 0
nginx:  status subscriptions 0
nginx:  status accepted 4
EOS
