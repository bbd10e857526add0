
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::App;

# An example as a newcomer runs it, by its one command, and the actor "app":
# the application behind nginx.

use strict;
use warnings;

use Cwd qw( abs_path );
use IO::Socket::UNIX;

use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Match qw( as_regex );
use Test::Nginx::WebSocket::Process;
use Test::Nginx::WebSocket::Scenario;
use Test::Nginx::WebSocket::Stream;

# an application starts in seconds of a quiet machine
$Test::Nginx::WebSocket::Stream::Timeout = 30
    if $Test::Nginx::WebSocket::Stream::Timeout < 30;

# example, port, process (a regex of its name), socket; and env
sub start {
    my ($class, %arg) = @_;
    my $name = "$arg{example}-test-$$";
    my $self = bless {%arg, name => $name, dir => "build/$name", vars => {}},
                     $class;
    local @ENV{qw( PORT RUN_NAME )} = ($arg{port}, $name);
    local @ENV{keys %{$arg{env}}} = values %{$arg{env}};

    my $pid = open my $out, '-|';
    die "fork: $!\n" if !defined $pid;
    if ($pid == 0) {
        # as a terminal's: Ctrl-C reaches whoever is in the foreground
        setpgrp;
        $SIG{INT} = 'DEFAULT';
        open STDERR, '>&', \*STDOUT;
        delete @ENV{qw( MAKEFLAGS MAKELEVEL MFLAGS )};
        exec "examples/$arg{example}/run" or die "exec: $!\n";
    }
    @$self{qw( pid out )} = ($pid, $out);
    $self->{printed} = $self->read_until(qr/Ctrl-C/);
    return $self;
}

# what the command has printed up to what is waited for, or to its end
sub read_until {
    my ($self, $regex) = @_;
    my $text = '';

    local $SIG{ALRM} = sub { die "not printed: $regex; but:\n$text" };
    alarm 240;
    while (defined(my $line = readline $self->{out})) {
        $text .= $line;
        last if $line =~ $regex;
    }
    alarm 0;
    return $text;
}

sub finish {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return '';

    kill $signal, -$pid;
    my $text = $self->read_until(qr/\Z./);
    close $self->{out};
    return $text;
}

sub DESTROY {
    my ($self) = @_;
    local ($?, $@);

    $self->do_release;
    kill 'CONT', $self->{pid} if $self->{pid};
    eval { $self->finish('TERM') };
    system 'rm', '-rf', $self->{dir}, "build/.lock-$self->{name}";
}

# true if all of it went well
sub scenario {
    my ($self, $title, $text) = @_;
    my $ok = Test::Nginx::WebSocket::Scenario->new(port => $self->{port},
        root => $self->{dir}, workers => 2, vars => $self->{vars},
        app => $self)->run($text, $title);

    # a scenario that has failed has not come to this
    $self->do_release;
    $self->do_continue_nginx;
    kill 'CONT', $self->{pid};
    return $ok;
}

# what it has started, or only processes of such a name
sub processes {
    my ($self, $name) = @_;

    return grep { Test::Nginx::WebSocket::Process::alive($_) }
           map { m{(\d+)\z} }
           grep { (readlink("$_/cwd") // '') =~ m{/\Q$self->{dir}\E\z}
                  && (!defined $name || comm($_) =~ $name) }
           glob '/proc/[0-9]*';
}

sub comm {
    my ($proc) = @_;
    open my $in, '<', "$proc/comm" or return '';
    return (readline($in) // '') =~ s/\n//r;
}

sub wait_for {
    my ($condition, $what) = @_;
    Test::Nginx::WebSocket::Stream::wait_for($condition, undef, 0.01)
        or die "$what\n";
}


# SIGKILL to all of the application; who would start it again does not yet
sub do_kill {
    my ($self) = @_;
    my @pids = $self->processes($self->{process}) or die "it does not run\n";

    Test::Nginx::WebSocket::Process::pause($self->{pid});
    kill 'KILL', @pids;
    wait_for(sub { !$self->processes($self->{process}) }, 'it goes on');
}

# it is started again
sub do_start {
    my ($self) = @_;
    my $socket = "$self->{dir}/$self->{socket}";

    unlink $socket;
    kill 'CONT', $self->{pid};
    Test::Nginx::WebSocket::Stream::wait_for(
        sub { IO::Socket::UNIX->new(Peer => $socket) }, 60, 0.05)
        or die "it did not start\n";
}

# ARGUMENTS of a command of Django's
sub do_manage {
    my ($self, $args) = @_;
    my $example = abs_path("examples/$self->{example}");

    my ($redis) = Test::Nginx::WebSocket::JWT::slurp("$self->{dir}/nginx.conf")
                  =~ /^ +messaging_redis unix:(.*);/m;

    local @ENV{qw( DJANGO_SETTINGS_MODULE EXAMPLE_DIR PYTHONPATH
                   PYTHONDONTWRITEBYTECODE MESSAGING_REDIS )} =
        ('example.settings', '.', $example, 1,
         defined $redis ? "unix://$redis" : '');
    my $text = `cd $self->{dir} && /usr/bin/python3 -m django $args 2>&1`;
    die $text if $?;
}

# VALUE QUERY: until the database says so
sub do_expect_sql {
    my ($self, $args) = @_;
    my ($want, $query) = split ' ', $args, 2;

    wait_for(sub {
        open my $in, '-|', '/usr/bin/python3', '-c', <<'EOS',
import sqlite3, sys
print(sqlite3.connect("file:%s?mode=ro" % sys.argv[1], uri=True)
      .execute(sys.argv[2]).fetchone()[0])
EOS
            "$self->{dir}/db.sqlite3", $query or die "python3: $!\n";
        my $got = readline($in) // '';
        close $in or die "python3 failed\n";
        return $got eq "$want\n";
    }, "the database does not say $want");
}

# N FILE /REGEX/: so many lines of it
sub do_expect_lines {
    my ($self, $args) = @_;
    my ($n, $file, $regex) = split ' ', $args, 3;
    my $re = as_regex($regex // '') // die "usage: expect_lines N FILE /RE/\n";
    my $got = grep { $_ =~ $re } split /\n/,
              Test::Nginx::WebSocket::JWT::slurp("$self->{dir}/$file");

    die "there are $got\n" if $got != $n;
}

# nobody else can write to the database, until it is released
sub do_hold {
    my ($self) = @_;
    pipe my $in, my $to or die "pipe: $!\n";
    pipe my $from, my $out or die "pipe: $!\n";

    my $pid = Test::Nginx::WebSocket::Process::spawn(sub {
        close $_ for $to, $from;
        open STDIN, '<&', $in;
        open STDOUT, '>&', $out;
        exec '/usr/bin/python3', '-c', <<'EOS', "$self->{dir}/db.sqlite3";
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
EOS
    });
    close $_ for $in, $out;
    @$self{qw( holder hold )} = ($pid, $to);
    die "not held\n" if (readline($from) // '') ne "held\n";
}

sub do_release {
    my ($self) = @_;
    my $pid = delete $self->{holder} or return;
    close delete $self->{hold};
    waitpid $pid, 0;
}

# N: until so many want to write
sub do_expect_busy {
    my ($self, $n) = @_;

    wait_for(sub {
        return $n == grep {
            grep { (readlink($_) // '') =~ m{/db\.sqlite3\z} }
                 glob "/proc/$_/fd/*"
        } $self->processes($self->{process});
    }, "the database is not open in $n processes");
}

# SIGSTOP, SIGCONT to the workers of nginx
sub do_pause_nginx {
    my ($self) = @_;
    my ($master) = Test::Nginx::WebSocket::JWT::slurp(
        "$self->{dir}/logs/nginx.pid") =~ /(\d+)/;

    $self->{paused} = [Test::Nginx::WebSocket::Process::children($master)];
    Test::Nginx::WebSocket::Process::pause($_) for @{$self->{paused}};
}

sub do_continue_nginx {
    my ($self) = @_;
    kill 'CONT', @{delete $self->{paused} // []};
}

1;
