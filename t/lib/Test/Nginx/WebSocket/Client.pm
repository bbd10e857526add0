
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Client;

# A WebSocket client (RFC 6455) that trusts the server in nothing.  Each
# do_VERB is a line of a scenario; it dies with the reason of a failure.

use strict;
use warnings;

use parent qw( Test::Nginx::WebSocket::Order
               Test::Nginx::WebSocket::Stream
               Test::Nginx::WebSocket::Talk );

use Digest::SHA qw( sha1_base64 );
use IO::Socket::INET;
use MIME::Base64 qw( encode_base64 );
use Socket qw( IPPROTO_TCP TCP_CORK TCP_NODELAY SOL_SOCKET SO_ERROR SO_LINGER
               SO_RCVBUF inet_aton pack_sockaddr_in );

use Test::Nginx::WebSocket::Deflate;
use Test::Nginx::WebSocket::Match
    qw( as_bytes as_regex as_time brief check diff parse parse_prefix show );

use constant GUID => '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
use constant SIOCOUTQ => 0x5411;

my %Opcode = (cont => 0, text => 1, binary => 2, close => 8, ping => 9,
              pong => 10);
my %Name = reverse %Opcode;
my $Tls;

sub new {
    my ($class, %arg) = @_;
    my $self = bless {%arg, auto_pong => 1, auto_close => 1, headers => [],
                      out => '', eof => ''}, $class;
    $self->forget;
    return $self;
}

# what belongs to one connection
sub forget {
    my ($self) = @_;
    @$self{qw( messages pongs pings )} = ([], [], []);
    @$self{qw( mode eof in )} = ('', '', '');
    delete @$self{qw( response closed sent_close bad deflate wire
                      early_eof gone_by_us unseen_end )};
}

sub note {
    my ($self, $text) = @_;
    Test::Nginx::WebSocket::Stream::note($self->{name}, $text);
}

sub wait_for {
    my ($self, $condition, $what) = @_;
    my $ok = Test::Nginx::WebSocket::Stream::wait_for(
        sub { $self->{bad} || $condition->() });

    die "$self->{bad}\n" if $self->{bad};
    die "$what in time\n" unless $ok;
}

sub bad {
    my ($self, $why) = @_;
    $self->{bad} //= $why;
    $self->note("! $why");
}


# connecting

sub open_socket {
    my ($self) = @_;
    die "still connected\n" if $self->{fh} && !$self->{eof};
    $self->shut;
    $self->forget;
    $self->{out} = '';

    my $port = $self->{tls} ? $self->{tls_port} : $self->{port};
    my $fh;
    Test::Nginx::WebSocket::Process::pause($_) for @{$self->{not_by} // []};
    Test::Nginx::WebSocket::Stream::wait_for(sub {
        $fh = IO::Socket::INET->new(Proto => 'tcp',
                  $self->{from} ? (LocalAddr => $self->{from}) : ())
            or die "socket() failed: $@\n";
        setsockopt $fh, SOL_SOCKET, SO_RCVBUF, $self->{rcvbuf}
            if $self->{rcvbuf};
        return connect $fh, pack_sockaddr_in($port, inet_aton('127.0.0.1'));
    }, undef, 0.05) or die "cannot connect to port $port: $!\n";

    $self->accepted_by_another($fh) if $self->{not_by};
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
    if ($self->{tls}) {
        require IO::Socket::SSL;
        # one of its own would read all certificate authorities of the system
        $Tls //= IO::Socket::SSL::SSL_Context->new(SSL_verify_mode => 0);
        IO::Socket::SSL->start_SSL($fh, SSL_reuse_ctx => $Tls,
            SSL_hostname => 'localhost',
            Timeout => $Test::Nginx::WebSocket::Stream::Timeout)
            or die "TLS handshake failed: " . IO::Socket::SSL::errstr() . "\n";
    }
    $self->attach($fh);
}

# the request of "default" header fields and those of the "header" lines,
# which replace them; "header !NAME" takes one away
sub request {
    my ($self, $line, @default) = @_;
    my @own = splice @{$self->{headers}};
    my %own = map { lc $_->[0] => 1 } @own;
    my @all = ((grep { !$own{lc $_->[0]} } @default),
               grep { defined $_->[1] } @own);
    my %all;

    push @{$all{lc $_->[0]}}, $_->[1] for @all;
    $self->{sent} = {map { $_ => join ', ', @{$all{$_}} } keys %all};
    return join '', map { "$_\r\n" } $line, (map { "$_->[0]: $_->[1]" } @all),
                    '';
}

sub upgrade {
    my ($self, $path) = @_;
    $self->begin_upgrade($path);
    $self->await_response;
}

sub begin_upgrade {
    my ($self, $path) = @_;
    my $key = encode_base64(join('', map { chr int rand 256 } 1 .. 16), '');
    my ($ahead, $close) = delete $self->{corked}
                          ? @$self{qw( out sent_close )} : ('');

    $self->open_socket;
    $self->{sent_close} = $close;
    $self->{mode} = 'http';
    $self->{path} = $path;
    $self->note("> connect $path");
    $self->write($self->request("GET $path HTTP/1.1", [Host => 'localhost'],
        [Upgrade => 'websocket'], [Connection => 'Upgrade'],
        ['Sec-WebSocket-Version' => 13], ['Sec-WebSocket-Key' => $key])
        . $ahead);
}

sub await_response {
    my ($self) = @_;
    die "not connected\n" unless $self->{mode};

    if ($self->{mode} eq 'raw') {
        $self->{mode} = 'http';
        $self->on_data;
        $self->on_end if $self->{eof};
    }
    $self->wait_for(sub { $self->{response} && $self->{response}{complete} },
                    'no response');
    return $self->{response};
}

sub header_values {
    my ($self, $name) = @_;
    die "there was no response\n" unless $self->{response};
    return map { $_->[1] } grep { lc $_->[0] eq lc $name }
           @{$self->{response}{headers}};
}

sub check_upgrade {
    my ($self) = @_;
    my $sent = $self->{sent};
    my %got = map { $_ => join ', ', $self->header_values($_) }
              qw( Upgrade Connection Sec-WebSocket-Accept
                  Sec-WebSocket-Protocol Sec-WebSocket-Extensions );
    my $accept = sha1_base64(($sent->{'sec-websocket-key'} // '') . GUID)
                 . '=';
    my $protocol = $got{'Sec-WebSocket-Protocol'};
    my $extension = $got{'Sec-WebSocket-Extensions'};

    die "Upgrade is \"$got{Upgrade}\"\n" if lc $got{Upgrade} ne 'websocket';
    die "Connection is \"$got{Connection}\"\n"
        if lc $got{Connection} ne 'upgrade';
    die "Sec-WebSocket-Accept is \"$got{'Sec-WebSocket-Accept'}\", "
        . "expected \"$accept\"\n" if $got{'Sec-WebSocket-Accept'} ne $accept;
    die "subprotocol \"$protocol\" was not offered\n"
        if $protocol ne '' && !grep { $_ eq $protocol }
           split /\s*,\s*/, $sent->{'sec-websocket-protocol'} // '';
    return if $extension eq '';

    $self->{deflate} = Test::Nginx::WebSocket::Deflate->new($extension,
        $sent->{'sec-websocket-extensions'} // '');
}

sub do_header {
    my ($self, $args) = @_;
    if ($args =~ /\A!\s*(\S+)\z/) {
        push @{$self->{headers}}, [$1, undef];

    } elsif ($args =~ /\A([^\s:]+):\s*(.*)\z/s) {
        push @{$self->{headers}}, [$1, $2];

    } else {
        die "usage: header NAME: VALUE, or header !NAME\n";
    }
}

sub do_connect {
    my ($self, $path) = @_;
    $self->upgrade($path);
    my $status = $self->{response}{status};
    die "status is $status, expected 101\n" if $status != 101;
}

# the others' workers are stopped until the connection is accepted, so that
# another worker does it
sub do_connect_apart {
    my ($self, $args) = @_;
    my ($others, $path) = split ' ', $args, 2;
    die "usage: connect_apart OTHER[,OTHER...] PATH\n" unless $path;
    return $self->do_connect($path) if $self->{workers} < 2;

    my @headers = @{$self->{headers}};
    my %taken = map { $self->{scenario}->client($_)->worker => 1 }
                split /,/, $others;
    for (1 .. 20) {
        @{$self->{headers}} = @headers;
        local $self->{not_by} = [keys %taken];
        $self->do_connect($path);
        return unless $taken{$self->worker};
        $self->do_close('1000');
        $self->do_expect_close('');
    }
    die "always the same worker\n";
}

# for a server that may not be able to admit anybody yet: comes again, as real
# clients do, until a {"type":"ping"} is answered
sub do_connect_retry {
    my ($self, $path) = @_;
    my @headers = @{$self->{headers}};
    my $last = 'no answer';

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        @{$self->{headers}} = @headers;
        $self->do_connect($path);
        $self->send_frame(payload => '{"type":"ping"}');
        return 1 if eval { $self->do_recv('{"type":"pong","...":0}'); 1 };
        $last = $@;
        $self->shut;
        return 0;
    }, undef, 0.02) or die "not admitted: $last";
}

sub accepted_by_another {
    my ($self, $fh) = @_;
    Test::Nginx::WebSocket::Stream::poll(
        sub { (Test::Nginx::WebSocket::Stream::peer_socket($fh))[1] }, 500);
    kill 'CONT', @{$self->{not_by}};
}

sub worker {
    my ($self) = @_;
    my ($pid) = $self->header_values('X-Worker');
    die "$self->{name} has no X-Worker header\n"
        unless $pid && $pid =~ /\A\d+\z/;
    return $pid;
}

sub do_refused {
    my ($self, $args) = @_;
    my ($code, $path) = $args =~ /\A(\d{3})\s+(\S.*)\z/
        or die "usage: refused CODE PATH\n";
    $self->upgrade($path);
    $self->{last} = $self->{response}{body};
    die "status is $self->{response}{status}, expected $code\n"
        if $self->{response}{status} != $code;
    $self->shut;
}

sub do_http {
    my ($self, $args) = @_;
    my ($method, $path, $version, $body) =
        $args =~ m{\A(\S+)\s+(\S+)(?:\s+(HTTP/1\.0))?(?:\s+(.*))?\z}s
        or die "usage: http METHOD PATH [HTTP/1.0] [BODY]\n";

    $version //= 'HTTP/1.1';
    $self->open_socket;
    $self->{mode} = 'http';
    $self->{method} = $method;
    $self->note("> $method $path");
    $self->write($self->request("$method $path $version",
        [Host => 'localhost'], [Connection => 'close'],
        defined $body ? ['Content-Length' => length $body] : ())
        . ($body // ''));
}

sub do_expect_status {
    my ($self, $code) = @_;
    my $response = $self->await_response;

    $self->{last} = $response->{body};
    die "status is $response->{status}, expected $code; body: "
        . brief($response->{body}) . "\n"
        if $response->{status} ne $code;
    $self->shut if $code != 101;
}

sub do_expect_header {
    my ($self, $args) = @_;
    my ($name, $want) = $args =~ /\A(\S+)\s+(.*)\z/s
        or die "usage: expect_header NAME VALUE|/REGEX/|none\n";
    my @values = $self->header_values($name);
    my $got = join ', ', @values;

    if ($want eq 'none') {
        die "$name is \"$got\", expected none\n" if @values;
        return;
    }
    die "there is no $name\n" unless @values;
    my $regex = as_regex($want);
    die "$name is \"$got\", expected $want\n"
        unless $regex ? $got =~ $regex : $got eq $want;
}

sub do_expect_body {
    my ($self, $want) = @_;
    check($self->{last} = $self->await_response->{body}, $want);
}

sub do_open {
    my ($self) = @_;
    $self->open_socket;
    $self->{mode} = 'raw';
    $self->{sent} = {};
}

sub do_bytes {
    my ($self, $args) = @_;
    my $bytes = as_bytes($args);

    # a handshake made by hand is checked like any other
    if ($self->{mode} eq 'raw') {
        $self->{sent}{lc $1} = $2
            while $bytes =~ /^(Sec-WebSocket-\w+):[ \t]*(.*?)\r?$/gim;
    }
    $self->note("> bytes $args");
    $self->write($bytes);
}

sub do_expect_bytes {
    my ($self, $want) = @_;
    my $regex = as_regex($want)
        // do { my $bytes = as_bytes($want);
                qr/\A\Q$bytes\E/ };

    $self->wait_for(sub { $self->{in} =~ $regex || $self->{eof} },
                    'expected bytes did not come');
    $self->{in} =~ s/\A.*?$regex//s
        or die 'got ' . brief($self->{in})
               . ", then $self->{eof}\n";
}


# receiving

sub on_data {
    my ($self) = @_;
    $self->parse_response if $self->{mode} eq 'http';
    $self->parse_frames if $self->{mode} eq 'websocket';
}

sub on_end {
    my ($self) = @_;
    my $r = $self->{response};

    if ($self->{mode} eq 'http') {
        return $self->bad("connection ended ($self->{eof}), no response")
            if !$r;
        $r->{body} = delete $self->{in} if !defined $r->{length};
        $self->bad('connection ended inside the response')
            if defined $r->{length} && !$r->{complete};
        $self->{in} = '';
        $r->{complete} = 1;
    }
    $self->{unseen_end} = $self->{mode} eq 'websocket';
}

sub parse_response {
    my ($self) = @_;
    my $r = $self->{response};

    if (!$r) {
        $self->{in} =~ s/\A(.*?)\r\n\r\n//s or return;
        my ($line, @fields) = split /\r\n/, $1;
        $line =~ m{\AHTTP/1\.[01] (\d{3})(?: (.*))?\z}
            or return $self->bad("malformed status line: $line");
        $r = $self->{response} = {
            status => $1, reason => $2 // '', body => '',
            headers => [map { [split /:\s*/, $_, 2] } @fields],
        };
        $self->note("< $line");

        if ($r->{status} == 101) {
            $r->{complete} = 1;
            $self->{mode} = 'websocket';
            $self->{tally}{accepted}++;
            eval { $self->check_upgrade; 1 }
                or $self->bad('handshake: ' . $@ =~ s/\n//r);
            $self->talk_opened if $self->{talk};
            return;
        }

        ($r->{length}) = $self->header_values('Content-Length');
        $r->{length} = 0 if $r->{status} == 204 || $r->{status} == 304
                            || ($self->{method} // '') eq 'HEAD';
        $r->{length} = -1
            if grep { lc eq 'chunked' } $self->header_values('Transfer-Encoding');
    }

    my $length = $r->{length} // return;
    if ($length < 0) {
        while ($self->{in} =~ /\A([0-9a-fA-F]+)[^\r\n]*\r\n/) {
            my ($head, $size) = (length $&, hex $1);
            return if length $self->{in} < $head + $size + 2;
            $r->{body} .= substr $self->{in}, $head, $size;
            substr($self->{in}, 0, $head + $size + 2) = '';
            return $r->{complete} = 1 if $size == 0;
        }

    } elsif (length $self->{in} >= $length) {
        $r->{body} = substr $self->{in}, 0, $length, '';
        $r->{complete} = 1;
    }
}

sub parse_frames {
    my ($self) = @_;

    while (!$self->{bad} && length $self->{in} >= 2) {
        my ($first, $length) = unpack 'CC', $self->{in};
        my $head = 2;

        return $self->bad('server sent a masked frame') if $length & 0x80;
        if ($length >= 126) {
            my ($size, $min) = $length == 126 ? (2, 126) : (8, 65536);
            $head += $size;
            return if length $self->{in} < $head;
            $length = unpack $size == 2 ? 'x2n' : 'x2Q>', $self->{in};
            return $self->bad("length $length in $size bytes")
                if $length < $min;
        }
        return if length $self->{in} < $head + $length;

        my $payload = substr $self->{in}, 0, $head + $length, '';
        $self->on_frame($first, substr $payload, $head);
    }
}

sub on_frame {
    my ($self, $first, $payload) = @_;
    my ($rsv, $opcode) = ($first & 0x70, $first & 0x0f);
    my $compressed = $rsv == 0x40 && $self->{deflate} && $opcode =~ /\A[12]\z/;

    return $self->bad('frame after the close frame') if $self->{closed};
    return $self->bad(sprintf 'RSV bits 0x%02x', $rsv)
        if $rsv && !$compressed;
    return $self->bad('fragmented message') if !($first & 0x80) || !$opcode;
    return $self->bad("opcode $opcode") unless $Name{$opcode};
    return $self->bad('control frame over 125 bytes')
        if $opcode >= 8 && length $payload > 125;

    my $wire = length $payload;
    if ($compressed) {
        ($payload, my $why) = $self->{deflate}->inflate($payload);
        return $self->bad($why) if defined $why;
    }
    $self->note("< $Name{$opcode} " . ($opcode == $Opcode{close}
        && length $payload > 1 ? unpack('n', $payload) . substr $payload, 2
                               : $payload));
    return $self->bad('text is not UTF-8')
        if $opcode == $Opcode{text} && !valid_utf8($payload);

    if ($opcode == $Opcode{ping}) {
        push @{$self->{pings}}, $payload;
        $self->send_frame(op => 'pong', payload => $payload)
            if $self->{auto_pong} && !$self->{sent_close};

    } elsif ($opcode == $Opcode{pong}) {
        push @{$self->{pongs}}, $payload;

    } elsif ($opcode == $Opcode{close}) {
        $self->on_close($payload);

    } else {
        $self->{tally}{'messages.out'}++;
        return if grep { $payload =~ $_ } @{$self->{ignore} // []};
        return if $self->{talk} && $opcode == $Opcode{text}
                  && $self->talk_heard($payload);
        push @{$self->{messages}},
            {text => $payload, opcode => $opcode, deflated => $compressed,
             wire => $wire};
    }
}

sub on_close {
    my ($self, $payload) = @_;
    return $self->bad('close frame of one byte') if length $payload == 1;
    my ($code, $reason) = $payload eq '' ? () : unpack 'n a*', $payload;

    if (defined $code) {
        return $self->bad("close code $code")
            unless $code =~ /\A(?:100[0-37-9]|101[0-4]|[34]\d{3})\z/;
        return $self->bad('close reason is not UTF-8')
            unless valid_utf8($reason);
    }
    $self->{closed} = {code => $code // 'none', reason => $reason // ''};
    $self->{tally}{'closes.' . ($code // 1005)}++;
    return if $self->{sent_close} || !$self->{auto_close};

    # a server that asks to close has to wait for the answer
    my $n = $self->{tls} ? undef : sysread $self->{fh}, $self->{in}, 1,
                                           length $self->{in};
    $self->{early_eof} = defined $n && $n == 0;
    $self->send_frame(op => 'close', payload => defined $code
                                                ? pack 'n', $code : '');
}

# RFC 3629; Encode would not take all noncharacters, which are allowed
sub valid_utf8 {
    my ($text) = @_;
    return utf8::decode($text)
           && $text !~ /[\x{d800}-\x{dfff}]|[^\x{0}-\x{10ffff}]/;
}

sub next_message {
    my ($self) = @_;
    die "not connected\n" if $self->{mode} ne 'websocket';
    $self->wait_for(sub { @{$self->{messages}} || $self->{closed}
                          || $self->{eof} }, 'nothing came');
    my $message = shift @{$self->{messages}};
    $self->{wire} = $message->{wire} if $message;
    return $message if $message;
    die 'no message, but ' . ($self->{closed}
        ? "close $self->{closed}{code} $self->{closed}{reason}"
        : $self->{eof}) . "\n";
}

sub next_text {
    my ($self) = @_;
    my $message = $self->next_message;
    die "the message is binary\n" if $message->{opcode} != $Opcode{text};
    return $self->{last} = $message->{text};
}

sub do_recv {
    my ($self, $want) = @_;
    check($self->next_text, $want);
}

sub do_recv_raw {
    my ($self, $want) = @_;
    my $got = $self->next_text;
    die 'got ' . brief($got) . "\n"
        if $got ne $want;
}

sub do_recv_binary {
    my ($self, $want) = @_;
    my $message = $self->next_message;
    die 'got ' . brief($message->{text}) . "\n"
        if $message->{opcode} != $Opcode{binary}
           || $message->{text} ne as_bytes($want);
}

sub do_recv_deflated {
    my ($self, $want) = @_;
    my $message = $self->next_message;
    die "the message is not compressed\n" unless $message->{deflated};
    $self->{last} = $message->{text};
    check($message->{text}, $want);
}

sub do_recv_plain {
    my ($self, $want) = @_;
    my $message = $self->next_message;
    die "the message is compressed\n" if $message->{deflated};
    $self->{last} = $message->{text};
    check($message->{text}, $want);
}

# of the payload of the message received last
sub do_expect_wire {
    my ($self, $args) = @_;
    my ($sign, $bytes) = $args =~ /\A([<>]?)(\d+)\z/
        or die "usage: expect_wire [<|>]BYTES\n";
    my $got = $self->{wire} // die "nothing received\n";
    die "it took $got bytes, expected $args\n"
        unless $sign eq '<' ? $got < $bytes
             : $sign eq '>' ? $got > $bytes : $got == $bytes;
}

sub do_recv_unordered {
    my ($self, $args) = @_;
    my @want = parse_prefix($args);

    while (@want) {
        my $got = parse($self->next_text);
        my ($i) = grep { !diff($got, $want[$_]) }
                  0 .. $#want;
        die 'got ' . show($got)
            . ", none of those still expected\n" unless defined $i;
        splice @want, $i, 1;
    }
}

# "FIRST..LAST TEXT": TEXT with each number in place of %d, one after another;
# without LAST as many as come before the close
sub do_recv_series {
    my ($self, $args) = @_;
    my ($n, $last, $want) = $args =~ /\A(\d+)\.\.(\d*)\s+(.*)\z/s
        or die "usage: recv_series FIRST..[LAST] TEXT\n";

    for ( ; $last eq '' || $n <= $last; $n++) {
        if ($last eq '') {
            $self->wait_for(sub { @{$self->{messages}} || $self->{closed}
                                  || $self->{eof} }, 'nothing came');
            last unless @{$self->{messages}};
        }
        check($self->next_text, $want =~ s/%d/$n/gr);
    }
}

sub do_recv_pong {
    my ($self, $want) = @_;
    $self->wait_for(sub { @{$self->{pongs}} || $self->{eof} }, 'no pong');
    my $got = shift @{$self->{pongs}} // die "$self->{eof}, no pong\n";
    die "pong is \"$got\"\n" if $got ne $want;
}

sub do_recv_ping {
    my ($self) = @_;
    $self->wait_for(sub { @{$self->{pings}} || $self->{closed}
                          || $self->{eof} }, 'no ping');
    defined shift @{$self->{pings}} or die "connection ended, no ping\n";
}

sub do_recv_none {
    my ($self, $time) = @_;
    my $unread = sub {
        my $early = $self->{mode} ne 'websocket' && !$self->{gone_by_us};
        return $self->unread // ($early && length $self->{in}
                                 ? 'unread ' . brief($self->{in})
                                 : $early && $self->{eof});
    };
    Test::Nginx::WebSocket::Stream::wait_for($unread,
                                             as_time($time || '200ms'));
    die $unread->() . "\n" if $unread->();
}

# what has come without being asked for
sub unread {
    my ($self) = @_;
    return undef if $self->{gone_by_us};
    return $self->{talk}{bad} if $self->{talk} && $self->{talk}{bad};
    return $self->{bad} if $self->{bad} && !$self->{talk};
    return 'unread message ' . brief($_->{text})
        for @{$self->{messages}};
    return "unread pong \"$_\"" for @{$self->{pongs}};
    return undef if $self->{mode} ne 'websocket' || $self->{may_close}
                    || $self->{talk} && !$self->{talk}{stay};
    return "unexpected close $self->{closed}{code} $self->{closed}{reason}"
        if $self->{closed} && !$self->{closed}{seen};
    return "connection ended ($self->{eof})" if $self->{unseen_end};
    return 'incomplete frame' if length $self->{in};
    return undef;
}

sub do_ignore {
    my ($self, $regex) = @_;
    push @{$self->{ignore}}, as_regex($regex)
                             // die "usage: ignore /REGEX/\n";
}

# one, and from now on it may come again
sub do_recv_some {
    my ($self, $regex) = @_;

    $self->do_recv($regex);
    $self->do_ignore($regex);
    @{$self->{messages}} = grep { $_->{text} !~ as_regex($regex) }
                           @{$self->{messages}};
}


# sending

# the reserved bits, the mask and the length may lie
sub send_frame {
    my ($self, %f) = @_;
    my $payload = $f{payload} // '';
    my $opcode = $Opcode{$f{op} // 'text'} // $f{op};
    my ($form, $length) = ($f{len} // '') =~ /\A(?:(7|16|64):)?(\d+)\z/;

    $length //= length $payload;
    $form //= $length < 126 ? 7 : $length < 65536 ? 16 : 64;
    my $mask = !defined $f{mask} ? pack 'N', int rand 2 ** 32
             : $f{mask} eq '0' ? '' : pack 'H8', $f{mask};
    my $size = $form == 7 ? $length : $form == 16 ? 126 : 127;

    $self->note('> ' . ($Name{$opcode} // "opcode $opcode") . ' '
        . ($opcode == 8 && length $payload > 1
           ? unpack('n', $payload) . ' ' . substr $payload, 2 : $payload));
    $self->{sent_close} = 1 if $opcode == $Opcode{close};
    $self->{tally}{'messages.in'}++ if $opcode < 8 && ($f{fin} // 1);
    $self->write(pack('CC', ($f{fin} // 1) << 7 | ($f{rsv} // 0) << 4 | $opcode,
                      ($mask ne '' && 0x80) | $size)
        . ($form == 16 ? pack 'n', $length : $form == 64 ? pack 'Q>', $length
                                                         : '')
        . $mask
        . ($mask eq '' ? $payload
           : $payload ^ substr $mask x (length($payload) / 4 + 1), 0,
                               length $payload));
}

# data frames may be laid ready behind a handshake that is still to come
sub write {
    my ($self, $bytes) = @_;
    return $self->{out} .= $bytes if $self->{corked};
    return $self->SUPER::write($bytes);
}

sub do_send {
    my ($self, $text) = @_;
    parse($text);
    $self->send_frame(payload => $text);
}

sub do_send_text {
    my ($self, $text) = @_;
    $self->send_frame(payload => $text);
}

# like recv_series
sub do_send_series {
    my ($self, $args) = @_;
    my ($first, $last, $text) = $args =~ /\A(\d+)\.\.(\d+)\s+(.*)\z/s
        or die "usage: send_series FIRST..LAST TEXT\n";
    $self->send_frame(payload => $text =~ s/%d/$_/gr) for $first .. $last;
}

sub do_send_binary {
    my ($self, $args) = @_;
    $self->send_frame(op => 'binary', payload =>
                      as_bytes($args));
}

sub do_send_deflated {
    my ($self, $text) = @_;
    die "permessage-deflate was not negotiated\n" unless $self->{deflate};
    $self->send_frame(rsv => 4, payload => $self->{deflate}->deflate($text));
}

sub do_frame {
    my ($self, $args) = @_;
    my %f;

    while ($args =~ s/\A(fin|op|mask|rsv|len|x|hex)=(\S*)\s*//) {
        $f{$1} = $2;
    }
    $f{payload} = defined $f{hex} ? pack 'H*', $f{hex} : 'x' x ($f{x} // 0);
    if ($args =~ s/\Atext=(.*)\z//s) {
        my $text = $1;
        $f{payload} = $text =~ /\A"/
                      ? as_bytes($text) : $text;
    }
    die "not understood: $args\n" if $args ne '';
    $self->send_frame(%f);
}

sub do_ping { $_[0]->send_frame(op => 'ping', payload => $_[1]) }
sub do_pong { $_[0]->send_frame(op => 'pong', payload => $_[1]) }

sub do_close {
    my ($self, $args) = @_;
    my ($code, $reason) = split ' ', $args, 2;
    $self->send_frame(op => 'close', payload =>
        defined $code ? pack('n', $code) . ($reason // '') : '');
}

sub do_split { $_[0]{split} = $_[1] eq 'off' ? 0 : $_[1] }
sub do_rcvbuf { $_[0]{rcvbuf} = 0 + $_[1] }
sub do_from { $_[0]{from} = $_[1] }
sub do_port { $_[0]{port} = $_[1] }
sub do_tls { $_[0]{tls} = on_off($_[1]) }
sub do_auto_pong { $_[0]{auto_pong} = on_off($_[1]) }
sub do_auto_close { $_[0]{auto_close} = on_off($_[1]) }
sub do_stall { $_[0]{stalled} = 1 }
sub do_resume { $_[0]{stalled} = 0 }

sub do_cork {
    my ($self) = @_;
    $self->forget unless $self->{fh};
    @$self{qw( corked out )} = (1, '');
}

sub do_uncork {
    my ($self) = @_;
    $self->{corked} = 0;
    $self->flush;
}

sub on_off {
    my ($word) = @_;
    return $word eq 'on' ? 1 : $word eq 'off' ? 0 : die "neither on nor off\n";
}


# ending

sub do_expect_close {
    my ($self, $args) = @_;
    my ($code, $reason) = split ' ', $args, 2;

    die "not connected\n" if $self->{mode} ne 'websocket';
    $self->wait_for(sub { $self->{closed} || $self->{eof} }, 'no close frame');
    my $closed = $self->{closed} or die "$self->{eof}, no close frame\n";
    my $got = "$closed->{code} $closed->{reason}";

    $closed->{seen} = 1;
    die "got close $got\n" if defined $code && $closed->{code} ne $code;
    if (defined $reason) {
        my $regex = as_regex($reason)
                    // qr/\A\Q$reason\E\z/;
        die "got close $got\n" unless $closed->{reason} =~ $regex;
    }
    return unless $self->{sent_close};

    die "the server did not wait for our close\n" if $self->{early_eof};
    $self->wait_for(sub { $self->{eof} }, 'the server did not end TCP');
    die "connection was reset\n" if $self->{eof} ne 'eof';
    $self->{unseen_end} = 0;
    $self->shut;
}

# the end of TCP without a close frame; RST is no EOF
sub do_expect_eof {
    my ($self) = @_;
    $self->do_expect_gone;
    die "connection was reset\n" if $self->{eof} ne 'eof';
}

# the end, however it comes
# the server may close this connection or not, before the scenario ends
sub do_may_close { $_[0]{may_close} = 1 }

sub do_expect_gone {
    my ($self) = @_;
    die "not connected\n" unless $self->{mode};
    $self->wait_for(sub { $self->{eof} }, 'connection did not end');
    die "close $self->{closed}{code} $self->{closed}{reason} came before\n"
        if $self->{closed} && !$self->{closed}{seen};
    $self->{unseen_end} = 0;
    $self->shut;
}

# all that was sent was taken, even behind the end of the other direction: a
# socket that is closed, not only shut down, answers with RST
sub do_expect_taken {
    my ($self) = @_;
    my ($left, $error) = (pack('i', 0), 0);

    die "not connected\n" unless $self->{fh};
    Test::Nginx::WebSocket::Stream::wait_for(sub {
        ioctl $self->{fh}, SIOCOUTQ, $left or die "ioctl() failed: $!\n";
        $error = unpack 'i', getsockopt $self->{fh}, SOL_SOCKET, SO_ERROR;
        return $error || !length $self->{out} && !unpack 'i', $left;
    }, undef, 0.01) or die "the server does not read\n";
    die "connection was reset\n" if $error;
}

sub leave {
    my ($self) = @_;
    $self->{gone_by_us} = 1;
    $self->shut;
    $self->{eof} = 'left';
}

sub do_drop {
    my ($self) = @_;
    die "not connected\n" unless $self->{fh};
    $self->drain or die "the server does not read\n";
    $self->note('> FIN');
    shutdown $self->{fh}, 1;
    $self->fill unless $self->{eof};        # or close() would send RST
    $self->leave;
}

sub do_reset {
    my ($self) = @_;
    die "not connected\n" unless $self->{fh};
    $self->note('> RST');
    setsockopt $self->{fh}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0;
    $self->leave;
}

# what "cork" has kept leaves in the packet of the FIN
sub do_shutdown {
    my ($self) = @_;
    if ($self->{corked}) {
        setsockopt $self->{fh}, IPPROTO_TCP, TCP_CORK, 1;
        $self->do_uncork;
    }
    $self->drain or die "the server does not read\n";
    $self->note('> FIN, half closed');
    shutdown $self->{fh}, 1;
}

1;
