
# Copyright (C) The ngx_http_messaging_module authors

# The harness itself, without the module: what has to fail does fail, at the
# line and for the reason expected.  A WebSocket server of a few lines plays
# the server, since nginx would not send what is not allowed.

use strict;
use warnings;

use lib 't/lib';

BEGIN { $ENV{TEST_NGINX_MODULE} = 'none' }

use Digest::SHA qw( sha1_base64 );
use File::Temp ();
use IO::Socket::INET;
use MIME::Base64 qw( decode_base64url );
use Test::More;

use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::FakeRedis;
use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Match qw( as_bytes diff parse );
use Test::Nginx::WebSocket::Process;
use Test::Nginx::WebSocket::Redis;
use Test::Nginx::WebSocket::Scenario;

my $dir = File::Temp::tempdir(CLEANUP => 1);
my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
    or die "cannot listen: $!";
my $server = Test::Nginx::WebSocket::Process::spawn(sub {
    while (my $fh = $listen->accept) {
        Test::Nginx::WebSocket::Process::spawn(sub { serve($fh) });
        close $fh;
    }
});
my ($redis, $fake);

# "/status/404", or the bytes in hex to send behind the 101; then messages are
# echoed, but for "eof" and "reset", and the first close frame is answered
sub serve {
    my ($fh) = @_;
    my $in = '';

    sysread $fh, $in, 65536, length $in until $in =~ s/\A(.*?\r\n)\r\n//s;
    my $head = $1;

    if ($head =~ m{\APOST \S+\?to=(\d+) }) {
        syswrite $fh, "HTTP/1.1 $1 X\r\nContent-Length: 0\r\n\r\n";
        return;
    }

    my ($path) = $head =~ m{\AGET (\S+)};
    my ($key) = $head =~ /^Sec-WebSocket-Key: (\S+)/m;

    if ($path =~ m{/status/(\d+)}) {
        syswrite $fh, "HTTP/1.1 $1 X\r\nContent-Length: 7\r\nX-A: b\r\n\r\n"
                      . '{"a":1}';
        return;
    }

    my ($hex) = $path =~ m{/hex/(\w+)};
    $key = 'wrong' if $path =~ /wrong-accept/;
    syswrite $fh, "HTTP/1.1 101 X\r\nUpgrade: websocket\r\n"
        . "Connection: upgrade\r\nSec-WebSocket-Accept: "
        . sha1_base64($key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') . "=\r\n"
        . ($path =~ /extension/
           ? "Sec-WebSocket-Extensions: permessage-deflate"
             . ($path =~ m{extension=([\w;=]+)} ? $1 : '') . "\r\n" : '')
        . "\r\n" . pack 'H*', $hex // '';

    while (1) {
        while (length $in >= 6) {
            my ($first, $length) = unpack 'CC', $in;
            my $payload = substr $in, 6, $length &= 0x7f;
            last if length $payload < $length;

            $payload ^= substr substr($in, 2, 4) x 32, 0, $length;
            substr($in, 0, 6 + $length) = '';
            return if $payload eq 'eof';
            if ($payload eq 'reset') {
                setsockopt $fh, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
                return;
            }
            $first = 0x8a if $first == 0x89;
            return if $first == 0x88 && $path =~ /88/;
            syswrite $fh, pack('CC', $first, $length) . $payload;
            return if $first == 0x88;
        }
        sysread $fh, $in, 65536, length $in or return;
    }
}

# runs a scenario quietly: the names of what passed, and the failure
sub outcome {
    my ($text, %more) = @_;
    my (@passed, $why);
    my $scenario = Test::Nginx::WebSocket::Scenario->new(
        port => $listen->sockport, workers => 1, root => $dir, quiet => 0.02,
        redis => $redis, fake => $fake, %more, report => sub {
            my ($ok, $name, $diag) = @_;
            $ok ? push @passed, $name : ($why = "$name: $diag");
        });
    local $Test::Nginx::WebSocket::Stream::Timeout = delete $more{timeout};
    my $ok = $scenario->run($text, 'x');

    $why .= ' (but run() is true)' if defined $why && $ok;
    return (scalar @passed, $why);
}

sub passes {
    my ($name, $text, $assertions, %more) = @_;
    my ($passed, $why) = outcome($text, %more, timeout => 10);
    is($why, undef, "$name passes");
    is($passed, $assertions, "$name asserts");
}

sub fails {
    my ($name, $text, $reason, %more) = @_;
    my (undef, $why) = outcome($text, %more, timeout => 0.2);
    like($why // 'it passed', $reason, "$name fails");
}


# JSON

for my $case (['{"a":1,"b":[2,"x"]}', '{"b":[2,"x"],"a":1}', 1],
              ['{"a":"1"}', '{"a":1}'], ['{"a":1}', '{"a":"1"}'],
              ['{"a":true}', '{"a":1}'], ['{"a":false}', '{"a":true}'],
              ['{"a":null}', '{"a":0}'], ['{"a":null}', '{"a":null}', 1],
              ['{"a":1,"b":2}', '{"a":1}'], ['{"a":1}', '{"a":1,"b":2}'],
              ['{"a":1,"b":2}', '{"a":1,"...":0}', 1],
              ['{"b":2}', '{"a":1,"...":0}'], ['[1,2]', '[2,1]'],
              ['[1]', '[1,2]'], ['[1,2]', '[1]'], ['1.5', '1.50', 1],
              ['9007199254740993', '9007199254740992'],
              ['12345678901234567890', '"12345678901234567890"'],
              ['{"a":{"b":"x"}}', '{"a":{"b":"y"}}'], ['[]', '{}'],
              ['{"a":3}', '{"a":"<int>"}', 1], ['{"a":"3"}', '{"a":"<int>"}'],
              ['3.5', '"<int>"'], ['3.5', '"<num>"', 1], ['"3"', '"<num>"'],
              ['"x"', '"<string>"', 1], ['1', '"<string>"'],
              ['null', '"<any>"', 1], ['{}', '{"a":"<any>"}'],
              ['"2026-01-31T23:59:59.123Z"', '"<time>"', 1],
              ['"2026-01-31T23:59:59Z"', '"<time>"'],
              ['"2026-02-31T23:59:59.123Z"', '"<time>"'],
              ['"2026-01-31T23:59:59.123+00:00"', '"<time>"'],
              ['"2001-01-31T23:59:59.123Z"', '"<now>"'])
{
    my ($got, $want, $equal) = @$case;
    my $why = diff(parse($got), parse($want));
    ok($equal ? !$why : $why, "$got " . ($equal ? '==' : '!=') . " $want")
        or diag($why // 'no difference found');
}

is(as_bytes('"a\r\n\x00\"" 0d 0A0b'), "a\r\n\0\"\r\n\x0b", 'bytes');


# scenarios that pass

passes('an echo', <<'EOS', 12);
# a comment
alice: header X-A: b
alice: connect /
alice: expect_header Upgrade websocket
alice: expect_header X-B none
alice: send {"type":"ping", \
    "n":7}
alice: recv {"n":"<int>","type":"ping"}
alice: capture n n
alice: send_text $n costs $$n ${n}0
alice: recv_raw 7 costs $$n 70
alice: send_binary 00ff "a"
alice: recv_binary "\x00\xffa"
alice: split 1
alice: send {"n":1}
alice: recv /"n":[1]/
alice: split off
alice: cork
alice: send 1
alice: send 2
alice: uncork
alice: recv_unordered 2 1
alice: ping hi
alice: recv_pong hi
alice: not_before 50ms recv_none 50ms
alice: close 3000 bye
alice: expect_close 3000 bye
EOS

passes('series', <<'EOS', 6);
alice: connect /
alice: send_series 1..3 {"n":%d}
alice: recv_series 1..2 {"n":%d}
alice: recv /3/
alice: cork
alice: send_series 7..9 x%d
alice: close 1000
alice: uncork
alice: recv_series 7.. /^x%d$/
alice: expect_close 1000
EOS

# messages with these ids, of one user and as their texts
sub said {
    my ($who, @ids) = @_;
    return "$who: connect /\n" . join '', map {
        "$who: send {\"type\":\"new_message\",\"message\":{\"id\":$_,"
        . "\"sender\":{\"id\":7},\"content\":\"$_\"}}\n"
    } @ids;
}

passes('one order', said('a', 1, 3, 4) . said('b', 1, 3, 4) . <<'EOS', 8);
a,b: recv_all 2
a,b: recv_all 1
b: expect_same a
a,b: expect_growing
expect_numbers 1 < 2 = 2.0 < 9007199254740991
EOS

passes('an early frame', <<'EOS', 4);
alice: cork
alice: send {"n":1}
alice: close
alice: connect /
alice: recv {"n":1}
alice: expect_close none
EOS

passes('the server closes', <<'EOS', 4);
c1..c2: connect /hex/880403e86f6b
c1..c2: expect_close 1000 /^ok$/
alice: refused 404 /status/404
EOS

passes('permessage-deflate', <<'EOS', 11);
alice: header Sec-WebSocket-Extensions: permessage-deflate
alice: connect /extension/hex/c107f248cdc9c90700c10402130000810131
alice: recv_deflated /^Hello$/
alice: expect_wire 7
alice: recv_deflated /^Hello$/
alice: expect_wire <6
alice: recv_plain 1
alice: send_deflated xyzzy
alice: recv_deflated /^xyzzy$/
alice: expect_wire >5
alice: send_deflated xyzzy
alice: recv_deflated /^xyzzy$/
alice: expect_wire <7
EOS

passes('plain HTTP', <<'EOS', 4);
alice: http GET /status/201
alice: expect_status 201
alice: expect_body {"a":1}
alice: expect_header X-A /^b$/
EOS

passes('a handshake by hand', <<'EOS', 5);
alice: open
alice: bytes "GET / HTTP/1.1\r\nSec-WebSocket-Key: abc\r\n\r\n"
alice: expect_status 101
alice: frame text=x
alice: recv_raw x
bob: open
bob: bytes "GET /hex/0102 HTTP/1.1\r\nSec-WebSocket-Key: abc\r\n\r\n"
bob: expect_bytes /\r\n\r\n/
bob: expect_bytes 0102
EOS

passes('ends of all kinds', <<'EOS', 9);
alice,bob,carl,dora: connect /
alice: send_text eof
alice: expect_eof
bob: send_text reset
bob: expect_gone
carl: drop
dora: reset
eve: auto_pong off
eve: connect /hex/8900
eve: recv_ping
eve: ignore /noise/
eve: send_text noise
eve: stall
eve: send {"n":1}
eve: recv_none 30ms
eve: resume
eve: recv {"n":1}
eve: expect_header Upgrade websocket
EOS

# what has come before, and what comes after
passes('the same again', <<'EOS', 6);
alice: connect /
alice: send_text x1
alice: send_text y
alice: send_text x2
alice: send_text z
wait 50ms
alice: recv_some /x/
alice: recv_raw y
alice: send_text x3
alice: recv_raw z
alice: send_text end
alice: recv_raw end
EOS

fails('none at all', "alice: connect /\nalice: send_text y\n"
                     . "alice: recv_some /x/", qr/line 3:/);

passes('half-closed', <<'EOS', 7, port => 1, vars => {P => $listen->sockport});
alice,bob: port $P
bob: open
bob: recv_none 20ms
alice: connect /
alice: send_text x
alice: expect_taken
alice: recv_raw x
alice: cork
alice: send_text y
alice: shutdown
alice: recv_raw y
alice: expect_eof
EOS

passes('tokens', <<'EOS', 3, vars => {jwt_bob => 'b'});
jwt: alice token=abc
alice: connect /
alice: send_text $jwt_alice $jwt_bob $TEST_NGINX_JWT_ALICE
alice: recv_raw abc b abc
EOS


# scenarios that fail

fails('a wrong value', <<'EOS', qr/line 3: .*\n\.n is 1, expected 2/);
alice: connect /
alice: send {"n":1}
alice: recv {"n":2}
EOS

for my $case (
    ['an unknown verb', 'alice: conect /', qr/unknown verb "conect"/],
    ['an unknown verb later', "alice: connect /\nredis: recieve x",
        qr/line 2: unknown verb/],
    ['an unknown variable', 'alice: connect /$nothing',
        qr/unknown variable \$nothing/],
    ['no actor', 'connect /', qr/line 1: not "ACTOR/],
    ['no fake', 'fake: split 1', qr/no "fake" here/],
    ['a wrong status', 'alice: connect /status/404', qr/status is 404/],
    ['an admitted client', 'alice: refused 404 /', qr/status is 101/],
    ['a wrong accept', 'alice: connect /wrong-accept', qr/-Accept is/],
    ['an extension', 'alice: connect /extension', qr/was not offered/],
    ['a wrong header', "alice: connect /\nalice: expect_header Upgrade x",
        qr/Upgrade is "websocket"/],
    ['a masked frame', "alice: connect /hex/818000000000\n"
        . 'alice: recv_none 1s', qr/masked/],
    ['an RSV bit', "alice: connect /hex/c100\nalice: recv_raw x", qr/RSV/],
    ['a fragment', "alice: connect /hex/010161", qr/fragmented/],
    ['a bad opcode', "alice: connect /hex/8300", qr/opcode 3/],
    ['a long length', "alice: connect /hex/817e000161", qr/in 2 bytes/],
    ['bad UTF-8', "alice: connect /hex/8101ff", qr/not UTF-8/],
    ['a bad close code', "alice: connect /hex/880203ed", qr/close code 1005/],
    ['data after close', "alice: connect /hex/880203e88100",
        qr/after the close/],
    ['something unread', "alice: connect /hex/810131",
        qr/alice: unread message 1/],
    ['an unread pong', "alice: connect /hex/8a00", qr/unread pong/],
    ['half a frame', "alice: connect /hex/8102", qr/incomplete frame/],
    ['an unseen close', "alice: connect /hex/880203e8",
        qr/unexpected close 1000/],
    ['an unseen end', "alice: connect /\nalice: send_text eof",
        qr/connection ended/],
    ['silence', "alice: connect /\nalice: recv 1", qr/nothing came/],
    ['too late', "alice: connect /\nalice: within 50ms recv 1",
        qr/nothing came/],
    ['too early', "alice: not_before 1s connect /", qr/already after/],
    ['plain for deflated', "alice: header Sec-WebSocket-Extensions: "
        . "permessage-deflate\nalice: connect /extension/hex/810131\n"
        . 'alice: recv_deflated 1', qr/not compressed/],
    (map { ["an answer $_", "alice: header Sec-WebSocket-Extensions: "
            . "permessage-deflate; server_max_window_bits=10\n"
            . "alice: connect /extension=;$_", qr/extension param|not offered/]
         } qw( client_max_window_bits=10 server_max_window_bits
               server_max_window_bits=16 server_max_window_bits=010 foo
               server_no_context_takeover=1
               server_no_context_takeover;server_no_context_takeover )),
    ['deflated for plain', "alice: header Sec-WebSocket-Extensions: "
        . "permessage-deflate\nalice: connect /extension/hex/c10100\n"
        . 'alice: recv_plain //', qr/is compressed/],
    ['bad deflate', "alice: header Sec-WebSocket-Extensions: "
        . "permessage-deflate\nalice: connect /extension/hex/c10106\n"
        . 'alice: recv_deflated //', qr/cannot inflate/],
    ['another length', "alice: connect /hex/810131\nalice: recv 1\n"
        . 'alice: expect_wire 2', qr/took 1 bytes/],
    ['a longer one', "alice: connect /hex/810131\nalice: recv 1\n"
        . 'alice: expect_wire >1', qr/took 1 bytes/],
    ['a shorter one', "alice: connect /hex/810131\nalice: recv 1\n"
        . 'alice: expect_wire <1', qr/took 1 bytes/],
    ['a refused client', 'alice: connect_retry /hex/880203f5',
        qr/not admitted: no message, but close 1013/],
    ['noise', "alice: connect /hex/810131\nalice: recv_none 50ms",
        qr/unread message/],
    ['another code', "alice: connect /hex/880203e8\nalice: expect_close 1001",
        qr/got close 1000/],
    ['another reason', "alice: connect /hex/880303e861\n"
        . 'alice: expect_close 1000 b', qr/got close 1000 a/],
    ['no close', "alice: connect /\nalice: send_text eof\n"
        . 'alice: expect_close', qr/eof, no close/],
    ['a close for an end', "alice: connect /hex/880203e8\nalice: expect_eof",
        qr/close 1000  came before/],
    ['a reset for an end', "alice: connect /\nalice: send_text reset\n"
        . 'alice: expect_eof', qr/was reset/],
    ['what nobody takes', "alice: connect /\nalice: send_text eof\n"
        . "alice: wait 50ms\nalice: send_text x\nalice: expect_taken",
        qr/was reset/],
    ['early bytes', "alice: open\n"
        . 'alice: bytes "GET / HTTP/1.1\r\nSec-WebSocket-Key: abc\r\n\r\n"'
        . "\nalice: recv_none 1s", qr/unread HTTP/],
    ['text for binary', "alice: connect /hex/810131\n"
        . 'alice: recv_binary "1"', qr/got 1/],
    ['a message too many', "alice: connect /hex/810131810132\n"
        . "alice: recv_unordered 1 3", qr/got 2, none/],
    ['a number too few', "alice: connect /hex/810131810132\n"
        . "alice: recv_series 1..3 %d", qr/nothing came/],
    ['a number left out', "alice: connect /hex/810131810133880203e8\n"
        . "alice: recv_series 1.. %d", qr/is 3, expected 2/],
    ['another order', said('a', 1, 3, 2) . said('b', 1, 2, 3)
        . "a,b: recv_all 3\nb: expect_same a",
        qr/message 2: id 2, 2; that of a: id 3, 3/],
    ['one more', said('a', 1, 2) . said('b', 1)
        . "a: recv_all 2\nb: recv_all 1\nb: expect_same a",
        qr/has kept 1 messages, a 2/],
    ['an id twice', said('a', 1, 2, 1) . 'a: recv_all 3',
        qr/id 1 is there twice/],
    ['an id that is smaller', said('a', 1, 3, 2)
        . "a: recv_all 3\na: expect_growing", qr/id 2 is not above 3/],
    ['no message', "a: connect /\na: send {\"type\":\"pong\"}\na: recv_all 1",
        qr/got \{"type":"pong"/],
    ['numbers', 'expect_numbers 1 < 2 < 2', qr/not 2 < 2/],
    ['no numbers', 'expect_numbers 1 < x', qr/usage/],
    ['the transcript', "alice: connect /\nalice: send {\"n\":1}\n"
        . 'alice: recv 5', qr/transcript:.*alice +< text \{"n":1\}/s])
{
    fails(@$case);
}


# tokens, verified by openssl

$Test::Nginx::WebSocket::JWT::Dir = $dir;
for my $alg (qw( RS256 RS512 PS256 PS384 ES256 ES384 ES512 EdDSA )) {
    my $token = Test::Nginx::WebSocket::JWT::mint(
        qq({"user_id":1,"exp":"+60"} alg=$alg));
    my ($input, $signature) = $token =~ /\A(.+)\.(.*)\z/;
    my ($family, $bits) = $alg =~ /(..)(\d*)/;
    my $key = $family eq 'Ed' ? 'ed25519' : $family ne 'ES' ? 'rsa'
            : 'ec' . ($bits == 512 ? 521 : $bits);
    my @run = ('-sha' . ($bits || 256), '-verify',
               Test::Nginx::WebSocket::JWT::make_file("$key.pub.pem"));

    $signature = decode_base64url($signature);
    $signature = der($signature) if $family eq 'ES';
    Test::Nginx::WebSocket::JWT::spew("$dir/signature", $signature);
    Test::Nginx::WebSocket::JWT::spew("$dir/input", $input);
    push @run, map { ('-sigopt', $_) } 'rsa_padding_mode:pss',
                                       'rsa_pss_saltlen:-1' if $family eq 'PS';

    my $out = $family eq 'Ed'
        ? `openssl pkeyutl -verify -rawin -pubin -inkey $run[2] -sigfile $dir/signature -in $dir/input 2>&1`
        : `openssl dgst @run -signature $dir/signature $dir/input 2>&1`;
    like($out, qr/^(?:Verified OK|Signature Verified Successfully)/, $alg);
    my ($exp) = decode_base64url((split /\./, $token)[1]) =~ /"exp":(\d+)/;
    ok(abs($exp - time() - 60) <= 2, "$alg: exp is in 60 s");
}

sub der {
    my ($raw) = @_;
    my $half = length($raw) / 2;
    my $body = join '', map { my $n = s/\A\0+//r;
                              $n = "\0$n" if ord($n) & 0x80;
                              "\x02" . chr(length $n) . $n }
               substr($raw, 0, $half), substr($raw, $half);
    return "\x30" . (length $body > 127 ? "\x81" : '') . chr(length $body)
           . $body;
}

# RFC 7515, appendix A.1
is(encode(Test::Nginx::WebSocket::JWT::sign('HS256', decode_base64url(
       'AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcg'
       . 'UuTwjAzZr1Z9CAow'), 'eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3M'
       . 'iOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9p'
       . 'c19yb290Ijp0cnVlfQ')),
   'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk', 'HS256');

sub encode { return MIME::Base64::encode_base64url($_[0]) }

my %forged = map {
    $_ => Test::Nginx::WebSocket::JWT::mint(qq({"user_id":1} forge=$_))
} qw( none strip flip junk swap confusion );
my $good = Test::Nginx::WebSocket::JWT::mint('{"user_id":1}');
isnt($forged{$_}, $good, "forged: $_") for sort keys %forged;
like($forged{$_}, qr/\.\z/, "$_ has no signature") for qw( none strip );


# Redis, the real one and the fake

$redis = Test::Nginx::WebSocket::Redis->new(dir => $dir,
                                            socket => "$dir/redis.sock");
$redis->start;

passes('Redis', <<'EOS', 12);
redis: subscribe a
redis: expect_subscribers a 0
redis: publish a {"n":1}
redis: recv a {"n":1}
redis: publish_raw a "@ x=1\n{}"
redis: recv a {}
redis: recv_none 20ms
redis: command SET k "v w"
redis: expect_reply OK
redis: command GET k
redis: expect_reply v w
redis: expect_clients 0
redis: expect_calls SET 1
redis: pause
redis: continue
redis: restart
redis: command GET k
redis: expect_reply null
redis: subscribe b
redis: kill_subscribers
redis: kill_normal
redis: publish b 2
redis: recv b 2
redis: stop
redis: start --requirepass secret
redis: command GET k
redis: expect_reply null
EOS
fails('another subscriber count', 'redis: expect_subscribers a 3',
      qr/there are 0, expected 3/);
fails('an unexpected message', "redis: subscribe a\nredis: publish a 1\n"
      . 'redis: recv_none 1s', qr/got a 1/);

$redis->shut_connections;
passes('a backend with Redis', <<'EOS', 8);
backend: subscribe 7 user:1
backend: publish 7 {"x":"%{3}"}
backend: recv 7 {"x":"xxx"}
backend: publish_series 8..10 7,user:%d {"n":%d}
redis: subscribe messaging:user:9
backend: publish_series 9..9 user:%d {"n":%d}
redis: recv messaging:7 {"n":8}
redis: recv messaging:7 {"n":10}
redis: recv messaging:user:9 {"n":9}
backend: recv_none 20ms
backend: expect_subscribers 7 0
backend: expect_subscribers 1..3 0 user:1 0
EOS
fails('one that is not subscribed', 'backend: expect_subscribers 7 1',
      qr/there are 0, expected 1/);
$redis->stop;

passes('a backend without Redis', 'backend: publish 202 {}', 1, embedded => 1);
fails('a frame that is refused', 'backend: publish 400 {',
      qr/the answer is 400/, embedded => 1);
fails('a frame without an answer', 'backend: publish_series 1..2 202 {}',
      qr/1 of 2 frames were taken/, embedded => 1);

$fake = Test::Nginx::WebSocket::FakeRedis->start(socket => "$dir/fake.sock");
$redis = Test::Nginx::WebSocket::Redis->new(dir => $dir, args => [],
                                            socket => "$dir/fake.sock");
$redis->{args} = [];

passes('the fake Redis', <<'EOS', 21);
redis: subscribe a b
fake: expect_command /^SUBSCRIBE a b$/
fake: split 1
redis: publish a {"n":1}
redis: recv a {"n":1}
fake: split off
fake: publish b 5
redis: recv b 5
fake: count PUBLISH 1
redis: command SET k v NX EX 5
redis: expect_reply OK
redis: command SET k w NX EX 5
redis: expect_reply null
redis: command GET k
redis: expect_reply v
redis: command EXPIRE k 0
redis: expect_reply 1
redis: command GET k
redis: expect_reply null
fake: reply PUBLISH*1 -LOADING is loading
redis: command PUBLISH a 1
redis: expect_reply LOADING is loading
redis: command PUBLISH a 1
redis: expect_reply 1
redis: recv a 1
redis: recv_none 20ms
redis: command AUTH x
redis: expect_reply OK
redis: command PING
redis: expect_reply PONG
fake: expect_command PING
fake: count PING 0
redis: command INCR n
redis: expect_reply 1
redis: command NIX
redis: expect_reply /^ERR unknown/
fake: expect_command /^NIX/
EOS
fails('a hang', "fake: hang GET\nredis: command GET k", qr/no reply/);
passes('the answer after a hang', "fake: normal\nredis: command PING\n", 1)
    if $redis->shut_connections || 1;
fails('a broken connection', "fake: close_on GET\nredis: command GET k",
      qr/no reply/);
$redis->shut_connections;
fails('a refused connection', "fake: refuse\nredis: command PING",
      qr/cannot connect/);
passes('an accepted one', "fake: accept\nredis: command PING", 1);
fails('a missing command', 'fake: expect_command NEVER', qr/no such command/);
fails('another count', 'fake: count PING 77', qr/expected 77/);
$fake->stop;


# an alert fails the block that causes it

Test::Nginx::WebSocket::JWT::spew("$dir/alert.t", <<'EOT');
BEGIN { $ENV{TEST_NGINX_MODULE} = 'none' }
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';
no_shuffle();
run_tests();
__DATA__

=== TEST 1: the alert is not expected
--- config
foo;
--- must_die

=== TEST 2: it is
--- config
foo;
--- must_die
--- allow_log
unknown directive "foo"
EOT

# what those that talk hear: "a 1" to "a 5" were said, 4 of them before the
# connection was there, and 3 twice

sub hear {
    my ($listener, @said) = @_;
    my $id = 0;
    my $client = bless {name => 'x', talk => {limit => {a => 2}, heard => {},
                                              last_id => {}},
        scenario => {talkers => {ids => {}, said => {
            a => {n => 5, again => {3 => 1}}}}}}, $listener;

    for (@said) {
        my ($n, $with) = split /=/;
        my $wrong = $client->talk_wrong('a', $n, $with // ++$id);
        return $wrong if defined $wrong;
    }
    return 'nothing';
}

my $listener = 'Test::Nginx::WebSocket::Client';
is(hear($listener, 3, 4, 5), 'nothing', 'heard from the first on');
is(hear($listener, 1, 2, 3, 4, 3), 'nothing', 'some before, one again');
is(hear($listener, 2, 4), '"a 4" came, expected "a 3" behind "a 2"', 'a gap');
is(hear($listener, 4), '"a 4" came, expected "a 3"', 'the first was missed');
is(hear($listener, 3, 4, 4), '"a 4" came behind "a 4"', 'a duplicate');
is(hear($listener, 3, 5), '"a 5" came, expected "a 4" behind "a 3"',
   'another gap');
is(hear($listener, '3=7', '4=7'), 'id 7 is that of "a 3" and of "a 4"',
   'an id twice');
is(hear($listener, '3=7', '4=6'), 'id 6 of "a 4" is not above 7',
   'ids that do not grow');


# orders of what several have heard

for my $case (['the same', [1, 2, 3], [1, 2, 3]],
              ['some of it', [1, 3], [2, 3], [1, 2], [4]],
              ['two that differ', [1, 2, 3], [1, 3, 2], '2 3'],
              ['three, of which no two differ', [1, 2], [2, 3], [3, 1],
               '1 2 3'],
              ['a message twice', [1, 2, 1], '1 2'])
{
    my ($name, @lists) = @$case;
    my $want = ref $lists[-1] ? '' : pop @lists;
    is(join(' ', Test::Nginx::WebSocket::Order::disorder(@lists)), $want,
       "order: $name");
}


# the baseline of a worker, which we are ourselves

{
    no warnings 'redefine';
    local *Test::Nginx::WebSocket::Nginx::fetch_status = sub {
        return {connections => 1, redis => {ready => 0}, map { $_ => 0 }
                qw( workers subscriptions channels queued_bytes )};
    };
    local $Test::Nginx::WebSocket::Stream::Timeout = 0.3;
    local $ENV{ASAN_OPTIONS};
    my $nginx = Test::Nginx::WebSocket::Nginx->new(single => 1, root => $dir,
        scenario => {clients => {c => {tally => {}}}});

    mkdir "$dir/logs";
    Test::Nginx::WebSocket::JWT::spew("$dir/logs/nginx.pid", "$$\n");

    my $fails = sub {
        my ($verb, $args) = @_;
        my $do = "do_$verb";
        return eval { $nginx->$do($args); 1 } ? 'no' : $@;
    };

    $nginx->do_remember_baseline;
    is($fails->('expect_baseline', ''), 'no', 'nothing has changed');
    like($fails->('expect_baseline', 'connections=0'),
         qr/^connections is 1, expected 0$/, 'a gauge');
    open my $leak, '<', '/dev/null';
    like($fails->('expect_baseline', ''),
         qr/^\d+ descriptors of files, expected \d+$/, 'a descriptor');
    close $leak;
    my $large = 'x' x 20_000_000;
    like($fails->('expect_baseline', ''), qr/^worker $$ has grown by \d{8} /,
         'memory') unless $ENV{TEST_NGINX_USE_VALGRIND};
    is($fails->('expect_counters', 'connections connections<='), 'no',
       'a counter');
    $nginx->{scenario}{clients}{c}{tally}{connections} = 1;
    like($fails->('expect_counters', 'connections'),
         qr/^connections is 0, clients have seen 1$/, 'another counter');
    is($fails->('expect_idle', '200ms'), 'no', 'waiting');
    my $ticks = 0;
    local *Test::Nginx::WebSocket::Baseline::cpu = sub { $ticks += 10 };
    like($fails->('expect_idle', '200ms'), qr/^workers were busy for /,
         'a busy loop');
    unlink "$dir/logs/nginx.pid";
}


# with a sanitizer's log there would be an assertion more, and a log's name
# that Test::Nginx makes of the file's
delete @ENV{qw( TEST_NGINX_SERVER_PORT ASAN_OPTIONS UBSAN_OPTIONS )};
$ENV{TEST_NGINX_SERVROOT} = "$dir/servroot";
my $alert = join ' ', map { "-I$_" } @INC;
$alert = `$^X $alert $dir/alert.t 2>&1`;
like($alert, qr/^not ok 2 - .*TEST 1.* no alerts in error.log/m, 'an alert');
like($alert, qr/^ok 4 - .*TEST 2.* no alerts in error.log/m, 'an allowed one');

done_testing();
