
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Stream;

# One event loop for everything a scenario talks to, and the non-blocking
# byte stream its clients and Redis connections are made of.  Whatever a step
# waits for, all the others go on meanwhile: pings are answered, closes too.

use strict;
use warnings;

use Errno ();
use IO::Handle;
use Scalar::Util qw( refaddr );

use Test::Nginx::WebSocket::Match qw( brief );
use Test::Nginx::WebSocket::Process;

use constant TICK => 0.005;

our $Timeout = $ENV{TEST_NGINX_WS_TIMEOUT} || 10;
our @Transcript;

my %Watched;
my %Tick;           # of those that act by themselves
my $Start = 0;

$Timeout *= 3 if $ENV{TEST_NGINX_USE_VALGRIND} && !$ENV{TEST_NGINX_WS_TIMEOUT};

sub now { return Test::Nginx::WebSocket::Process::now() }

sub begin_transcript {
    @Transcript = ();
    $Start = now();
}

sub note {
    my ($who, $text) = @_;
    return if $who eq 'status';         # asked again and again
    push @Transcript, sprintf '%8.3f  %-8s %s', now() - $Start, $who,
                      brief($text);
}

# $do is done again and again, whatever is waited for, until it is called
# without
sub tick {
    my ($who, $do) = @_;
    $do ? $Tick{refaddr $who} = $do : delete $Tick{refaddr $who};
}

sub no_ticks { %Tick = () }

# one turn of the loop, $timeout seconds at most
sub turn {
    my ($timeout) = @_;

    my $end = now() + $timeout;

    while (%Tick) {
        $_->() for values %Tick;
        my $left = $end - now();
        return if turn_once($left < TICK ? $left : TICK) || $left <= TICK;
    }
    turn_once($timeout);
}

# true if there was something to do
sub turn_once {
    my ($timeout) = @_;
    my ($rin, $win) = ('', '');
    $timeout = 0 if $timeout < 0;

    my @streams = values %Watched;

    for my $s (@streams) {
        my $fd = fileno $s->{fh};
        vec($rin, $fd, 1) = 1 unless $s->{stalled};
        vec($win, $fd, 1) = 1 if length $s->{out} && !$s->{corked};
    }
    return 0 if select(my $r = $rin, my $w = $win, undef, $timeout) <= 0;

    for my $s (@streams) {
        next unless $Watched{refaddr $s};
        my $fd = fileno $s->{fh};
        $s->flush if vec $w, $fd, 1;
        $s->fill if $Watched{refaddr $s} && vec $r, $fd, 1;
    }
    return 1;
}

# turns until $condition is true: 1, or 0 after $timeout; conditions which no
# stream brings about are looked at every $interval
sub wait_for {
    my ($condition, $timeout, $interval) = @_;
    my $end = now() + ($timeout // $Timeout);

    while (!$condition->()) {
        my $left = $end - now();
        return 0 if $left <= 0;
        turn(defined $interval && $interval < $left ? $interval : $left);
    }
    return 1;
}

# begins, or begins again, with a connected socket
sub attach {
    my ($self, $fh) = @_;
    $fh->blocking(0);
    @$self{qw( fh in out eof )} = ($fh, '', $self->{out} // '', '');
    $Watched{refaddr $self} = $self;
    return $self;
}

sub write {
    my ($self, $bytes) = @_;
    die "not connected\n" unless $self->{fh};
    $self->{out} .= $bytes;
    $self->flush unless $self->{corked};
}

sub flush {
    my ($self) = @_;

    while ($self->{fh} && length $self->{out}) {
        my $size = $self->{split} || length $self->{out};
        my $n = syswrite $self->{fh}, $self->{out}, $size;

        if (!defined $n) {
            next if $!{EINTR};
            return if $!{EAGAIN};
            $self->{out} = '';      # the reading side tells how it ended
            return;
        }
        substr($self->{out}, 0, $n) = '';
        $self->let_peer_read if $self->{split};
    }
}

# all that is queued has left; false if the peer does not take it
sub drain {
    my ($self) = @_;
    return wait_for(sub { !length $self->{out} || $self->{eof} });
}

sub fill {
    my ($self) = @_;

    for (1 .. 64) {
        my $n = sysread $self->{fh}, $self->{in}, 65536, length $self->{in};

        if (!defined $n) {
            next if $!{EINTR};
            $self->ended($!{ECONNRESET} ? 'reset' : 'eof') unless $!{EAGAIN};
            return;
        }
        return $self->ended('eof') if $n == 0;
        $self->on_data;
        return unless $self->{fh} && $Watched{refaddr $self};
    }
}

sub ended {
    my ($self, $how) = @_;
    $self->{eof} = $how;
    delete $Watched{refaddr $self};
    note($self->{name}, "< $how");
    $self->on_end if $self->can('on_end');
}

sub shut {
    my ($self) = @_;
    my $fh = delete $self->{fh} or return;
    delete $Watched{refaddr $self};
    ref($fh) =~ /SSL/ ? $fh->close(SSL_no_shutdown => 1) : close $fh;
}

# the other end's receive queue and inode as the kernel lists them: bytes not
# yet read, and 0 for a connection not yet accepted
sub peer_socket {
    my ($fh) = @_;
    my @end = map { sprintf '%s:%04X', uc unpack('H*', reverse $$_[1]), $$_[0] }
              map { [Socket::unpack_sockaddr_in($_)] }
              getpeername $fh, getsockname $fh;
    my $line = qr/ $end[0] $end[1] \w+ \w+:(\w+) \S+ \w+ +\d+ +\d+ (\d+)/;

    open my $in, '<', '/proc/net/tcp' or return;
    my ($queue, $inode) = map { /$line/ } readline $in;
    return (hex($queue // 0), $inode);
}

sub poll {
    my ($condition, $tries) = @_;
    select undef, undef, undef, 0.001 while $tries-- && !$condition->();
}

# a piece has to be read alone: wait for the other end to have read it or,
# where it is not in a mood to read, not for long
sub let_peer_read {
    my ($self) = @_;
    poll(sub { !(peer_socket($self->{fh}))[0] }, 100);
}

1;
