
# Copyright (C) The ngx_http_messaging_module authors

# What makes message ids unique among hosts: the number of a host, leased in
# Redis by a key with a time to live.
#
# not in: embedded (it is about host numbers in Redis)

use strict;
use warnings;

use File::Temp ();

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# "--- second": a second nginx, as on another host: with a zone of its own, on
# the port of the fake Redis

my ($second_dir, $second_pid);

my $run = $Test::Nginx::Util::RunTestHelper;

$Test::Nginx::Util::RunTestHelper = sub {
    my ($block, $dry_run) = @_;
    start_second() if defined $block->second && !$dry_run;
    $run->(@_);
};

add_test_cleanup_handler(sub {
    my ($block) = @_;
    my $pid = $second_pid or return;

    undef $second_pid;
    ok(Test::Nginx::WebSocket::Process::finish($pid, 'QUIT', 20),
       $block->name . ' - the second nginx stopped');

    my $log = Test::Nginx::WebSocket::JWT::slurp("$second_dir/error.log");
    unlike($log, qr/\[(?:alert|emerg|crit|error)\]/,
           $block->name . ' - no errors in its log');
});

sub start_second {
    my $module = $ENV{TEST_NGINX_MODULE};
    my $load = $module ? "load_module $module;" : '';

    $second_dir = File::Temp->newdir(TMPDIR => 1);
    Test::Nginx::WebSocket::JWT::spew("$second_dir/nginx.conf", <<"EOC");
$load
daemon off;
master_process off;
pid $second_dir/nginx.pid;
error_log $second_dir/error.log;

events {
    worker_connections 64;
}

http {
    access_log off;
    client_body_temp_path $second_dir/client_body_temp;
    proxy_temp_path $second_dir/proxy_temp;
    fastcgi_temp_path $second_dir/fastcgi_temp;
    uwsgi_temp_path $second_dir/uwsgi_temp;
    scgi_temp_path $second_dir/scgi_temp;

    messaging_redis unix:$ENV{TEST_NGINX_REDIS_SOCKET};

    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_FAKE_PORT};

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/\$ {
            messaging on;
            messaging_conversation \$conversation;
            messaging_jwt_key HS256 data:$ENV{TEST_NGINX_JWT_SECRET};
            messaging_access any;
        }
    }
}
EOC

    $second_pid = Test::Nginx::WebSocket::Process::spawn(sub {
        exec $ENV{TEST_NGINX_BINARY} || 'nginx', '-p', $second_dir,
             '-e', "$second_dir/error.log", '-c', "$second_dir/nginx.conf";
        die "cannot run nginx: $!\n";
    });
}

# clients w1, w2, ..., one on each worker
sub on_each_worker {
    my ($path) = @_;
    return CORE::join('', map {
        my $others = CORE::join(',', map { "w$_" } 1 .. $_ - 1);
        "w$_: " . ($others ? "connect_apart $others" : 'connect')
        . " $path?token=\$jwt_ann\n"
    } 1 .. workers());
}

# all workers lose their connection for commands, and no other, and have a
# number again
sub reconnect {
    my $n = workers();
    return "redis: kill_normal\n"
         . "nginx: status redis.lost $n\n"
         . "nginx: status redis.ready $n\n";
}

# each worker makes an id, with this host number in it; the last is $id
sub ids_have_number {
    my ($number) = @_;
    my $n = workers();
    return CORE::join '', map { <<"EOS" } 1 .. $n;
w$_: send {"type":"message","content":"x"}
w1..w$n: recv {"type":"new_message","...":0}
w$_: capture id message.id
redis: command EVAL "return math.floor(ARGV[1] / 64) % 64 == ARGV[2] % 64 and 'yes' or ARGV[1]" 0 \$id $number
redis: expect_reply yes
EOS
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the workers of a host share one number, and their ids have it
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::on_each_worker('/ws/messaging/7/') . <<'EOS' . main::ids_have_number('$n');
nginx: status redis.ready $WORKERS
redis: command EVAL "local k = redis.call('KEYS', '*') return {#k, tonumber(k[1]:match('^messaging:@host:(%d+)'))}" 0
redis: expect_reply /^\["1","(?:\d|[1-5]\d|6[0-3])"\]/
redis: capture n 1
redis: command TTL messaging:@host:$n
redis: expect_reply /^1(?:1\d|20)$/
EOS



=== TEST 2: another host has another number
--- second
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob:     tls off
bob:     port $TEST_NGINX_FAKE_PORT
bob:     connect_retry /ws/messaging/7/?token=$jwt_bob
ann:     connect /ws/messaging/7/?token=$jwt_ann
nginx:   status redis.ready $WORKERS
redis:   expect_answer EVAL "local k = redis.call('KEYS', '*') return k[1] and k[2] and not k[3] and redis.call('GET', k[1]) ~= redis.call('GET', k[2]) and 'two' or 'other'" 0 => two
ann:     send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","...":0}
ann:     capture a message.id
bob:     send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","...":0}
bob:     capture b message.id

# both are those in the keys
redis:   command EVAL "local r = 0 for i = 1, 2 do local n = math.floor(ARGV[i] / 64) % 64 r = r + redis.call('EXISTS', 'messaging:@host:' .. n) end return r" 0 $a $b
redis:   expect_reply 2
redis:   command EVAL "return math.floor(ARGV[1] / 64) % 64 ~= math.floor(ARGV[2] / 64) % 64" 0 $a $b
redis:   expect_reply 1



=== TEST 3: after a reconnect the number is the same, and the lease lasts for its full time again
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::on_each_worker('/ws/messaging/7/') . <<'EOS' . main::reconnect() . <<'EOS2' . main::ids_have_number('$n');
nginx: status redis.ready $WORKERS
redis: command EVAL "local k = redis.call('KEYS', '*') return {tonumber(k[1]:match('%d+$'))}" 0
redis: capture n 0
redis: command EXPIRE messaging:@host:$n 60
EOS
redis: command KEYS *
redis: expect_reply ["messaging:@host:$n"]
redis: expect_answer TTL messaging:@host:$n => /^1(?:1\d|20)$/
EOS2



=== TEST 4: a reload keeps the number, and so does a Redis that has lost its memory; ids grow all the time
--- http_config
messaging_drain 0;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: status redis.ready $WORKERS
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","...":0}
ann:   capture a message.id
redis: command KEYS *
redis: capture key 0
nginx: reload
ann:   expect_close 1012
nginx: expect_workers $WORKERS
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","...":0}
ann:   capture b message.id
redis: command KEYS *
redis: expect_reply ["$key"]
redis: stop
nginx: status redis.ready 0
redis: start
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","...":0}
ann:   capture c message.id
redis: command KEYS *
redis: expect_reply ["$key"]
redis: command EVAL "for i = 1, 3 do ARGV[i] = tonumber(ARGV[i]) end return ARGV[1] < ARGV[2] and ARGV[2] < ARGV[3]" 0 $a $b $c
redis: expect_reply 1



=== TEST 5: a number that another host has got meanwhile is given up for the next one
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::on_each_worker('/ws/messaging/7/') . <<'EOS' . main::reconnect() . <<'EOS2' . main::ids_have_number('$m');
nginx: status redis.ready $WORKERS
redis: command EVAL "local k = redis.call('KEYS', '*') local n = tonumber(k[1]:match('%d+$')) return {n, (n + 1) % 64}" 0
redis: capture n 0
redis: capture m 1
redis: command SET messaging:@host:$n other
EOS
redis: command GET messaging:@host:$n
redis: expect_reply other
redis: command TTL messaging:@host:$n
redis: expect_reply -1
redis: command TTL messaging:@host:$m
redis: expect_reply /^1(?:1\d|20)$/
EOS2



=== TEST 6: numbers of others are skipped, whatever they are
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::on_each_worker('/ws/messaging/7/') . <<'EOS' . main::reconnect() . <<'EOS2' . main::ids_have_number(17);
nginx: status redis.ready $WORKERS
redis: command FLUSHALL
redis: command EVAL "for i = 0, 63 do if i ~= 17 then redis.call('SET', 'messaging:@host:' .. i, 'other' .. i) end end" 0
EOS
redis: command EVAL "local n = 0 for i = 0, 63 do if redis.call('GET', 'messaging:@host:' .. i) == 'other' .. i then n = n + 1 end end return n" 0
redis: expect_reply 63
redis: command TTL messaging:@host:17
redis: expect_reply /^1(?:1\d|20)$/
EOS2



=== TEST 7: all 64 are taken: a warning, and messages all the same
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $n = main::workers();
main::on_each_worker('/ws/messaging/7/') . <<'EOS' . main::reconnect() . <<'EOS2' . <<"EOS3";
nginx: status redis.ready $WORKERS
redis: command EVAL "for i = 0, 63 do redis.call('SET', 'messaging:@host:' .. i, 'other' .. i) end" 0
EOS
redis: command EVAL "local n = 0 for i = 0, 63 do if redis.call('GET', 'messaging:@host:' .. i) == 'other' .. i then n = n + 1 end end return n" 0
redis: expect_reply 64
EOS2
w1:    send {"type":"message","content":"x"}
w1..w$n: recv {"type":"new_message","message":{"id":"<int>","...":0}}
EOS3
--- grep_error_log eval: qr/\[warn\] .*?\K messaging redis gave no host number: .*/
--- grep_error_log_out eval
qq{ messaging redis gave no host number: "all are taken", message ids are unique on this host, but only probably among hosts\n} x main::workers()



=== TEST 8: who has no number lets nobody in
--- fake_redis
reply SET -LOADING Redis is loading the dataset in memory
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
# a worker that is younger than a second has them wait
wait 1100ms
nginx: status redis.ready 0
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   expect_close 1013 broker unavailable
fake:  reply SET*0 ""
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","message":{"id":"<int>","...":0}}
