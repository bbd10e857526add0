# Clients that are gone, by RST, FIN or half a FIN, behind each byte of a
# handshake and of every kind of frame: nothing of them is left, and another
# client is served all the time.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

sub handshake {
    my ($token) = @_;
    return "GET /ws/messaging/8/?token=$token HTTP/1.1\r\nHost: localhost\r\n"
         . "Upgrade: websocket\r\nConnection: Upgrade\r\n"
         . "Sec-WebSocket-Version: 13\r\n"
         . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

sub frame {
    my ($first, $payload) = @_;
    my ($length, $mask) = (length $payload, "\x37\xfa\x21\x3d");

    return pack('C', $first)
         . ($length < 126 ? pack 'C', 0x80 | $length
            : $length < 65536 ? pack 'Cn', 0xfe, $length
                              : pack 'CQ>', 0xff, $length)
         . $mask
         . ($payload ^ substr $mask x ($length / 4 + 1), 0, $length);
}

# each kind of frame, by its name
my $message = '{"type":"message","client_id":"c","content":"%s"}';
our %frames = (
    text     => frame(0x81, '{"type":"typing"}'),
    pieces   => frame(0x01, '{"type":"mess') . frame(0x00, 'age","content')
                . frame(0x89, 'ping') . frame(0x80, '":"x"}'),
    ping     => frame(0x89, 'x' x 20),
    pong     => frame(0x8a, 'x'),
    close    => frame(0x88, "\x03\xe8bye"),
    empty    => frame(0x88, ''),
    length16 => frame(0x81, sprintf $message, 'x' x 200),
    length64 => frame(0x81, sprintf $message, 'x' x 65400),
    utf8     => frame(0x81, "\xc3\xa4\xf0\x9f\x98\x80") . frame(0x82, 'bin'),
);

use constant AT_ONCE => 32;

# "cuts HOW TOKEN STEP [FRAME ...]": clients that send no byte, the first
# byte, the first two and so on of these, in steps, behind the handshake, or
# of a handshake itself and all frames behind it; and go, many at a time
sub Test::Nginx::WebSocket::Client::do_cuts {
    my ($self, $args) = @_;
    my ($how, $token, $step, @names) = split ' ', $args;
    my $bytes = CORE::join '', @names ? map { $frames{$_} } @names
                : (handshake($token), @frames{qw( text pieces ping close )});
    my $length = length $bytes;
    my @ends = grep { $_ % $step == 0 && ($_ < 400 || $_ > $length - 4) }
               0 .. $length;

    while (my @now = splice @ends, 0, AT_ONCE) {
        my @clients = map { $self->{scenario}->new_client("x$_") } @now;

        for my $client (@clients) {
            @names ? $client->do_connect("/ws/messaging/8/?token=$token")
                   : $client->do_open;
            $client->{may_close} = 1;
            $client->write(substr $bytes, 0, shift @now);
        }
        $_->drain or die "the server does not read\n" for @clients;
        Test::Nginx::WebSocket::Stream::wait_for(
            sub { all_was_read($self->{port}) }, undef, 0.005)
            or die "the server does not read\n";

        my $go = "do_$how";
        $_->$go('') for @clients;
        next if $how ne 'shutdown';
        Test::Nginx::WebSocket::Stream::wait_for(
            sub { !grep { !$_->{eof} } @clients })
            or die "the server does not end\n";
        $_->shut for @clients;
    }
}

# nothing waits in the receive queues of connections to this port
sub all_was_read {
    my ($port) = @_;
    my $local = sprintf '0100007F:%04X', $port;
    open my $in, '<', '/proc/net/tcp' or return 1;
    return !grep { /: $local \w+:\w+ 01 \w+:(\w+)/ && hex $1 } readline $in;
}

# once for what is allocated at first, and once more
sub scenario {
    my ($how, @lists) = @_;
    my $cuts = CORE::join '', map { "x: cuts $how \$jwt_bob STEP $_\n" } @lists;

    return <<'EOS' . $cuts =~ s/STEP/5/gr . <<'EOS' . $cuts =~ s/STEP/1/gr . <<'EOS';
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   talk stay
EOS
nginx: status connections 1
ann:   hush
ann:   expect_heard
nginx: remember_baseline
ann:   talk
EOS
ann:   expect_talked 3
ann:   hush
ann:   expect_heard
ann:   expect_resyncs 0
nginx: expect_baseline memory=1m
nginx: status connections 1
nginx: status subscriptions 1
nginx: status redis.lost 0
nginx: expect_idle
ann:   drop
backend: expect_subscribers 8 0
EOS
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: RST within the handshake and behind it
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval: main::scenario('reset', '')



=== TEST 2: FIN within the handshake and behind it
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval: main::scenario('drop', '')



=== TEST 3: RST within each frame
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval: main::scenario('reset', sort keys %main::frames)



=== TEST 4: FIN within each frame
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval: main::scenario('drop', sort keys %main::frames)



=== TEST 5: half a FIN within each frame: the server ends by itself
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval: main::scenario('shutdown', sort keys %main::frames)
