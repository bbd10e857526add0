
# Copyright (C) The ngx_http_messaging_module authors

# A host name in messaging_redis: found when nginx starts, asked for at each
# connect where there is a "resolver", or neither.
#
# not in: embedded (it is about Redis)

use strict;
use warnings;

use IO::Socket::INET;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# the names that nobody knows should not take long at the start either
$ENV{RES_OPTIONS} = 'timeout:1 attempts:1';

# A name server.  It knows what stands in conf/dns at that moment, in lines of
# "NAME ADDRESS ..." or "NAME RCODE"; it says nothing to any other question.
# The port is the system's choice.

my $dns = IO::Socket::INET->new(Proto => 'udp', LocalAddr => '127.0.0.1')
    or die "cannot open a UDP socket: $@\n";
$ENV{TEST_NGINX_DNS_PORT} = $dns->sockport;

my $dns_pid = Test::Nginx::WebSocket::Process::spawn(sub {
    while (defined $dns->recv(my $query, 512)) {
        my $answer = answer($query);
        $dns->send($answer) if defined $answer;
    }
});

END {
    local $?;
    Test::Nginx::WebSocket::Process::finish($dns_pid, 'KILL', 5) if $dns_pid;
}

sub answer {
    my ($query) = @_;
    my ($id, $question) = unpack 'n x10 a*', $query;
    my ($end, @labels) = 0;

    # RFC 1035, section 4.1.2
    while (my $length = ord substr $question, $end, 1) {
        push @labels, substr $question, $end + 1, $length;
        $end += $length + 1;
    }
    my $name = CORE::join '.', @labels;
    my $type = unpack 'n', substr $question, $end + 1;

    open my $in, '<', "$ENV{TEST_NGINX_SERVROOT}/conf/dns" or return;
    my ($known) = grep { @$_ && $_->[0] eq $name } map { [split] } readline $in;
    return unless $known;

    my (undef, @values) = @$known;
    my $code = $values[0] =~ /\A\d+\z/ ? shift @values : 0;
    my @records = $type != 1 ? ()
        : map { pack 'n n n N n/a*', 0xc00c, 1, 1, 0, pack 'C4', split /\./ }
              @values;
    return pack('n6', $id, 0x8180 | $code, 1, scalar @records, 0, 0)
           . substr($question, 0, $end + 5) . CORE::join '', @records;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a name of /etc/hosts, without a resolver
--- redis_args: --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.1
--- messaging_http
messaging_redis redis://localhost:$TEST_NGINX_REDIS_PORT;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
--- no_error_log
[error]



=== TEST 2: a name that nobody knows, without a resolver
--- messaging_http
messaging_redis redis://:s3cret@redis.invalid;
--- must_die
--- error_log
"redis.invalid:6379": host not found in "messaging_redis", write a "resolver" directive or an address
--- no_error_log
s3cret



=== TEST 3: it is the resolver of the http block that counts
--- messaging_http
messaging_redis redis://redis.invalid:6380/2;
--- config
        resolver 127.0.0.1:$TEST_NGINX_DNS_PORT;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
"redis.invalid:6380": host not found in "messaging_redis", write a "resolver" directive or an address



=== TEST 4: a resolver that does not answer: nginx starts and serves; once it answers, all is well
--- redis_args: --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.1
--- messaging_http
resolver 127.0.0.1:$TEST_NGINX_DNS_PORT;
resolver_timeout 1s;
messaging_redis redis://redis.invalid:$TEST_NGINX_REDIS_PORT;
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /status {
            messaging_status on;
        }

        location /other {
            return 200 here;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   http GET /other
ann:   expect_status 200
ann:   expect_body /^here$/
nginx: expect_log /\[error\] .* messaging redis "redis\.invalid:\d+": host could not be resolved \(Operation timed out\)/
nginx: status redis.ready 0
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   expect_close 1013 broker unavailable
nginx: write_file dns redis.invalid 127.0.0.1
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}



=== TEST 5: of several addresses each is tried, before anything is wrong
--- redis_args: --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.5
--- conf_files
>>> dns
redis.invalid 127.0.0.3 127.0.0.4 127.0.0.5
--- messaging_http
resolver 127.0.0.1:$TEST_NGINX_DNS_PORT;
messaging_redis redis://redis.invalid:$TEST_NGINX_REDIS_PORT;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
redis: kill_subscribers
ann:   recv {"type":"resync","within_ms":"<int>"}
redis: publish messaging:7 {"n":2}
ann:   recv_raw {"n":2}
--- no_error_log
connect()



=== TEST 6: Redis moves to another address, and is found there
--- redis_args: --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.2
--- conf_files
>>> dns
redis.invalid 127.0.0.2
--- messaging_http
resolver 127.0.0.1:$TEST_NGINX_DNS_PORT ipv6=off;
messaging_redis redis://redis.invalid:$TEST_NGINX_REDIS_PORT;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: stop
nginx: status redis.ready 0
nginx: write_file dns redis.invalid 127.0.0.6
redis: start --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.6
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}



=== TEST 7: the name is not known yet, or its server fails: a line in the log, and asked again
--- redis_args: --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.1
--- conf_files
>>> dns
redis.invalid 3
--- messaging_http
resolver 127.0.0.1:$TEST_NGINX_DNS_PORT;
messaging_redis redis://redis.invalid:$TEST_NGINX_REDIS_PORT;
--- websocket
nginx: status redis.ready 0
nginx: write_file dns redis.invalid 2
wait 300ms
nginx: write_file dns redis.invalid 127.0.0.1
nginx: status redis.ready $WORKERS
--- grep_error_log eval: qr/\[error\] .*?\K host could not be resolved .*/
--- grep_error_log_out eval
" host could not be resolved (Host not found)\n" x (2 * main::workers())



=== TEST 8: the resolver does not know it, but it was found at the start
--- redis_args: --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.1
--- conf_files
>>> dns
localhost 3
--- messaging_http
resolver 127.0.0.1:$TEST_NGINX_DNS_PORT;
messaging_redis redis://localhost:$TEST_NGINX_REDIS_PORT;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
--- grep_error_log eval: qr/\[error\] .*?\K host could not be resolved .*/
--- grep_error_log_out eval
" host could not be resolved (Host not found), its addresses at start are used\n" x (2 * main::workers())



=== TEST 9: what the resolver says goes before what was found at the start
--- redis_args: --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.2
--- conf_files
>>> dns
localhost 127.0.0.2
--- messaging_http
resolver 127.0.0.1:$TEST_NGINX_DNS_PORT;
messaging_redis redis://localhost:$TEST_NGINX_REDIS_PORT;
--- websocket
nginx: status redis.ready $WORKERS
--- no_error_log
[error]



=== TEST 10: an address needs no resolver
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- messaging_http
resolver 127.0.0.1:$TEST_NGINX_DNS_PORT;
resolver_timeout 1s;
messaging_redis redis://127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- websocket
nginx: status redis.ready $WORKERS
--- no_error_log
[error]
could not be resolved



=== TEST 11: a reload and the end while the resolver is silent
--- redis_args: --port $TEST_NGINX_REDIS_PORT --bind 127.0.0.1
--- messaging_http
resolver 127.0.0.1:$TEST_NGINX_DNS_PORT;
resolver_timeout 60s;
messaging_redis redis://redis.invalid:$TEST_NGINX_REDIS_PORT;
--- websocket
nginx: status redis.ready 0
nginx: reload
nginx: within 3s expect_workers $WORKERS
nginx: status redis.ready 0
nginx: quit
nginx: within 3s expect_exit
