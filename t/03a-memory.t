
# Copyright (C) The ngx_http_messaging_module authors

# messaging_max_queued: the memory of a worker for messages that wait.  It is
# each worker's own: one worker here, so that all clients share it.
#
# The listening socket has a small send buffer: all but a part of the first
# frame waits for a client that does not read.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
workers(1);

sub http {
    return "messaging_max_queued 900k;\nmessaging_send_buffer 2m;\n"
           . "messaging_max_message 512k;\n" . ($_[0] // '') . <<'EOC';
server {
    listen 127.0.0.1:$TEST_NGINX_TLS_PORT ssl sndbuf=4096;
    ssl_certificate $TEST_NGINX_KEYS/cert.pem;
    ssl_certificate_key $TEST_NGINX_KEYS/cert.key;
    server_name none;
}
EOC
}

sub config {
    return <<'EOC';
listen 127.0.0.1:$TEST_NGINX_REDIS_PORT sndbuf=4096;
location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
    messaging on;
    messaging_conversation $conversation;
    messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
    messaging_access any;
}
location = /status {
    messaging_status on;
}
EOC
}

# clients that do not read, each on the conversation given
sub stalled {
    my (%on) = @_;

    return join '', map {
        "$_: rcvbuf 4096\n$_: port \$TEST_NGINX_REDIS_PORT\n"
        . "$_: connect /ws/messaging/$on{$_}/?token=\$jwt_ann\n"
        . "$_: stall\n"
    } sort keys %on;
}

# frames of 60,000 bytes
sub publish {
    my ($conversation, $first, $last) = @_;

    return "backend: publish_series $first..$last $conversation"
           . " {\"n\":%d,\"x\":\"%{60000}\"}\n";
}

sub gets {
    my ($who, $first, $last) = @_;

    return "$who: recv_series $first..$last /^\\{\"n\":%d,\"x\":\"x{60000}\"\\}\$/\n";
}

# half of a message
sub half {
    my ($who, $n) = @_;

    return "$who: frame fin=0 text={\"type\":\"ping\",\"x\":\"" . 'x' x $n . "\n";
}

sub largest {
    return stalled(lots => 1, medium => 2, few => 3)
    . "idle: connect /ws/messaging/4/?token=\$jwt_ann\n"
    . publish(3, 1, 1) . publish(2, 1, 5) . "nginx: status broker.received 6\n"
    . publish(1, 1, 12) . <<'EOS'
nginx: expect_log /messaging memory is used up: (9\d{5}|1\d{6}) bytes of 921600 wait, [5-7]\d{5} of them for this client/
nginx: expect_log /messaging connection closed with 1013: out of memory/
nginx: status limits.queued 1
lots: resume
EOS
    . gets('lots', 1, 1) . "lots: expect_close 1013 out of memory\n"
    . "nginx: status closes.1013 1\n"
    . "few,medium: resume\n"
    . gets('few', 1, 1) . gets('medium', 1, 5) . publish(4, 1, 8)
    . gets('idle', 1, 8) . <<'EOS';
few,medium,idle: send {"type":"ping"}
few,medium,idle: recv {"type":"pong"}
nginx: status limits.queued 1
nginx: status queued_bytes 0
EOS
}

# nothing but a frame that has begun waits for them: to give up what waits
# frees nothing
sub begun {
    return stalled(few => 3) . <<'EOS'
backend: publish 3 {"x":"%{25000}"}
EOS
    . CORE::join('', map { stalled("c$_" => 100 + $_) . publish(100 + $_, 1, 1) }
           1 .. 16) . <<'EOS'
nginx: status broker.received 17
nginx: status limits.queued 2
nginx: expect_log /(?s)(client is cut off in the middle of a frame.*){2}/
nginx: status connections 15
c1,c2,few,c3..c16: resume
c1,c2: expect_gone
c1,c2: may_close
few: recv /^\{"x":"x{25000}"\}$/
EOS
    . gets('c3..c16', 1, 1) . <<'EOS';
few,c3..c16: send {"type":"ping"}
few,c3..c16: recv {"type":"pong"}
nginx: status limits.queued 2
nginx: status queued_bytes 0
EOS
}

# who was told to go has not gone as long as such a frame waits
sub told {
    return CORE::join('', map {
        stalled("c$_" => 100 + $_) . publish(100 + $_, 1, 2)
    } 1 .. 15) . <<'EOS' . stalled(few => 3) . <<'EOS';
nginx: status limits.send_buffer 15
EOS
backend: publish 3 {"x":"%{25000}"}
nginx: expect_log /(?s)(client is cut off in the middle of a frame.*){2}/
nginx: status connections 14
c1,c2: may_close
c1,c2,few: resume
c1,c2: expect_gone
few: recv /^\{"x":"x{25000}"\}$/
few: send {"type":"ping"}
few: recv {"type":"pong"}
c3..c15: resume
c3..c15: recv /^\{"n":1,"x":"x{60000}"\}$/
c3..c15: expect_close 1013 slow consumer
nginx: status limits.queued 0
nginx: status queued_bytes 0
EOS
}

run_tests();

__DATA__

=== TEST 1: who has the most waiting is closed first, and the others stay
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::largest()



=== TEST 2: the same over TLS
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"tls on\n" . main::largest()



=== TEST 3: a message that many wait for counts once
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::stalled(map { $_ => 1 } 'a' .. 'f') . main::publish(1, 1, 12) . <<'EOS' . main::gets('a,b,c,d,e,f', 1, 12) . <<'EOS'
nginx: status broker.received 12
nginx: no_log /closed with (?!1013: broker unavailable)/
nginx: status limits.queued 0
a,b,c,d,e,f: resume
EOS
nginx: status queued_bytes 0
EOS



=== TEST 4: where nothing else helps all that wait are closed, and nobody else
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::stalled(map { $_ => 1 } 'a' .. 'f') . <<'EOS' . CORE::join('', map { main::publish(1, @$_) . main::gets('ann', @$_) } [1, 7], [8, 14], [15, 20]) . <<'EOS' . main::gets('a,b,c,d,e,f', 1, 1) . <<'EOS'
ann: connect /ws/messaging/1/?token=$jwt_ann
EOS
nginx: status limits.queued 6
a,b,c,d,e,f: resume
EOS
a,b,c,d,e,f: expect_close 1013 out of memory
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
nginx: status closes.1013 6
nginx: status queued_bytes 0
EOS



=== TEST 5: half of a message counts, by what was received
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<'EOS' . main::half('b', 150_000) . main::half('c', 150_000) . main::half('d', 50_000) . <<'EOS' . main::half('a', 500_000) . <<'EOS'
a,b,c,d,e: connect /ws/messaging/1/?token=$jwt_ann
e: frame fin=0 len=64:500000 text={"type":"ping"
EOS
a: auto_close off
EOS
nginx: expect_log /messaging connection closed with 1013: out of memory/
a: expect_close 1013 out of memory
nginx: status limits.queued 1
b,c,d: frame op=cont hex=227d
b,c,d: recv {"type":"pong"}
e: reset
nginx: status queued_bytes 0
nginx: status connections 4
a: close 1013
a: expect_eof
nginx: status closes.1013 1
EOS



=== TEST 6: what is left of a message after a Close of ours is not kept
--- http_config eval
main::http("messaging_close_timeout 60s;\n")
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+3"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . main::half('ann', 100_000) . main::half('bob', 100_000) . <<'EOS'
ann: connect /ws/messaging/1/?token=$jwt_ann
bob: connect /ws/messaging/1/?token=$jwt_bob
ann: auto_close off
bob: auto_close off
EOS
ann: expect_close 4001 token expired
bob: frame fin=0 op=ping len=4 text=ab
bob: send_binary 00
bob: expect_close 1002 protocol error
bob: expect_eof
nginx: status queued_bytes 0
nginx: status connections 1
ann: frame fin=0 op=cont x=1000
ann: close 4001
ann: expect_eof
nginx: status closes.4001 1
nginx: status queued_bytes 0
EOS



=== TEST 7: a burst to who reads is no reason to close anybody
--- http_config eval
main::http() =~ s/max_queued 900k/max_queued 30k/r =~ s/^server \{.*//msr
--- config eval
main::config() =~ s/^listen.*\n//r
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<'EOS' . main::publish(1, 1, 20) . main::gets('a,b,c,d', 1, 20) . <<'EOS'
a,b,c,d: connect /ws/messaging/1/?token=$jwt_ann
EOS
nginx: status limits.queued 0
nginx: status queued_bytes 0
EOS



=== TEST 8: who is closing gives up what waits, and completes the close
--- http_config eval
main::http("messaging_close_timeout 60s;\n")
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::stalled(gone => 1, here => 2) . main::publish(1, 1, 10) . <<'EOS' . main::publish(2, 1, 8) . <<'EOS' . main::gets('gone', 1, 1) . "gone: expect_close 1000\n" . main::gets('here', 1, 8) . <<'EOS'
nginx: status broker.received 10
gone: close 1000
nginx: status subscriptions 1
EOS
nginx: status broker.received 18
nginx: status limits.queued 1
nginx: no_log /out of memory/
gone,here: resume
EOS
nginx: status closes.1000 1
nginx: status queued_bytes 0
EOS



=== TEST 9: messaging_max_queued 0 switches it off
--- http_config eval
main::http() =~ s/max_queued 900k/max_queued 0/r
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::stalled(a => 1) . main::publish(1, 1, 30) . <<'EOS' . main::gets('a', 1, 30) . <<'EOS'
nginx: status broker.received 30
nginx: status limits.queued 0
a: resume
EOS
nginx: status queued_bytes 0
EOS



=== TEST 10: who has nothing to give up but a frame that has begun is cut off
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::begun()



=== TEST 11: the same over TLS
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"tls on\n" . main::begun()



=== TEST 12: who was told to go is cut off before others are told
--- http_config eval
main::http("messaging_close_timeout 60s;\n") =~ s/send_buffer 2m/send_buffer 70k/r
--- config eval
main::config()
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::told()
