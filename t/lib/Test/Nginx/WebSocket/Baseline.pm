
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Baseline;

# What the actor "nginx" looks at after a fault: descriptors and memory of its
# workers, what the status counts as open, time on the CPU, and whether the
# counters are what the clients have seen.

use strict;
use warnings;

use POSIX ();

use Test::Nginx::WebSocket::Match qw( as_time at_path );
use Test::Nginx::WebSocket::Stream;

my @Gauges = qw( workers connections subscriptions channels queued_bytes );

# descriptors of all workers, by kind; a client's is where its connection is
sub descriptors {
    my ($self) = @_;
    my %kind = (files => 0, pipes => 0, sockets => 0, others => 0);

    for my $pid ($self->workers) {
        for my $fd (glob "/proc/$pid/fd/*") {
            my $to = readlink $fd // next;
            $kind{$to =~ /\Asocket:/ ? 'sockets' : $to =~ /\Apipe:/ ? 'pipes'
                  : $to =~ m{\A/} ? 'files' : 'others'}++;
        }
    }
    return \%kind;
}

# anonymous memory of a process, in bytes; undef where a sanitizer or valgrind
# keeps what was freed
sub memory {
    my ($pid) = @_;

    return undef if ($ENV{ASAN_OPTIONS} // '') ne ''
                    || $ENV{TEST_NGINX_USE_VALGRIND};
    open my $in, '<', "/proc/$pid/status" or return undef;
    my ($kb) = map { /^RssAnon:\s+(\d+)/ } readline $in;
    return $kb && $kb * 1024;
}

# clock ticks on the CPU
sub cpu {
    my ($pid) = @_;
    open my $in, '<', "/proc/$pid/stat" or return 0;
    my @field = split ' ', (readline($in) // '') =~ s/\A.*\) //r;
    return @field > 12 ? $field[11] + $field[12] : 0;
}

sub same { return !grep { $_[0]{$_} != $_[1]{$_} } keys %{$_[0]} }

# what clients have seen of the counters with these names
sub seen {
    my ($self) = @_;
    my %sum;

    for my $client (values %{$self->{scenario}{clients}}) {
        $sum{$_} += $client->{tally}{$_} for keys %{$client->{tally} // {}};
    }
    return \%sum;
}

sub do_remember_baseline {
    my ($self) = @_;
    my ($before, $now) = (undef, $self->descriptors);

    # connections that are made or end just now are no part of it
    Test::Nginx::WebSocket::Stream::wait_for(sub {
        my $status = $self->fetch_status;
        return $status->{redis}{ready} == $status->{workers};
    }, 2, 0.05) unless $self->{scenario}{embedded};
    Test::Nginx::WebSocket::Stream::wait_for(sub {
        ($before, $now) = ($now, $self->descriptors);
        return same($before, $now);
    }, undef, 0.05);

    $self->{baseline} = {
        descriptors => $now,
        workers => scalar(my @all = $self->workers),
        memory => {map { $_ => memory($_) } $self->workers},
        status => $self->fetch_status,
        seen => $self->seen,
    };
}

sub baseline { return $_[0]{baseline} // die "there is no baseline\n" }

# "expect_baseline [GAUGE=VALUE ...] [sockets=+N] [memory=SIZE]"
sub do_expect_baseline {
    my ($self, $args) = @_;
    my %arg = map { split /=/, $_, 2 } split ' ', $args;
    my $base = $self->baseline;
    my $memory = delete $arg{memory} // '2m';
    my $more = delete $arg{sockets} // 0;
    my %want = ((map { $_ => $base->{status}{$_} } @Gauges), %arg);
    my %fds = %{$base->{descriptors}};
    my $why;

    $fds{sockets} += $more;
    $memory *= {k => 1024, m => 1048576}->{lc chop $memory};

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        $why = undef;
        my @workers = $self->workers;
        $why = @workers . " workers, expected $base->{workers}\n"
            if @workers != $base->{workers};

        my $got = $self->descriptors;
        $why .= "$got->{$_} descriptors of $_, expected $fds{$_}\n"
            for grep { $got->{$_} != $fds{$_} } sort keys %fds;

        for (grep { $base->{memory}{$_} } @workers) {
            my $grown = (memory($_) // 0) - $base->{memory}{$_};
            $why .= "worker $_ has grown by $grown bytes\n"
                if $grown > $memory;
        }
        return 0 if defined $why;

        my $status = $self->fetch_status;
        for (sort keys %want) {
            my $is = at_path($status, $_);
            $why .= "$_ is $is, expected $want{$_}\n" if $is != $want{$_};
        }
        return !defined $why;
    }, undef, 0.05) or die $why;
}

# "expect_idle [TIME]": all workers together use less than a fifth of a CPU
sub do_expect_idle {
    my ($self, $time) = @_;
    my $wait = as_time($time || '500ms');
    my @workers = $self->workers;
    my %before = map { $_ => cpu($_) } @workers;
    my $used = 0;

    Test::Nginx::WebSocket::Stream::wait_for(sub { 0 }, $wait);
    $used += cpu($_) - $before{$_} for @workers;
    $used /= POSIX::sysconf(&POSIX::_SC_CLK_TCK);
    die sprintf "workers were busy for %.2f of %.2f s\n", $used, $wait
        if $used > $wait / 5 + 0.02;
}

# "expect_counters KEY[>=|<=] ...": since the baseline a counter has grown by
# what clients have seen; ">=" by that at least, "<=" at most
sub do_expect_counters {
    my ($self, $args) = @_;
    my $base = $self->baseline;
    my $why;

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        my ($status, $seen) = ($self->fetch_status, $self->seen);
        $why = undef;

        for (split ' ', $args) {
            my ($key, $how) = /\A([\w.]+?)(>=|<=|)\z/
                or die "usage: expect_counters KEY[>=|<=] ...\n";
            my $is = at_path($status, $key) - at_path($base->{status}, $key);
            my $want = ($seen->{$key} // 0) - ($base->{seen}{$key} // 0);

            $why .= "$key is $is, clients have seen $want\n"
                unless $how eq '>=' ? $is >= $want
                     : $how eq '<=' ? $is <= $want : $is == $want;
        }
        return !defined $why;
    }, undef, 0.05) or die $why;
}

1;
