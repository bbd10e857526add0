package Client;

# Copyright (C) The ngx_http_messaging_module authors

# A client that does one thing after the other: for what has to be the same
# each time, not for what has to be fast.

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256);
use IO::Socket::INET;
use MIME::Base64 qw(encode_base64url);

my $mask = "\x11\x22\x33\x44";

sub token {
    my ($secret, $user, $seconds) = @_;

    my $text = join '.', map { encode_base64url($_) }
        '{"alg":"HS256","typ":"JWT"}',
        sprintf('{"user_id":%d,"name":"User %d","exp":%d}', $user, $user,
                time + ($seconds // 86400));

    return "$text." . encode_base64url(hmac_sha256($text, $secret));
}

# returns a client whose handshake is done

sub open {
    my ($class, $port, $conversation, $token) = @_;

    my $socket = IO::Socket::INET->new(
        PeerAddr => '127.0.0.1',
        PeerPort => $port,
        Proto => 'tcp',
    ) or die "connect: $!\n";

    my $self = bless { socket => $socket, buffer => '' }, $class;

    $self->put(join "\r\n",
        "GET /ws/messaging/$conversation/?token=$token HTTP/1.1",
        "Host: 127.0.0.1:$port",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "", "");

    $self->fill until $self->{buffer} =~ s/\A(.*?)\r\n\r\n//s;

    die "answered with $1\n" if $1 !~ m{\AHTTP/1\.1 101 };

    return $self;
}

sub put {
    my ($self, $bytes) = @_;

    while (length $bytes) {
        my $n = syswrite $self->{socket}, $bytes;

        die "write: $!\n" if !defined $n;
        substr $bytes, 0, $n, '';
    }
}

sub fill {
    my ($self) = @_;

    my $ready = '';
    vec($ready, fileno($self->{socket}), 1) = 1;

    die "nothing comes\n" if !select $ready, undef, undef, 60;

    my $n = sysread $self->{socket}, $self->{buffer}, 65536,
                    length $self->{buffer};

    die "read: $!\n" if !defined $n;
    die "the connection was closed\n" if $n == 0;
}

# short ones only: what is sent here has less than 126 bytes

sub frame {
    my ($self, $opcode, $payload) = @_;

    die "a long frame\n" if length $payload > 125;

    my $masked = $payload
                 ^ substr($mask x 32, 0, length $payload);

    $self->put(pack('CC', 0x80 | $opcode, 0x80 | length $payload)
               . $mask . $masked);
}

sub send {
    my ($self, $text) = @_;

    $self->frame(1, $text);
}

# the next message, pings answered

sub receive {
    my ($self) = @_;

    my ($opcode, $payload) = $self->next;

    die "a frame of type $opcode\n" if $opcode != 1;

    return $payload;
}

# the code of the close frame that comes next

sub close_code {
    my ($self) = @_;

    my ($opcode, $payload) = $self->next;

    die "not closed: $payload\n" if $opcode != 8;

    return unpack 'n', $payload;
}

sub next {
    my ($self) = @_;

    for ( ;; ) {
        my $buffer = \$self->{buffer};

        $self->fill while length $$buffer < 2;

        my ($opcode, $len) = unpack 'CC', $$buffer;
        my $head = 2;

        if ($len == 126) {
            $self->fill while length $$buffer < 4;
            $len = unpack 'x2 n', $$buffer;
            $head = 4;
        }

        $self->fill while length $$buffer < $head + $len;

        my $payload = substr $$buffer, $head, $len;

        substr $$buffer, 0, $head + $len, '';
        $opcode &= 15;

        return ($opcode, $payload) if $opcode != 9;

        $self->frame(10, $payload);
    }
}

# without the handshake of closing, or with it

sub drop {
    my ($self) = @_;

    close $self->{socket};
}

sub leave {
    my ($self) = @_;

    $self->frame(8, pack 'n', 1000);

    # our close frame comes back, then the end
    eval { $self->fill for 1 .. 2 };

    close $self->{socket};
}

1;
