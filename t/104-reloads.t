# Reloads while clients talk, ten of them; TEST_NGINX_LONG=1 makes it one a
# second for a minute.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

sub times { return $ENV{TEST_NGINX_LONG} ? 60 : 10 }

__DATA__

=== TEST 1: who is sent away comes back and hears everything from then on
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 500ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
my $n = main::times();
<<'EOS' . CORE::join('', map { <<'EOS' } 1 .. $n) . <<"EOS";
nginx:   reload
nginx:   expect_workers $WORKERS
nginx:   remember_baseline
a1..a5:  connect /ws/messaging/7/?token=$jwt_ann
b1..b5:  connect /ws/messaging/8/?token=$jwt_bob
a1..a5,b1..b5: talk
EOS
a1,b1:   expect_talked 2
nginx:   reload
wait 700ms
EOS
a1,b1:   expect_talked 2
a1..a5,b1..b5: hush
a1..a5,b1..b5: expect_heard
nginx:   expect_workers \$WORKERS
nginx:   status workers \$WORKERS
nginx:   status connections 10
nginx:   status redis.ready \$WORKERS
nginx:   expect_idle
nginx:   no_log /no slot left/

# what is sent behind the server's Close is not looked at
nginx:   expect_counters accepted closes.1012 messages.in<= messages.out
redis:   expect_clients ${\(2 * main::workers())}
a1..a5,b1..b5: drop
nginx:   expect_baseline
backend: expect_subscribers 7 0
EOS



=== TEST 2: reloads one on the other, faster than workers can leave: who stays misses nothing
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 60s;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
<<'EOS' . CORE::join('', map { <<'EOS' } 1 .. 8) . <<'EOS';
nginx:  remember_baseline
a1..a30: connect /ws/messaging/7/?token=$jwt_ann
a1..a30: may_close
a1..a29: ignore /new_message/
a30:    talk
EOS
a30:    expect_talked 2
nginx:  reload
c1:     connect /ws/messaging/7/?token=$jwt_ann
c1:     talk
c1:     expect_talked 2
c1:     drop
c1:     talk_end
EOS
a30:    expect_talked 2
a30:    hush
a30:    expect_heard
a1..a30: drop
nginx:  expect_workers $WORKERS
nginx:  expect_baseline
EOS



=== TEST 3: HUP to the master as fast as it takes it
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
<<'EOS' . "nginx:  signal HUP\nwait 20ms\n" x (3 * main::times()) . <<'EOS';
nginx:  remember_baseline
a1..a5: connect /ws/messaging/7/?token=$jwt_ann
a1..a5: talk
a1:     expect_talked 2
EOS
a1..a5: expect_talked 4
a1..a5: hush
a1..a5: expect_heard
nginx:  expect_workers $WORKERS
nginx:  status workers $WORKERS
nginx:  status redis.ready $WORKERS
nginx:  no_log /no slot left/
nginx:  expect_counters accepted closes.1012 messages.in<= messages.out
a1..a5: drop
nginx:  expect_baseline
EOS
