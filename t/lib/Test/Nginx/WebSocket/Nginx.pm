
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Nginx;

# The running nginx: its processes and its logs, and the actor "nginx".

use strict;
use warnings;

use parent 'Test::Nginx::WebSocket::Baseline';

use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Metrics qw( check_expressions check_manual
                                        check_same expressions parse_text
                                        same_rules );
use Test::Nginx::WebSocket::Match qw( as_bytes as_regex at_path diff parse );
use Test::Nginx::WebSocket::Process;
use Test::Nginx::WebSocket::Stream;

sub new {
    my ($class, %arg) = @_;             # root, scenario
    return bless {%arg, offset => {}}, $class;
}

# what the scenario sees of a log begins here
sub begin {
    my ($self) = @_;
    $self->{offset}{$_} = -s "$self->{root}/logs/$_.log"
        for qw( error access messaging );
}

sub log {
    my ($self, $name) = @_;
    open my $in, '<:raw', "$self->{root}/logs/$name.log" or return '';
    seek $in, $self->{offset}{$name} // 0, 0;
    local $/;
    return readline($in) // '';
}

sub wait_for {
    my ($condition, $what) = @_;
    Test::Nginx::WebSocket::Stream::wait_for($condition, undef, 0.01)
        or die "$what\n";
}

sub master {
    my ($self) = @_;
    my $pid;
    wait_for(sub {
        open my $in, '<', "$self->{root}/logs/nginx.pid" or return;
        return ($pid) = (readline($in) // '') =~ /(\d+)/;
    }, 'nginx has no pid file');
    return $pid;
}

# without a master process it is a worker itself
sub workers {
    my ($self) = @_;
    my $master = $self->master;
    return $self->{single} ? $master : $self->children($master);
}

# a master of another binary is a child, too
sub children {
    my ($self, $master) = @_;
    return grep { !$self->{masters}{$_} }
           Test::Nginx::WebSocket::Process::children($master);
}

# until the old workers have begun to leave and new ones have come instead
sub do_reload {
    my ($self) = @_;
    my $master = $self->master;
    my %old = map { $_ => 1 } $self->workers;

    kill 'HUP', $master or die "cannot signal $master: $!\n";
    wait_for(sub {
        my $log = $self->log('error');
        my @now = $self->workers;
        return (grep { !$old{$_} } @now) >= $self->{scenario}{workers}
            && !grep { $old{$_} && $log !~ /\b$_#\d+: gracefully shutting/ }
                @now;
    }, 'no new workers');
}

# of the next configuration; each block begins with the number of its file
sub do_workers {
    my ($self, $n) = @_;
    my $file = "$self->{root}/conf/nginx.conf";
    my $text = Test::Nginx::WebSocket::JWT::slurp($file);

    $text =~ s/^(worker_processes\s+)\d+/$1$n/m or die "no workers\n";
    Test::Nginx::WebSocket::JWT::spew($file, $text);
    $self->{scenario}{workers} = $n;
}

sub signal {
    my ($self, $signal) = @_;
    kill $signal, $self->master or die "cannot signal nginx: $!\n";
}

sub do_signal { $_[0]->signal($_[1]) }
sub do_quit { $_[0]->signal('QUIT') }
sub do_stop { $_[0]->signal('TERM') }

sub do_expect_exit {
    my ($self) = @_;
    wait_for(sub { !-e "$self->{root}/logs/nginx.pid" },
             'nginx did not exit');
}

# USR2: a new master and its workers besides the old ones
sub do_upgrade {
    my ($self) = @_;
    my $old = $self->master;
    my $new;

    kill 'USR2', $old or die "cannot signal $old: $!\n";
    wait_for(sub { -e "$self->{root}/logs/nginx.pid.oldbin"
                   && ($new = $self->master) != $old }, 'no new master');
    @{$self->{masters}}{$old, $new} = (1, 1);
    @$self{qw( old new )} = ($old, $new);
    $self->do_expect_workers($self->{scenario}{workers});
}

sub do_signal_old {
    my ($self, $signal) = @_;
    kill $signal, $self->{old} or die "cannot signal $self->{old}: $!\n";
}

sub do_expect_old_workers {
    my ($self, $want) = @_;
    my @now;
    wait_for(sub { $want == (@now = $self->children($self->{old})) },
             "not $want old workers within time");
}

# one of the two masters is gone, and the other one is nginx
sub do_expect_only {
    my ($self, $which) = @_;
    my ($stays, $goes) = $which eq 'old' ? @$self{qw( old new )}
                                         : @$self{qw( new old )};
    wait_for(sub { !Test::Nginx::WebSocket::Process::alive($goes)
                   && !-e "$self->{root}/logs/nginx.pid.oldbin"
                   && $self->master == $stays },
             "the $which master is not the only one");
}

sub worker_of { return $_[0]{scenario}->client($_[1])->worker }

sub do_pause_worker_of {
    my ($self, $name) = @_;
    Test::Nginx::WebSocket::Process::pause($self->worker_of($name));
}

sub do_continue_worker_of { kill 'CONT', $_[0]->worker_of($_[1]) }

sub do_kill_worker_of { $_[0]->kill_worker($_[0]->worker_of($_[1])) }

# one that serves none of these
sub do_kill_worker_but {
    my ($self, $names) = @_;
    my %not = map { $self->worker_of($_) => 1 } split /,/, $names;
    my ($pid) = grep { !$not{$_} } $self->workers;
    $self->kill_worker($pid // die "there is no other worker\n");
}

sub do_kill_all_workers {
    my ($self) = @_;
    $self->kill_worker($_) for $self->workers;
}

# its alert in error.log is then expected
sub kill_worker {
    my ($self, $pid) = @_;

    push @{$self->{allowed}}, qr/ $pid exited on signal 9/;
    kill 'KILL', $pid or die "cannot kill $pid: $!\n";
    wait_for(sub { !Test::Nginx::WebSocket::Process::alive($pid) },
             "worker $pid lives on");
}

sub do_expect_workers {
    my ($self, $want) = @_;
    my @now;
    wait_for(sub { $want == (@now = $self->workers) },
             "not $want workers within time");
}

sub do_expect_log { $_[0]->expect_in($_[1], 'error') }
sub do_no_log { $_[0]->expect_not_in($_[1], 'error') }
sub do_expect_access_log { $_[0]->expect_in($_[1], qw( messaging access )) }
sub do_no_access_log { $_[0]->expect_not_in($_[1], qw( messaging access )) }

sub expect_in {
    my ($self, $want, @names) = @_;
    my $regex = as_regex($want) // qr/\Q$want\E/;
    # a line, or a log as a whole
    wait_for(sub { grep { $_ =~ $regex }
                   map { ($_, split /\n/) } map { $self->log($_) } @names },
             "no line of @names.log matches");
}

sub expect_not_in {
    my ($self, $want, @names) = @_;
    my $regex = as_regex($want) // qr/\Q$want\E/;

    for my $name (@names) {
        my ($line) = grep { /$regex/ } split /\n/, $self->log($name);
        die "$name.log has: $line\n" if defined $line;
    }
}

# below the conf directory, by rename
sub do_write_file {
    my ($self, $args) = @_;
    my ($name, $text) = split ' ', $args, 2;
    $text = as_bytes($text) if ($text //= '') =~ /\A"/;
    Test::Nginx::WebSocket::JWT::spew("$self->{root}/conf/$name", $text);
}

sub do_copy_file {
    my ($self, $args) = @_;
    my ($from, $name) = split ' ', $args;
    Test::Nginx::WebSocket::JWT::spew("$self->{root}/conf/$name",
        Test::Nginx::WebSocket::JWT::slurp($from));
}

# the file stays the same one
sub do_overwrite_file {
    my ($self, $args) = @_;
    my ($from, $name) = split ' ', $args;
    my $path = "$self->{root}/conf/$name";
    my $text = Test::Nginx::WebSocket::JWT::slurp($from);

    open my $out, '+<:raw', $path or die "cannot write $path: $!\n";
    print $out $text;
    truncate $out, length $text;
    close $out or die "cannot write $path: $!\n";
}

sub do_remove_file {
    my ($self, $name) = @_;
    unlink "$self->{root}/conf/$name" or die "cannot remove $name: $!\n";
}

sub fetch_status {
    my ($self, $path) = @_;
    my $client = $self->{scenario}->new_client('status');
    $client->do_http('GET ' . ($path // '/status'));
    $client->do_expect_status(200);
    return parse($self->{last} = $client->{last});
}

# "[PATH] KEY VALUE": asks until the value at the dotted KEY is that JSON
sub do_status {
    my ($self, $args) = @_;
    my ($path, $key, $value) = $args =~ m{\A(?:(/\S*)\s+)?(\S+)\s+(.+)\z}
        or die "usage: status [PATH] KEY VALUE\n";
    my $want = parse($value);
    my $why;

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        my $got = at_path($self->fetch_status($path), $key);
        return !($why = diff($got, $want, $key));
    }, undef, 0.02) or die "$why\n";
}

sub get {
    my ($self, $path) = @_;
    my $client = $self->{scenario}->new_client('status');

    $client->do_http("GET $path");
    $client->do_expect_status(200);
    return $self->{last} = $client->{last};
}

# "SERIES VALUE": asks until the sample of Prometheus has that value
sub do_metric {
    my ($self, $args) = @_;
    my ($series, $want) = $args =~ /\A(\S+)\s+(\S+)\z/
        or die "usage: metric SERIES VALUE\n";
    my $got;

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        my $families = parse_text($self->get('/status?format=prometheus'));
        my ($sample) = grep { $_->{series} eq $series }
                       map { @{$_->{samples}} } values %$families;
        return ($got = $sample ? $sample->{value} : 'missing') eq $want;
    }, undef, 0.02) or die "$series is $got, expected $want\n";
}

# Prometheus' text is well-formed and says what the JSON says
sub do_metrics {
    my ($self) = @_;
    my $why;

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        my $text = $self->get('/status?format=prometheus');
        my $json = parse($self->get('/status?format=json'));
        eval { check_same(parse_text($text), $json); 1 } and return 1;
        $why = $@;
        return 0;
    }, undef, 0.02) or die $why;
}

# names and labels that files use are there; rules are the same in all
sub do_metrics_of {
    my ($self, $args) = @_;
    my $families = parse_text($self->get('/status?format=prometheus'));
    my $rules;

    for my $file (split ' ', $args) {
        my $text = Test::Nginx::WebSocket::JWT::slurp($file);
        my $found = eval { expressions($file, $text) } or die "$file: $@";

        eval { check_expressions($families, $found); 1 } or die "$file: $@";
        check_manual($families, $text) if $file =~ /\.md\z/;
        next if $file =~ /\.json\z/;
        same_rules($rules //= $found, $found);
    }
}

1;
