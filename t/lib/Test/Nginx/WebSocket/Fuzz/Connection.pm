
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Fuzz::Connection;

# A connection to nginx: its place in the event loop, and a parser of what
# the server says that accepts nothing a server must not say.

use strict;
use warnings;

use Compress::Raw::Zlib qw( Z_OK Z_BUF_ERROR Z_STREAM_END );
use Digest::SHA qw( sha1_base64 );
use Errno ();
use JSON::PP ();
use Socket qw( AF_INET SOCK_STREAM SOL_SOCKET SO_LINGER SO_RCVBUF IPPROTO_IP
               IPPROTO_TCP TCP_NODELAY pack_sockaddr_in inet_aton );
use Time::HiRes ();

use Test::Nginx::WebSocket::Process;
use Test::Nginx::WebSocket::Fuzz::Input;

use constant BIND_WITHOUT_PORT => 24;       # IP_BIND_ADDRESS_NO_PORT

our (%Ports, %Count, $Complain);

my ($Rin, $Win, %Active) = ('', '');
my %Known;              # texts that were found to be good
my $Json = JSON::PP->new->utf8->allow_nonref(0);

my %ServerCodes = map { $_ => 1 } 1001 .. 1003, 1007 .. 1009, 1012, 1013,
                                  4000, 4001, 4003;

sub now { return Test::Nginx::WebSocket::Process::now() }
sub active { return values %Active }

# one turn of the loop
sub turn {
    my ($timeout) = @_;
    my ($r, $w) = ($Rin, $Win);

    return if select($r, $w, undef, $timeout) <= 0;

    for my $fd (keys %Active) {
        my $self = $Active{$fd} or next;
        $self->writable if vec $w, $fd, 1;
        $self->readable if vec($r, $fd, 1) && ($Active{$fd} // 0) == $self;
    }
}

sub connect {
    my ($class, %arg) = @_;
    my $self = bless {%arg, in => '', out => '', state => 'http',
                      began => now()}, $class;
    my $port = $Ports{$arg{tls} ? 'tls' : $arg{rcvbuf} ? 'narrow' : 'plain'};

    socket(my $fh, AF_INET, SOCK_STREAM, 0) or die "socket: $!\n";
    setsockopt $fh, SOL_SOCKET, SO_RCVBUF, pack 'i', $arg{rcvbuf}
        if $arg{rcvbuf};
    if ($arg{address}) {
        setsockopt $fh, IPPROTO_IP, BIND_WITHOUT_PORT, pack 'i', 1;
        bind $fh, pack_sockaddr_in(0, inet_aton($arg{address}))
            or die "bind: $!\n";
    }

    # on the loopback interface this does not wait
    connect $fh, pack_sockaddr_in($port, inet_aton('127.0.0.1'))
        or return undef;
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, pack 'i', 1;
    $fh->blocking(0);

    if ($arg{tls}) {
        require IO::Socket::SSL;
        IO::Socket::SSL->start_SSL($fh, SSL_startHandshake => 0,
            SSL_verify_mode => 0, SSL_hostname => 'localhost') or return undef;
        $self->{shaking} = 1;
    }

    @$self{qw( fh fd )} = ($fh, fileno $fh);
    $Active{$self->{fd}} = $self;
    vec($Rin, $self->{fd}, 1) = 1;
    vec($Win, $self->{fd}, 1) = 1 if $self->{shaking};
    $Count{connections}++;
    return $self;
}

sub complain {
    my ($self, $text) = @_;
    $Complain->($self->who . ": $text");
}

sub read_on {
    my ($self, $on) = @_;
    $self->{stalled} = !$on;
    vec($Rin, $self->{fd}, 1) = $on if $self->{fh};
}

sub shake {
    my ($self) = @_;

    if ($self->{fh}->connect_SSL) {
        delete $self->{shaking};
        $self->flush;
        return;
    }
    vec($Win, $self->{fd}, 1) = 0;
    $self->ended('tls') unless $!{EAGAIN} || $!{EWOULDBLOCK};
}

sub write {
    my ($self, $bytes) = @_;
    $self->{out} .= $bytes;
    $self->flush;
}

sub flush {
    my ($self) = @_;

    return if $self->{shaking} || !$self->{fh};

    while (length $self->{out}) {
        my $n = syswrite $self->{fh}, $self->{out};

        if (!defined $n) {
            next if $!{EINTR};
            if ($!{EAGAIN}) {
                vec($Win, $self->{fd}, 1) = 1;
                return;
            }
            # the reading side tells how it ended
            $self->{out} = '';
            $self->{broken} = 1;
            last;
        }
        $Count{bytes_sent} += $n;
        substr($self->{out}, 0, $n) = '';
    }
    vec($Win, $self->{fd}, 1) = 0;
}

sub writable {
    my ($self) = @_;
    return $self->shake if $self->{shaking};
    $self->flush;
}

sub readable {
    my ($self) = @_;
    return $self->shake if $self->{shaking};

    # what TLS has decrypted already wakes nobody
    for (1 .. ($self->{tls} ? 10000 : 4)) {
        my $n = sysread $self->{fh}, $self->{in}, 65536, length $self->{in};

        if (!defined $n) {
            next if $!{EINTR};
            $self->ended($!{ECONNRESET} ? 'reset' : 'error') unless $!{EAGAIN};
            return;
        }
        return $self->ended('eof') if $n == 0;
        $Count{bytes_received} += $n;
        $self->parse;
        return if !$self->{fh};
    }
}

sub drop {
    my ($self, $how) = @_;
    my $fh = delete $self->{fh} or return;

    setsockopt $fh, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0 if $how eq 'reset';
    delete $Active{$self->{fd}};
    vec($Rin, $self->{fd}, 1) = vec($Win, $self->{fd}, 1) = 0;
    $self->{tls} && ref $fh eq 'IO::Socket::SSL'
        ? $fh->close(SSL_no_shutdown => 1) : close $fh;
}

# by the server
sub ended {
    my ($self, $how) = @_;
    $self->{eof} = $how;
    $self->complain('the connection ends within a frame')
        if $how eq 'eof' && $self->{state} eq 'frames' && length $self->{in}
           && !$self->given_up;
    $Count{unclosed}++ if $self->{state} eq 'frames';
    $self->drop('fin');
    $self->on_end($how);
}


# what the server says

sub parse {
    my ($self) = @_;

    if ($self->{state} eq 'http') {
        my $end = index $self->{in}, "\r\n\r\n";

        if ($self->{in} !~ /\AH(?:T(?:T(?:P(?:\/|\z)|\z)|\z)|\z)/) {
            # what HTTP/0.9 gets
            $self->complain('the answer is not HTTP/1.1') if $self->{valid};
            return $self->{state} = 'other';
        }
        return if $end < 0;
        $self->response(substr $self->{in}, 0, $end + 4, '');
    }

    if ($self->{state} eq 'frames') {
        # all is taken at once: no copy for each frame
        my $at = 0;
        my $taken;
        1 while $self->{fh} && $self->{state} eq 'frames'
                && defined($taken = $self->one_frame($at))
                && ($at = $taken);
        substr($self->{in}, 0, $at) = '';
    }

    if ($self->{state} eq 'closed') {
        $self->complain('bytes behind the close frame')
            if length $self->{in};
        $self->{in} = '';

    } elsif ($self->{state} eq 'other') {
        $self->{in} = '';
    }
}

sub response {
    my ($self, $text) = @_;
    my ($status) = $text =~ m{\AHTTP/1\.1 (\d\d\d)[ \r]};

    return $self->complain("a status line: " . substr $text, 0, 40)
        unless $status;
    $Count{status}{$status}++;
    $self->complain("status $status") if $status =~ /\A50[024]\z/;

    if ($status != 101) {
        $self->{state} = 'other';
        return $self->on_refused($status);
    }

    my %field;
    for (split /\r\n/, $text) {
        my ($name, $value) = /\A([\w-]+): (.*)\z/ or next;
        $self->complain("$name twice") if defined $field{lc $name};
        $field{lc $name} = $value;
    }

    my ($key) = $self->{key} ? $self->{key} : ();
    $self->complain('a wrong Sec-WebSocket-Accept')
        if $key && ($field{'sec-websocket-accept'} // '') ne
           sha1_base64($key . '258EAFA5-E914-47DA-95CA-C5AB0DC85B11') . '=';
    $self->complain('101 without Upgrade')
        if lc($field{upgrade} // '') ne 'websocket'
           || lc($field{connection} // '') ne 'upgrade';

    my $protocol = $field{'sec-websocket-protocol'};
    $self->complain("protocol $protocol")
        if defined $protocol && $protocol ne 'messaging.v1';

    if (defined(my $deflate = $field{'sec-websocket-extensions'})) {
        $self->complain("extension $deflate") unless $deflate =~
            /\Apermessage-deflate(?:;\ ?(?:(?:server|client)_(?:
             no_context_takeover|max_window_bits=(?:9|1[0-5]))))*\z/x;
        $self->{deflate} = $deflate;
        $Count{deflate}++;
    }

    $self->{state} = 'frames';
    $self->on_open;
}

# the place behind the frame at $at, or undef if it is not complete
sub one_frame {
    my ($self, $at) = @_;
    my $have = length($self->{in}) - $at;

    return if $have < 2;
    my ($first, $len) = unpack 'CC', substr $self->{in}, $at, 2;
    my ($opcode, $rsv, $head) = ($first & 15, $first & 0x70, 2);

    if ($len & 0x80) {
        $self->complain('a masked frame');
        $len &= 0x7f;
    }
    $self->complain('a fragment') unless $first & 0x80;
    $self->complain("opcode $opcode") unless $opcode == 1 || $opcode == 8
                                          || $opcode == 9 || $opcode == 10;
    $self->complain('reserved bits') if $rsv
        && !($rsv == 0x40 && $opcode == 1 && $self->{deflate});
    $self->complain('a long control frame') if $opcode > 7 && $len > 125;

    if ($len == 126) {
        return if $have < ($head = 4);
        $len = unpack 'n', substr $self->{in}, $at + 2, 2;
        $self->complain("$len in 16 bits") if $len < 126;

    } elsif ($len == 127) {
        return if $have < ($head = 10);
        $len = unpack 'Q>', substr $self->{in}, $at + 2, 8;
        $self->complain("$len in 64 bits") if $len < 65536;
        if ($len > 8 << 20) {
            $self->complain("a frame of $len bytes");
            $self->drop('reset');
            return $at;
        }
    }

    return if $have < $head + $len;
    my $payload = substr $self->{in}, $at + $head, $len;
    $Count{frames_received}++;
    $self->complain("a frame for somebody without a token, opcode $opcode")
        if $self->{bad} && $opcode != 8;

    if ($opcode == 1) {
        $payload = $self->inflated($payload) if $rsv;
        $self->text($payload) if defined $payload;

    } elsif ($opcode == 8) {
        $self->closing($payload);

    } elsif ($opcode == 9) {
        $self->on_ping($payload);
    }
    return $at + $head + $len;
}

sub inflated {
    my ($self, $payload) = @_;
    my $z = $self->{inflater};
    my $out = '';

    $z = undef if $self->{deflate} =~ /server_no_context_takeover/;
    if (!$z) {
        my ($bits) = $self->{deflate} =~ /server_max_window_bits=(\d+)/;
        $z = Compress::Raw::Zlib::Inflate->new(
            -WindowBits => -($bits // 15), -AppendOutput => 1,
            -ConsumeInput => 1);
        $self->{inflater} = $z;
    }

    my $rc = $z->inflate($payload .= "\0\0\xff\xff", $out);
    if ($rc != Z_OK && $rc != Z_BUF_ERROR || length $payload) {
        $self->complain("deflate stream: $rc");
        return undef;
    }
    $Count{inflated}++;
    return $out;
}

sub text {
    my ($self, $text) = @_;

    if (!$Known{$text}) {
        my $copy = $text;
        my $json;

        if (!utf8::decode($copy)
            || $text =~ /\xed[\xa0-\xbf]|\xf4[\x90-\xbf]|[\xf5-\xff]/)
        {
            $self->complain('text that is not UTF-8');

        } elsif (index($text, Test::Nginx::WebSocket::Fuzz::Input::VERBATIM)
                 < 0)
        {
            $json = eval { $Json->decode($text) };
            $self->complain('not a JSON object: ' . substr $text, 0, 80)
                if ref $json ne 'HASH';
        }

        %Known = () if keys %Known > 2000;
        $Known{$text} = 1 if length $text < 4096;
    }
    $self->on_text($text);
}

sub closing {
    my ($self, $payload) = @_;
    my ($code, $reason) = ('none', '');

    if (length $payload == 1) {
        $self->complain('a close frame of one byte');

    } elsif (length $payload) {
        ($code, $reason) = unpack 'na*', $payload;
    }

    $self->complain("close code $code")
        unless $code ne 'none' && $ServerCodes{$code} || $self->sent_code($code);
    $self->complain('a close reason that is not UTF-8')
        unless utf8::decode(my $copy = $reason);

    $Count{closes}{$code}++;
    $self->{state} = 'closed';
    $self->on_close($code, $reason);
}

sub sent_code { return 0 }
sub given_up { return 0 }
sub on_refused { }
sub on_open { }
sub on_text { }
sub on_end { }

1;
