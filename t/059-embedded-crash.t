
# Copyright (C) The ngx_http_messaging_module authors

# What workers do to each other through the zone when one of them is killed or
# stopped in the middle of it, writes more than the ring holds, or cannot be
# woken.  t/util/crash.c is loaded into nginx for that.
#
# TEST_NGINX_LONG=1 kills more of them at random.
#
# not in: master-off (it is about workers)
# not in: onebyte (that preloads something else into nginx)

use strict;
use warnings;

use lib 't/lib';

use File::Temp ();

# before nginx is started; the workers are to write what root has made
my $crash;

BEGIN {
    my $source = __FILE__ =~ s{[^/]*\z}{util/crash.c}r;
    my $dir = File::Temp->newdir(TMPDIR => 1, CLEANUP => 1);

    chmod 0755, $dir or die "cannot chmod $dir: $!";
    system('cc', '-Wall', '-Werror', '-O1', '-shared', '-fPIC', '-o',
           "$dir/crash.so", $source, '-ldl') == 0 or die 'cc failed';
    $crash = "$dir/crash";
    crash_at(0);
    chmod 0666, $crash or die "cannot chmod $crash: $!";

    $ENV{TEST_NGINX_CRASH} = $crash;
    $ENV{TEST_NGINX_LD_PRELOAD} = CORE::join ' ',
        grep { defined } $ENV{TEST_NGINX_LD_PRELOAD}, "$dir/crash.so";
    $ENV{ASAN_OPTIONS} .= ',verify_asan_link_order=0'
        if defined $ENV{ASAN_OPTIONS};

    sub crash_at {
        my ($where, $pid) = @_;
        open my $out, -e $crash ? '+<:raw' : '>:raw', $crash
            or die "cannot write $crash: $!";
        syswrite $out, pack 'l3', $where, $pid // 0, 0;
    }

    sub crashed {
        open my $in, '<:raw', $crash or die "cannot read $crash: $!";
        sysread $in, my $data, 12;
        return (unpack 'l3', $data)[2];
    }

    END { undef $dir }
}

use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

add_test_cleanup_handler(sub { crash_at(0) });

repeat_each(1);
no_shuffle();
workers(3);
run_tests();

sub kills { return $ENV{TEST_NGINX_LONG} ? 300 : 100 }

# "crash wake|fill|stop CLIENT": its worker, when it gets there
sub Test::Nginx::WebSocket::Nginx::do_crash {
    my ($self, $args) = @_;
    my ($where, $name) = split ' ', $args;
    push @{$self->{allowed}}, qr/ exited on signal 9/;
    crash_at({wake => 1, fill => 2, stop => 3}->{$where},
             $self->worker_of($name));
}

# the worker has got there; "continue_crashed" if it was stopped
sub Test::Nginx::WebSocket::Nginx::do_expect_crash {
    my ($self) = @_;
    Test::Nginx::WebSocket::Nginx::wait_for(sub { crashed() },
                                            'no worker got there');
}

sub Test::Nginx::WebSocket::Nginx::do_continue_crashed {
    kill 'CONT', crashed() or die "cannot continue it: $!\n";
}

# "kill_many N STAY,STAY CLIENT ...": a worker that serves some of the clients
# and none of the first is killed at any moment, again and again; clients that
# come to the workers of the first try again
sub Test::Nginx::WebSocket::Nginx::do_kill_many {
    my ($self, $args) = @_;
    my ($n, $stay, @names) = split ' ', $args;
    my %stay = map { $self->worker_of($_) => 1 } split /,/, $stay;
    my @clients = map { $self->{scenario}->client($_) } @names;

    while ($n) {
        my ($on, $pid);

        Test::Nginx::WebSocket::Nginx::wait_for(sub {
            my @open = grep { $_->{talk}{open} && $_->{fh} && !$_->{eof} }
                            @clients;
            $_->shut for grep { $stay{$_->worker} } @open;
            return ($on) = grep { !$stay{$_->worker} } @open;
        }, 'nobody comes to the worker that is killed');

        $pid = $on->worker;
        my $acks = $on->{talk}{acks};
        Test::Nginx::WebSocket::Nginx::wait_for(sub {
            return $on->{talk}{acks} > $acks;
        }, 'nothing was taken');
        Test::Nginx::WebSocket::Stream::wait_for(sub { 0 }, rand 0.01, 0.0005);

        # its end may not have been seen at first
        next if $on->worker != $pid || $on->{eof};

        $n--;
        push @{$self->{allowed}}, qr/ $pid exited on signal 9/;
        kill 'KILL', $pid or die "cannot kill $pid: $!\n";
        Test::Nginx::WebSocket::Nginx::wait_for(sub { $on->{eof} },
                                                "$pid lives on");
    }
}

# "descriptors N|off": how many more the master may have
sub Test::Nginx::WebSocket::Nginx::do_descriptors {
    my ($self, $more) = @_;
    my $pid = $self->master;
    my %used = map { m{(\d+)\z} => 1 } glob "/proc/$pid/fd/*";
    my $limit = 0;

    if ($more eq 'off') {
        $limit = 1024;

    } else {
        $more -= !$used{$limit++} while $more;
    }
    system('prlimit', "--pid=$pid", "--nofile=$limit:") == 0
        or die "prlimit failed\n";
}

# "expect_logged N TEXT": it stands there so often
sub Test::Nginx::WebSocket::Nginx::do_expect_logged {
    my ($self, $args) = @_;
    my ($n, $text) = split ' ', $args, 2;
    my $got = () = $self->log('error') =~ /\[info\] .*\Q$text\E/g;
    die "$got lines\n" if $got != $n;
}

# "expect_published N": so many were taken or refused, and some were refused
sub Test::Nginx::WebSocket::Nginx::do_expect_published {
    my ($self, $n) = @_;
    my ($status, $got);

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        $status = $self->fetch_status;
        $got = $status->{broker}{published} + $status->{broker}{publish_failed};
        return $got == $n && $status->{publish_failures}{overloaded} > 0;
    }, undef, 0.02) or die "$got, $status->{publish_failures}{overloaded} of "
                           . "them refused\n";
}

sub talk_a_lap {
    my ($name, $n, @others) = @_;
    my $all = CORE::join ',', $name, @others;
    return <<"EOS" x ($n / 50);
$name: cork
$name: send_series 1..50 {"type":"read","message_id":%d}
$name: uncork
$all: recv_series 1..50 {"type":"read_receipt","message_id":%d,"...":0}
EOS
}

__DATA__

=== TEST 1: who writes is killed before it wakes others: they look by themselves
The flag says that the worker has been woken, so nobody else would wake it.
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' x 3
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
nginx: crash wake ann
ann:   may_close
ann:   send {"type":"message","content":"a"}
bob:   within 1s recv {"type":"new_message","message":{"content":"a","...":0}}
nginx: expect_crash
nginx: expect_workers 3
cid:   connect_apart bob /ws/messaging/7/?token=$jwt_ann
cid:   send {"type":"message","content":"b"}
bob,cid: within 1s recv {"type":"new_message","message":{"content":"b","...":0}}
bob,cid: drop
EOS



=== TEST 2: who writes is killed while it does: others go on without it
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"message","content":"crash mark"}
ann,bob: recv {"type":"new_message","message":{"content":"crash mark","...":0}}
nginx: crash fill ann
ann:   may_close
ann:   send {"type":"message","content":"lost"}
nginx: expect_crash
nginx: expect_workers 3
nginx: status relay.skipped 2
cid:   connect_apart bob /ws/messaging/7/?token=$jwt_ann
cid:   send {"type":"message","content":"b"}
bob,cid: recv {"type":"new_message","message":{"content":"b","...":0}}
nginx: status relay.laps 0
nginx: status relay.lost 0



=== TEST 3: who writes is stopped while it does: others wait a moment, it gets a nack
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"message","content":"crash mark"}
ann,bob: recv {"type":"new_message","message":{"content":"crash mark","...":0}}
nginx: crash stop ann
ann:   send {"type":"message","content":"late","client_id":"c"}
nginx: expect_crash
bob:   send {"type":"message","content":"b"}
bob:   within 1s recv {"type":"new_message","message":{"content":"b","...":0}}
nginx: continue_crashed
ann:   recv {"type":"nack","client_id":"c","code":"unavailable","retry":true,"...":0}
ann:   recv {"type":"new_message","message":{"content":"b","...":0}}
ann:   send {"type":"message","content":"c"}
ann,bob: recv {"type":"new_message","message":{"content":"c","...":0}}
nginx: status publish_failures.overloaded 1
nginx: status broker.published 3
nginx: status relay.skipped 2



=== TEST 4: who was stopped for a lap writes into what is another's: all learn that it is lost
Bob's worker has not read that yet when Ann's goes on.
--- messaging_http
--- http_config
messaging_zone small:2m;
messaging_max_message 2k;
messaging_ping_interval 0;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
cid: {"user_id":3,"exp":"+300"}
--- websocket eval
<<'EOS'
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
cid:   connect_apart ann,bob /ws/messaging/7/?token=$jwt_cid
ann:   auto_pong on
ann:   send {"type":"message","content":"crash mark"}
ann,bob,cid: recv {"type":"new_message","message":{"content":"crash mark","...":0}}
nginx: crash stop ann
ann:   send {"type":"message","content":"late","client_id":"c"}
nginx: expect_crash
EOS
. main::talk_a_lap('cid', 4050, 'bob')
. "nginx: pause_worker_of bob\n"
. main::talk_a_lap('cid', 100)
. <<'EOS';
nginx: continue_crashed
ann:   recv_unordered {"type":"nack","client_id":"c","code":"unavailable","retry":true,"...":0} \
    {"type":"resync","...":0}
nginx: status relay.laps 1
nginx: continue_worker_of bob
bob:   ignore /read_receipt/
bob:   recv {"type":"resync","within_ms":"<int>"}
nginx: status relay.lost 1
nginx: status broker.resyncs 2
nginx: expect_log /\[warn\] .*messaging worker has missed messages, members of 1 channels were told to resync: lapped 0 times, 1 messages lost/
cid:   send {"type":"message","content":"after"}
ann,bob,cid: recv {"type":"new_message","message":{"content":"after","...":0}}
EOS



=== TEST 5: nobody laps himself: the rest of a flood is refused
All of it is there when the worker looks.
--- messaging_http
--- http_config
messaging_zone flood:2m;
messaging_max_message 4k;
messaging_ping_interval 0;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
my $text = 'x' x 1900;
<<'EOS'
nginx:   workers 1
nginx:   reload
nginx:   expect_workers 1
c1..c30: connect /ws/messaging/$N/?token=$jwt_ann
nginx:   pause_worker_of c1
c1..c30: cork
EOS
. "c1..c30: send_series 1..60 {\"type\":\"message\",\"content\":\"$text %d\"}\n"
. <<'EOS';
c1..c30: send {"type":"ping"}
c1..c30: uncork
nginx:   continue_worker_of c1
c1..c30: ignore /new_message|unavailable/
c1..c30: recv {"type":"pong"}
nginx:   expect_published 1800
nginx:   status relay.laps 0
nginx:   status broker.resyncs 0
EOS



=== TEST 6: no descriptors for eventfds: workers look by themselves, until there are some
--- not_in
hup (the eventfds are there already)
--- main_config
worker_rlimit_nofile 1024;
--- messaging_http
--- http_config
messaging_drain 100ms;
include broker.conf;
--- conf_files
>>> broker.conf
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
nginx: expect_workers 3
nginx: write_file broker.conf # none
nginx: descriptors 12
nginx: reload
nginx: expect_log /\[crit\] .*eventfd\(\) failed, workers beyond the first 0 cannot be woken \(24: /
nginx: expect_workers 3
nginx: expect_logged 3 messaging worker is not woken, but looks every 10 ms
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"message","content":"a"}
ann,bob: recv {"type":"new_message","message":{"content":"a","...":0}}
nginx: expect_idle
ann,bob: may_close
nginx: descriptors off
nginx: reload
nginx: expect_workers 3
nginx: expect_logged 3 messaging worker is not woken, but looks every 10 ms
cid:   connect /ws/messaging/7/?token=$jwt_ann
dan:   connect_apart cid /ws/messaging/7/?token=$jwt_bob
cid:   send {"type":"message","content":"b"}
cid,dan: recv {"type":"new_message","message":{"content":"b","...":0}}



=== TEST 7: a hundred workers are killed at any moment: nobody else notices
All is counted in the end, and what a killed one had counted is not in the way.
--- messaging_http
messaging_user_connections 8;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
cid: {"user_id":3,"exp":"+300"}
--- websocket eval
<<'EOS'
nginx:   remember_baseline
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann,bob: talk stay every=5ms
c1..c4:  connect /ws/messaging/7/?token=$jwt_cid
c1..c4:  talk every=5ms
EOS
. 'nginx: kill_many ' . main::kills() . " ann,bob c1 c2 c3 c4\n"
. <<'EOS';
nginx:   expect_workers 3
ann,bob,c1..c4: expect_talked 4
ann,bob,c1..c4: hush
ann,bob,c1..c4: expect_heard
ann,bob: expect_resyncs 0
nginx:   status relay.laps 0
nginx:   status relay.lost 0

# who was killed may have counted what nobody saw
nginx:   expect_counters accepted>= messages.out>= messages.in<=
ann,bob,c1..c4: drop
nginx:   expect_baseline
d1..d8:  connect /ws/messaging/7/?token=$jwt_cid
d9:      connect /ws/messaging/7/?token=$jwt_cid
d9:      expect_close 1013 too many connections
nginx:   status connections 8
EOS
