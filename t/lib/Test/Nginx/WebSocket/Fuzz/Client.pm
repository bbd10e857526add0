
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Fuzz::Client;

# A client that does what its plan says.

use strict;
use warnings;

use Test::Nginx::WebSocket::Fuzz::Connection;

use parent -norequire, 'Test::Nginx::WebSocket::Fuzz::Connection';

use constant PATIENCE => 10;        # for an answer that has to come

my $Living = 0;

sub living { return $Living }

sub start {
    my ($class, $plan) = @_;
    my $self = $class->connect(%$plan, step => 0, due => 0, held => '');
    $Living++ if $self;
    return $self;
}

sub who { return "connection $_[0]{number} (" . $_[0]{path} =~ s/\?.*//r . ')' }

sub drop {
    my ($self, $how) = @_;
    $Living-- if $self->{fh};
    $self->SUPER::drop($how);
}

sub sent_code {
    my ($self, $code) = @_;
    # random bytes may have been a close frame
    return $self->{codes}{$code} || $code eq 'none' || $code == 1000
           || !%{$self->{codes}} && $code >= 3000 && $code < 5000;
}

sub on_close {
    my ($self) = @_;
    $self->{closing} = 1;
}

# for a client that is slow or sends no more nginx does not wait long, neither
# with the rest of a frame nor with the close frame behind others
sub given_up {
    my ($self) = @_;
    return $self->{half} || $self->{stalled} || $self->{rcvbuf};
}

sub on_end {
    my ($self, $how) = @_;
    $self->complain("the connection ended by $how without a close frame")
        if $self->{state} eq 'frames' && !$self->given_up;
}

sub on_ping {
    my ($self, $payload) = @_;
    $self->write(Test::Nginx::WebSocket::Fuzz::Input::frame(10, $payload))
        if $self->{number} & 1 && $self->{fh};
}

# obeys the plan as far as it can now
sub go {
    my ($self, $now) = @_;

    while ($self->{fh} && $now >= $self->{due}) {
        my $step = $self->{steps}[$self->{step}];

        return $self->drop('fin') if !$step;
        my ($verb, $arg) = @$step;

        if ($verb eq 'open') {
            if ($self->{state} eq 'http' && !$self->{eof}) {
                return if $now < $self->{began} + PATIENCE;
                # an admitted client may wait for Redis, for 5 s
                $self->complain('no answer to a valid handshake')
                    if $self->{valid};
                return $self->drop('reset');
            }

        } elsif ($verb eq 'hold') {
            $self->{held} = $arg;

        } elsif ($verb eq 'write') {
            if (length $self->{out}) {
                # nginx has stopped reading
                return if $now < ($self->{patience} //= $now + 1);
                return $self->drop('reset');
            }
            delete $self->{patience};
            $self->write($self->{held} . $arg);
            $self->{held} = '';
            $Test::Nginx::WebSocket::Fuzz::Connection::Count{writes}++;

        } elsif ($verb eq 'wait') {
            $self->{due} = $now + $arg;

        } elsif ($verb eq 'stall') {
            $self->read_on(0);

        } elsif ($verb eq 'end') {
            return if !$self->{closing} && !$self->{eof}
                      && $now < ($self->{patience} //= $now + $arg);
            return $self->drop('fin');

        } elsif ($verb eq 'shutdown') {
            shutdown $self->{fh}, 1 unless $self->{tls};
            $self->{half} = 1;

        } else {
            return $self->drop($verb);
        }
        $self->{step}++;
    }
}

1;
