package Processes;

# Copyright (C) The ngx_http_messaging_module authors

# What the benchmark starts: everything in a process group of its own, ended
# by its id, with ports that the kernel has chosen.

use strict;
use warnings;

use Exporter qw(import);
use IO::Socket::INET;
use POSIX qw(:sys_wait_h setsid);
use Time::HiRes qw(sleep time);

our @EXPORT_OK = qw(alive children cores descriptors finish
                    keys_and_certificates say_line slurp spew start
                    start_redis start_server stop $secret);

my $root = __FILE__ =~ s{/bench/lib/[^/]+\z}{}r;

our $secret = random_secret();


# what is running, so that it ends whatever happens

my %running;

sub say_line {
    print STDERR @_, "\n";
}

sub alive {
    my ($pid) = @_;

    return 0 if !$running{$pid};

    if (waitpid($pid, WNOHANG) == $pid) {
        delete $running{$pid};
        return 0;
    }

    return 1;
}

# a command of its own process group, on one core, in a directory

sub start {
    my (%it) = @_;

    my $pid = fork // die "fork: $!\n";

    if ($pid == 0) {
        # whatever goes wrong here is nobody's end but this one's
        eval { become(%it) };
        print STDERR $@;
        POSIX::_exit(127);
    }

    $running{$pid} = 1;

    return $pid;
}

sub become {
    my (%it) = @_;

    setsid();
    $SIG{$_} = 'DEFAULT' for qw(INT TERM HUP);

    chdir $it{dir} or die "$it{dir}: $!\n";
    open STDIN, '<', '/dev/null' or die "stdin: $!\n";
    open STDERR, '>>', $it{log} or die "$it{log}: $!\n";
    open STDOUT, '>', $it{stdout} // $it{log} or die "stdout: $!\n";

    $ENV{$_} = $it{env}{$_} for keys %{$it{env} || {}};

    my @command = (pin($it{core}), @{$it{command}});

    no warnings 'exec';
    exec { $command[0] } @command or die "$command[0]: $!\n";
}

# ends a process that was started here, and its group

sub stop {
    my ($pid, $seconds) = @_;

    for my $signal (qw(TERM KILL)) {
        last if !alive($pid);

        kill $signal, $pid;

        my $end = time + ($signal eq 'TERM' ? $seconds // 5 : 5);

        sleep 0.02 while alive($pid) && time < $end;
    }

    # its children, should they have been left behind
    kill 'KILL', -$pid;
}

# whether it ends well by itself, within a time

sub finish {
    my ($pid, $seconds) = @_;

    my $end = time + $seconds;

    sleep 0.02 while alive($pid) && time < $end;

    my $done = !$running{$pid} && $? == 0;

    stop($pid);

    return $done;
}

sub stop_all {
    stop($_, 2) for keys %running;
}

for my $signal (qw(INT TERM HUP)) {
    $SIG{$signal} = sub { stop_all(); exit 1; };
}

END { my $status = $?; stop_all(); $? = $status; }


# the server has a core of its own; with a single one there is no point

my @cores = allowed_cores();

sub cores {
    return scalar @cores;
}

sub allowed_cores {
    my $status = slurp('/proc/self/status') // '';
    my ($list) = $status =~ /^Cpus_allowed_list:\s*(\S+)/m;

    return map { /^(\d+)-(\d+)$/ ? ($1 .. $2) : $_ } split /,/, $list // '0';
}

sub pin {
    my ($core) = @_;

    return if @cores < 2;
    return ('taskset', '-c', $cores[$core eq 'server' ? 0 : 1]);
}


sub slurp {
    my ($file) = @_;

    open my $in, '<', $file or return undef;
    local $/;
    return scalar readline $in;
}

sub spew {
    my ($file, $text) = @_;

    open my $fh, '>:raw', "$file.new" or die "$file: $!\n";
    print $fh $text;
    close $fh or die "$file: $!\n";
    rename "$file.new", $file or die "$file: $!\n";
}

# a port the kernel has chosen, kept from everybody else: bound, but not
# listening, which does not stop a server that sets SO_REUSEADDR as we do

sub reserve_port {
    my $socket = IO::Socket::INET->new(
        LocalAddr => '127.0.0.1',
        LocalPort => 0,
        Proto => 'tcp',
        ReuseAddr => 1,
    ) or die "no port: $@\n";

    return ($socket->sockport, $socket);
}

# whether somebody listens; a connect would leave a connection behind

sub listens {
    my ($port) = @_;

    my $hex = sprintf '0100007F:%04X', $port;

    return (slurp('/proc/net/tcp') // '')
           =~ /^\s*\d+: \Q$hex\E [0-9A-F]{8}:0000 0A/m;
}

sub wait_listen {
    my ($pid, $port, $what) = @_;

    my $end = time + 30;

    while (time < $end) {
        return if listens($port);
        die "$what has ended\n" if !alive($pid);
        sleep 0.05;
    }

    die "$what does not listen\n";
}


# for RS256 and for TLS, in a directory

my $keys;

sub keys_and_certificates {
    ($keys) = @_;

    my @commands = (
        [qw(openssl genpkey -quiet -algorithm RSA -pkeyopt
            rsa_keygen_bits:2048 -out), "$keys/rs256.pem"],
        [qw(openssl pkey -pubout -in), "$keys/rs256.pem", '-out',
         "$keys/rs256.pub"],
        [qw(openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256
            -nodes -days 30 -subj /CN=localhost), '-keyout',
         "$keys/tls.key", '-out', "$keys/tls.crt"],
    );

    for my $command (@commands) {
        my $pid = start(dir => $keys, log => "$keys/keys.log", core => 'load',
                        command => $command);

        die "@$command: see $keys/keys.log\n" if !finish($pid, 60);
    }
}

# hexadecimal, so that it can be said on a command line

sub random_secret {
    open my $in, '<:raw', '/dev/urandom' or die "/dev/urandom: $!\n";
    read $in, my $bytes, 32;

    return unpack 'H*', $bytes;
}

# a Redis and a server, started anew for each measurement

sub start_redis {
    my ($dir) = @_;

    my ($port, $keeper) = reserve_port();
    my $pid = start(
        dir => $dir,
        log => "$dir/redis.log",
        core => 'load',
        command => ['redis-server', '--bind', '127.0.0.1', '--port', $port,
                    '--save', '', '--appendonly', 'no', '--daemonize', 'no',
                    '--tcp-backlog', 4096],
    );

    wait_listen($pid, $port, 'redis-server');

    return { pid => $pid, port => $port, keeper => $keeper };
}

sub start_server {
    my ($target, $scenario, $dir, $redis) = @_;

    my ($port, $keeper) = reserve_port();
    my $pid = start(
        dir => $dir,
        log => "$dir/server.log",
        core => 'server',
        command => ["$root/bench/targets/$target->{script}", 'start'],
        env => {
            BENCH_DIR => $dir,
            BENCH_PORT => $port,
            BENCH_REDIS => $redis ? "127.0.0.1:$redis->{port}" : '',
            BENCH_ALG => 'HS256',
            BENCH_SECRET => $secret,
            BENCH_PUBLIC_KEY => "$keys/rs256.pub",
            BENCH_CERT => "$keys/tls.crt",
            BENCH_CERT_KEY => "$keys/tls.key",
            BENCH_TLS => 0,
            BENCH_DEFLATE => 0,
            BENCH_WORKERS => 1,
            BENCH_CONNECTIONS => 16384,
            BENCH_SCENARIO => $scenario->{load} // '',
            %{$scenario->{env} || {}},
            %{$target->{env} || {}},
            many_env($scenario),
        },
    );

    wait_listen($pid, $port, $target->{name});

    # several processes may take their time after the first
    sleep(0.3 + 0.2 * ($scenario->{env}{BENCH_WORKERS} // 0));

    return { pid => $pid, port => $port, keeper => $keeper };
}

# more connections than a process may have descriptors take more processes

sub many_env {
    my ($scenario) = @_;

    my $many = $scenario->{many} or return;
    my $each = descriptors() - 1000;

    # they are not spread quite evenly
    my $workers = POSIX::ceil($many / $each * 1.15);

    return (BENCH_WORKERS => $workers, BENCH_CONNECTIONS => $each,
            BENCH_LISTEN => 'reuseport', BENCH_ZONE => '64m');
}

sub descriptors {
    my ($n) = (slurp('/proc/self/limits') // '')
              =~ /^Max open files\s+\d+\s+(\d+)/m;

    return $n // 1024;
}

sub children {
    my ($pid) = @_;

    return split ' ', slurp("/proc/$pid/task/$pid/children") // '';
}

# proportional: what several processes share counts once

sub memory_of {
    my ($pid) = @_;

    my $sum = 0;

    for my $process ($pid, children($pid)) {
        my $rollup = slurp("/proc/$process/smaps_rollup") // '';

        $sum += $1 if $rollup =~ /^Pss:\s+(\d+) kB/m;
    }

    return $sum;
}

1;
