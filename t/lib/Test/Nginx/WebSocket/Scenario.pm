
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Scenario;

# Runs the lines of a "--- websocket" section, "ACTORS: VERB ARGUMENTS".  The
# language is described in t/README.md.

use strict;
use warnings;

use Test::More ();

use Test::Nginx::WebSocket::Backend;
use Test::Nginx::WebSocket::Client;
use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Match qw( as_time at_path brief parse );
use Test::Nginx::WebSocket::Nginx;
use Test::Nginx::WebSocket::Stream;

# lines that are an assertion each
my $Asserts = qr/\A(?:connect|refused|recv|expect_|no_|status|count\z)/;
my %Alias = (connect_fails => 'refused', raw => 'bytes');

sub new {
    my ($class, %arg) = @_;
    my $self = bless {report => \&report, vars => {}, clients => {},
                      quiet => 0.05, %arg}, $class;
    $self->{nginx} = Test::Nginx::WebSocket::Nginx->new(
        root => $arg{root}, single => $arg{single}, scenario => $self);
    $self->{backend} = Test::Nginx::WebSocket::Backend->new(
        redis => $arg{embedded} ? undef : $arg{redis}, port => $arg{port},
        scenario => $self);
    return $self;
}

sub report {
    my ($ok, $name, $why) = @_;
    Test::More::ok($ok, $name);
    Test::More::diag($why) unless $ok;
}

sub new_client {
    my ($self, $name) = @_;
    return Test::Nginx::WebSocket::Client->new(name => $name,
        scenario => $self, map { $_ => $self->{$_} }
                           qw( port tls_port tls workers ));
}

sub client {
    my ($self, $name) = @_;
    return $self->{clients}{$name} // die "there is no client \"$name\"\n";
}

sub actor {
    my ($self, $name) = @_;
    return $self->{$name} // die "no \"$name\" here\n"
        if $name =~ /\A(?:redis|fake|nginx|backend|app)\z/;
    return $self if $name =~ /\A(?:jwt|all)\z/;
    return $self->{clients}{$name} //= $self->new_client($name);
}

# "alice", "alice,bob", "c1..c50"
sub actor_names {
    my ($text) = @_;
    return map {
        my ($from, $first, $to, $last) =
            /\A([a-z_]+)(\d+)\.\.([a-z_]+)(\d+)\z/i;
        defined $last && $from eq $to ? map { "$from$_" } $first .. $last : $_;
    } split /,/, $text;
}

# every verb is known before the first line runs
sub compile {
    my ($self, $text) = @_;
    my ($number, $begun, @steps) = (0, '');

    for my $line (split /\n/, $text) {
        $number++;
        $line = $begun . $line =~ s/\A\s+//r;
        $begun = $line =~ s/\s*\\\z/ / ? $line : '';
        next if $begun ne '';
        next if $line =~ /\A\s*(?:#|\z)/;
        $line =~ s/\A(wait|tls|expect_numbers)\b/all: $1/;

        my ($actors, $rest) = $line =~ /\A\s*([\w.,-]+):\s+(\S.*?)\s*\z/
            or die "line $number: not \"ACTOR: VERB ...\": $line\n";
        my %step = (number => $number, line => $line =~ s/\Aall: //r,
                    actors => [actor_names($actors)]);
        while ($rest =~ s/\A(within|not_before)\s+(\S+)\s+//) {
            $step{$1} = as_time($2);
        }
        my ($verb, $args) = split ' ', $rest, 2;
        ($step{verb}, $step{args}) = ($Alias{$verb} // $verb, $args // '');

        for my $name (@{$step{actors}}) {
            my $class = {redis => 'Redis', fake => 'FakeRedis',
                         nginx => 'Nginx', backend => 'Backend',
                         app => 'App',
                         jwt => 'Scenario',
                         all => 'Scenario'}->{$name} // 'Client';
            my $can = $name eq 'jwt'
                      || $step{verb} =~ /\A(?:wait|capture)\z/
                      || "Test::Nginx::WebSocket::$class"
                         ->can("do_$step{verb}");
            die "line $number: unknown verb \"$verb\" of \"$name\"\n"
                unless $can;
        }
        push @steps, \%step;
    }
    return @steps;
}

# false if a step failed
sub run {
    my ($self, $text, $title) = @_;
    local $SIG{PIPE} = 'IGNORE';

    Test::Nginx::WebSocket::Stream::begin_transcript();
    my @steps = eval { $self->compile($text) };
    my $failed = $@;
    $self->{report}->(0, "$title - scenario", $failed) if $failed;
    $self->{nginx}->begin unless $failed;

    for my $step ($failed ? () : @steps) {
        my $name = brief("$title - $step->{line}");
        if (eval { $self->step($step); 1 }) {
            $self->{report}->(1, $name) if $step->{verb} =~ $Asserts;
            next;
        }
        $failed = "line $step->{number}: " . brief($step->{line}) . "\n$@";
        $self->{report}->(0, $name, $failed . $self->transcript);
        last;
    }

    # of what is ignored the last frame may be on its way
    my $unread = '';
    Test::Nginx::WebSocket::Stream::wait_for(sub {
        ($unread = $self->unread) !~ /incomplete frame/;
    }, 5) unless $failed;

    $self->{report}->(!$unread, "$title - nothing left unread",
                      $unread . $self->transcript) unless $failed;
    Test::Nginx::WebSocket::Stream::no_ticks();
    $_->shut for $self->{backend}, values %{$self->{clients}};
    return !$failed && !$unread;
}

sub step {
    my ($self, $step) = @_;
    my $start = Test::Nginx::WebSocket::Stream::now();
    my $n = 0;
    local $Test::Nginx::WebSocket::Stream::Timeout = $step->{within}
        if defined $step->{within};

    for my $name (@{$step->{actors}}) {
        my $who = $name eq 'all' ? $self : $self->actor($name);
        @{$self->{vars}}{qw( N ACTOR )} = (++$n, $name);
        my $args = $self->expand($step->{args});
        my $do = "do_$step->{verb}";

        eval {
            $step->{verb} eq 'capture' ? $self->capture($who, $args)
            : $step->{verb} eq 'wait'  ? $self->do_wait($args)
            : $name eq 'jwt' ? $self->mint($step->{verb}, $args)
                             : $who->$do($args);
            1;
        } or die @{$step->{actors}} > 1 ? "$name: $@" : $@;
    }

    my $elapsed = Test::Nginx::WebSocket::Stream::now() - $start;
    die sprintf "already after %.3f s\n", $elapsed
        if defined $step->{not_before} && $elapsed < $step->{not_before};
}

# $NAME or ${NAME}, $$ is a dollar sign
sub expand {
    my ($self, $text) = @_;
    $text =~ s{\$(?:(\$)|(\w*[a-zA-Z_]\w*)|\{(\w+)\})}{
        my $name = $2 // $3;
        defined $1 ? '$' : $self->{vars}{$name}
            // ($name =~ /\ATEST_NGINX_/ ? $ENV{$name} : undef)
            // die "unknown variable \$$name\n";
    }ge;
    return $text;
}

# NAME PATH: from the JSON received last; NAME header:FIELD
sub capture {
    my ($self, $who, $args) = @_;
    my ($name, $path) = split ' ', $args;

    die "usage: capture NAME PATH\n" unless defined $path;
    $self->{vars}{$name} = $path =~ /\Aheader:(.+)/
        ? ($who->header_values($1))[0] // die "there is no $1\n"
        : at_path(parse($who->{last} // die "nothing received\n"), $path);
}

sub mint {
    my ($self, $name, $spec) = @_;
    $self->{vars}{"jwt_$name"} = $self->{vars}{'TEST_NGINX_JWT_' . uc $name} =
        Test::Nginx::WebSocket::JWT::mint($spec);
}

sub do_wait {
    my ($self, $time) = @_;
    Test::Nginx::WebSocket::Stream::wait_for(sub { 0 }, as_time($time));
}

# "A < B < C ...", also with "="
sub do_expect_numbers {
    my ($self, $args) = @_;
    my ($left, @rest) = split ' ', $args;

    die "usage: expect_numbers A <|= B ...\n" if !@rest || @rest % 2;
    while (my ($sign, $right) = splice @rest, 0, 2) {
        die "usage: expect_numbers A <|= B ...\n"
            if $sign !~ /\A[<=]\z/
               || grep { !/\A-?\d+(?:\.\d+)?\z/ } $left, $right;
        die "not $left $sign $right\n"
            unless $sign eq '<' ? $left < $right : $left == $right;
        $left = $right;
    }
}

sub do_tls {
    my ($self, $word) = @_;
    $self->{tls} = Test::Nginx::WebSocket::Client::on_off($word);
    $_->do_tls($word) for values %{$self->{clients}};
}

# a duplicate or an echo may still be on its way
sub unread {
    my ($self) = @_;
    my @clients = values %{$self->{clients}};

    Test::Nginx::WebSocket::Stream::wait_for(
        sub { grep { $_->unread } @clients }, $self->{quiet});
    return join '', map { defined $_->unread
                          ? "$_->{name}: " . $_->unread . "\n" : () } @clients;
}

sub transcript {
    my ($self) = @_;
    my @log = grep { /\[(?:warn|error|crit|alert|emerg)\]/ }
              split /\n/, $self->{nginx}->log('error');

    my @events = @Test::Nginx::WebSocket::Stream::Transcript;
    splice @log, 0, -10 if @log > 10;
    splice @events, 0, -100, '...' if @events > 100;
    return join "\n", 'transcript:', @events,
                      (@log ? ('error.log:', @log) : ()), '';
}

1;
