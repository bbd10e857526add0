
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Redis;

# A private redis-server for a test file, and the actor "redis".

use strict;
use warnings;

use IO::Socket::UNIX;

use Test::Nginx::WebSocket::Match qw( as_bytes as_regex as_time as_words
                                      brief check );
use Test::Nginx::WebSocket::Process;
use Test::Nginx::WebSocket::Stream;

use constant NAME => 'test-suite';      # of our own connections

sub new {
    my ($class, %arg) = @_;             # dir, socket
    return bless {%arg, args => []}, $class;
}

sub running {
    my ($self) = @_;
    return $self->{pid} && Test::Nginx::WebSocket::Process::alive($self->{pid});
}

sub start {
    my ($self, @args) = @_;
    return if $self->running;

    $self->{args} = \@args;
    $self->{pid} = Test::Nginx::WebSocket::Process::spawn(sub {
        exec 'redis-server', '--port', 0, '--unixsocket', $self->{socket},
            '--unixsocketperm', 777,
            '--dir', $self->{dir}, '--save', '', '--appendonly', 'no',
            '--logfile', "$self->{dir}/redis.log", @args;
        die "cannot run redis-server: $!\n";
    });
    Test::Nginx::WebSocket::Stream::wait_for(sub {
        die "redis-server ended, see $self->{dir}/redis.log\n"
            unless $self->running;
        my $pong = eval { $self->call('PING') } // '';
        return !ref $pong && $pong eq 'PONG';
    }, undef, 0.01) or die "redis-server does not answer\n";
}

sub stop {
    my ($self, $signal) = @_;
    my $pid = delete $self->{pid} or return;
    $self->shut_connections;
    kill 'CONT', $pid;
    Test::Nginx::WebSocket::Process::finish($pid, $signal // 'TERM', 5);
}

# before a block, or after a scenario that left it stopped or paused
sub restore {
    my ($self, @args) = @_;
    kill 'CONT', $self->{pid} if $self->{pid};
    $self->stop if $self->running && "@args" ne "@{$self->{args}}";
    $self->start(@args);
}

sub connection {
    my ($self, $slot) = @_;
    my $c = $self->{$slot};
    return $c if $c && $c->{fh} && !$c->{eof};

    $c = $self->{$slot} =
        Test::Nginx::WebSocket::Redis::Connection->connect($self->{socket});
    my %arg = @{$self->{args}} % 2 ? () : @{$self->{args}};
    $c->call('AUTH', $arg{'--requirepass'}) if $arg{'--requirepass'};
    $c->call('CLIENT', 'SETNAME', NAME);
    return $c;
}

sub call {
    my ($self, @command) = @_;
    return $self->connection('control')->call(@command);
}

# the ids of the connections nginx holds, of "type" normal or pubsub
sub clients {
    my ($self, $type) = @_;
    my $list = $self->call('CLIENT', 'LIST', $type ? ('TYPE', $type) : ());
    return map { /\bid=(\d+)/ } grep { !/ name=${\NAME} / } split /\n/, $list;
}

# the channels somebody else than we is subscribed to, but those every worker
# always is
sub channels {
    my ($self) = @_;
    my %ours = map { $_ => 1 } @{$self->{subscribed} // []};
    return grep { !$ours{$_} && !/\@control\z/ }
           @{$self->call('PUBSUB', 'CHANNELS')};
}

# at the end of a scenario; with $wait nobody is subscribed any more, though
# not for long where somebody stays
sub leave_clean {
    my ($self, $wait) = @_;
    kill 'CONT', $self->{pid} if $self->{pid};
    Test::Nginx::WebSocket::Stream::wait_for(sub { !$self->channels }, 1, 0.01)
        if $wait && $self->running;
    $self->shut_connections;
}

sub shut_connections {
    my ($self) = @_;
    $_->shut for grep { defined } delete @$self{qw( control subscriber )};
    $self->{subscribed} = [];
}

sub checked {
    my ($reply) = @_;
    die "Redis answered $$reply\n" if ref $reply eq 'SCALAR';
    return $reply;
}

sub eventually {
    my ($got, $want) = @_;
    my $is;
    Test::Nginx::WebSocket::Stream::wait_for(
        sub { ($is = $got->()) == $want }, undef, 0.01)
        or die "there are $is, expected $want\n";
}

sub do_publish {
    my ($self, $args) = @_;
    my ($channel, $payload) = split ' ', $args, 2;
    checked($self->call('PUBLISH', $channel, $payload // ''));
}

sub do_publish_raw {
    my ($self, $args) = @_;
    my ($channel, $payload) = split ' ', $args, 2;
    checked($self->call('PUBLISH', $channel, as_bytes($payload)));
}

sub do_subscribe {
    my ($self, $args) = @_;
    my @channels = split ' ', $args;
    my $c = $self->connection('subscriber');

    push @{$self->{subscribed}}, @channels;
    $c->write($c->command('SUBSCRIBE', @channels));
    Test::Nginx::WebSocket::Stream::wait_for(
        sub { $c->{confirmed} >= @{$self->{subscribed}} || $c->{eof} })
        && !$c->{eof} or die "not confirmed\n";
}

# CHANNEL /REGEX/ or JSON, which is compared without the header line of a
# payload
sub do_recv {
    my ($self, $args) = @_;
    my ($channel, $want) = split ' ', $args, 2;
    my $c = $self->{subscriber} or die "not subscribed\n";

    Test::Nginx::WebSocket::Stream::wait_for(
        sub { @{$c->{pushed}} || $c->{eof} });
    my $got = shift @{$c->{pushed}} or die "nothing came\n";
    die "message on $got->[0]\n" if $got->[0] ne $channel;

    my $text = $got->[1];
    $text =~ s/\A\@[^\n]*\n// unless as_regex($want);
    check($self->{last} = $text, $want);
}

sub do_recv_none {
    my ($self, $time) = @_;
    my $c = $self->{subscriber} or die "not subscribed\n";
    Test::Nginx::WebSocket::Stream::wait_for(sub { @{$c->{pushed}} },
                                             as_time($time || '200ms'));
    die 'got ' . brief("@$_") . "\n" for @{$c->{pushed}};
}

sub do_expect_subscribers {
    my ($self, $args) = @_;
    my ($channel, $want) = split ' ', $args;
    my $ours = grep { $_ eq $channel } @{$self->{subscribed} // []};
    eventually(sub { checked($self->call('PUBSUB', 'NUMSUB', $channel))->[1]
                     - $ours }, $want);
}

sub do_expect_clients {
    my ($self, $want) = @_;
    eventually(sub { scalar(my @all = $self->clients) }, $want);
}

# how often a command was called since the scenario began, by anybody
sub do_expect_calls {
    my ($self, $args) = @_;
    my ($command, $want) = split ' ', $args;
    eventually(sub {
        my $stats = $self->call('INFO', 'commandstats');
        return $stats =~ /^cmdstat_\Q$command\E:calls=(\d+)/im ? $1 : 0;
    }, $want);
}

sub do_command {
    my ($self, $args) = @_;
    my $reply = $self->{reply} = $self->call(as_words($args));
    $self->{last} = ref $reply eq 'SCALAR' ? $$reply
                  : ref $reply ? JSON::PP->new->encode($reply)
                  : $reply // 'null';
}

sub do_expect_reply {
    my ($self, $want) = @_;
    return if $self->{last} eq $want;
    check($self->{last}, $want);
}

# COMMAND => TEXT|JSON|/REGEX/: asked again and again until that is the reply
sub do_expect_answer {
    my ($self, $args) = @_;
    my ($command, $want) = split / => /, $args, 2;
    my $why;

    die "usage: expect_answer COMMAND => REPLY\n" unless defined $want;
    Test::Nginx::WebSocket::Stream::wait_for(sub {
        $self->do_command($command);
        return 1 if eval { $self->do_expect_reply($want); 1 };
        $why = $@;
        return 0;
    }, undef, 0.01) or die $why;
}

sub do_start {
    my ($self, $args) = @_;
    $self->start(as_words($args));
}

sub do_restart {
    my ($self, $args) = @_;
    $self->stop;
    $self->start(as_words($args));
}

sub do_stop { $_[0]->stop }
sub do_kill { $_[0]->stop('KILL') }
sub do_pause { kill 'STOP', $_[0]{pid} }
sub do_continue { kill 'CONT', $_[0]{pid} }

sub do_kill_subscribers {
    my ($self) = @_;
    $self->call('CLIENT', 'KILL', 'ID', $_) for $self->clients('pubsub');
}

sub do_kill_normal {
    my ($self) = @_;
    $self->call('CLIENT', 'KILL', 'ID', $_) for $self->clients('normal');
}


package Test::Nginx::WebSocket::Redis::Connection;

# A connection that speaks RESP2.

use parent -norequire, 'Test::Nginx::WebSocket::Stream';

sub connect {
    my ($class, $path) = @_;
    my $fh = IO::Socket::UNIX->new(Peer => $path)
        or die "cannot connect to Redis: $!\n";
    my $self = bless {name => 'redis', replies => [], pushed => [],
                      confirmed => 0}, $class;
    return $self->attach($fh);
}

sub command {
    my ($self, @words) = @_;
    return join '', '*' . @words . "\r\n",
                    map { '$' . length($_) . "\r\n$_\r\n" } @words;
}

# an error is a reference to its text
sub call {
    my ($self, @words) = @_;
    $self->write($self->command(@words));
    Test::Nginx::WebSocket::Stream::wait_for(
        sub { @{$self->{replies}} || $self->{eof} });
    die "no reply from Redis to $words[0]\n" unless @{$self->{replies}};
    return shift @{$self->{replies}};
}

sub on_data {
    my ($self) = @_;

    while (1) {
        my $at = 0;
        my $reply = parse(\$self->{in}, \$at) or return;
        substr($self->{in}, 0, $at) = '';
        $reply = $$reply;

        if (ref $reply eq 'ARRAY'
            && ($reply->[0] // '') =~ /\A(?:subscribe|message)\z/)
        {
            $reply->[0] eq 'message' ? push @{$self->{pushed}}, [@$reply[1, 2]]
                                     : $self->{confirmed}++;
            Test::Nginx::WebSocket::Stream::note('redis', "< @$reply");
            next;
        }
        push @{$self->{replies}}, $reply;
    }
}

# a reference to the reply that begins at $$at, or undef if it is incomplete
sub parse {
    my ($in, $at) = @_;

    pos($$in) = $$at;
    $$in =~ /\G([-+:\$*])([^\r\n]*)\r\n/g or return;
    my ($type, $text) = ($1, $2);
    $$at = pos $$in;

    return \$text if $type eq '+' || $type eq ':';
    return \\$text if $type eq '-';
    return \undef if $text < 0;

    if ($type eq '$') {
        return if length $$in < $$at + $text + 2;
        my $bytes = substr $$in, $$at, $text;
        $$at += $text + 2;
        return \$bytes;
    }

    my @elements;
    for (1 .. $text) {
        my $element = parse($in, $at) or return;
        push @elements, $$element;
    }
    return \\@elements;
}

1;
