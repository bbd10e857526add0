
# Copyright (C) The ngx_http_messaging_module authors

# What a client misses that reads too slowly: typing but for its latest state,
# then all typing, presence, receipts, in this order; never a message.
#
# The listening socket has a small send buffer, so that the first frame of
# 60,000 bytes goes out in part at most: whatever follows waits behind it.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();

our $SIZE = 40000;

# room for M0 and four frames of 40,000 bytes, and for some short ones
sub http {
    return "messaging_send_buffer 223k;\n" . ($_[0] // '') . <<'EOC';
server {
    listen 127.0.0.1:$TEST_NGINX_TLS_PORT ssl sndbuf=4096;
    ssl_certificate $TEST_NGINX_KEYS/cert.pem;
    ssl_certificate_key $TEST_NGINX_KEYS/cert.key;
    server_name none;
}
EOC
}

sub config {
    my $on = <<'EOC';
    messaging on;
    messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
    messaging_access any;
EOC

    return <<'EOC'
listen 127.0.0.1:$TEST_NGINX_REDIS_PORT sndbuf=4096;
location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
    messaging_conversation $conversation;
EOC
           . "$on}\nlocation = /ws/messaging/ {\n$on}\n"
           . "location = /status {\n    messaging_status on;\n}\n";
}

sub jwt {
    return join '', map { "$_->[0]: {\"user_id\":$_->[1],\"exp\":\"+60\"}\n" }
           [qw( ann 1 )], [qw( bob 2 )], [qw( slow 9 )];
}

# a client whose socket is full: M0 has begun and all that follows waits
sub stalled {
    my ($path) = @_;

    return "slow: rcvbuf 4096\nslow: port \$TEST_NGINX_REDIS_PORT\n"
           . "slow: connect " . ($path // '/ws/messaging/7/')
           . "?token=\$jwt_slow\nslow: stall\n";
}

# M1: a message, R1 a receipt, P1 presence, T1 typing of the user 1
sub kind {
    my ($name) = @_;

    return '@ k=receipt\n' if $name =~ /^R/;
    return '@ k=presence\n' if $name =~ /^P/;
    return "@ x=$1 k=typing\\n" if $name =~ /^T(\d+)/;
    return '@ k=typing\n' if $name =~ /^T/;
    return '';
}

# only a payload in Redis can say of which kind it is
sub frame {
    my ($conversation, $name, $json) = @_;
    my $kind = kind($name);

    return "backend: publish $conversation $json\n" if $kind eq '';
    $json =~ s/"/\\"/g;
    return "redis: publish_raw messaging:$conversation \"$kind$json\"\n";
}

sub publish {
    return join '', map {
        my $n = ($_ eq 'M0' ? 60000 : $SIZE) - length($_) - 14;
        frame(7, $_, "{\"n\":\"$_\",\"x\":\"" . 'x' x $n . '"}')
    } map { split } @_;
}

sub small {
    my ($conversation, @names) = @_;

    return join '', map {
        frame($conversation, $_, "{\"n\":\"$_\"}")
    } map { split } @names;
}

sub gets {
    my ($who, @names) = @_;

    return join '', map {
        my $n = ($_ eq 'M0' ? 60000 : $SIZE) - length($_) - 14;
        "$who: recv /^\\{\"n\":\"$_\",\"x\":\"x{$n}\"\\}\$/\n"
    } map { split } @names;
}

sub gets_small {
    my ($who, @names) = @_;

    return join '', map { "$who: recv_raw {\"n\":\"$_\"}\n" }
           map { split } @names;
}

# the others have read each before the next one comes: on a busy machine they
# would be slow themselves; the typing of T1 is their own
sub one_by_one {
    return join '', map {
        publish($_) . ($_ eq 'T1' ? '' : gets('c1..c4', $_))
    } map { split } @_;
}

# each of the kinds has to give way to those above it and to no other
sub order {
    my $all = 'M0 T1 P1 R1 T2 M1 T3 P2 P3 R2 M2 R3 P4 M3 M4 T4';

    return stalled() . <<'EOS'
c1..c4: connect /ws/messaging/7/?token=$jwt_ann
EOS
    . one_by_one($all) . <<'EOS'
nginx: status sheds.typing 4
nginx: status sheds.presence 4
nginx: status sheds.receipt 3
nginx: status sheds.typing_coalesced 0
nginx: status limits.send_buffer 0
nginx: expect_log /(?s)\A(?=.*leaving out typing)(?=.*leaving out presence)(?=.*leaving out receipts)(?!.*leaving out (\w+)\b.*leaving out \1)/
EOS
    . <<'EOS'
slow: resume
EOS
    . gets('slow', 'M0 M1 M2 M3 M4')
    # who has caught up gets everything again, and the log its next line
    . small(7, 'T1 P1 R1')
    . gets_small('slow', 'T1 P1 R1') . gets_small('c1..c4', 'P1 R1')
    . "slow: stall\n" . one_by_one('M0 T2 P2 R2 M1 T3 T5') . <<'EOS'
nginx: status sheds.typing 6
nginx: status sheds.presence 4
nginx: expect_log /(?s)leaving out typing.*leaving out typing/
slow: resume
EOS
    . gets('slow', 'M0 T2 P2 R2 M1') . <<'EOS';
slow,c1..c4: recv_none 100ms
nginx: status queued_bytes 0
EOS
}

sub latest {
    return stalled() . publish('M0')
    . small(7, 'T1a T2a M1 T1b R1 T1c T Tx M2 T2b P1 T3a T3b') . <<'EOS'
nginx: status broker.received 14
nginx: status sheds.typing_coalesced 4
slow: resume
EOS
    . gets('slow', 'M0')
    . gets_small('slow', 'M1 R1 T1c T Tx M2 T2b P1 T3b') . <<'EOS'
nginx: status sheds.typing 0
nginx: expect_log /messaging client is slow, sending only the latest typing/
nginx: no_log /leaving out/
slow: stall
EOS
    # what has begun to leave stays, even if it is typing
    . publish('T1') . small(7, 'T1a T1b') . publish('P1 M1 M2 M3 M0') . <<'EOS'
nginx: status sheds.typing 1
nginx: status sheds.presence 1
nginx: status sheds.typing_coalesced 5
slow: resume
EOS
    . gets('slow', 'T1 M1 M2 M3 M0') . <<'EOS';
slow: recv_none 100ms
nginx: status queued_bytes 0
EOS
}

run_tests();

__DATA__

=== TEST 1: typing is left out first, then presence, then receipts, for nobody but who is slow
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::order()



=== TEST 2: the same over TLS
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
"tls on\n" . main::order()



=== TEST 3: of typing that waits only the latest state of a user is sent, in its place
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::latest()



=== TEST 4: the same over TLS
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
"tls on\n" . main::latest()



=== TEST 5: typing of clients, who all see the others' every state
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled() . <<'EOS' . main::publish('M0') . main::gets('ann,bob', 'M0') . <<'EOS' . main::gets('slow', 'M0') . <<'EOS'
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
EOS
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: send {"type":"typing"}
ann: recv {"type":"typing_indicator","user_id":2,"is_typing":true}
ann: send {"type":"message","content":"hello"}
ann,bob: recv {"type":"new_message","message":{"id":"<int>","content":"hello","...":0}}
ann: send {"type":"typing","is_typing":false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann: send {"type":"read"}
ann,bob: recv {"type":"read_receipt","reader_id":1,"read_at":"<now>"}
nginx: status sheds.typing_coalesced 1
slow: resume
EOS
slow: recv {"type":"typing_indicator","user_id":2,"is_typing":true}
slow: recv {"type":"new_message","message":{"id":"<int>","content":"hello","...":0}}
slow: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
slow: recv {"type":"read_receipt","reader_id":1,"read_at":"<any>"}
EOS



=== TEST 6: a user types in each conversation for itself
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled('/ws/messaging/') . <<'EOS' . main::publish('M0') . main::small(7, 'T7a T8a T7b') . main::small(8, 'T7c T8b T8c') . <<'EOS'
slow: resume
slow: send {"type":"subscribe","conversation_id":7}
slow: send {"type":"subscribe","conversation_id":8}
slow: recv_unordered {"type":"subscribed","conversation_id":7} {"type":"subscribed","conversation_id":8}
slow: stall
EOS
nginx: status broker.received 7
nginx: status sheds.typing_coalesced 2
slow: resume
slow: recv /^\{"conversation_id":7,"n":"M0",/
slow: recv {"conversation_id":7,"n":"T8a"}
slow: recv {"conversation_id":7,"n":"T7b"}
slow: recv {"conversation_id":8,"n":"T7c"}
slow: recv {"conversation_id":8,"n":"T8c"}
slow: recv_none 100ms
EOS



=== TEST 7: the latest of a thousand users each, however they come
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled() . main::publish('M0') . <<'EOS' . main::gets('slow', 'M0') . <<'EOS'
redis: command EVAL "local u = 1 for r = 1, 4 do for i = 1, 1000 do if r == 4 then u = i else u = u * 11 % 1009 end redis.call('PUBLISH', 'messaging:7', '@ k=typing x=u' .. u .. string.char(10) .. '{\"u\":' .. u .. ',\"r\":' .. r .. '}') end end" 0
redis: expect_reply null
nginx: status broker.received 4001
nginx: status sheds.typing 0
slow: ignore /"u":100[1-9]/
slow: resume
EOS
slow: recv_series 1..1000 {"u":%d,"r":4}
slow: recv_none 100ms
nginx: status queued_bytes 0
EOS



=== TEST 8: of a thousand users of whom some were left out meanwhile no old state stays
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
my $round = <<'EOS';
redis: command EVAL "local u = 1 for i = 1, 1000 do u = u * 11 % 1009 redis.call('PUBLISH', 'messaging:7', '@ k=typing x=u' .. u .. string.char(10) .. '{\"u\":' .. u .. ',\"r\":ROUND,\"x\":\"' .. string.rep('x', 70) .. '\"}') end" 0
redis: expect_reply null
EOS
main::stalled() . main::publish('M0') . $round =~ s/ROUND/1/r . main::publish('M1 M2 M3') . $round =~ s/ROUND/2/r . <<'EOS' . main::gets('slow', 'M0 M1 M2 M3') . <<'EOS'
nginx: status broker.received 2004
nginx: status limits.send_buffer 0
slow: ignore /"r":2/
slow: resume
slow: send {"type":"ping"}
EOS
slow: recv {"type":"pong"}
nginx: status queued_bytes 0
EOS



=== TEST 9: a message that does not fit even so closes the connection
--- http_config eval
main::http()
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled() . <<'EOS' . main::publish('M0 T1 M1 R1 P1 M2 M3 M4 M5') . <<'EOS' . main::gets('slow', 'M0') . <<'EOS' . main::gets('ann', 'M0 M1 R1 P1 M2 M3 M4 M5') . "ann: recv_none 100ms\n"
ann: connect /ws/messaging/7/?token=$jwt_ann
EOS
nginx: expect_log /messaging connection closed with 1013: slow consumer/
nginx: status limits.send_buffer 1
nginx: status sheds.typing 1
nginx: status sheds.presence 1
nginx: status sheds.receipt 1
slow: resume
EOS
slow: expect_close 1013 slow consumer
nginx: status closes.1013 1
nginx: status queued_bytes 0
EOS



=== TEST 10: answers are never left out
--- http_config eval
main::http('messaging_send_buffer 64k;') =~ s/^messaging_send_buffer 223k;//r
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled() . main::publish('M0') . <<'EOS'
nginx: status broker.received 1
slow: send_series 1..400 {"type":"none","n":%d}
nginx: expect_log /messaging connection closed with 1013: slow consumer/
nginx: status limits.send_buffer 1
slow: resume
slow: recv /^\{"n":"M0"/
slow: expect_close 1013 slow consumer
EOS



=== TEST 11: of the pongs that wait the last one answers the latest ping, RFC 6455, section 5.5.3
--- http_config eval
main::http("messaging_max_pongs 3;\n")
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled() . main::publish('M0') . <<'EOS' . main::small(7, 'M1') . <<'EOS' . main::gets('slow', 'M0') . <<'EOS'
nginx: status broker.received 1
slow: ping a
slow: ping b
slow: ping c
slow: send {"type":"ping"}
slow: ping d
nginx: status sheds.pong 1
EOS
nginx: status broker.received 2
slow: ping e
nginx: status sheds.pong 2
slow: ping f
nginx: status sheds.pong 3
nginx: expect_log /messaging client is slow, leaving out pongs/
slow: resume
EOS
slow: recv_pong a
slow: recv_pong b
slow: recv {"type":"pong"}
slow: recv_raw {"n":"M1"}
slow: recv_pong f
slow: ping g
slow: recv_pong g
slow: recv_none 100ms
nginx: status queued_bytes 0
EOS



=== TEST 12: who reads gets a pong for every ping, and all typing
--- http_config eval
"messaging_max_pongs 3;\n"
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
<<'EOS' . CORE::join('', map { "ann: ping $_\n" } 1 .. 200) . "ann: uncork\n" . CORE::join('', map { "ann: recv_pong $_\n" } 1 .. 200) . <<'EOS'
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
EOS
redis: command EVAL "for i = 1, 300 do redis.call('PUBLISH', 'messaging:7', '@ k=typing x=5' .. string.char(10) .. '{\"n\":' .. i .. '}') end" 0
redis: expect_reply null
ann: recv_series 1..300 {"n":%d}
nginx: status sheds.pong 0
nginx: status sheds.typing_coalesced 0
EOS



=== TEST 13: who answers pings and never reads is ended by the send buffer
--- http_config eval
main::http("messaging_ping_interval 600ms; messaging_ping_timeout 900ms; messaging_close_timeout 500ms;\n")
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled() . main::publish('M0 M1 M2 M3') . "slow: may_close\n" . "slow: pong\nwait 300ms\n" x 7 . <<'EOS' . main::publish('M4 M5') . <<'EOS'
nginx: no_log /closed with (?!1013: broker unavailable)/
EOS
nginx: expect_log /messaging connection closed with 1013: slow consumer/
nginx: status limits.send_buffer 1
nginx: status limits.close_timeout 1
nginx: status closes.1013 1
nginx: status connections 0
nginx: status queued_bytes 0
EOS



=== TEST 14: who neither reads nor answers is ended by 4000, then cut off
--- http_config eval
main::http("messaging_ping_interval 300ms; messaging_ping_timeout 300ms; messaging_close_timeout 500ms;\n")
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled() . main::publish('M0 M1') . <<'EOS'
slow: may_close
nginx: expect_log /messaging connection closed with 4000: no sign of life/
nginx: expect_log /messaging client did not complete the close handshake/
nginx: status limits.close_timeout 1
nginx: status closes.4000 1
nginx: status connections 0
nginx: status queued_bytes 0
EOS



=== TEST 15: the answer to a Close that nobody reads is not waited for
--- http_config eval
main::http("messaging_close_timeout 500ms;\n")
--- config eval
main::config()
--- jwt eval
main::jwt()
--- websocket eval
main::stalled() . main::publish('M0 M1') . <<'EOS'
nginx: status broker.received 2
slow: may_close
slow: close 1000
nginx: expect_log /messaging client did not complete the close handshake/
nginx: status limits.close_timeout 1
nginx: status closes.1000 1
nginx: status connections 0
nginx: status queued_bytes 0
EOS
