# Descriptors and connections of a worker that are used up: who is there
# stays, who comes waits or is turned away, and Redis is found again as soon
# as there is a descriptor for it.
#
# not in: tls (who is not accepted cannot begin TLS either)

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

# a few for nginx and both connections to Redis, or for what workers without
# Redis wake each other by, and about forty more
sub limit {
    return 'worker_rlimit_nofile '
           . ($ENV{TEST_NGINX_EMBEDDED} ? 64 : 50) . ";\n";
}

# as "connect", but not waited for: "expect_status 101" does that
sub handshake {
    my ($client) = @_;
    return "$client: open\n"
         . "$client: bytes \"GET /ws/messaging/8/?token=\$jwt_eve HTTP/1.1\\r\\nHost: x\\r\\n"
         . 'Upgrade: websocket\r\nConnection: Upgrade\r\n'
         . 'Sec-WebSocket-Version: 13\r\n'
         . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n\"\n";
}

__DATA__

=== TEST 1: no descriptor is left: who is there talks on, who comes waits for his turn
--- main_config eval: main::limit()
--- jwt
ann: {"user_id":1,"exp":"+60"}
eve: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . CORE::join('', map { main::handshake("e$_") } 1 .. 60) . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
ann:    talk stay
EOS
nginx:  expect_log /\[crit\] .* accept4?\(\) failed \(24: /
nginx:  expect_idle
ann:    expect_talked 5
e1..e20: expect_status 101
e1..e20: drop
e50..e60: reset
e21..e49: expect_status 101
e21..e49: reset
ann:    hush
ann:    expect_heard
ann:    expect_resyncs 0
nginx:  status redis.lost 0
ann:    drop
nginx:  expect_baseline
EOS



=== TEST 2: none is left when Redis is lost: it is found again when there is one
--- main_config eval: main::limit()
--- jwt
ann: {"user_id":1,"exp":"+60"}
eve: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . CORE::join('', map { main::handshake("e$_") } 1 .. 60) . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
ann:    talk stay
ann:    expect_talked 3
EOS
e1..e20: expect_status 101
nginx:  expect_log /\[crit\] .* accept4?\(\) failed \(24: /

# those that wait take the descriptors of both connections, and keep them
e1..e60: may_close
e1..e60: auto_close off
redis:  kill
nginx:  expect_log /socket\(\) failed \(24: /
redis:  start
nginx:  expect_idle
e1..e60: reset
ann:    expect_resyncs 1
ann:    expect_talked 3
ann:    hush
ann:    expect_heard
nginx:  status redis.ready 1
nginx:  expect_log /\[notice\] .* connection restored/
ann:    drop
nginx:  expect_baseline
EOS
--- allow_log
\[alert\] .* socket\(\) failed \(24: Too many open files\)



=== TEST 3: a new set of keys cannot be read without one: the old ones stay, and later the new ones come
--- main_config eval: main::limit()
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_jwks keys.json;
            messaging_access any;
        }

        location = /status {
            messaging_status on;
        }
--- conf_files
>>> keys.json < $TEST_NGINX_KEYS/rsa.jwks.json
--- jwt
ann: {"user_id":1,"exp":"+60"} key=rsa kid=rsa
eve: {"user_id":2,"exp":"+60"} key=rsa kid=rsa
new: {"user_id":3,"exp":"+60"} key=rsa-other kid=rsa-other
--- websocket eval
<<'EOS' . CORE::join('', map { main::handshake("e$_") } 1 .. 60) . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
ann:    talk stay
EOS
nginx:  expect_log /\[crit\] .* accept4?\(\) failed \(24: /
nginx:  copy_file $TEST_NGINX_KEYS/rsa-other.jwks.json keys.json
nginx:  expect_log /\[error\] .* open\(\) ".*keys\.json" failed \(24: /
e1..e60: reset
nginx:  expect_log /JWK set ".*keys\.json" was read again/
bob:    connect_retry /ws/messaging/7/?token=$jwt_new
bob:    recv {"type":"new_message","...":0}
bob:    ignore /new_message/
ann:    hush
ann:    expect_heard
ann,bob: drop
nginx:  expect_baseline
EOS
--- allow_log
open\(\) .* failed \(24: Too many open files\)



=== TEST 4: worker_connections: from 15/16 on nginx drops connections that wait for a request, never a WebSocket
--- jwt
ann: {"user_id":1,"exp":"+60"}
eve: {"user_id":2,"exp":"+60"}
--- websocket
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
ann:    talk stay
c1..c30: connect /ws/messaging/8/?token=$jwt_eve
e1..e30: open
nginx:  expect_log /\[warn\] .* worker_connections are not enough, reusing connections/
ann:    expect_talked 5
c1..c30: send {"type":"ping"}
c1..c30: recv {"type":"pong"}
e29..e30: bytes "GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
e30:    expect_status 200
e1..e28: reset
nginx:  status connections 31
ann:    hush
ann:    expect_heard
ann:    expect_resyncs 0
c1..c30: drop
ann:    drop
nginx:  expect_baseline



=== TEST 5: 15/16 in use by WebSockets: who comes is dropped, these go on, and Redis finds a place
--- jwt
ann: {"user_id":1,"exp":"+60"}
eve: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . CORE::join('', map { main::handshake("e$_") } 1 .. 70) . <<'EOS';
nginx:  remember_baseline
ann:    connect /ws/messaging/7/?token=$jwt_ann
ann:    talk stay
EOS
nginx:  expect_log /64 worker_connections are not enough/
ann:    expect_talked 5
nginx:  expect_idle
e1..e30: expect_status 101
e1..e30: send {"type":"ping"}
e1..e30: recv {"type":"pong"}

# the rest is for Redis; where all came at once nginx had not yet begun to
# drop any, and some still wait to be accepted
e31..e70: reset
redis:  kill
redis:  start
ann:    expect_resyncs 1
ann:    expect_talked 5
e1..e30: may_close
e1..e30: reset
ann:    hush
ann:    expect_heard
nginx:  status redis.ready 1
ann:    drop
nginx:  expect_baseline
EOS
--- allow_log
64 worker_connections are not enough
