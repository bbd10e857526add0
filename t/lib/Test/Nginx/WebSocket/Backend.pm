
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Backend;

# The actor "backend": it publishes, and listens to what is published, by
# whichever broker nginx has.  That is Redis, or without it a location of the
# harness with messaging_publish, and one with messaging_channel or
# messaging_conversation for a client that is the listener.

use strict;
use warnings;

use IO::Socket::INET;

use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Match qw( brief );
use Test::Nginx::WebSocket::Stream;

use constant PREFIX => 'messaging:';            # of channels in Redis
use constant PATH => '/harness';
use constant STATUS => PATH . '/status';

# what a server has to have where there is no Redis
sub locations {
    my $limits = 'client_max_body_size 0; client_body_buffer_size 1m;'
               . ' keepalive_requests 100000; allow 127.0.0.1; deny all;';
    my $access = 'messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;'
               . ' messaging_jwt_from query=token; messaging_access any;';

    return join('', map {
        my ($name, $directive) = @$_;
        "location = ${\PATH}/$name/publish { messaging_publish on;"
        . " $directive \$arg_to; $limits }\n"
        . "location = ${\PATH}/$name/listen { messaging on;"
        . " $directive \$arg_to; $access }\n"
    } [conversation => 'messaging_conversation'],
      [channel => 'messaging_channel'])
      . "location = ${\STATUS} { messaging_status on; }\n";
}

sub new {
    my ($class, %arg) = @_;             # scenario, redis, port
    return bless {%arg, listeners => {}, expected => {}}, $class;
}

sub path {
    my ($what, $channel) = @_;
    return PATH . ($channel =~ /:/ ? '/channel' : '/conversation')
           . "/$what?to=$channel";
}

# "%{N}" is x, N times
sub filled {
    my ($text) = @_;
    return $text =~ s/%\{(\d+)\}/'x' x $1/ger;
}

# CHANNEL PAYLOAD
sub do_publish {
    my ($self, $args) = @_;
    my ($channel, $payload) = split ' ', $args, 2;
    $payload = filled($payload // '');

    return $self->{redis}->do_publish(PREFIX . "$channel $payload")
        if $self->{redis};
    $self->post([$channel, $payload]);
}

# FIRST..LAST CHANNEL[,CHANNEL ...] PAYLOAD: "%d" is the number, in CHANNEL too;
# several channels take turns; all at once
sub do_publish_series {
    my ($self, $args) = @_;
    my ($first, $last, $channel, $payload) =
        $args =~ /\A(\d+)\.\.(\d+)\s+(\S+)\s+(.*)\z/s
        or die "usage: publish_series FIRST..LAST CHANNEL PAYLOAD\n";

    $payload = filled($payload);
    if (!$self->{redis}) {
        my @channels = split /,/, $channel;
        $self->post(map {
            my $n = $_;
            [map { s/%d/$n/gr } $channels[($n - $first) % @channels], $payload];
        } $first .. $last);
        return;
    }

    my @channels = map { PREFIX . $_ } split /,/, $channel;
    my $reply = $self->{redis}->call('EVAL', <<'EOS', scalar @channels,
for i = ARGV[1], ARGV[2] do
    local n = string.format('%d', i)
    local channel = string.gsub(KEYS[(i - ARGV[1]) % #KEYS + 1], '%%d', n)
    local payload = string.gsub(ARGV[3], '%%d', n)
    redis.call('PUBLISH', channel, payload)
end
EOS
                                     @channels, $first, $last, $payload);
    die "Redis answered $$reply\n" if ref $reply eq 'SCALAR';
}

# [CHANNEL, PAYLOAD], ...: requests for one connection, which the last one ends
sub requests {
    my (@frames) = @_;
    my $left = @frames;

    return join '', map {
        my ($channel, $payload) = @$_;
        'POST ' . path('publish', $channel) . " HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: application/json\r\n"
        . 'Content-Length: ' . length($payload) . "\r\n"
        . (--$left ? '' : "Connection: close\r\n") . "\r\n$payload"
    } @frames;
}

# not waiting for one answer before the next request
sub post {
    my ($self, @frames) = @_;
    my $requests = requests(@frames);

    my $c = Test::Nginx::WebSocket::Backend::Connection->connect($self->{port});
    Test::Nginx::WebSocket::Stream::note('backend', '> ' . brief($requests));
    $c->write($requests);
    Test::Nginx::WebSocket::Stream::wait_for(sub { $c->{eof} || $c->{bad} });
    $c->shut;
    die "$c->{bad}\n" if $c->{bad};
    die "$c->{taken} of " . @frames . " frames were taken\n"
        if $c->{taken} != @frames;
}

# CHANNEL ...
sub do_subscribe {
    my ($self, $args) = @_;
    my @channels = split ' ', $args;

    return $self->{redis}->do_subscribe(join ' ', map { PREFIX . $_ }
                                                  @channels)
        if $self->{redis};

    my $token = Test::Nginx::WebSocket::JWT::mint(
        '{"user_id":"the harness","exp":"+3600"}');
    for my $channel (@channels) {
        my $c = $self->{scenario}->new_client("backend on $channel");
        @$c{qw( tls port )} = (undef, $self->{port});
        $c->do_connect(path('listen', $channel) . "&token=$token");
        $self->{listeners}{$channel} = $c;
    }
}

# CHANNEL JSON|/REGEX/
sub do_recv {
    my ($self, $args) = @_;
    my ($channel, $want) = split ' ', $args, 2;

    return $self->{redis}->do_recv(PREFIX . "$channel $want")
        if $self->{redis};
    my $c = $self->{listeners}{$channel} // die "not subscribed\n";
    $c->do_recv($want);
    $self->{last} = $c->{last};
}

sub do_recv_none {
    my ($self, $time) = @_;
    return $self->{redis}->do_recv_none($time) if $self->{redis};
    my @all = values %{$self->{listeners}} or die "not subscribed\n";
    $_->do_recv_none($time || '200ms') for @all;
}

# CHANNEL N [CHANNEL N ...]: so many workers have members of these, and none
# of others; A..B are channels, too.  Without Redis only their sum is known.
sub do_expect_subscribers {
    my ($self, $args) = @_;
    my @args = split ' ', $args;
    my ($got, %want);

    die "usage: expect_subscribers CHANNEL N ...\n" if !@args || @args % 2;
    while (my ($channel, $n) = splice @args, 0, 2) {
        $want{$_} = $n for $channel =~ /\A(\d+)\.\.(\d+)\z/ ? $1 .. $2
                                                           : $channel;
    }

    if (!$self->{redis}) {
        my $sum = 0;
        $sum += $_ for values %want;
        die "not beside our own listeners\n" if %{$self->{listeners}};
        $self->{scenario}{nginx}->do_status(STATUS . " channels $sum");
        return;
    }

    $self->{redis}->do_expect_subscribers(PREFIX . "$_ $want{$_}")
        for keys %want;
    Test::Nginx::WebSocket::Stream::wait_for(sub {
        $got = join ' ', sort grep { !$want{s/\A${\PREFIX}//r} }
                         $self->{redis}->channels;
        return $got eq '';
    }, undef, 0.01) or die "somebody is subscribed to $got\n";
}

# at the end of a scenario
sub shut {
    my ($self) = @_;
    $_->shut for values %{$self->{listeners}};
}


package Test::Nginx::WebSocket::Backend::Connection;

# A connection whose answers have to be 202, all of them.

use parent -norequire, 'Test::Nginx::WebSocket::Stream';

sub connect {
    my ($class, $port) = @_;
    my $fh;

    Test::Nginx::WebSocket::Stream::wait_for(sub {
        $fh = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                    PeerPort => $port);
    }, undef, 0.05) or die "cannot connect to port $port: $!\n";
    my $self = bless {name => 'backend', taken => 0}, $class;
    return $self->attach($fh);
}

sub on_data {
    my ($self) = @_;

    while ($self->{in} =~ /\AHTTP\/1\.1 (\d+)(.*?)\r\n\r\n/s) {
        my ($code, $fields, $begin) = ($1, $2, $+[0]);
        my ($length) = $fields =~ /^Content-Length: (\d+)/im;

        $self->{bad} //= "the answer is $code" if $code ne '202';
        return if !defined $length || length $self->{in} < $begin + $length;
        substr($self->{in}, 0, $begin + $length) = '';
        $self->{taken}++;
    }
}

1;
