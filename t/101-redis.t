# Redis in trouble while clients talk: who stays is told by "resync", and by
# nothing else, that it may have missed something; and hears everything said
# behind that.  What is said by single frames is in 051, 052 and 056.
#
# not in: embedded (it is about Redis)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
workers(2) if master_process_enabled() eq 'on';
run_tests();

__DATA__

=== TEST 1: killed and started again, five times, each time empty
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
<<'EOS' . CORE::join('', map { <<"EOS" } 1 .. 5) . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann,bob: talk stay
EOS
ann,bob: expect_talked 4
redis:  kill
nginx:  status redis.ready 0
redis:  start
ann,bob: expect_resyncs $_
ann,bob: expect_talked 4
EOS
ann,bob: hush
ann,bob: expect_heard
nginx:  status redis.ready $WORKERS
nginx:  status broker.resyncs 10
nginx:  expect_counters accepted messages.in messages.out
nginx:  expect_idle
ann,bob: drop
nginx:  expect_baseline
EOS



=== TEST 2: away for a second: nobody is busy meanwhile
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
redis:  kill
nginx:  status redis.ready 0
nginx:  expect_idle 1s
redis:  start
ann:    recv {"type":"resync","within_ms":"<int>"}
ann:    drop
nginx:  expect_baseline redis.ready=$WORKERS



=== TEST 3: hanging for less than 5 s: nobody notices
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann,bob: talk stay
ann,bob: expect_talked 4
redis:  pause
nginx:  expect_idle 2s
redis:  continue
ann,bob: expect_talked 4
ann,bob: hush
ann,bob: expect_heard
ann,bob: expect_resyncs 0
nginx:  status redis.lost 0
nginx:  status broker.publish_failed 0
nginx:  expect_counters accepted messages.in messages.out
ann,bob: drop
nginx:  expect_baseline



=== TEST 4: hanging for longer: nacks, then a resync each
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann,bob: talk stay
ann,bob: expect_talked 4
redis:  pause
nginx:  within 15s status redis.lost 4
redis:  continue
ann,bob: within 15s expect_resyncs 1
ann,bob: expect_talked 4
ann,bob: hush
ann,bob: expect_heard
ann,bob: expect_resyncs 1
nginx:  status redis.ready $WORKERS
ann,bob: drop
nginx:  expect_baseline



=== TEST 5: out of memory: what needs none goes on, and ids stay unique
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann,bob: talk stay
ann,bob: expect_talked 4
redis:  command CONFIG SET maxmemory 1
ann,bob: expect_talked 4

# a connection for commands that is made again asks for the host number again
redis:  kill_normal
nginx:  expect_log /\[warn\] .* gave no host number: "OOM /
nginx:  status redis.ready $WORKERS
ann,bob: expect_talked 4
eve:    connect /ws/messaging/7/?token=$jwt_ann
eve:    talk stay
eve:    expect_talked 4
redis:  command CONFIG SET maxmemory 0
redis:  kill_normal
nginx:  status redis.reconnects 4
nginx:  status redis.ready $WORKERS
ann,bob,eve: expect_talked 4
ann,bob,eve: hush
ann,bob,eve: expect_heard
ann,bob,eve: expect_resyncs 0
nginx:  expect_counters accepted messages.in messages.out
ann,bob,eve: drop
nginx:  expect_baseline



=== TEST 6: one subscriber is cut for its output buffer: its members are told, others are not
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
cid: {"user_id":3,"exp":"+300"}
--- websocket eval
my $publish = 'redis:  publish messaging:8 {"x":"' . 'x' x 60000 . "\"}\n";
<<'EOS' . $publish x 40 . "redis:  expect_clients ${\(2 * main::workers() - 1)}\n" . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
cid:    connect_apart bob /ws/messaging/8/?token=$jwt_cid
cid:    ignore /xxx/
redis:  command CONFIG SET client-output-buffer-limit "pubsub 1000000 0 0"
ann,bob: talk stay
ann,bob: expect_talked 4
nginx:  pause_worker_of ann
bob:    expect_talked 4
EOS
bob:    expect_talked 4
nginx:  continue_worker_of ann
cid:    recv {"type":"resync","within_ms":"<int>"}
ann:    expect_resyncs 1
ann,bob: expect_talked 4
ann,bob: hush
ann,bob: expect_heard
bob:    expect_resyncs 0
nginx:  status redis.lost 1
nginx:  status redis.ready $WORKERS
ann,bob,cid: drop
nginx:  expect_baseline memory=8m
EOS



=== TEST 7: it cannot write its file and says so to PING: that is an answer, too
--- redis_args: --save 3600 1 --dir /proc
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:    connect /ws/messaging/7/?token=$jwt_ann
redis:  command BGSAVE
redis:  expect_answer PING => /^MISCONF/
redis:  within 8s expect_answer INFO errorstats => /errorstat_MISCONF:count=[3-9]/
wait 100ms
nginx:  status redis.lost 0
redis:  publish messaging:7 {"n":1}
ann:    recv_raw {"n":1}
ann:    send {"type":"message","content":"x","client_id":"c1"}
ann:    recv_unordered {"type":"ack","client_id":"c1","...":0} \
    {"type":"new_message","client_id":"c1","...":0}
nginx:  status broker.resyncs 0



=== TEST 8: a replica that has lost its master says so to PING, and relays
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:    connect /ws/messaging/7/?token=$jwt_ann
redis:  command CONFIG SET replica-serve-stale-data no
redis:  command REPLICAOF 127.0.0.1 1
redis:  within 8s expect_answer INFO errorstats => /errorstat_MASTERDOWN:count=[2-9]/
wait 100ms
nginx:  status redis.lost 0
redis:  publish messaging:7 {"n":1}
ann:    recv_raw {"n":1}
ann:    send {"type":"message","content":"x"}
ann:    recv {"type":"new_message","...":0}
redis:  command REPLICAOF NO ONE
redis:  command CONFIG SET replica-serve-stale-data yes
nginx:  status broker.resyncs 0



=== TEST 9: an error while a subscription is not confirmed is not taken for that of PING
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:    connect_retry /ws/messaging/?token=$jwt_ann
ann:    send {"type":"subscribe","conversation_id":7}
ann:    recv {"type":"subscribed","conversation_id":7}
fake:   expect_command SUBSCRIBE messaging:7
fake:   reply PING ""
fake:   within 8s expect_command PING
fake:   reply SUBSCRIBE*1 -NOPERM no
ann:    ignore /resync/
ann:    send {"type":"subscribe","conversation_id":8}
ann:    recv {"type":"subscribed","conversation_id":8}
nginx:  expect_log /\[error\] .* subscriber's command was refused: "NOPERM no"/
fake:   publish messaging:8 {"n":1}
ann:    recv {"conversation_id":8,"n":1}



=== TEST 10: it runs a script when it is asked for a host number: that is asked for again
--- not_in: hup (the zone has its host number already)
--- fake_redis eval
'reply SET*' . main::workers()
    . ' -BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.'
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx:  status redis.ready 0
nginx:  not_before 500ms status redis.ready $WORKERS
nginx:  status redis.lost 0
ann:    connect /ws/messaging/7/?token=$jwt_ann
ann:    send {"type":"message","content":"x"}
ann:    recv {"type":"new_message","...":0}
fake:   reply PUBLISH*1 -BUSY Redis is busy running a script.
ann:    send {"type":"message","content":"x","client_id":"c1"}
ann:    recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
nginx:  status redis.lost 0
--- grep_error_log eval: qr/messaging redis gives no host number yet: "BUSY/
--- grep_error_log_out eval
qq{messaging redis gives no host number yet: "BUSY\n} x main::workers()



=== TEST 11: it takes no keys, being read-only: a warning, and messages all the same
--- not_in: hup (the zone has its host number already)
--- fake_redis eval
"reply SET -READONLY You can't write against a read only replica."
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
nginx:  status redis.ready $WORKERS
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann,bob: talk stay
ann,bob: expect_talked 4
ann,bob: hush
ann,bob: expect_heard
nginx:  status redis.lost 0
--- grep_error_log eval: qr/\[warn\] .*?\K messaging redis gave no host number: "\S+/
--- grep_error_log_out eval: qq{ messaging redis gave no host number: "READONLY\n} x main::workers()
