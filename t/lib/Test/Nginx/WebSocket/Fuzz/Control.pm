
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Fuzz::Control;

# Two people who behave and count: whatever others do, a message that was
# acknowledged reaches whoever has been there since before it was sent, once
# and in order, unless told to fetch the history.

use strict;
use warnings;

use JSON::PP ();

use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Fuzz::Connection;
use Test::Nginx::WebSocket::Fuzz::Input;

use parent -norequire, 'Test::Nginx::WebSocket::Fuzz::Connection';

use constant {
    CONVERSATION => 777,
    PATIENCE     => 20,         # for an answer: Redis may be away for a while
    INTERVAL     => 0.01,
};

# those a well-behaved client is never closed with
my %Wrong = map { $_ => 1 } 1002, 1003, 1007, 1008, 1009, 1011, 4000, 4001,
                            4003, 'none';

my $Input = 'Test::Nginx::WebSocket::Fuzz::Input';
my $Json = JSON::PP->new->utf8;

our %Total = (sent => 0, acked => 0, nacked => 0, received => 0, resyncs => 0,
              connected => 0, missed => 0);

# a person, who may have had many connections
sub person {
    my ($class, $name, $user, $other) = @_;
    my %person = (name => $name, user => $user, class => $class, sent => 0,
                  waiting => {}, skipped => {}, base => 0, next_try => 0,
                  acked => 0);
    return \%person;
}

sub befriend {
    my ($one, $other) = @_;
    @$one{qw( other )} = $other;
    @$other{qw( other )} = $one;
}

sub go {
    my ($person, $now, $quiet) = @_;
    my $c = $person->{connection};

    if (!$c) {
        return if $now < $person->{next_try};
        $person->{next_try} = $now + 0.1;
        return connect_person($person, $now);
    }

    if ($c->{state} eq 'http') {
        $c->complain('no answer to the handshake'), $c->drop('reset'),
            delete $person->{connection}
            if $now > $c->{began} + PATIENCE;
        return;
    }
    return if $c->{state} ne 'frames';

    # each is answered by an ack or a nack
    my ($oldest) = sort { $a <=> $b } keys %{$person->{waiting}};
    if (defined $oldest && $now > $person->{waiting}{$oldest} + PATIENCE) {
        $c->complain("message $oldest got no answer");
        delete $person->{waiting}{$oldest};
    }

    return if $quiet || $now < ($person->{next_send} // 0)
              || keys %{$person->{waiting}} > 30;
    $person->{next_send} = $now + INTERVAL;

    my $n = ++$person->{sent};
    $person->{waiting}{$n} = $now;
    $Total{sent}++;
    $c->write($Input->can('message')->(
        qq({"type":"message","content":"$n","client_id":"$n"}), split => 0));
}

sub connect_person {
    my ($person, $now) = @_;
    my $token = $Input->can('sign')->('{"alg":"HS256"}',
        qq({"user_id":$person->{user},"exp":) . (time() + 7200) . '}',
        Test::Nginx::WebSocket::JWT::SECRET);
    my $key = 'dGhlIHNhbXBsZSBub25jZQ==';
    my $c = __PACKAGE__->connect(person => $person, key => $key,
        valid => 1, tls => $person->{tls}) or return;

    $person->{connection} = $c;
    $c->write("GET /control/${\CONVERSATION}/?token=$token HTTP/1.1\r\n"
        . "Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        . "Sec-WebSocket-Key: $key\r\nSec-WebSocket-Version: 13\r\n"
        . ($person->{offer}
           ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : '')
        . "\r\n");
}

sub who { return "control $_[0]{person}{name}" }

# from here on nothing may be missed: what the other one sends later
sub begin {
    my ($self) = @_;
    my $person = $self->{person};
    $person->{base} = $person->{last} = $person->{other}{sent};
    $person->{skipped} = {};
}

sub on_open {
    my ($self) = @_;
    $Total{connected}++;
    $self->begin;
}

sub on_refused {
    my ($self, $status) = @_;
    $self->complain("refused with $status") unless $status == 503;
    $self->drop('fin');
    delete $self->{person}{connection};
}

sub on_text {
    my ($self, $text) = @_;
    my $person = $self->{person};
    my $frame = eval { $Json->decode($text) } // {};
    my $type = $frame->{type} // '';

    if ($type eq 'new_message') {
        my $message = $frame->{message};
        $self->complain("not of this conversation: $text")
            if ($message->{conversation_id} // '') ne CONVERSATION;
        $self->received($message->{content})
            if $message->{sender}{id} == $person->{other}{user};

    } elsif ($type eq 'ack') {
        my $n = $frame->{client_id};
        $self->complain("$n was not waiting for an ack")
            unless delete $person->{waiting}{$n};
        $person->{acked} = $n if $n > $person->{acked};
        $person->{ack}{$n} = 1;
        $Total{acked}++;
        $person->{other}{connection}->lost($n)
            if $person->{other}{skipped}{$n} && $person->{other}{connection};

    } elsif ($type eq 'nack') {
        my $n = $frame->{client_id};
        $self->complain("$n was not waiting for a nack")
            unless delete $person->{waiting}{$n};
        $self->complain("not to be repeated: $text") unless $frame->{retry};
        $Total{nacked}++;

    } elsif ($type eq 'resync') {
        $Total{resyncs}++;
        $self->begin;

    } elsif ($type ne 'error' || ($frame->{code} // '') ne 'unavailable') {
        $self->complain("did not expect $text");
    }
}

sub received {
    my ($self, $n) = @_;
    my $person = $self->{person};

    $Total{received}++;
    return if $n <= $person->{base};

    $self->complain("got $n behind $person->{last}") if $n <= $person->{last};
    for my $m ($person->{last} + 1 .. $n - 1) {
        $person->{skipped}{$m} = 1;
        $self->lost($m) if $person->{other}{ack}{$m};
    }
    $person->{last} = $n if $n > $person->{last};
}

sub lost {
    my ($self, $n) = @_;
    $Total{missed}++;
    $self->complain("did not get $n of $self->{person}{other}{name}, which "
                    . "was acknowledged");
}

# at the end: what was acknowledged has come
sub caught_up {
    my ($person) = @_;
    return $person->{connection} && $person->{connection}{state} eq 'frames'
           && !%{$person->{waiting}}
           && $person->{last} >= $person->{other}{acked};
}

sub on_ping {
    my ($self, $payload) = @_;
    $self->write($Input->can('frame')->(10, $payload));
}

sub on_close {
    my ($self, $code, $reason) = @_;
    $self->complain("closed with $code $reason")
        if $Wrong{$code} || !$self->{leaving} && $code eq '1000';
    $self->write($Input->can('frame')->(8, $code eq 'none' ? ''
                                           : pack 'n', $code))
        unless $self->{leaving};
}

sub on_end {
    my ($self, $how) = @_;
    $self->complain("the connection ended by $how without a close frame")
        if $self->{state} eq 'frames';
    $self->{person}{waiting} = {};
    delete $self->{person}{connection};
}

sub leave {
    my ($person) = @_;
    my $c = $person->{connection} or return;
    $c->{leaving} = 1;
    $c->write($Input->can('frame')->(8, pack 'n', 1000))
        if $c->{state} eq 'frames';
}

sub sent_code { return $_[0]{leaving} && $_[1] eq '1000' }

1;
