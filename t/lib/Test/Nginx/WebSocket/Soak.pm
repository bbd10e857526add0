
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Soak;

# A client of t/util/soak: it never waits, it is asked to go on.  What it
# finds wrong is told to report(); nothing here dies.

use strict;
use warnings;

use parent 'Test::Nginx::WebSocket::Client';

use IO::Handle;
use MIME::Base64 qw( encode_base64 );
use Socket qw( AF_INET IPPROTO_TCP SOCK_STREAM SOL_SOCKET SO_LINGER SO_RCVBUF
               TCP_NODELAY inet_aton pack_sockaddr_in );

our $Port;
our $Report = sub {};
our $ExcuseUntil = 0;       # till then connections may be cut: kill -9
our %Count;

sub now { return Test::Nginx::WebSocket::Process::now() }
sub report { $Report->(@_) }
sub note {}

sub new {
    my ($class, %arg) = @_;
    return $class->SUPER::new(name => 'soak', port => $Port, workers => 1,
                              tls => 0, state => '', %arg);
}

# a protocol violation of the server
sub bad {
    my ($self, $why) = @_;
    return if $self->{bad};
    $self->{bad} = $why;
    report("$self->{name}: $why");
}

sub on_end {
    my ($self) = @_;
    $self->{cut} = 1 unless $self->{closed};
    return if $self->{mode} eq 'http' && !$self->{response};
    $self->SUPER::on_end;
}

# connects without waiting for it
sub begin {
    my ($self, $path, @headers) = @_;
    my $address = $self->{from};

    $self->shut;
    $self->forget;
    delete @$self{qw( cut stalled )};
    socket my $fh, AF_INET, SOCK_STREAM, 0 or die "socket() failed: $!\n";
    $fh->blocking(0);
    bind $fh, pack_sockaddr_in(0, inet_aton($address)) if $address;
    setsockopt $fh, SOL_SOCKET, SO_RCVBUF, $self->{rcvbuf}
        if $self->{rcvbuf};
    setsockopt $fh, IPPROTO_TCP, TCP_NODELAY, 1;
    connect $fh, pack_sockaddr_in($self->{port}, inet_aton('127.0.0.1'))
        or $!{EINPROGRESS} or die "connect() failed: $!\n";

    $self->{out} = '';
    $self->attach($fh);
    $self->{mode} = 'http';
    $self->{began} = now();
    $Count{connections}++;

    my $key = encode_base64(join('', map { chr int rand 256 } 1 .. 16), '');
    $self->{headers} = [@headers];
    my $request = $self->request("GET $path HTTP/1.1", [Host => 'localhost'],
        [Upgrade => 'websocket'], [Connection => 'Upgrade'],
        ['Sec-WebSocket-Version' => 13], ['Sec-WebSocket-Key' => $key]);
    $request = substr $request, 0, rand length $request if $self->{half};
    $self->write($request);
}

sub is_open {
    my ($self) = @_;
    return $self->{mode} eq 'websocket' && !$self->{closed} && !$self->{eof};
}

sub text {
    my ($self, $text) = @_;
    $self->{deflate} && rand() < 0.5 ? $self->do_send_deflated($text)
                                     : $self->send_frame(payload => $text);
}

sub fin {
    my ($self) = @_;
    $self->{fh} and shutdown $self->{fh}, 1;
    $self->leave;
}

sub rst {
    my ($self) = @_;
    setsockopt $self->{fh}, SOL_SOCKET, SO_LINGER, pack 'ii', 1, 0
        if $self->{fh};
    $self->leave;
}

sub excused { return now() < $ExcuseUntil }


package Test::Nginx::WebSocket::Soak::Talker;

# A member of a conversation who stays, and comes again whenever it has to.
# Nothing that was acknowledged may be missing between two "resync", come
# twice, or come out of the order of its sender.

use parent -norequire, 'Test::Nginx::WebSocket::Soak';

use Test::Nginx::WebSocket::Match qw( parse );

our (%Sent, %Acked, %Nacked, @Pending);

sub report { Test::Nginx::WebSocket::Soak::report(@_) }
sub now { return Test::Nginx::WebSocket::Process::now() }

sub new {
    my ($class, %arg) = @_;     # name, conversation, token, many, offer
    return $class->SUPER::new(%arg, next_try => 0, lives => 0);
}

sub again {
    my ($self, $why) = @_;
    my $count = \%Test::Nginx::WebSocket::Soak::Count;

    $self->shut;
    @$self{qw( state next_try )} = ('', now() + 0.05 + rand 0.3);
    $count->{"again_$why"}++;
}

sub go_on {
    my ($self) = @_;
    my $now = now();

    return $self->again('bad') if $self->{bad};
    if ($self->{state} eq '') {
        return if $self->{leaving} || $now < $self->{next_try};
        $self->begin(($self->{many} ? '/ws/messaging/'
                      : "/ws/messaging/$self->{conversation}/")
                     . "?token=$self->{token}",
                     $self->{offer} ? ['Sec-WebSocket-Extensions',
                                       'permessage-deflate'] : ());
        $self->{state} = 'opening';
        $self->{name} = "$self->{who}." . ++$self->{lives};
        @$self{qw( seq waiting expect asked )} = (0, {}, undef, 0);
    }

    $self->obey($_) for map { parse($_->{text}) }
                        splice @{$self->{messages}};
    return $self->ended_by($now) if $self->{closed} || $self->{eof};
    return $self->enter($now) if $self->{state} eq 'opening';

    my ($oldest) = sort { $a <=> $b } values %{$self->{waiting}};
    if (defined $oldest && $now - $oldest > 20) {
        report("$self->{name}: neither ack nor nack for 20 s");
        return $self->again('mute');
    }
    $self->speak($now) if !$self->{silent} && $now >= $self->{next_send};
}

sub enter {
    my ($self, $now) = @_;

    if ($now - $self->{began} > 20) {
        report("$self->{name}: not admitted, nor refused, for 20 s");
        return $self->again('stuck');
    }
    my $response = $self->{response} or return;
    if ($response->{status} != 101) {
        report("$self->{name}: status $response->{status}")
            if $response->{status} != 503;
        return $self->again($response->{status});
    }
    if (!$self->{many}) {
        # a refusal comes right behind the 101
        return $self->entered;
    }
    return if $now < $self->{asked};
    $self->{asked} = $now + 1;
    $self->text('{"type":"subscribe","conversation_id":'
                . "$self->{conversation}}");
}

# from now on nothing may be missing
sub entered {
    my ($self) = @_;
    my $sent = $Sent{$self->{conversation}};

    $self->{state} = 'open';
    $self->{next_send} = now() + rand 0.5;
    $self->resync;
}

sub resync {
    my ($self) = @_;
    my $sent = $Sent{$self->{conversation}};
    $self->{expect} = {map { $_ => $sent->{$_} + 1 } keys %$sent};
}

sub ended_by {
    my ($self, $now) = @_;
    my $code = $self->{closed} ? $self->{closed}{code} : 'cut';

    report("$self->{name}: close $code $self->{closed}{reason}")
        if $self->{closed} && $code !~ /\A(?:1001|1012|1013)\z/
           && !($self->{leaving} && $code == 1000);
    report("$self->{name}: cut off ($self->{eof}), state $self->{state}")
        if !$self->{closed} && !$self->excused && !$self->{leaving};

    # the other's FIN follows its Close frame
    return if $self->{closed} && !$self->{eof}
              && $now < ($self->{end} //= $now + 10);
    report("$self->{name}: close $code, but TCP goes on")
        if $self->{closed} && !$self->{eof};
    delete $self->{end};
    $self->again($code);
}

sub speak {
    my ($self, $now) = @_;
    my $conversation = $self->{conversation};
    my $to = $self->{many} ? ",\"conversation_id\":$conversation" : '';
    my $n = ++$self->{seq};

    $self->{next_send} = $now + 0.15 + rand 0.4;
    $self->text("{\"type\":\"typing\"$to}") if rand() < 0.1;
    $self->text("{\"type\":\"read\"$to}") if rand() < 0.05;

    $Sent{$conversation}{$self->{name}} = $n;
    $self->{waiting}{$n} = $now;
    $self->text("{\"type\":\"message\",\"client_id\":\"$n\",\"content\":\""
        . "$self->{name} $n " . 'x' x (rand() < 0.1 ? rand 1500 : rand 80)
        . ".\"$to}");
}

sub obey {
    my ($self, $frame) = @_;
    my $type = $frame->{type} // '';
    my $n = $frame->{client_id};

    if ($type eq 'new_message') {
        # visitors talk here, too
        $self->hear($1, $2)
            if $frame->{message}{content} =~ /\A(c\d+m\d\.\d+) (\d+) /;

    } elsif ($type eq 'ack' || $type eq 'nack') {
        defined delete $self->{waiting}{$n}
            or report("$self->{name}: $type of $n, which is not waited for");
        $type eq 'ack' ? $Acked{$self->{name}}{$n}++
                       : $Nacked{$self->{name}}{$n}++;
        $Test::Nginx::WebSocket::Soak::Count{$type}++;

    } elsif ($type eq 'resync') {
        $self->resync;
        $Test::Nginx::WebSocket::Soak::Count{resync}++;

    } elsif ($type eq 'subscribed') {
        $self->entered if $self->{state} eq 'opening';

    } elsif ($type eq 'error') {
        report("$self->{name}: error $frame->{code}")
            if $frame->{code} !~ /\A(?:unavailable|rate_limited)\z/;
    }
}

sub hear {
    my ($self, $who, $n) = @_;
    $Test::Nginx::WebSocket::Soak::Count{delivered}++;
    my $expect = $self->{expect} or return;
    my $seen = $self->{seen}{$self->{lives}} //= {};

    delete $self->{seen}{$self->{lives} - 1};
    report("$self->{name}: $who $n after " . $seen->{$who})
        if defined $seen->{$who} && $n <= $seen->{$who};

    for my $missing (($expect->{$who} // 1) .. $n - 1) {
        push @Pending, [now() + 5, $self->{name}, $who, $missing];
    }
    $seen->{$who} = $n;
    $expect->{$who} = $n + 1;
}

# what had been missing and was acknowledged after all
sub judge {
    my ($all) = @_;
    while (@Pending && ($all || $Pending[0][0] < now())) {
        my (undef, $name, $who, $n) = @{shift @Pending};
        report("$name: $who $n is missing") if $Acked{$who}{$n};
    }
}

# when nobody speaks any more: how many acknowledged messages have not come
sub missing {
    my ($self) = @_;
    my $sent = $Sent{$self->{conversation}};
    return 0 if $self->{state} ne 'open';
    return scalar grep {
        my $who = $_;
        grep { $Acked{$who}{$_} }
             ($self->{expect}{$who} // 1) .. $sent->{$who};
    } keys %$sent;
}


package Test::Nginx::WebSocket::Soak::Visitor;

# A client that comes, does one thing, goes, and comes again as another one.

use parent -norequire, 'Test::Nginx::WebSocket::Soak';

use Compress::Raw::Zlib ();

our (%Token, %Done);

sub report { Test::Nginx::WebSocket::Soak::report(@_) }
sub now { return Test::Nginx::WebSocket::Process::now() }

my @Invalid = (
    [1002, fin => 1, op => 'text', mask => '0', payload => 'x'],
    [1002, rsv => 2, payload => '{"type":"ping"}'],
    [1002, op => 3, payload => 'x'],
    [1002, op => 'cont', payload => 'x'],
    [1002, op => 'ping', payload => 'x' x 126],
    [1002, op => 'close', payload => 'x'],
    [1002, len => '64:5', payload => '12345'],
    [1003, op => 'binary', payload => 'x'],
    [1007, payload => "\xff"],
    [1009, len => 20_000_000, payload => 'x'],
);

# name => [weight, {path, headers, ...}, what it does once it is open, and
# how it may end: a close code, "we" if it is us who leave]
my %Plan = (
    clean   => [5, {}, sub { $_[0]->do_close('1000') }, 1000],
    empty   => [1, {}, sub { $_[0]->do_close('') }, 'none'],
    fin     => [4, {}, sub { $_[0]->fin }, 'we'],
    rst     => [4, {}, sub { $_[0]->rst }, 'we'],
    early   => [4, {early => 1}, sub { rand() < 0.5 ? $_[0]->fin
                                                    : $_[0]->rst }, 'we'],
    half    => [3, {half => 1, early => 1},
                sub { rand() < 0.5 ? $_[0]->fin : $_[0]->rst }, 'we'],
    torn    => [3, {}, \&torn, 'we'],
    many    => [4, {path => '/ws/messaging/'}, \&many, 1000],
    typing  => [3, {}, sub { $_[0]->text('{"type":"typing"}');
                             rand() < 0.5 ? $_[0]->rst
                                          : $_[0]->do_close('1000') },
                qr/\A(?:we|1000)\z/],
    channel => [1, {path => '/ws/feed/'}, sub { $_[0]->do_close('1001') },
                1001],
    refused => [2, {token => [qw( expired forged none )]}, undef, 4001],
    kept    => [1, {token => ['expired'], from => '127.0.0.2'}, undef, 4001],
    closed  => [1, {path => '/ws/closed/'}, undef, 4003],
    invalid => [4, {}, \&invalid, undef],
    bomb    => [1, {offer => 1}, \&bomb, qr/\A(?:1009|1000)\z/],
    rubbish => [1, {offer => 1}, \&rubbish, qr/\A(?:1007|1002|1000)\z/],
    packed  => [2, {offer => 1}, \&packed, 1000],
    flood   => [1, {}, \&flood, qr/\A(?:1008|1000)\z/],
    slow    => [2, {conversation => 'slow', rcvbuf => 2304, stalled => 1},
                undef, qr/\A(?:1013|we)\z/],
    plain   => [1, {plain => 1}, undef, 426],
);
my @Plans = map { my $name = $_; ($name) x $Plan{$name}[0] } sort keys %Plan;

sub torn {
    my ($self) = @_;
    my $frame = pack 'CCN', 0x81, 0x80 | 100, 0;
    $self->write(substr $frame . 'x' x 100, 0, 1 + rand 105);
    rand() < 0.5 ? $self->fin : $self->rst;
}

sub many {
    my ($self) = @_;
    my $last = 100 + int rand 20;
    $self->text("{\"type\":\"subscribe\",\"conversation_id\":$_}")
        for 100 .. $last;
    $self->text("{\"type\":\"typing\",\"conversation_id\":$_}")
        for 100 .. 102;
    $self->text("{\"type\":\"unsubscribe\",\"conversation_id\":$_}")
        for 100 .. 100 + rand $last - 100;
    $self->do_close('1000');
}

sub invalid {
    my ($self) = @_;
    ($self->{end}, my @frame) = @{$Invalid[rand @Invalid]};
    $self->send_frame(@frame);
}

sub deflated {
    my ($self, $bytes) = @_;
    $self->send_frame(rsv => 4, payload => $bytes) if $self->{deflate};
    $self->do_close('1000');
}

sub bomb {
    my ($self) = @_;
    my $out = '';
    my $z = Compress::Raw::Zlib::Deflate->new(-AppendOutput => 1,
        -WindowBits => -Compress::Raw::Zlib::MAX_WBITS());
    $z->deflate('x' x 4_000_000, $out);
    $z->flush($out, Compress::Raw::Zlib::Z_SYNC_FLUSH());
    $self->deflated(substr $out, 0, -4);
}

sub rubbish {
    my ($self) = @_;
    $self->deflated("\xff" . join '', map { chr int rand 256 } 1 .. 50);
}

sub packed {
    my ($self) = @_;
    $self->text('{"type":"message","content":"' . 'y' x 1000 . '"}') for 1, 2;
    $self->do_close('1000');
}

sub flood {
    my ($self) = @_;
    $self->text('{"type":"ping"}') for 1 .. 200;
    $self->do_close('1000');
}

sub choose {
    my ($self) = @_;
    my $name = $self->{plan} = $Plans[rand @Plans];
    my (undef, $o, $do, $end) = @{$Plan{$name}};
    my $tokens = $o->{token} // ['good'];
    my $token = $Token{$tokens->[rand @$tokens]};
    my $conversation = $o->{conversation} // int rand 20;

    $self->{name} = "visitor \"$name\"";
    @$self{qw( do end early half rcvbuf )} = ($do, $end,
                                         @$o{qw( early half rcvbuf )});
    $self->{from} = $o->{from} // sprintf '127.0.%d.%d', 1 + rand 9,
                                          1 + rand 250;
    delete @$self{qw( acted bad leave_now leave_at )};
    $self->begin(($o->{path} // "/ws/messaging/$conversation/")
                 . "?token=$token",
                 $o->{offer} ? ['Sec-WebSocket-Extensions',
                                'permessage-deflate'] : (),
                 $o->{plain} ? ['Upgrade', undef] : ());
    $self->{stalled} = $o->{stalled};
    $self->{act_at} = now() + ($self->{early} ? rand 0.02 : rand 0.3);
    $self->{give_up} = now() + 25;
    $self->{leave_at} = now() + 2 + rand 4 if $o->{stalled};
}

sub go_on {
    my ($self) = @_;
    my $now = now();

    @{$self->{messages}} = ();
    @{$self->{pongs}} = ();
    if (!$self->{plan}) {
        return if $self->{leaving} || $now < ($self->{next} // 0);
        $self->choose;
    }
    my $outcome = $self->outcome($now) // return;
    my $as_wanted = ref $self->{end} ? $outcome =~ $self->{end}
                                     : $outcome eq ($self->{end} // '');

    report("$self->{name}: $outcome")
        unless $as_wanted || $outcome =~ /\A(?:1001|1012|1013|503)\z/
               || $outcome eq 'cut' && $self->excused;
    $Done{$self->{plan}}{$outcome}++;
    $self->shut;
    delete $self->{plan};
    $self->{next} = $now + rand 0.3;
}

# how it ended, undef if it has not
sub outcome {
    my ($self, $now) = @_;

    return 'violation' if $self->{bad};
    return 'we' if $self->{eof} eq 'left';
    return 'nothing for 25 s' if $now > $self->{give_up};

    if (delete $self->{leave_now} || $now > ($self->{leave_at} // $now)) {
        delete $self->{leave_at};
        if (rand() < 0.5) {
            $self->rst;
            $self->{end} = 'we';
            return 'we';
        }
        # reads what was kept for it, in vain or not
        $self->{stalled} = 0;
        $self->{do} = sub { $_[0]->do_close('1000') };
        $self->{end} = qr/\A(?:1000|1013|cut)\z/;
    }
    return 'cut' if $self->{eof} && !$self->{closed};

    if ($self->{closed}) {
        return undef if !$self->{eof};
        return $self->{closed}{code};
    }
    return $self->{response}{status}
        if $self->{response} && $self->{response}{status} != 101
           && $self->{response}{complete};
    return undef if $self->{acted} || $now < $self->{act_at} || !$self->{do}
                    || !$self->{early} && !$self->is_open;
    $self->{acted} = 1;
    $self->{do}->($self);
    return undef;
}

1;
