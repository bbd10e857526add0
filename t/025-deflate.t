
# Copyright (C) The ngx_http_messaging_module authors

# permessage-deflate, RFC 7692, through a running worker: what is agreed on,
# what clients send compressed, and what they get.

use strict;
use warnings;

use Compress::Raw::Zlib qw( Z_SYNC_FLUSH Z_FINISH Z_DEFAULT_STRATEGY );

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

my $Offer = 'Sec-WebSocket-Extensions: permessage-deflate';

# a client each that offers VALUE, or several lines, and gets this answer
sub offers {
    my ($path, @pairs) = @_;
    my ($n, $text) = (0, '');

    while (my ($offer, $answer) = splice @pairs, 0, 2) {
        $n++;
        $text .= "o$n: header Sec-WebSocket-Extensions: $_\n"
            for ref $offer ? @$offer : $offer;
        $text .= "o$n: connect $path\n"
               . "o$n: expect_header Sec-WebSocket-Extensions $answer\n"
               . "o$n: send {\"type\":\"ping\"}\no$n: recv_plain {\"type\":\"pong\"}\n"
               . "o$n: close 1000\no$n: expect_close 1000\n";
    }
    return $text;
}

# clients that offer compression, each with these parameters
sub clients {
    my ($names, $path, $params) = @_;
    $params //= '';
    return "$names: header $Offer$params\n$names: connect $path\n";
}

# the same, of which some are failed: such a connection is not waited for
sub rude {
    my ($names, @more) = @_;
    return "$names: auto_close off\n" . clients($names, @more);
}

# all of them on one worker, whatever is running
sub on_one_worker {
    my ($names, $path) = @_;
    my @others = map { "w$_" } 1 .. workers() - 1;
    my $text = '';

    for my $i (0 .. $#others) {
        my $before = CORE::join ',', @others[0 .. $i - 1];
        $text .= "$others[$i]: connect" . ($i ? "_apart $before" : '')
               . " /ws/messaging/other/?token=\$jwt_ann\n";
    }
    my $apart = @others ? '_apart ' . CORE::join ',', @others : '';
    return "$text$names: header $Offer\n$names: connect$apart $path\n";
}

# the payload of a compressed message, in hex
sub deflated {
    my ($text, %arg) = @_;
    my $z = Compress::Raw::Zlib::Deflate->new(-WindowBits => -15,
        -Level => $arg{level} // 6, -AppendOutput => 1);
    my $out = '';

    $z->deflate($text, $out);
    $z->flush($out, $arg{final} ? Z_FINISH : Z_SYNC_FLUSH);
    $out = substr $out, 0, -4 unless $arg{final};
    return unpack 'H*', $out;
}

# text that gets smaller, and text that does not
sub words {
    my ($size) = @_;
    return substr join('', map { "word $_, " } 1 .. $size / 4), 0, $size;
}

sub noise {
    my ($size) = @_;
    my $state = 42;
    my @letters = ('A' .. 'Z', 'a' .. 'z', 0 .. 9, '+', '-');
    return join '', map {
        $state = ($state * 1103515245 + 12345) & 0x7fffffff;
        $letters[$state >> 16 & 63];
    } 1 .. $size;
}

my $One = q{
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_max_content 1000000;
            MORE
        }

        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_max_content 1000000;
            MORE
        }

        location = /status {
            messaging_status on;
        }
};

sub locations {
    my ($more) = @_;
    return $One =~ s/MORE/$more/gr;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: offers and their answers
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $p = 'permessage-deflate';
my $both = '; server_no_context_takeover; client_no_context_takeover';

main::offers('/ws/messaging/7/?token=$jwt_ann',
    $p => "$p$both",
    "$p; client_max_window_bits" => "$p$both",
    "$p; client_max_window_bits=12" => "$p$both; client_max_window_bits=12",
    "$p; server_max_window_bits=10" => "$p$both; server_max_window_bits=10",
    "$p; server_max_window_bits=\"9\"; client_max_window_bits"
        => "$p$both; server_max_window_bits=9",
    "$p; server_no_context_takeover; client_no_context_takeover" => "$p$both",
    "$p; server_max_window_bits=8" => 'none',
    "$p; server_max_window_bits=8, $p" => "$p$both",
    "$p; unknown, $p; client_max_window_bits=07, $p; server_max_window_bits=13"
        => "$p$both; server_max_window_bits=13",
    "$p; server_max_window_bits" => 'none',
    "$p; client_max_window_bits; client_max_window_bits" => 'none',
    "$p; server_no_context_takeover=yes" => 'none',
    "x-webkit-deflate-frame" => 'none',
    ['foo; bar="a, b"', "$p; server_max_window_bits=16",
     "$p; server_max_window_bits=11", $p]
        => "$p$both; server_max_window_bits=11",
    'Permessage-Deflate;Server_Max_Window_Bits = 14'
        => "$p$both; server_max_window_bits=14")



=== TEST 2: a smaller window of the configuration
--- config eval
main::locations('messaging_deflate_window_bits 11;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $p = 'permessage-deflate';
my $both = '; server_no_context_takeover; client_no_context_takeover';

main::offers('/ws/messaging/7/?token=$jwt_ann',
    $p => "$p$both; server_max_window_bits=11",
    "$p; client_max_window_bits"
        => "$p$both; server_max_window_bits=11; client_max_window_bits=11",
    "$p; client_max_window_bits=9; server_max_window_bits=12"
        => "$p$both; server_max_window_bits=11; client_max_window_bits=9",
    "$p; server_max_window_bits=10" => "$p$both; server_max_window_bits=10")



=== TEST 3: context takeover is agreed on where both want it
--- config eval
CORE::join '', map { my $t = $_; qq{
        location ~ ^/$t/(?<conversation>[^/]+)/\$ {
            messaging on;
            messaging_conversation \$conversation;
            messaging_jwt_key HS256 data:\$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_deflate_context_takeover $t;
        }
} } qw( on server client off )
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $p = 'permessage-deflate';
my ($s, $c) = map { "; ${_}_no_context_takeover" } qw( server client );

main::offers('/on/7/?token=$jwt_ann',
    $p => $p, "$p$s" => "$p$s", "$p$c" => "$p$c", "$p$c$s" => "$p$s$c")
. main::offers('/server/7/?token=$jwt_ann',
    $p => "$p$c", "$p$s" => "$p$s$c", "$p$c" => "$p$c")
. main::offers('/client/7/?token=$jwt_ann',
    $p => "$p$s", "$p$s" => "$p$s", "$p$c" => "$p$s$c")
. main::offers('/off/7/?token=$jwt_ann', $p => "$p$s$c")



=== TEST 4: switched off, RSV1 is an error
--- config eval
main::locations('messaging_deflate off;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::offers('/ws/messaging/7/?token=$jwt_ann', 'permessage-deflate' => 'none')
. main::rude('ann', '/ws/messaging/7/?token=$jwt_ann') . q{
backend: publish 7 {"text":"} . main::words(2000) . q{"}
ann: recv_plain {"text":"<string>"}
ann: frame rsv=4 hex=00
ann: expect_close 1002 protocol error
ann: expect_eof
nginx: status deflate.messages 0
}



=== TEST 5: who is refused gets no extension
--- jwt
old: {"user_id":1,"exp":"-60"}
--- websocket
ann: header Sec-WebSocket-Extensions: permessage-deflate
ann: connect /ws/messaging/7/?token=$jwt_old
ann: expect_header Sec-WebSocket-Extensions none
ann: expect_close 4001 token expired



=== TEST 6: RSV1 is for the first frame of a message of a client that asked
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $path = '/ws/messaging/7/?token=$jwt_ann';
my $case = sub {
    my ($name, $frames) = @_;
    return main::rude($name, $path)
        . CORE::join('', map { "$name: $_\n" } @$frames)
        . "$name: expect_close 1002 protocol error\n$name: expect_eof\n";
};

"nobody: auto_close off
nobody: connect $path
nobody: frame rsv=4 hex=" . main::deflated('{"type":"ping"}') . '
nobody: expect_close 1002 protocol error
nobody: expect_eof
' . $case->('ping', ['frame op=ping rsv=4'])
  . $case->('pong', ['frame op=pong rsv=4'])
  . $case->('close', ['frame op=close rsv=4'])
  . $case->('cont', ['frame fin=0 rsv=4 hex=00', 'frame op=cont rsv=4'])
  . $case->('plain', ['frame fin=0 text=a', 'frame op=cont rsv=4'])
  . $case->('rsv2', ['frame rsv=2'])
  . $case->('rsv3', ['frame rsv=1'])
  . $case->('both', ['frame rsv=6 hex=00'])



=== TEST 7: compressed and plain messages of one client
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::clients('ann', '/ws/messaging/7/?token=$jwt_ann') . q~
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send_deflated {"type":"ping"}
ann: recv_plain {"type":"pong"}
ann: send {"type":"ping"}
ann: recv_plain {"type":"pong"}
ann: send_deflated {"type":"message","content":"hello"}
ann: recv {"type":"new_message","message":{"content":"hello","...":0}}
bob: recv {"type":"new_message","message":{"content":"hello","...":0}}
ann: send_deflated {"type":
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
ann: frame rsv=4 hex=00
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
nginx: status messages.in 5
nginx: status inflate.messages 4
nginx: status inflate.bytes_out 59
nginx: status inflate.failed 0
~



=== TEST 8: RSV1 of the first fragment is that of the message, whatever stands between
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $hex = main::deflated('{"type":"ping"}');
my $long = main::deflated('{"type":"message","content":"'
                          . main::words(1500) . '"}');

main::clients('ann', '/ws/messaging/7/?token=$jwt_ann') . '
ann: frame fin=0 rsv=4
' . CORE::join('', map { "ann: ping $_\nann: recv_pong $_\n"
                   . "ann: frame op=cont fin=0 hex=$_\n" } $hex =~ /../g) . '
ann: pong x
ann: frame op=cont
ann: recv_plain {"type":"pong"}
ann: split 7
ann: frame rsv=4 hex=' . $long . '
ann: recv_deflated {"type":"new_message","message":{"content":"' . main::words(1500) . '","...":0}}
ann: split off
ann: frame fin=0 text={"type"
ann: frame op=cont text=:"ping"}
ann: recv_plain {"type":"pong"}
nginx: status inflate.messages 2
'



=== TEST 9: compressed frames that come with the request
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
'ann: cork
ann: frame rsv=4 hex=' . main::deflated('{"type":"ping"}') . '
' . main::clients('ann', '/ws/messaging/7/?token=$jwt_ann') . '
ann: recv_plain {"type":"pong"}
'



=== TEST 10: final blocks end no message
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my ($a, $b) = map { main::deflated($_, final => 1) } '{"type":', '"ping"}';

main::clients('ann', '/ws/messaging/7/?token=$jwt_ann') . "
ann: frame rsv=4 hex=$a${b}00
ann: recv {\"type\":\"pong\"}
ann: frame rsv=4 hex=$a$b
ann: recv {\"type\":\"pong\"}
ann: frame rsv=4 hex=$a" . main::deflated('"ping"}') . '
ann: recv {"type":"pong"}
'



=== TEST 11: a bomb is stopped, and the others are served
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::rude('ann,eve,eva', '/ws/messaging/7/?token=$jwt_ann')
. main::rude('bob', '/ws/messaging/7/?token=$jwt_bob') . '
eve: frame rsv=4 hex=' . main::deflated("\0" x 40_000_000, level => 9) . '
eve: expect_close 1009 message too big
eve: expect_eof
eva: frame fin=0 rsv=4 hex=' . main::deflated(' ' x 100_000) . '
ann: send_deflated {"type":"message","content":"hello"}
ann: recv {"type":"new_message","message":{"content":"hello","...":0}}
bob: recv {"type":"new_message","message":{"content":"hello","...":0}}
eva: recv {"type":"new_message","message":{"content":"hello","...":0}}
eva: frame op=cont
eva: expect_close 1009 message too big
eva: expect_eof
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
nginx: status inflate.too_big 2
nginx: status inflate.messages 1
nginx: status closes.1009 2
nginx: expect_log /messaging connection closed with 1009: message too big/
'



=== TEST 12: what is no deflate stream
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $path = '/ws/messaging/7/?token=$jwt_ann';
my $whole = main::deflated('{"type":"ping"}');
my %case = (garbage => 'ffffffff', type3 => '06', json => unpack('H*', '{"type":"ping"}'),
            cut => substr($whole, 0, 8), block => substr($whole, 0, -2),
            nothing => '', distance => '02130000',
            zlib => '789cab562aa92c4855b2522ac8cc4b57aa05002c2305aa',
            tail => '000f00f0ff' . unpack 'H*', '{"type":"p "');
CORE::join('', map {
    main::rude($_, $path) . "$_: frame rsv=4 hex=$case{$_}\n"
    . "$_: send_text x\n"
    . "$_: expect_close 1007 invalid compressed data\n$_: expect_eof\n" } sort keys %case) . '
nginx: status inflate.failed ' . keys(%case) . '
nginx: status inflate.messages 0
nginx: status messages.in 0
nginx: expect_log /messaging connection closed with 1007: invalid compressed data/
'



=== TEST 13: UTF-8 is that of the message, not of what was sent
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $path = '/ws/messaging/7/?token=$jwt_ann';

main::rude('ann,eve,eva,evi', $path) . '
ann: frame rsv=4 hex=' . main::deflated(qq({"type":"message","content":"\xe2\x82\xac"})) . '
ann,eve,eva,evi: recv {"type":"new_message","message":{"content":"€","...":0}}
eve: frame rsv=4 hex=' . main::deflated(qq({"type":"message","content":"\xe2\x82"})) . '
eve: expect_close 1007 invalid UTF-8
eve: expect_eof
eva: frame rsv=4 hex=' . main::deflated(qq({"type":"ping"}\xe2)) . '
eva: expect_close 1007 invalid UTF-8
eva: expect_eof
evi: frame rsv=4 op=binary hex=' . main::deflated('{"type":"ping"}') . '
evi: expect_close 1003 binary message
evi: expect_eof
ann: frame fin=0 rsv=4 hex=' . substr(main::deflated('{"type":"ping"}'), 0, 6) . '
ann: frame op=cont hex=' . substr(main::deflated('{"type":"ping"}'), 6) . '
ann: recv {"type":"pong"}
nginx: status inflate.failed 0
nginx: status messages.in 2
'



=== TEST 14: messaging_max_message is a limit to the byte, compressed or not
--- config eval
main::locations('messaging_max_message 5000;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $ping = sub { '{"type":"ping"' . ' ' x ($_[0] - 15) . '}' };
my $path = '/ws/messaging/7/?token=$jwt_ann';
my $stored = main::deflated($ping->(5000), level => 0);

main::rude('ann,eve,eva,evi', $path) . '
ann: frame rsv=4 hex=' . main::deflated($ping->(5000)) . '
ann: recv {"type":"pong"}
ann: frame rsv=4 hex=' . $stored . '
ann: recv {"type":"pong"}
ann: frame rsv=4 hex=' . '000000ffff' x 130 . main::deflated($ping->(4000), level => 0) . '
ann: recv {"type":"pong"}
eve: frame rsv=4 hex=' . main::deflated($ping->(5001)) . '
eve: expect_close 1009 message too big
eve: expect_eof
eva: frame rsv=4 len=5690
eva: expect_close 1009 message too big
eva: expect_eof
evi: frame rsv=4 len=5689
evi: recv_none 50ms
evi: reset
nginx: status inflate.messages 3
nginx: status inflate.too_big 1
'



=== TEST 15: large messages, and the buffers they leave
--- not_in: embedded (a message is at most 960k long)
--- config eval
main::locations('messaging_max_message 1m;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $text = main::words(700_000);

main::clients('ann', '/ws/messaging/7/?token=$jwt_ann')
. CORE::join '', map { "
ann: send_deflated {\"type\":\"message\",\"content\":\"$text\"}
ann: recv_deflated {\"type\":\"new_message\",\"message\":{\"content\":\"$text\",\"...\":0}}
ann: send_deflated {\"type\":\"ping\"}
ann: recv_plain {\"type\":\"pong\"}
" } 1 .. 2



=== TEST 16: each gets a message as was agreed
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $text = main::words(1000);
my $new = qq({"type":"new_message","message":{"content":"$text","...":0}});

main::clients('ann', '/ws/messaging/7/?token=$jwt_ann') . qq{
bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob
ann: send_deflated {"type":"message","content":"$text"}
ann: recv_deflated $new
ann: expect_wire <600
bob: recv_plain $new
bob: expect_wire >1000
bob: send {"type":"message","content":"$text"}
ann: recv_deflated $new
bob: recv_plain $new
nginx: status deflate.messages 2
}



=== TEST 17: the many-conversation endpoint has a form of its own
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $text = main::words(1000);

main::on_one_worker('ann,bob', '/ws/messaging/?token=$jwt_ann')
. main::clients('carl', '/ws/messaging/7/?token=$jwt_bob') . q(
dora: connect /ws/messaging/?token=$jwt_bob
ann,bob,dora: send {"type":"subscribe","conversation_id":7}
ann,bob,dora: recv_plain {"type":"subscribed","conversation_id":7}
backend: publish 7 {"text":") . $text . q("}
ann,bob: recv_deflated {"conversation_id":7,"text":") . $text . q("}
carl: recv_deflated {"text":") . $text . q("}
dora: recv_plain {"conversation_id":7,"text":") . $text . q("}
nginx: status deflate.messages 2
)



=== TEST 18: short messages, and those that would not get shorter, are plain
--- http_config
    messaging_deflate_min_length 300;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $send = sub {
    my ($how, $text) = @_;
    return qq(backend: publish 7 {"text":"$text"}
ann: recv_$how {"text":"$text"}\n);
};

# of nearly all bytes that UTF-8 has, in no order
my $random = CORE::join '', map { sprintf '\x%02x\x%02x\x%02x\x%02x',
        0x20 + $_ % 95, 0x20 + ($_ >> 7) % 95, 0xc3 + $_ % 29,
        0x80 + ($_ >> 5) % 64 }
    map { ($_ * 1103515245 + 12345 >> 8) & 0xffffff } 1 .. 75;

main::clients('ann', '/ws/messaging/7/?token=$jwt_ann')
. $send->('plain', 'a' x 288)
. $send->('deflated', 'a' x 289)
. qq(redis: publish_raw messaging:7 "{$random}"
ann: recv_plain /^\\{.{300}\\}\$/s
ann: expect_wire 302
)
. $send->('deflated', main::noise(2000)) . '
ann: expect_wire <1700
nginx: status deflate.messages 2
'



=== TEST 19: a message for twenty is compressed once, for all their windows
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $text = main::words(500);
my $want = qq({"text":"$text"});

main::on_one_worker('c1..c20', '/ws/messaging/7/?token=$jwt_ann') . qq{
backend: publish 7 $want
c1..c20: recv_deflated $want
nginx: status deflate.messages 1
nginx: status deflate.bytes_in @{[ length $want ]}
backend: publish 7 $want
c1..c20: recv_deflated $want
nginx: status deflate.messages 2
}



=== TEST 20: clients with all windows
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $short = '{"text":"' . main::words(200) . '"}';
my $long = '{"text":"' . main::words(60000) . '"}';
my $words = main::words(1900);
my $path = '/ws/messaging/7/?token=$jwt_ann';

# each window is used by one worker only
my $text = main::on_one_worker('c15', $path);
my ($apart) = $text =~ /^c15: connect(_apart \S+)? /m;
$apart //= '';

$text . CORE::join('', map { "c$_: header Sec-WebSocket-Extensions: permessage-deflate"
    . "; server_max_window_bits=$_; client_max_window_bits=$_\n"
    . "c$_: connect$apart $path\n" } 9 .. 14) . qq{
backend: publish 7 $long
c9..c15: recv_deflated $long
nginx: status deflate.messages 7
c9..c15: send_deflated {"type":"ping"}
c9..c15: recv_plain {"type":"pong"}
backend: publish 7 $short
c9..c15: recv_plain $short
} . CORE::join '', map { qq(
c$_: send_deflated {"type":"message","content":"$words"}
c9..c15: recv_deflated {"type":"new_message","message":{"content":"$words","...":0}}
) } 9 .. 15



=== TEST 21: messages shorter than their window are the same for all
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $want = '{"text":"' . main::words(700) . '"}';
my $path = '/ws/messaging/7/?token=$jwt_ann';
my $text = main::on_one_worker('c15', $path);
my ($apart) = $text =~ /^c15: connect(_apart \S+)? /m;
$apart //= '';

$text . CORE::join('', map { "c$_: header Sec-WebSocket-Extensions: permessage-deflate"
    . "; server_max_window_bits=$_\nc$_: connect$apart $path\n" } 10 .. 14)
. qq{
backend: publish 7 $want
c10..c15: recv_deflated $want
nginx: status deflate.messages 1
}



=== TEST 22: a client that takes its context over
--- config eval
main::locations('messaging_deflate_context_takeover client;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":1,"exp":"+60"}
--- websocket eval
my $text = main::words(1800);
my $new = qq({"type":"new_message","message":{"content":"$text","...":0}});
my $path = '/ws/messaging/7/?token=$jwt_ann';

# ann's second message is a reference to her first one, whatever others send
main::clients('ann', $path) . main::clients('bob', $path, '; client_max_window_bits=9')
. CORE::join '', map { qq{
ann: send_deflated {"type":"message","content":"$text"}
ann,bob: recv_deflated $new
bob: send_deflated {"type":"ping"}
bob: recv {"type":"pong"}
bob: send_deflated {"type":"message","content":"$text"}
ann,bob: recv_deflated $new
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
} } 1 .. 3



=== TEST 23: a context that was not agreed on is not there
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $z = Compress::Raw::Zlib::Deflate->new(-WindowBits => -15, -AppendOutput => 1);
my @hex = map {
    my $out = '';
    $z->deflate('{"type":"ping","padding":"abcdefghijklmnopqrst"}', $out);
    $z->flush($out, Compress::Raw::Zlib::Z_SYNC_FLUSH());
    unpack 'H*', substr $out, 0, -4;
} 1 .. 2;

main::rude('ann', '/ws/messaging/7/?token=$jwt_ann') . "
ann: frame rsv=4 hex=$hex[0]
ann: recv {\"type\":\"pong\"}
ann: frame rsv=4 hex=$hex[1]
ann: expect_close 1007 invalid compressed data
ann: expect_eof
"



=== TEST 24: a server that takes its context over, until it is idle
--- config eval
main::locations('messaging_deflate_context_takeover server;
                 messaging_ping_interval 2s;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $text = '{"text":"' . main::noise(400) . '"}';

main::on_one_worker('ann,bob', '/ws/messaging/7/?token=$jwt_ann') . qq{
backend: publish 7 $text
ann,bob: recv_deflated $text
ann,bob: expect_wire >250
nginx: status deflate.messages 2
backend: publish 7 $text
ann,bob: recv_deflated $text
ann,bob: expect_wire <30

# what may be left out for a slow client has no part in it
redis: publish_raw messaging:7 "@ k=typing\\n{\\"a\\":\\"@{['a' x 400]}\\"}"
ann,bob: recv_plain {"a":"@{['a' x 400]}"}
redis: publish_raw messaging:7 "@ k=receipt\\n{\\"a\\":\\"@{['a' x 400]}\\"}"
ann,bob: recv_plain {"a":"@{['a' x 400]}"}
backend: publish 7 {"short":1}
ann,bob: recv_plain {"short":1}
backend: publish 7 $text
ann,bob: recv_deflated $text
ann,bob: expect_wire <30

# the second ping comes when it was idle for longer than until the first
ann,bob: recv_ping
ann,bob: recv_ping
backend: publish 7 $text
ann,bob: recv_deflated $text
ann,bob: expect_wire >250
backend: publish 7 $text
ann,bob: recv_deflated $text
ann,bob: expect_wire <30
nginx: status deflate.messages 10
}



=== TEST 25: what does not get shorter is forgotten by the stream
--- config eval
main::locations('messaging_deflate_context_takeover on;')
--- http_config
    messaging_deflate_min_length 1;
    messaging_deflate_comp_level 9;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $text = '{"text":"' . main::noise(400) . '"}';
my $other = '{"0123456789":"abcdefghijkl"}';

main::clients('ann', '/ws/messaging/7/?token=$jwt_ann',
              '; server_max_window_bits=10; client_max_window_bits=10') . qq{
backend: publish 7 $text
ann: recv_deflated $text
backend: publish 7 $other
ann: recv_plain $other
backend: publish 7 $text
ann: recv_deflated $text
ann: expect_wire >250
backend: publish 7 $text
ann: recv_deflated $text
ann: expect_wire <30
ann: send_deflated {"type":"ping"}
ann: recv_plain {"type":"pong"}
ann: send_deflated {"type":"ping"}
ann: recv_plain {"type":"pong"}
}



=== TEST 26: over TLS
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $text = main::words(1900);
my $new = qq({"type":"new_message","message":{"content":"$text","...":0}});

"tls on\n" . main::clients('ann,bob', '/ws/messaging/7/?token=$jwt_ann') . qq{
ann: send_deflated {"type":"message","content":"$text"}
ann,bob: recv_deflated $new
bob: send_deflated {"type":"message","content":"$text"}
ann,bob: recv_deflated $new
}
