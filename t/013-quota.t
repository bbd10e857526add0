# Copyright (C) The ngx_http_messaging_module authors

# messaging_user_connections and messaging_address_connections: over all
# workers, exactly, and whatever becomes of connections and workers.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
workers(2) if workers() == 1 && master_process_enabled() eq 'on';

$ENV{TEST_NGINX_HEADERS} = "Host: localhost\\r\\nUpgrade: websocket\\r\\n"
    . "Connection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\n"
    . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n";

our $Workers = master_process_enabled() eq 'on' ? workers() : 1;

# a counter of all slots takes half a page of the zone; the table of revocations
# is a part of the rest
my $counters = do {
    open my $fh, '<', 'src/ngx_messaging_shm.h' or die "shm.h: $!\n";
    local $/;
    () = <$fh> =~ /^    NGX_MESSAGING_STAT_\w+,$/gm;
};

# the least that will do for two generations of workers, and less than what a
# third and a fourth need besides
our $Zone = int((32 * $Workers + $counters / 2 + 37) * 4120 / 1024) + 48;

# one client on each worker, that does not answer its Close: the worker stays
my $held = 0;

sub hold {
    my ($name) = @_;
    my @held;
    my $script = '';

    for my $n (1 .. $Workers) {
        $script .= "$name$n: auto_close off\n$name$n: "
                 . (@held ? 'connect_apart ' . join(',', @held) : 'connect')
                 . " /ws/messaging/7/?token=\$jwt_ann\n";
        push @held, "$name$n";
    }

    # a second "reload" would wait for those that stay
    return $script . 'nginx: ' . ($held ? 'signal HUP' : 'reload') . "\n"
           . "nginx: expect_workers " . $Workers * (1 + ++$held) . "\n"
           . join(',', @held) . ": expect_close 1012 server reload\n";
}

run_tests();

__DATA__

=== TEST 1: a user has so many connections, on all workers and endpoints together
--- http_config
messaging_user_connections 3;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":"1x","exp":"+300"}
text: {"user_id":"1","exp":"+300"}
--- websocket
a1: connect /ws/messaging/7/?token=$jwt_ann
a2: connect_apart a1 /ws/messaging/8/?token=$jwt_ann
a3: connect /ws/messaging/?token=$jwt_ann
a4: connect /ws/messaging/7/?token=$jwt_ann
a4: expect_close 1013 too many connections
a5: connect_apart a1 /ws/messaging/?token=$jwt_ann
a5: expect_close 1013 too many connections

# as text it is the same user
a6: connect /ws/messaging/7/?token=$jwt_text
a6: expect_close 1013 too many connections
b1,b2,b3: connect /ws/messaging/7/?token=$jwt_bob
b4: connect_apart b1 /ws/messaging/7/?token=$jwt_bob
b4: expect_close 1013 too many connections

nginx: expect_log /messaging handshake refused: user_connections/
nginx: status refusals.user_connections 4
nginx: status closes.1013 4
nginx: status accepted 6
nginx: status connections 6



=== TEST 2: a place is free again when its connection has ended, in any way
--- http_config
messaging_user_connections 2;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
a1: connect /ws/messaging/7/?token=$jwt_ann
a2: connect_apart a1 /ws/messaging/7/?token=$jwt_ann
a1: close 1000
a1: expect_close 1000
nginx: status connections 1
a1: connect_apart a2 /ws/messaging/7/?token=$jwt_ann
x: connect /ws/messaging/7/?token=$jwt_ann
x: expect_close 1013 too many connections
a2: drop
nginx: status connections 1
a2: connect_apart a1 /ws/messaging/7/?token=$jwt_ann
x: connect /ws/messaging/7/?token=$jwt_ann
x: expect_close 1013 too many connections
a1: reset
nginx: status connections 1
a1: connect /ws/messaging/7/?token=$jwt_ann
x: connect /ws/messaging/7/?token=$jwt_ann
x: expect_close 1013 too many connections

# closed by the server
a1: send {"type":"auth","token":"junk"}
a1: expect_close 4001 token invalid
nginx: status connections 1
a1: connect /ws/messaging/7/?token=$jwt_ann
x: connect /ws/messaging/7/?token=$jwt_ann
x: expect_close 1013 too many connections
nginx: status refusals.user_connections 4



=== TEST 3: an address has so many, and its tokens are not looked at
--- http_config
messaging_address_connections 2;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
a,b,c,x: from 127.0.0.2
a: connect /ws/messaging/7/?token=$jwt_ann
b: connect_apart a /ws/messaging/?token=$jwt_bob
c: refused 503 /ws/messaging/7/?token=$jwt_ann
c: expect_header Retry-After /^[1-9][0-9]*$$/
c: refused 503 /ws/messaging/7/
x: refused 503 /ws/messaging/7/?token=junk
nginx: status refusals.address_connections 3
nginx: status refusals.token_missing 0
nginx: status refusals.token_malformed 0
nginx: status closes.4001 0
nginx: expect_log /messaging handshake refused: address_connections/
d: connect /ws/messaging/7/?token=$jwt_ann
e: from 127.0.0.3
e: connect_apart a /ws/messaging/7/?token=$jwt_ann
a: drop
nginx: status connections 3
c: connect_apart b /ws/messaging/7/?token=$jwt_ann
x: refused 503 /ws/messaging/7/?token=$jwt_ann
nginx: status connections 4



=== TEST 4: exactly so many of fifty
--- http_config
messaging_user_connections 20;
messaging_address_connections 30;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
a1..a20: connect /ws/messaging/7/?token=$jwt_ann
a21..a30: connect /ws/messaging/7/?token=$jwt_ann
a21..a30: expect_close 1013 too many connections
b1..b10: connect /ws/messaging/7/?token=$jwt_bob
b11..b20: refused 503 /ws/messaging/7/?token=$jwt_bob
nginx: status connections 30
nginx: status refusals.user_connections 10
nginx: status refusals.address_connections 10
a1..a20: drop
nginx: status connections 10
a1..a20: connect /ws/messaging/7/?token=$jwt_ann
b11: refused 503 /ws/messaging/7/?token=$jwt_bob



=== TEST 5: those that are refused take no place while they are told so
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_address_connections 2;
        messaging_user_connections 1;
        messaging_close_timeout 60s;
        messaging_access claim=rooms;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+300","rooms":[7]}
bob: {"user_id":2,"exp":"+300","rooms":[7]}
--- websocket
x1..x9: auto_close off
x1..x3: connect /ws/messaging/7/
x1..x3: expect_close 4001 token missing
x4..x6: connect /ws/messaging/8/?token=$jwt_ann
x4..x6: expect_close 4003 no access
nginx: status connections 0
a: connect /ws/messaging/7/?token=$jwt_ann
x7..x9: connect_apart a /ws/messaging/7/?token=$jwt_ann
x7..x9: expect_close 1013 too many connections
nginx: status connections 1
b: connect /ws/messaging/7/?token=$jwt_bob
b2: refused 503 /ws/messaging/7/?token=$jwt_bob
x1..x9: drop
a: drop
nginx: status connections 1
a: connect /ws/messaging/7/?token=$jwt_ann
a2: refused 503 /ws/messaging/7/?token=$jwt_ann



=== TEST 6: a limit is the location's, the count is everybody's
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;

        location = /ws/two/ {
            messaging on;
            messaging_user_connections 2;
        }

        location = /ws/four/ {
            messaging on;
            messaging_address_connections 4;
        }

        location = /ws/any/ {
            messaging on;
        }

        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
a: connect /ws/two/?token=$jwt_ann
b: connect_apart a /ws/any/?token=$jwt_ann
x: connect /ws/two/?token=$jwt_ann
x: expect_close 1013 too many connections
c: connect /ws/any/?token=$jwt_ann
d: connect_apart c /ws/four/?token=$jwt_ann
x: refused 503 /ws/four/?token=$jwt_ann
x: connect /ws/any/?token=$jwt_ann
b,c,d: drop
nginx: status connections 2
b: connect /ws/four/?token=$jwt_ann
x: drop
b: drop
nginx: status connections 1
b: connect /ws/two/?token=$jwt_ann
nginx: status connections 2



=== TEST 7: messaging_reject http: 503
--- http_config
messaging_user_connections 1;
messaging_reject http;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
a: connect /ws/messaging/7/?token=$jwt_ann
b: refused 503 /ws/messaging/7/?token=$jwt_ann
b: expect_header Retry-After /^[1-9][0-9]*$$/
nginx: status refusals.user_connections 1
nginx: status connections 1



=== TEST 8: the address is that of ngx_http_realip_module, an IPv6 one counts by its network
--- http_config
messaging_address_connections 1;
set_real_ip_from 127.0.0.1;
real_ip_header X-Real-IP;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
a,a2: header X-Real-IP: 10.0.0.1
b: header X-Real-IP: 10.0.0.2
c: header X-Real-IP: 2001:db8:1:2::1
c2: header X-Real-IP: 2001:db8:1:2:3::9
d: header X-Real-IP: 2001:db8:1:3::1
e: header X-Real-IP: ::ffff:10.0.0.2
a,b,c,d: connect /ws/messaging/7/?token=$jwt_ann
a2,c2,e: refused 503 /ws/messaging/7/?token=$jwt_ann
nginx: status refusals.address_connections 3
a: drop
nginx: status connections 3
a2: connect /ws/messaging/7/?token=$jwt_ann



=== TEST 9: the share of a worker that was killed no longer counts
--- http_config
messaging_user_connections 3;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
a1: connect /ws/messaging/7/?token=$jwt_ann
a2: connect_apart a1 /ws/messaging/7/?token=$jwt_ann
a3: connect_apart a1 /ws/messaging/7/?token=$jwt_ann
x:  connect /ws/messaging/7/?token=$jwt_ann
x:  expect_close 1013 too many connections
nginx: kill_worker_of a1
a1: expect_gone
nginx: expect_workers $WORKERS
a1: connect_apart a2 /ws/messaging/7/?token=$jwt_ann
x:  connect /ws/messaging/7/?token=$jwt_ann
x:  expect_close 1013 too many connections
a3: may_close
nginx: kill_worker_of a2
a2: expect_gone
nginx: expect_workers $WORKERS
a2: connect_apart a1 /ws/messaging/7/?token=$jwt_ann
nginx: status refusals.user_connections 2



=== TEST 10: old and new workers count together
--- http_config
messaging_user_connections 3;
messaging_close_timeout 60s;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
a1..a2: auto_close off
a1: connect /ws/messaging/7/?token=$jwt_ann
a2: connect_apart a1 /ws/messaging/7/?token=$jwt_ann
nginx: reload
a1,a2: expect_close 1012 server reload
nginx: status connections 2
a3: connect /ws/messaging/7/?token=$jwt_ann
x:  connect_apart a3 /ws/messaging/7/?token=$jwt_ann
x:  expect_close 1013 too many connections
a1: drop
nginx: status connections 2
a4: connect_apart a3 /ws/messaging/7/?token=$jwt_ann
x:  connect /ws/messaging/7/?token=$jwt_ann
x:  expect_close 1013 too many connections
a2: drop
nginx: expect_workers $WORKERS
a5: connect /ws/messaging/7/?token=$jwt_ann
x:  connect /ws/messaging/7/?token=$jwt_ann
x:  expect_close 1013 too many connections



=== TEST 11: a client that leaves while it waits for its 101 leaves nothing behind
--- http_config
messaging_user_connections 3;
messaging_address_connections 3;
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
fake: hang SUBSCRIBE
a,b,c: open
a,b,c: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n"
nginx: status connections 3
x: refused 503 /ws/messaging/7/?token=$jwt_ann
x: from 127.0.0.2
x: connect /ws/messaging/7/?token=$jwt_ann
x: expect_close 1013 too many connections
a: drop
b: reset
nginx: status connections 1
a,b: open
a,b: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\n" \
    "$TEST_NGINX_HEADERS\r\n"
nginx: status connections 3
x: connect /ws/messaging/7/?token=$jwt_ann
x: expect_close 1013 too many connections
a,b,c: drop
nginx: status connections 0
fake: normal
a,b,c: connect /ws/messaging/8/?token=$jwt_ann
x: connect /ws/messaging/8/?token=$jwt_ann
x: expect_close 1013 too many connections



=== TEST 12: to connect and to leave, again and again, leaves nothing behind
--- http_config
messaging_user_connections 2;
messaging_address_connections 2;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
(<<'ROUND' x 25) . <<'EOS';
a: connect /ws/messaging/7/?token=$jwt_ann
b: connect_apart a /ws/messaging/7/?token=$jwt_bob
x: refused 503 /ws/messaging/7/?token=$jwt_bob
a: drop
b: reset
nginx: status connections 0
ROUND
a,b: connect /ws/messaging/7/?token=$jwt_ann
x: refused 503 /ws/messaging/7/?token=$jwt_ann
x: from 127.0.0.2
x: connect /ws/messaging/7/?token=$jwt_ann
x: expect_close 1013 too many connections
nginx: status refusals.address_connections 26
nginx: status accepted 52
EOS



=== TEST 13: a zone without room for the counts is refused, and says what it takes
--- not_in: embedded (the zone is too small to relay, which is refused first)
--- http_config
messaging_zone chat:448k;
messaging_user_connections 10;
--- must_die
--- error_log eval
qr/\[emerg\] .*zone "chat" is too small for "messaging_user_connections" or "messaging_address_connections" of \d+ workers with 1024 connections each: write "messaging_zone chat:1m;"/



=== TEST 14: also at a reload, which leaves everything as it was
--- not_in: embedded (the zone is too small to relay, which is refused first)
--- http_config
messaging_zone chat:448k;
include quota.conf;
--- conf_files
>>> quota.conf
messaging_user_connections 0;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- allow_log
zone "chat" is too small
--- websocket
a,b: connect /ws/messaging/7/?token=$jwt_ann
nginx: write_file quota.conf messaging_user_connections 1;
nginx: signal HUP
nginx: expect_log /zone "chat" is too small/
a: send {"type":"ping"}
a: recv {"type":"pong"}
c: connect /ws/messaging/7/?token=$jwt_ann
nginx: status connections 3
nginx: expect_workers $WORKERS



=== TEST 15: more generations of workers than there is room for: limits hold less, nobody is turned away
--- not_in: embedded (the zone is too small to relay, which is refused first)
--- http_config eval
"messaging_zone chat:${main::Zone}k;\n"
. "messaging_user_connections " . (3 * $main::Workers + 1) . ";\n"
. "messaging_close_timeout 60s;\nmessaging_drain 100ms;\n"
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
main::hold('a') . main::hold('b') . main::hold('c') . <<'EOS';
nginx: expect_log /\[error\] .*messaging zone has no room to count connections of users and addresses: this worker counts its own only/
last: connect /ws/messaging/7/?token=$jwt_ann
last: send {"type":"ping"}
last: recv {"type":"pong"}
EOS



=== TEST 16: a request that is refused and goes on elsewhere is counted once
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;
        messaging_address_connections 1;

        location = /ws/a/ {
            messaging on;
            messaging_channel $arg_c;
            error_page 404 = /ws/b/?$args;
        }
        location = /ws/b/ {
            messaging on;
            messaging_channel user:5;
        }
        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a: connect /ws/a/?token=$jwt_ann&c=x
nginx: status connections 1
b: refused 503 /ws/b/?token=$jwt_ann
a: drop
nginx: status connections 0
a: connect /ws/b/?token=$jwt_ann
--- error_log
is not a channel
