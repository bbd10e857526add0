# The system time is set while nginx runs: only what is about the time of day
# follows.  t/util/clock.c is loaded into nginx for that.

use strict;
use warnings;

use lib 't/lib';

use File::Temp ();

# before nginx is started; the workers are to read what root writes
my $clock;

BEGIN {
    my $source = __FILE__ =~ s{[^/]*\z}{util/clock.c}r;
    my $dir = File::Temp->newdir(TMPDIR => 1, CLEANUP => 1);

    chmod 0755, $dir or die "cannot chmod $dir: $!";
    system('cc', '-Wall', '-Werror', '-O1', '-shared', '-fPIC', '-o',
           "$dir/clock.so", $source, '-ldl') == 0 or die 'cc failed';
    $clock = "$dir/clock";
    set_clock(0);

    $ENV{TEST_NGINX_CLOCK} = $clock;
    $ENV{TEST_NGINX_LD_PRELOAD} = CORE::join ' ',
        grep { defined } $ENV{TEST_NGINX_LD_PRELOAD}, "$dir/clock.so";
    $ENV{ASAN_OPTIONS} .= ',verify_asan_link_order=0'
        if defined $ENV{ASAN_OPTIONS};

    sub set_clock {
        my ($seconds) = @_;
        open my $out, -e $clock ? '+<:raw' : '>:raw', $clock
            or die "cannot write $clock: $!";
        syswrite $out, pack 'q', $seconds;
    }

    END { undef $dir }
}

use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

add_test_cleanup_handler(sub { set_clock(0) });

repeat_each(1);
no_shuffle();
run_tests();

# "clock SECONDS": nginx is that far ahead of us
sub Test::Nginx::WebSocket::Nginx::do_clock {
    my ($self, $seconds) = @_;
    set_clock($seconds);
    $self->{ahead} = $seconds;
}

# the created_at received last is of nginx's time
sub Test::Nginx::WebSocket::Client::do_expect_created {
    my ($self) = @_;
    my $at = Test::Nginx::WebSocket::Match::parse($self->{last})
                 ->{message}{created_at};
    my $off = Test::Nginx::WebSocket::Match::seconds($at) - time()
              - $self->{scenario}{nginx}{ahead};
    die "$at is off by $off s\n" if abs $off > 5;
}

__DATA__

=== TEST 1: forwards and backwards by hours: connections, ids and the lease keep, times follow
--- jwt
ann: {"user_id":1,"exp":"+36000"}
bob: {"user_id":2,"exp":"+36000"}
--- websocket eval
# a connection of its own sees the created_at of nginx
<<'EOS' . CORE::join('', map { <<"EOS" } 3600, 10800, 10801, -3600, -10800, 0, 7200, 0) . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
bob:    connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann,bob: talk stay
ann,bob: expect_talked 3
EOS
nginx:  clock $_
wait 50ms
ann,bob: expect_talked 3
eve:    connect /ws/messaging/8/?token=\$jwt_ann
eve:    send {"type":"message","content":"x"}
eve:    recv {"type":"new_message","...":0}
eve:    expect_created
eve:    send {"type":"ping"}
eve:    recv {"type":"pong"}
eve:    drop
nginx:  status workers \$WORKERS
nginx:  status redis.ready \$WORKERS
EOS
ann,bob: hush
ann,bob: expect_heard
ann,bob: expect_resyncs 0
nginx:  status redis.lost 0
nginx:  status connections 2

# the same number after all this
redis:  kill_normal
nginx:  expect_log /\[notice\] .* connection restored/
nginx:  status redis.ready $WORKERS
redis:  expect_answer EVAL "return #redis.call('KEYS', 'messaging:@host:*')" 0 => 1
nginx:  expect_idle
nginx:  expect_counters accepted messages.in messages.out
ann,bob: drop
nginx:  expect_baseline
EOS



=== TEST 2: a session ends when its token does, by the clock as it is set
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_ping_interval 0;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+1800"}
bob: {"user_id":2,"exp":"+7200"}
cid: {"user_id":3,"exp":"+3"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect /ws/messaging/7/?token=$jwt_bob
cid:   connect /ws/messaging/7/?token=$jwt_cid
nginx: clock -3600
cid:   recv_none 5s
cid:   send {"type":"ping"}
cid:   recv {"type":"pong"}

# noticed within 10 s, though nothing else is due
nginx: clock 3600
ann,cid: within 12s expect_close 4001 token expired
bob:   recv_none 50ms
bob:   send {"type":"ping"}
bob:   recv {"type":"pong"}
eve:   connect /ws/messaging/7/?token=$jwt_ann
eve:   expect_close 4001 token expired
nginx: status connections 1



=== TEST 3: who is silent is pinged and closed in due time, and typing ends so
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_ping_interval 1s;
            messaging_ping_timeout 1s;
            messaging_typing_timeout 1s;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+36000"}
bob: {"user_id":2,"exp":"+36000"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
nginx: clock 7200
bob:   not_before 500ms within 3s recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
nginx: clock -7200
bob:   not_before 500ms within 3s recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann,bob: within 3s recv_ping
nginx: clock 7200
ann,bob: recv_none 2500ms
ann:   auto_pong off
nginx: clock -7200
ann:   not_before 500ms within 6s expect_close 4000 no sign of life
bob:   recv_none 50ms
nginx: status connections 1



=== TEST 4: keys are read again whatever the time
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_jwks keys.json;
            messaging_access any;
        }
--- conf_files
>>> keys.json < $TEST_NGINX_KEYS/rsa.jwks.json
--- jwt
ann: {"user_id":1,"exp":"+36000"} key=rsa kid=rsa
new: {"user_id":1,"exp":"+36000"} key=rsa-other kid=rsa-other
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: clock -7200
nginx: copy_file $TEST_NGINX_KEYS/rsa-other.jwks.json keys.json
new:   connect_retry /ws/messaging/7/?token=$jwt_new
nginx: clock 7200
nginx: copy_file $TEST_NGINX_KEYS/rsa.jwks.json keys.json
old:   connect_retry /ws/messaging/7/?token=$jwt_ann



=== TEST 5: a line a minute is one a minute
--- jwt
ann: {"user_id":1,"exp":"+36000"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 junk
nginx: status broker.dropped 1
nginx: clock 7200
redis: publish messaging:7 junk
nginx: status broker.dropped 2
nginx: clock -7200
redis: publish messaging:7 junk
nginx: status broker.dropped 3
--- grep_error_log eval: qr/payload for channel "7" dropped/
--- grep_error_log_out
payload for channel "7" dropped
