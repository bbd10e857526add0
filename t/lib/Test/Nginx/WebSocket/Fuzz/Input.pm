
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Fuzz::Input;

# What the fuzzer says: tokens, handshakes, frames, payloads of Redis.  All
# of it comes from rand(): the same seed gives the same bytes, but for times.

use strict;
use warnings;

use Compress::Raw::Zlib qw( Z_SYNC_FLUSH Z_FINISH Z_OK );
use Digest::SHA qw( hmac_sha256 hmac_sha512 );
use MIME::Base64 qw( encode_base64 encode_base64url );

use Test::Nginx::WebSocket::JWT;

use constant VERBATIM => 'verbatim-of-the-fuzzer';

our %Tokens;            # made by openssl before the run: name to text
our $Prefix = 'f:';     # messaging_prefix

my @Sizes = (0, 1, 2, 3, 7, 16, 124 .. 129, 254 .. 257, 511, 1000,
             1022 .. 1026, 2048, 4095 .. 4097, 8191, 16384, 65534 .. 65537);

sub pick { return $_[rand @_] }
sub chance { return rand() < $_[0] }
sub below { return int rand $_[0] }

sub junk {
    my ($n) = @_;
    return substr pack('N*', map { rand 4294967296 } 0 .. $n >> 2), 0, $n;
}

my @Letters = ('a' .. 'z', 0 .. 9, '_', '.', '-');

sub word {
    my ($n) = @_;
    return join '', map { $Letters[rand @Letters] } 1 .. $n;
}

# a few bytes of a text are changed, taken away, put in or repeated
sub mutate {
    my ($text) = @_;

    for (1 .. 1 + below(3)) {
        my $at = below(length($text) + 1);
        my $how = below(7);

        if ($how == 0) {
            substr $text, $at, 1, chr rand 256 if $at < length $text;

        } elsif ($how == 1) {
            substr $text, $at, 1 + below(4), '';

        } elsif ($how == 2) {
            substr $text, $at, 0, junk(1 + below(4));

        } elsif ($how == 3) {
            substr $text, $at, 0, substr $text, below(length($text) + 1),
                                         1 + below(20);

        } elsif ($how == 4) {
            $text = substr $text, 0, $at;

        } elsif ($how == 5) {
            substr $text, $at, 1, chr(ord(substr $text, $at, 1)
                                      ^ (1 << below(8)))
                if $at < length $text;

        } else {
            substr $text, $at, 0, pick("\0", "\r\n", "\n", '"', '\\', '{',
                                       '[', ',', ':', '%', '@', '.', "\xff",
                                       "\xc0\x80", "\xed\xa0\x80", ' ');
        }
    }

    return $text;
}


# tokens: the text, and whether it must never be let in

sub sign {
    my ($header, $payload, $secret) = @_;
    my $input = encode_base64url($header) . '.' . encode_base64url($payload);
    my $hmac = $header =~ /HS512/ ? hmac_sha512($input, $secret)
                                  : hmac_sha256($input, $secret);
    return "$input." . encode_base64url($hmac);
}

sub claims {
    my ($user, $exp) = @_;
    my $name = pick('"Ann"', '"B\u00f6b"', '"' . 'n' x below(300) . '"',
                    '"\ud83d\ude00"');
    my $list = pick('"*"', '[1,2]', '["1",3,"x"]', '[]', '7',
                    '[' . join(',', 1 .. 50) . ']');
    return "{\"user_id\":$user,\"name\":$name,\"rooms\":$list,"
         . "\"exp\":$exp}";
}

sub user { return pick(1 .. 6, '"ann"', '"\u00fc x"', '-3', '"' . 'u' x 128 . '"') }

sub token {
    my $secret = Test::Nginx::WebSocket::JWT::SECRET;
    my $header = '{"alg":"HS256","typ":"JWT"}';
    my $good = claims(user(), time() + 3600);
    my $how = below(40);

    $how = 27 + below(6) if chance(0.2);

    return (sign($header, $good, $secret), 0) if $how < 20;

    # expires in mid-session
    return (sign($header, claims(user(), time() + 1 + below(3)), $secret), 0)
        if $how < 22;

    return (sign($header, claims(user(), time() + 1.5), $secret), 0)
        if $how == 22;

    return (mutate(sign($header, $good, $secret)), undef) if $how < 25;

    return (sign(mutate($header), $good, $secret), undef) if $how == 25;
    return (sign($header, mutate($good), $secret), undef) if $how == 26;

    return (sign($header, claims(user(), time() - 1 - below(100)), $secret), 1)
        if $how == 27;

    return (sign($header, $good, $secret . 'x'), 1) if $how == 28;

    return (encode_base64url('{"alg":"none"}') . '.'
            . encode_base64url($good) . '.', 1)
        if $how == 29;

    return (sign('{"alg":"HS512","typ":"JWT"}', $good, $secret), 1)
        if $how == 30;

    return (sign('{"alg":"HS256","crit":["x"],"x":1}', $good, $secret), 1)
        if $how == 31;

    # no exp, or none that is a time
    return (sign($header, pick('{"user_id":1}', '{"user_id":1,"exp":"9e9"}',
                               '{"user_id":1,"exp":-1}', '[]', 'null', '',
                               '{"user_id":1,"exp":1e300}',
                               '{"exp":99999999999}'), $secret), 1)
        if $how == 32;

    return (sign($header, '{"user_id":1,"x":' . '[' x below(3000)
                          . ']' x below(3000) . ',"exp":99999999999}',
                 $secret), undef)
        if $how == 33;

    return (sign($header, '{"user_id":1,"x":"' . 'x' x below(9000)
                          . '","exp":99999999999}', $secret), 0)
        if $how == 34;

    return (pick('', '.', '..', '...', 'a.b.c', 'x' x below(9000),
                 junk(below(50))), 1)
        if $how == 35;

    my $name = pick(sort keys %Tokens);
    return ($Tokens{$name}, $name =~ /^bad/ ? 1 : undef);
}


# handshakes

sub percent {
    my ($text) = @_;
    $text =~ s/([^A-Za-z0-9_.~-])/sprintf '%%%02X', ord $1/ge;
    return $text;
}

sub conversation {
    return below(4) + 1 if chance(0.9);
    return pick(word(128), word(129), 'a', '0', '01', '9007199254740991',
                '9007199254740992', '..', '.', '%41', '%00', '%3a', 'user:1',
                'a%2fb', percent(junk(5)), '-1', word(1 + below(60)));
}

# path, what a connection carries, where the token is
my @Locations = (
    (['/ws/messaging/ID/', 'one', 'query']) x 5,
    (['/ws/messaging/', 'many', 'query']) x 4,
    ['/ws/notifications/', 'channel', 'query'],
    ['/ws/any?c=CHANNEL', 'channel', 'query'],
    (['/tight/ID/', 'one', 'query']) x 4,
    (['/tight/', 'many', 'query']) x 2,
    (['/http/ID/', 'one', 'header']) x 2,
    ['/cookie/ID/', 'one', 'cookie'],
    ['/subprotocol/ID/', 'one', 'subprotocol'],
    ['/claim/ID/', 'one', 'query'],
    ['/keys/ID/', 'one', 'query'],
    (['/deflate/ID/', 'one', 'query']) x 4,
    (['/deflate/', 'many', 'query']) x 2,
    (['/deflate9/ID/', 'one', 'query']) x 2,
);

my @Offers = (
    'permessage-deflate',
    'permessage-deflate; client_max_window_bits',
    'permessage-deflate; client_max_window_bits=9',
    'permessage-deflate; client_max_window_bits=15; server_max_window_bits=9',
    'permessage-deflate; server_max_window_bits=8',
    'permessage-deflate; server_max_window_bits="12"',
    'permessage-deflate; server_no_context_takeover',
    'permessage-deflate; client_no_context_takeover; server_no_context_takeover',
    'permessage-deflate; server_no_context_takeover; client_max_window_bits',
    'permessage-deflate; unknown, permessage-deflate',
    'permessage-deflate; server_max_window_bits=16, permessage-deflate; '
        . 'client_max_window_bits=10',
    'permessage-deflate; client_no_context_takeover=1',
    'permessage-deflate; client_max_window_bits; client_max_window_bits',
    'x-webkit-deflate-frame', 'permessage-bzip2, permessage-deflate', '', ',',
    ';', 'permessage-deflate;', 'permessage-deflate; =',
    'permessage-deflate; server_max_window_bits', 'permessage-deflate="x"',
    'permessage-deflate; server_max_window_bits="',
    'permessage-deflate; server_max_window_bits=010',
);

my @Values = ('', ' ', '13', '12', '014', '13, 13', 'websocket', 'h2c',
              'keep-alive, Upgrade', 'close', 'Upgrade, x', 'Upgradex',
              'same', 'http://localhost', 'null', 'https://evil.example',
              'dGhlIHNhbXBsZSBub25jZQ==', 'AAAA', 'chunked', '-1', '0',
              '99999999999999999999', 'bearer.x', 'messaging.v1',
              'messaging.v1, bearer.', ',,,', '"', ';', '=');

sub offer {
    my $offer = pick(@Offers);
    $offer = mutate($offer) if chance(0.2);
    $offer .= ', ' . pick(@Offers) if chance(0.1);
    $offer = join ', ', ($offer) x below(60) if chance(0.02);
    $offer =~ s/[\r\n\0]//g;
    return $offer;
}

# {bytes, key, valid, bad, kind}; "bad": nobody may be let in with that
sub handshake {
    my ($hostile) = @_;
    my ($path, $kind, $from) = @{pick(@Locations)};
    my ($token, $bad) = chance($hostile ? 0.3 : 0.2)
                        ? token()
                        : (sign('{"alg":"HS256"}',
                                claims(user(), time() + 3600),
                                Test::Nginx::WebSocket::JWT::SECRET), 0);

    # these verify with other keys
    ($token, $bad) = ($Tokens{pick(grep { !/^bad/ } sort keys %Tokens)}, 0)
        if $path =~ /keys/ && chance(0.9);

    my $id = conversation();
    $path =~ s/ID/$id/;
    $path =~ s/CHANNEL/pick('user:1', 'user:2', 'x', 'a:b', percent(junk(4)),
                            word(8) . ':' . word(8))/e;

    $from = pick('query', 'header', 'cookie', 'subprotocol') if chance(0.03);

    my $safe = $token =~ /\A[\w.-]*\z/;
    my $text = $safe ? $token : percent($token);
    my $key = encode_base64(junk(16), '');
    my @headers = (['Host', 'localhost'], ['Upgrade', 'websocket'],
                   ['Connection', 'Upgrade'], ['Sec-WebSocket-Key', $key],
                   ['Sec-WebSocket-Version', 13]);

    $path .= ($path =~ /\?/ ? '&' : '?') . "token=$text" if $from eq 'query';
    push @headers, ['Authorization', "Bearer $text"] if $from eq 'header';
    push @headers, ['Cookie', pick('', 'a=b; ') . "token=$text"],
                   ['Origin', 'http://localhost']
        if $from eq 'cookie';
    push @headers, ['Sec-WebSocket-Protocol', "messaging.v1, bearer.$text"]
        if $from eq 'subprotocol';
    push @headers, ['Sec-WebSocket-Extensions', offer()]
        if $path =~ /deflate/ || chance(0.2);

    my ($method, $version, $body) = ('GET', 'HTTP/1.1', '');
    my $valid = 1;

    if ($hostile) {
        $valid = 0;
        ($method, $path, $version, $body) =
            spoil(\@headers, $method, $path, $version);
    }

    my $eol = $hostile && chance(0.03) ? "\n" : "\r\n";
    my $bytes = join $eol, "$method $path $version",
                           (map { "$_->[0]: $_->[1]" } @headers), '', $body;

    $bytes = mutate($bytes) if $hostile && chance(0.2);
    $bytes = junk(below(300)) if $hostile && chance(0.01);

    # a token in the place of another location's is none
    return {bytes => $bytes, key => $valid ? $key : undef, kind => $kind,
            valid => $valid && !$bad, bad => $bad, path => $path};
}

sub spoil {
    my ($headers, $method, $path, $version) = @_;
    my $body = '';

    for (1 .. 1 + below(2)) {
        my $h = pick(@$headers);
        my $how = below(16);

        if ($how == 0) {
            @$headers = grep { $_ != $h } @$headers if @$headers > 1;

        } elsif ($how == 1) {
            push @$headers, [@$h];

        } elsif ($how == 2) {
            $h->[1] = pick(@Values);

        } elsif ($how == 3) {
            $h->[1] = mutate($h->[1]) =~ s/[\r\n]//gr;

        } elsif ($how == 4) {
            $h->[1] = word(pick(900, 1024, 4000, 9000, 33000));

        } elsif ($how == 5) {
            push @$headers, map { [word(8), word(20)] } 1 .. below(200);

        } elsif ($how == 6) {
            $method = pick('POST', 'HEAD', 'PUT', 'get', 'OPTIONS', 'CONNECT',
                           'TRACE', 'DELETE', word(40), '');

        } elsif ($how == 7) {
            $version = pick('HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.9',
                            'HTTP/11', '', 'http/1.1', 'HTTP/1.1 x');

        } elsif ($how == 8) {
            $path = mutate($path) =~ s/[\r\n]//gr;

        } elsif ($how == 9) {
            $path .= join '', map { pick('&token=', '?token=', '&%74oken=',
                                         '&TOKEN=', '&&', '#', '&token')
                                    . pick('', 'x', word(30)) } 1 .. 4;

        } elsif ($how == 10) {
            my $n = below(60);
            push @$headers, ['Content-Length', $n];
            $body = junk($n);

        } elsif ($how == 11) {
            push @$headers, ['Transfer-Encoding', 'chunked'];
            $body = pick("0\r\n\r\n", "5\r\nhello\r\n0\r\n\r\n", junk(10), '');

        } elsif ($how == 12) {
            push @$headers, [pick(qw( Origin Cookie Authorization Upgrade
                                      Connection Sec-WebSocket-Protocol
                                      Sec-WebSocket-Key Referer Expect
                                      Sec-WebSocket-Extensions )),
                             pick(@Values, offer(), word(below(300)))];

        } elsif ($how == 13) {
            $h->[0] = pick(uc $h->[0], lc $h->[0], "$h->[0] ", " $h->[0]",
                           $h->[0] =~ tr/-/_/r, '');

        } elsif ($how == 14) {
            $path = pick('/', '*', 'http://localhost' . $path, '//', '/ws',
                         '/status', '/ws/messaging', '/ws/messaging//',
                         '/ws/messaging/' . word(pick(127, 128, 129)) . '/',
                         '/ws/messaging/%2e%2e/', '/tight/../ws/messaging/1/',
                         '/ws/messaging/1/?token=' . 'x' x below(9000));

        } else {
            $h->[1] = pick(' ', "\t", '  ') . $h->[1] . pick(' ', "\t", '');
        }
    }

    return ($method, $path, $version, $body);
}


# frames

sub frame {
    my ($opcode, $payload, %o) = @_;
    my $len = $o{len} // length $payload;
    my $first = ($o{fin} // 1) << 7 | ($o{rsv} // 0) | $opcode;
    my $form = $o{form} // ($len < 126 ? 7 : $len < 65536 ? 16 : 64);
    my $mask = $o{plain} ? 0 : 0x80;
    my $head = $form == 7 ? pack('CC', $first, $mask | ($len & 127))
             : $form == 16 ? pack('CCn', $first, $mask | 126, $len & 0xffff)
             : pack('CCQ>', $first, $mask | 127, $len);

    return $head . $payload if $o{plain};

    my $key = chance(0.1) ? "\0\0\0\0" : pack 'N', rand 4294967296;
    my $n = length $payload;
    return $head . $key
         . ($payload ^ substr $key x (1 + ($n >> 2)), 0, $n);
}

# a data message in one frame or several, control frames between them
sub message {
    my ($text, %o) = @_;
    my $opcode = $o{opcode} // 1;
    my @parts = ($text);

    if (chance($o{split} // 0.15)) {
        for (1 .. 1 + below(4)) {
            my $i = below(scalar @parts);
            my $at = below(1 + length $parts[$i]);
            splice @parts, $i, 1, substr($parts[$i], 0, $at),
                                  substr($parts[$i], $at);
        }
    }

    my $bytes = '';
    for my $i (0 .. $#parts) {
        $bytes .= frame($i ? 0 : $opcode, $parts[$i], fin => $i == $#parts,
                        rsv => $i ? 0 : $o{rsv} // 0);
        $bytes .= frame(pick(9, 10), junk(below(20)))
            if $i < $#parts && chance(0.3);
    }
    return $bytes;
}

my @Texts = ('hello', '', ' ', "\t x \n", 'x' x 49, 'x' x 51, 'x' x 300,
             'x' x 1999, 'x' x 2001, "\xc3\xa9" x 50, "\xf0\x9f\x98\x80" x 26,
             '\\u00e9\\ud83d\\ude00', '\\"\\\\\\/\\b\\f', 'a\\nb');
my @Json = ('null', 'true', 'false', '0', '-1', '1.5', '1e3', '""', '"x"',
            '[]', '{}', '[1,2,"3"]', '9007199254740993', '1e999', '-0',
            '18446744073709551616', '"\\u0000"', '"\\ud800"', '{"a":{"b":1}}');

sub value { return chance(0.2) ? pick(@Json) : $_[0] }

sub conversation_member {
    my ($kind) = @_;
    my $id = pick(1 .. 4, '"2"', '"a"', '"..' . '"');
    return $kind eq 'many' || chance(0.05)
           ? ',"conversation_id":' . (chance(0.95) ? $id : value($id)) : '';
}

sub text {
    my ($kind) = @_;
    my $c = conversation_member($kind);
    my $what = below($kind eq 'many' ? 16 : 12);

    return '{"type":"ping"}' if $what == 0;
    return '{"type":"typing"' . $c . '}' if $what == 1;
    return '{"type":"typing"' . $c . ',"is_typing":' . value('true') . '}'
        if $what == 2;
    return '{"type":"read"' . $c . pick('', ',"message_id":' . value(5),
                                        ',"message_ids":' . value('[1,2,"x"]'),
                                        ',"message_ids":['
                                        . join(',', 1 .. below(120)) . ']')
           . '}'
        if $what < 5;

    return '{"type":"auth","token":"' . (token())[0] =~ s/(["\\]|[^ -~])//gr
           . '"}'
        if $what == 5 && chance(0.3);

    return '{"type":"' . ($what < 15 ? 'subscribe' : 'unsubscribe') . '"'
           . $c . '}'
        if $what > 11;

    return '{"type":"message"' . $c . ',"content":'
           . value('"' . pick(@Texts) . '"')
           . pick('', '', ',"client_id":' . value('"c' . below(1e6) . '"'))
           . pick('', '', ',"image":' . value('"/i/1.png"'),
                  ',"image":' . value('"https://x/' . 'y' x below(2100) . '"'))
           . pick('', '', ',"reply_to":' . value(7)) . '}';
}

sub bad_text {
    my ($kind) = @_;
    my $text = text($kind);
    my $how = below(12);

    return mutate($text) if $how < 5;
    return substr $text, 0, below(length $text) if $how == 5;
    return '[' x pick(15, 16, 17, 400) . ']' x pick(15, 16, 17, 400)
        if $how == 6;
    return '{"type":"message","content":[' . join(',', ('{}') x pick(500, 520))
           . ']}'
        if $how == 7;
    return '{"type":"typing","type":"ping"}' if $how == 8;
    return pick(@Json) if $how == 9;
    return '{"type":' . pick(@Json) . '}' if $how == 10;
    return "{\"type\":\"message\",\"content\":\"" . junk(below(60)) . '"}';
}

sub close_payload {
    my $code = pick(1000, 1000, 1001 .. 1016, 1100, 2000, 2999 .. 3001, 3999,
                    4000 .. 4003, 4999, 5000, 65535, 0, 999, below(65536));
    my $how = below(10);

    return ('', undef) if $how == 0;
    return (junk(1), undef) if $how == 1;
    return (pack('n', $code) . junk(below(124)), $code) if $how == 2;
    return (pack('n', $code) . 'r' x below(124), $code) if $how < 5;
    return (pack('n', $code), $code);
}

# what the protocol of RFC 6455 does not allow, mostly
sub bad_frame {
    my $how = below(17);

    return frame(pick(1, 2, 8, 9, 10, 0), 'x' x below(200), plain => 1)
        if $how == 0;
    return frame(1, text('one'), rsv => pick(0x10, 0x20, 0x40, 0x70))
        if $how == 1;
    return frame(pick(3 .. 7, 11 .. 15), junk(below(10))) if $how == 2;
    return frame(pick(8, 9, 10), junk(below(10)), fin => 0) if $how == 3;
    return frame(pick(8, 9, 10), 'x' x pick(126, 127, 200, 70000)) if $how == 4;
    return frame(0, 'x', fin => below(2)) if $how == 5;
    return frame(1, '{"type"', fin => 0) . frame(1, ':"ping"}') if $how == 6;
    return frame(pick(1, 9), 'x' x below(126), form => pick(16, 64))
        if $how == 7;
    return frame(1, 'x' x 300, form => 64) if $how == 8;
    return frame(1, 'x' x below(30), form => 64,
                 len => pick(2 ** 63, 2 ** 32, 2 ** 31, 4194305, 65537,
                             9223372036854775807, ~0))
        if $how == 9;
    return frame(2, junk(below(100))) if $how == 10;
    return frame(1, '{"type":"ping"}', len => below(40)) if $how == 11;
    return join '', map { frame($_ ? 0 : 1, '', fin => 0) } 0 .. below(400)
        if $how == 12;
    return message("\"\xf0\x9f\x98" . pick("\x80", "\x40", '') . '"',
                   split => 1)
        if $how == 13;
    return frame(1, 'x' x pick(1025, 65537, 65536)) if $how == 14;
    return frame(9, '', rsv => 0x40) if $how == 15;
    return junk(1 + below(40));
}

my %Bombs;

# zeros, or the letters of a frame, that become much
sub bomb {
    my ($n) = @_;
    return $Bombs{$n} //= do {
        my $z = Compress::Raw::Zlib::Deflate->new(-WindowBits => -15,
                                                  -AppendOutput => 1);
        my $out = '';
        $z->deflate('{"type":"message","content":"' . 'a' x $n . '"}', $out);
        $z->flush($out, Z_SYNC_FLUSH);
        substr $out, 0, -4;
    };
}

sub compressor {
    my $bits = pick(9, 9, 12, 15, 15, 15);
    return {z => new_deflate($bits), bits => $bits, takeover => chance(0.4)};
}

sub new_deflate {
    my ($bits) = @_;
    my $z = Compress::Raw::Zlib::Deflate->new(
        -WindowBits => -$bits, -AppendOutput => 1, -Level => pick(0, 1, 6, 9));
    return $z;
}

sub compressed {
    my ($c, $kind) = @_;
    my $how = below(14);
    my $text = chance(0.9) ? text($kind) : bad_text($kind);
    my $out = '';

    $c->{z} = new_deflate($c->{bits}) unless $c->{takeover};

    return message(bomb(pick(1100, 65536, 1 << 20, 1 << 24)), rsv => 0x40)
        if $how == 0;
    return message(junk(1 + below(60)), rsv => 0x40) if $how == 1;
    return message('', rsv => 0x40) if $how == 2;
    return frame(1, 'x', fin => 0, rsv => 0x40) . frame(0, 'y', rsv => 0x40)
        if $how == 3 && chance(0.3);

    # a final block, then another message behind it
    if ($how == 4) {
        my $z = new_deflate($c->{bits});
        $z->deflate($text, $out);
        $z->flush($out, Z_FINISH);
        return message($out . pick('', "\0"), rsv => 0x40);
    }

    $c->{z}->deflate($text, $out);
    $c->{z}->flush($out, Z_SYNC_FLUSH);
    $out = substr $out, 0, -4 unless $how == 5;
    $out = mutate($out) if $how == 6;
    return message($out, rsv => 0x40);
}


# payloads of a backend that is broken or bad: channel and payload

sub payload {
    my $channel = $Prefix . pick(1 .. 4, 1 .. 4, 1 .. 4, 'user:1', 'user:2',
                                 'a', 'a:b', '@control', '', ':', '777x');
    my $json = pick('{"type":"message_edited","id":7}', '{}', '{ }',
                    '{"type":"new_message","message":{"id":1}}',
                    '{"type":"typing_indicator","user_id":1,"is_typing":true}',
                    '{"conversation_id":9,"type":"x"}',
                    '{"type":"presence","user_id":2,"is_online":true}',
                    '{"type":"x","pad":"' . 'p' x pick(@Sizes) . '"}',
                    '{"type":"x","pad":"' . "\xc3\xa9" x below(500) . '"}');

    if ($channel eq "$Prefix\@control") {
        $json = pick('{"action":"disconnect","user_id":' . pick(1 .. 6)
                     . ',"code":4001,"reason":"' . word(below(130)) . '"}',
                     '{"action":"withdraw","user_id":1,"conversation_id":2}',
                     '{"action":"revoke","user_id":3,"issued_before":1}',
                     '{"action":"recheck","user_id":' . pick(1 .. 6) . '}',
                     '{"action":' . pick(@Json) . '}');
        return ($channel, chance(0.5) ? mutate($json) : $json);
    }

    my $how = below(12);
    return ($channel, $json) if $how < 4;

    my $fields = join '', map {
        pick(' x=', ' k=', ' x=', ' k=', ' zz=', ' =', ' X=', ' seq=')
        . pick('1', '2', 'ann', 'typing', 'presence', 'receipt', 'message',
               '', '%FC%20x', '%zz', '%', 'x' x below(1100), junk(3))
    } 0 .. below(3);

    return ($channel, "\@$fields\n$json") if $how < 8;

    # what the module passes on without looking need not be JSON
    my $bytes = $how == 8 ? mutate($json)
              : $how == 9 ? mutate("\@$fields\n$json")
              : $how == 10 ? pick('', '@', "\@\n", '[', 'x', "\n{", "\xff",
                                  junk(below(200)), '{' x below(70000))
              : '{"type":"x","pad":"' . junk(below(60)) . '"}';

    return ($channel, $bytes . VERBATIM);
}


# the life of one connection: a list of steps

sub plan {
    my ($seed, $number) = @_;

    srand(($seed * 1000003 + $number * 7919) & 0xffffffff);

    my $style = rand();
    my $hostile = $style < 0.2;
    my $shake = handshake($hostile);
    my %plan = (%$shake, number => $number, codes => {});
    my @steps;

    $plan{tls} = 1 if chance(0.04);
    $plan{address} = chance(0.15) ? '127.' . join '.', map { 1 + below(250) }
                                                       1 .. 3
                                  : '127.0.0.' . (2 + below(20));

    # little fits in between: what waits, waits in nginx
    $plan{rcvbuf} = 2048 if chance(0.1) || $style >= 0.25 && $style < 0.29;
    $plan{tls} = 0 if $plan{rcvbuf};

    my $bytes = $shake->{bytes};

    if (chance(0.3)) {
        push @steps, ['write', $bytes];
        push @steps, ['open'];

    } elsif (chance(0.1)) {
        push @steps, pieces($bytes);
        push @steps, ['open'] if chance(0.5);

    } else {
        # frames may follow before the answer came, in the same packet
        push @steps, chance(0.5) ? (['write', $bytes], ['open'])
                                 : ['hold', $bytes];
    }

    my @frames = frames(\%plan, $style);
    my $rest = '';

    for my $frame (@frames) {
        if (ref $frame) {
            push @steps, ['write', $rest] if $rest ne '';
            push @steps, $frame;
            $rest = '';

        } elsif (chance(0.03)) {
            push @steps, pieces($rest . $frame);
            $rest = '';

        } else {
            $rest .= $frame;

            if (chance(0.3)) {
                push @steps, ['write', $rest];
                $rest = '';
            }
        }
    }

    push @steps, ['write', $rest] if $rest ne '';
    push @steps, ending(\%plan);

    $plan{steps} = \@steps;
    return \%plan;
}

sub pieces {
    my ($bytes) = @_;
    my @steps;
    my $size = pick(1, 2, 3, 7, 50);

    return ['write', $bytes] if length $bytes > 40 * $size + 400;
    while ($bytes ne '') {
        push @steps, ['write', substr $bytes, 0, $size, ''];
        push @steps, ['wait', rand(0.004)] if chance(0.5);
    }
    return @steps;
}

sub frames {
    my ($plan, $style) = @_;
    my $kind = $plan->{kind};
    my @frames;

    # who may not be here is not even answered this
    push @frames, message('{"type":"ping"}', split => 0) if $plan->{bad};

    # many: be somewhere
    push @frames, map { message("{\"type\":\"subscribe\",\"conversation_id\":$_}") }
                  1 .. 1 + below(4)
        if $kind eq 'many' && chance(0.9);

    if ($style < 0.2) {
        push @frames, map { text_frame($kind) } 1 .. below(4);

    } elsif ($style < 0.25) {           # a flood
        my @some = map { chance(0.3) ? frame(9, junk(below(126)))
                                     : message(text($kind)) } 1 .. 10;
        push @frames, map { pick(@some) } 1 .. 20 + below(200);

    } elsif ($style < 0.29) {           # never reads
        push @frames, ['stall'], map { text_frame($kind) } 1 .. below(60);
        push @frames, ['wait', rand(pick(0.2, 2, 3))];

    } elsif ($style < 0.33) {           # rubbish
        push @frames, junk(1 + below(pick(20, 200, 3000)));

    } elsif ($style < 0.5) {            # compressed
        my $c = compressor();
        push @frames, map { compressed($c, $kind) } 1 .. 1 + below(8);

    } elsif ($style < 0.9) {            # well-behaved until the end
        push @frames, map { text_frame($kind) } 1 .. 1 + below(15);
        push @frames, bad_frame() if chance(0.6);

    } else {                            # stays for a while
        for (1 .. 1 + below(20)) {
            push @frames, text_frame($kind), ['wait', rand(0.1)];
        }
    }

    push @frames, ['wait', rand(0.1)] if chance(0.2);

    return @frames;
}

sub text_frame {
    my ($kind) = @_;

    return chance(0.85) ? message(text($kind))
         : chance(0.5) ? frame(pick(9, 10), junk(below(126)))
         : message(bad_text($kind));
}

sub ending {
    my ($plan) = @_;
    my @steps;
    my $how = below(10);

    if ($how < 5) {
        my ($payload, $code) = close_payload();
        $plan->{codes}{defined $code ? $code : 'none'} = 1;
        push @steps, ['write', frame(8, $payload)];
        push @steps, ['write', message(text('one'))] if chance(0.1);
        push @steps, chance(0.8) ? ['end', 0.5] : ['fin'];

    } elsif ($how < 6) {
        push @steps, ['shutdown'], ['end', rand(0.5)];

    } elsif ($how < 8) {
        push @steps, ['reset'];

    } elsif ($how < 9) {
        push @steps, ['end', rand(pick(0.2, 0.2, 3))];

    } else {
        push @steps, ['fin'];
    }

    return @steps;
}

1;
