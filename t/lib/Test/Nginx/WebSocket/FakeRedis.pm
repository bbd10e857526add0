
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::FakeRedis;

# A Redis that misbehaves on demand, in a process of its own, and the actor
# "fake".  Orders go there, and the commands it got come back, as lines of
# JSON.

use strict;
use warnings;

use parent 'Test::Nginx::WebSocket::Stream';

use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use Socket qw( AF_UNIX SOCK_STREAM PF_UNSPEC );
use Time::HiRes qw( sleep time );

use Test::Nginx::WebSocket::Match qw( as_bytes as_regex );
use Test::Nginx::WebSocket::Process;
use Test::Nginx::WebSocket::Redis;

use constant SIOCOUTQ => 0x5411;

my $Json = JSON::PP->new->latin1;


# this side

sub start {
    my ($class, %arg) = @_;             # socket, port
    my $self = bless {name => 'fake', commands => [], done => 0}, $class;

    socketpair my $ours, my $theirs, AF_UNIX, SOCK_STREAM, PF_UNSPEC
        or die "socketpair() failed: $!\n";
    my @listen = listeners(%arg);
    $self->{pid} = Test::Nginx::WebSocket::Process::spawn(sub {
        close $ours;
        serve($theirs, {%arg, listen => \@listen});
    });
    close $_ for $theirs, @listen;
    return $self->attach($ours);
}

sub stop {
    my ($self) = @_;
    $self->shut;
    Test::Nginx::WebSocket::Process::finish($self->{pid}, 'KILL', 5);
}

sub on_data {
    my ($self) = @_;
    while ($self->{in} =~ s/\A(.*)\n//) {
        my ($what, @words) = @{$Json->decode($1)};
        if ($what eq 'done') {
            $self->{done}++;
            next;
        }
        push @{$self->{commands}}, "@words";
        Test::Nginx::WebSocket::Stream::note('fake', "< @words");
    }
}

sub order {
    my ($self, @words) = @_;
    my $before = $self->{done};
    $self->write($Json->encode(\@words) . "\n");
    Test::Nginx::WebSocket::Stream::wait_for(
        sub { $self->{done} > $before || $self->{eof} })
        && !$self->{eof} or die "the fake Redis does not answer\n";
}

# the lines of a "--- fake_redis" section
sub script {
    my ($self, $text) = @_;
    $self->order('normal');
    @{$self->{commands}} = ();
    for my $line (grep { /\A\s*[^#\s]/ } split /\n/, $text) {
        my ($verb, $args) = split ' ', $line, 2;
        my $do = $self->can("do_$verb")
            or die "fake_redis: unknown verb \"$verb\"\n";
        $self->$do($args // '');
    }
}

sub do_reply {
    my ($self, $args) = @_;
    my ($command, $reply) = split ' ', $args, 2;
    die "usage: reply COMMAND[*TIMES] REPLY\n" unless defined $reply;
    $reply = $reply =~ /\A"/ ? as_bytes($reply) : "$reply\r\n";
    $self->order(rule => $command, reply => $reply);
}

sub do_hang { $_[0]->order(rule => $_[1], 'hang') }
sub do_close_on { $_[0]->order(rule => $_[1], 'close') }
sub do_split { $_[0]->order(split => $_[1] eq 'off' ? 0 : $_[1]) }
sub do_garbage { $_[0]->order(send => length $_[1] ? as_bytes($_[1])
                                                   : "\0\xffgarbage\r\n") }
sub do_push { $_[0]->order(push => as_bytes($_[1])) }
sub do_publish { $_[0]->order(publish => split ' ', $_[1], 2) }
sub do_drop { $_[0]->order('drop') }
sub do_refuse { $_[0]->order('refuse') }
sub do_accept { $_[0]->order('accept') }
sub do_normal { $_[0]->order('normal') }

# a command line that has come or comes, once
sub do_expect_command {
    my ($self, $args) = @_;
    my $regex = as_regex($args) // qr/\A\Q$args\E/i;
    my $i;

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        ($i) = grep { $self->{commands}[$_] =~ $regex }
               0 .. $#{$self->{commands}};
        return defined $i;
    }) or die "no such command came\n";
    splice @{$self->{commands}}, 0, $i + 1;
}

# how often a command came, since the last expect_command
sub do_expect_count {
    my ($self, $args) = @_;
    my ($command, $want) = split ' ', $args;
    Test::Nginx::WebSocket::Redis::eventually(sub {
        scalar grep { /\A\Q$command\E\b/i } @{$self->{commands}};
    }, $want);
}

sub do_count { goto &do_expect_count }


# the other side: a loop of blocking writes will do, nobody else waits for it

sub listeners {
    my (%arg) = @_;
    unlink $arg{socket};
    my @all = IO::Socket::UNIX->new(Local => $arg{socket}, Listen => 64);
    push @all, IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64,
                                     LocalPort => $arg{port}, ReuseAddr => 1)
        if $arg{port};
    die "the fake Redis cannot listen: $!\n" if grep { !defined } @all;
    return @all;
}

sub serve {
    my ($control, $s) = @_;
    my $orders = '';
    local $SIG{PIPE} = 'IGNORE';
    @$s{qw( control connections rules data )} = ($control, {}, {}, {});

    while (1) {
        my %fh = map { fileno $_ => $_ } $control, @{$s->{listen}},
                 map { $_->{fh} } values %{$s->{connections}};
        my $bits = '';
        vec($bits, $_, 1) = 1 for keys %fh;
        next if select($bits, undef, undef, undef) < 0;

        for my $fd (grep { vec $bits, $_, 1 } keys %fh) {
            my $c = $s->{connections}{$fd};

            if ($c) {
                my $n = sysread $c->{fh}, $c->{in}, 65536, length $c->{in};
                $n ? take_commands($s, $c) : hang_up($s, $c);

            } elsif ($fh{$fd} == $control) {
                sysread $control, $orders, 65536, length $orders or return;
                obey($s, @{$Json->decode($1)}) while $orders =~ s/\A(.*)\n//;

            } elsif (my $fh = $fh{$fd}->accept) {
                $s->{connections}{fileno $fh} =
                    {fh => $fh, in => '', held => '', channels => {}};
            }
        }
    }
}

sub hang_up {
    my ($s, $c) = @_;
    delete $s->{connections}{fileno $c->{fh}};
    close $c->{fh};
    $c->{gone} = 1;
}

sub say {
    my ($s, $c, $bytes) = @_;
    my $size = $s->{split} || length $bytes || 1;

    return if $c->{gone};
    return $c->{held} .= $bytes if $c->{hung};
    while (length $bytes) {
        defined syswrite $c->{fh}, substr $bytes, 0, $size, '' or return;
        next unless $s->{split};

        # a piece is to be read alone
        for (1 .. 100) {
            my $unread = pack 'i', 0;
            last unless ioctl($c->{fh}, SIOCOUTQ, $unread)
                        && unpack 'i', $unread;
            sleep 0.001;
        }
    }
}

sub obey {
    my ($s, $what, @args) = @_;
    my @connections = values %{$s->{connections}};

    if ($what eq 'rule') {
        my ($command, $times) = $args[0] =~ /\A(\w+)(?:\*(\d+))?\z/;
        $s->{rules}{uc $command} =
            {kind => $args[1], reply => $args[2], left => $times // -1};

    } elsif ($what eq 'split') {
        $s->{split} = $args[0];

    } elsif ($what eq 'send') {
        say($s, $_, $args[0]) for @connections;

    } elsif ($what eq 'push') {
        for my $c (@connections) {
            say($s, $c, $args[0]) if grep { !/\@control\z/ }
                                          keys %{$c->{channels}};
        }

    } elsif ($what eq 'publish') {
        publish($s, @args);

    } elsif ($what eq 'drop') {
        hang_up($s, $_) for @connections;

    } elsif ($what eq 'refuse') {
        close $_ for splice @{$s->{listen}};

    } elsif ($what eq 'accept' || $what eq 'normal') {
        @{$s->{listen}} = listeners(%$s) unless @{$s->{listen}};
        if ($what eq 'normal') {
            @$s{qw( rules split )} = ({}, 0);
            for my $c (grep { delete $_->{hung} } @connections) {
                say($s, $c, substr $c->{held}, 0, length $c->{held}, '');
            }
        }
    }
    syswrite $s->{control}, $Json->encode(['done']) . "\n";
}

sub take_commands {
    my ($s, $c) = @_;

    while (!$c->{gone}) {
        my $at = 0;
        my $command = Test::Nginx::WebSocket::Redis::Connection::parse(
            \$c->{in}, \$at) or return;
        substr($c->{in}, 0, $at) = '';
        my ($name, @args) = @$$command;

        syswrite $s->{control}, $Json->encode(['command', $name, @args])
                                . "\n";
        my $rule = $s->{rules}{uc $name};
        undef $rule if $rule && !$rule->{left};
        $rule->{left}-- if $rule;

        if (!$rule) {
            answer($s, $c, uc $name, @args);

        } elsif ($rule->{kind} eq 'close') {
            hang_up($s, $c);

        } elsif ($rule->{kind} eq 'reply') {
            say($s, $c, $rule->{reply});

        } else {
            $c->{hung} = 1;
            answer($s, $c, uc $name, @args);
        }
    }
}

sub bulk {
    return join '', map { defined $_ ? '$' . length($_) . "\r\n$_\r\n"
                                     : "\$-1\r\n" } @_;
}

sub publish {
    my ($s, $channel, $payload) = @_;
    my @to = grep { $_->{channels}{$channel} } values %{$s->{connections}};
    say($s, $_, "*3\r\n" . bulk('message', $channel, $payload)) for @to;
    return scalar @to;
}

sub answer {
    my ($s, $c, $name, @args) = @_;
    my $data = $s->{data};
    my $key = $args[0] // '';
    my $in_channels = keys %{$c->{channels}};

    delete $data->{$_} for grep { ($data->{$_}[1] // 9e9) <= time() }
                           keys %$data;

    if ($name =~ /\A(?:UN)?SUBSCRIBE\z/) {
        @args = keys %{$c->{channels}} if !@args;
        for my $channel (@args) {
            $name eq 'SUBSCRIBE' ? $c->{channels}{$channel} = 1
                                 : delete $c->{channels}{$channel};
            say($s, $c, "*3\r\n" . bulk(lc $name, $channel) . ':'
                        . keys(%{$c->{channels}}) . "\r\n");
        }
        return;
    }

    if ($name eq 'PING') {
        return say($s, $c, $in_channels ? "*2\r\n" . bulk('pong', $key)
                           : @args ? bulk($key) : "+PONG\r\n");
    }

    if ($in_channels) {
        return say($s, $c, "-ERR Can't execute '\L$name\E' in this context\r\n");
    }

    if ($name eq 'SET') {
        my ($nx) = grep { /\ANX\z/i } @args;
        my ($seconds) = "@args[2 .. $#args]" =~ /\bEX (\d+)/i;
        return say($s, $c, bulk(undef)) if $nx && $data->{$key};
        $data->{$key} = [$args[1], $seconds && time() + $seconds];
        return say($s, $c, "+OK\r\n");
    }

    if ($name eq 'EXPIRE' && $data->{$key}) {
        $data->{$key}[1] = time() + $args[1];
        return say($s, $c, ":1\r\n");
    }

    if ($name eq 'INCR') {
        $data->{$key} //= [0];
        return say($s, $c, ':' . ++$data->{$key}[0] . "\r\n");
    }

    if ($name eq 'APPEND') {
        $data->{$key}[0] .= $args[1];
        return say($s, $c, ':' . length($data->{$key}[0]) . "\r\n");
    }

    if ($name eq 'GETRANGE') {
        my $text = $data->{$key} ? $data->{$key}[0] : '';
        return say($s, $c, bulk($args[1] >= length $text ? ''
                   : substr $text, $args[1], $args[2] - $args[1] + 1));
    }

    say($s, $c, $name =~ /\A(?:AUTH|SELECT|CLIENT)\z/ ? "+OK\r\n"
        : $name eq 'PUBLISH' ? ':' . publish($s, @args) . "\r\n"
        : $name eq 'GET' ? bulk($data->{$key} && $data->{$key}[0])
        : $name eq 'DEL' ? ':' . (delete $data->{$key} ? 1 : 0) . "\r\n"
        : $name =~ /\AEVAL/ ? bulk(undef)
        : $name =~ /\A(?:EXPIRE|SISMEMBER|EXISTS)\z/ ? ":0\r\n"
        : "-ERR unknown command '$name'\r\n");
}

1;
