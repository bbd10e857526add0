
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Process;

# Processes and ports: what a suite needs so that nothing it started outlives
# it and two files can run at the same time.

use strict;
use warnings;

use IO::Socket::INET;
use POSIX qw( WNOHANG _exit );
use Socket qw( AF_UNIX SOCK_STREAM pack_sockaddr_un );
use Time::HiRes qw( sleep clock_gettime CLOCK_MONOTONIC );

use constant {
    PR_SET_PDEATHSIG       => 1,
    PR_SET_CHILD_SUBREAPER => 36,
    PORT_MIN               => 16384,    # t/util/run-test has 20000 to 29999
    PORT_MAX               => 20000,
    PORTS                  => 4,        # server, TLS, Redis, fake Redis
};

my %Prctl = (x86_64 => 157, aarch64 => 167);
my $Lock;

sub now { return clock_gettime(CLOCK_MONOTONIC) }

sub prctl {
    my ($option, $value) = @_;
    my $number = $Prctl{(POSIX::uname())[4]} or return;

    syscall($number, $option, $value, 0, 0, 0) == 0
        or die "prctl($option) failed: $!\n";
    return 1;
}

# a daemonised nginx becomes our child: it is reaped the moment it ends, and
# not taken for a living one where init is slow to reap
sub become_subreaper { return prctl(PR_SET_CHILD_SUBREAPER, 1) }

# forks; the child dies with us, however we end
sub spawn {
    my ($code) = @_;
    my $parent = $$;
    my $pid = fork();

    die "fork() failed: $!\n" unless defined $pid;
    return $pid if $pid;

    eval {
        @SIG{qw( INT TERM HUP )} = ('DEFAULT') x 3;
        prctl(PR_SET_PDEATHSIG, 9);
        $code->() if getppid() == $parent;
    };
    warn $@ if $@;
    _exit(1);
}

# a zombie is not alive
sub alive {
    my ($pid) = @_;
    waitpid($pid, WNOHANG);
    open my $in, '<', "/proc/$pid/stat" or return 0;
    return (readline($in) // '') =~ /\) [^ZX] / ? 1 : 0;
}

sub children {
    my ($pid) = @_;

    if (open my $in, '<', "/proc/$pid/task/$pid/children") {
        return grep { alive($_) } split ' ', readline($in) // '';
    }

    my @found;
    for my $stat (glob '/proc/[0-9]*/stat') {
        open my $in, '<', $stat or next;
        my ($child, $parent) = (readline($in) // '') =~ /^(\d+) .*\) . (\d+) /;
        push @found, $child if defined $parent && $parent == $pid;
    }
    return grep { alive($_) } @found;
}

# the process is stopped when this returns
sub pause {
    my ($pid) = @_;
    my $end = now() + 1;

    kill 'STOP', $pid or return;
    while (now() < $end) {
        open my $in, '<', "/proc/$pid/stat" or return;
        return if (readline($in) // '') =~ /\) T /;
        sleep 0.0005;
    }
}

# true if the process ended by itself, without SIGKILL
sub finish {
    my ($pid, $signal, $timeout) = @_;
    my $end = now() + $timeout;
    local $?;

    kill $signal, $pid if $signal;
    while (alive($pid)) {
        if (now() > $end) {
            kill 'KILL', $pid;
            sleep 0.01 while alive($pid);
            return 0;
        }
        sleep 0.005;
    }
    return 1;
}

sub port_is_free {
    my ($port) = @_;
    return IO::Socket::INET->new(LocalAddr => '0.0.0.0', LocalPort => $port,
                                 Listen => 1, ReuseAddr => 1);
}

# PORTS consecutive ports, ours until we end: the lock is an abstract socket,
# which the kernel takes back by itself
sub claim_ports {
    for (1 .. 500) {
        my $slots = int((PORT_MAX - PORT_MIN) / PORTS);
        my $base = PORT_MIN + PORTS * int rand $slots;

        socket($Lock, AF_UNIX, SOCK_STREAM, 0) or die "socket() failed: $!\n";
        next unless bind $Lock, pack_sockaddr_un("\0test-nginx-port-$base");
        next if grep { !port_is_free($_) } $base .. $base + PORTS - 1;
        return $base;
    }
    die "no free ports found\n";
}

1;
