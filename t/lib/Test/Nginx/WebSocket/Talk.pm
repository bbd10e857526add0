
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Talk;

# Clients that talk by themselves while a scenario does something else, and
# listen to each other: a message is said when the one before was taken, after
# a nack and after a lost connection again.  Whoever listens is to hear what
# each of them says in order, all of it and once, from the moment its
# connection is open; a resync excuses what was said before it.  What all of
# them hear on a path has one order.

use strict;
use warnings;

use Scalar::Util qw( refaddr );

use Test::Nginx::WebSocket::Match qw( as_time brief parse );
use Test::Nginx::WebSocket::Order;
use Test::Nginx::WebSocket::Stream;

use constant PATIENCE => 20;            # seconds, for an ack

sub now { return Test::Nginx::WebSocket::Stream::now() }

# of all talkers of a scenario: {said}{NAME}{path}, {n}, {again}{n}, {ids}{ID},
# {lists}{PATH}, the ids that were heard, a list for each connection
sub talkers { return $_[0]{scenario}{talkers} //= {said => {}, ids => {}} }

# "talk [stay] [every=TIME] [PATH]"; with "stay" the connection must not end
sub do_talk {
    my ($self, $args) = @_;
    my %t = (every => 0.02, heard => {}, limit => {}, last_id => {},
             acks => 0, tries => 0, path => $self->{path});

    for (split ' ', $args) {
        if ($_ eq 'stay') {
            $t{stay} = 1;

        } elsif (/\Aevery=(.*)\z/) {
            $t{every} = as_time($1);

        } else {
            $t{path} = $_;
        }
    }

    if ($self->{talk}) {
        $self->{talk}{hushed} = 0;      # goes on
        return;
    }

    $self->do_connect($t{path}) unless $self->{fh} && !$self->{eof};
    $self->{talk} = \%t;
    $self->talkers->{said}{$self->{name}} //= {n => 0, again => {}};
    $self->talkers->{said}{$self->{name}}{path} = $t{path};
    $self->talk_opened;
    Test::Nginx::WebSocket::Stream::tick($self, sub { $self->talk_tick });
}

# without the token
sub plain_path { return $_[0] =~ s/\?.*//r }

# from now on it is to hear everything
sub talk_opened {
    my ($self) = @_;
    my $t = $self->{talk};

    $t->{open} = 1;
    $t->{tries} = 0;
    $t->{list} = [];
    push @{$self->talkers->{lists}{plain_path($t->{path})}}, $t->{list};
    @$t{qw( heard last_id )} = ({}, {});
    $self->talk_excused;
    $self->talk_say(1) if $t->{saying};
}

sub talk_excused {
    my ($self) = @_;
    my $said = $self->talkers->{said};
    $self->{talk}{limit} = {map { $_ => $said->{$_}{n} } keys %$said};
}

sub talk_tick {
    my ($self) = @_;
    my $t = $self->{talk};
    my $now = now();

    return if $t->{bad} || $self->{gone_by_us};

    if ($self->{eof} || !$self->{fh}) {
        $self->talk_reconnect($now);

    } elsif (!$t->{open}) {
        $self->shut if $self->{response} && $self->{response}{complete};

    } elsif ($self->{closed}) {
        # it ends in a moment

    } elsif ($t->{saying}) {
        $self->talk_say(1) if $t->{retry} && $now >= $t->{retry};
        $t->{bad} = "no answer to \"$t->{saying}\""
            if $now > $t->{first} + PATIENCE;

    } elsif (!$t->{hushed} && $now >= ($t->{next} // 0)) {
        $t->{next} = $now + $t->{every};
        $t->{saying} = ++$self->talkers->{said}{$self->{name}}{n};
        $t->{first} = $now;
        $self->talk_say(0);
    }
}

sub talk_say {
    my ($self, $again) = @_;
    my $t = $self->{talk};

    delete $t->{retry};
    $self->talkers->{said}{$self->{name}}{again}{$t->{saying}} = 1 if $again;
    $self->send_frame(payload => qq({"type":"message","client_id":"$t->{saying}",)
                                 . qq("content":"$self->{name} $t->{saying}"}));
}

# as clients do, with a growing and random wait
sub talk_reconnect {
    my ($self, $now) = @_;
    my $t = $self->{talk};

    if (!$t->{at}) {
        my $why = $self->{bad} // '';
        $t->{bad} = $why ne '' && $why !~ /\Aconnection ended/ ? $why
                  : $t->{stay} ? 'connection ended (' . ($self->{eof} // '')
                                 . ')' : undef;
        $t->{open} = 0;
        $t->{tries}++ if $t->{tries} < 20;
        $t->{at} = $now + 0.02 * $t->{tries} * (0.5 + rand);
        return;
    }
    return if $now < $t->{at};

    delete $t->{at};
    $self->begin_upgrade($t->{path});
}

# true if the message was meant for the talker
sub talk_heard {
    my ($self, $text) = @_;
    my $t = $self->{talk};
    my $got = parse($text);
    my $type = $got->{type} // '';

    if ($type eq 'ack' || $type eq 'nack') {
        return 1 unless ($t->{saying} // '') eq $got->{client_id};
        if ($type eq 'ack') {
            $t->{acks}++;
            delete @$t{qw( saying retry )};

        } elsif ($got->{retry}) {
            $t->{nacks}++;
            $t->{retry} = now() + 0.1;

        } else {
            $t->{bad} //= "refused: $text";
        }

    } elsif ($type eq 'resync') {
        $t->{resyncs}++;
        $self->talk_excused;

    } elsif ($type eq 'new_message') {
        my ($name, $n) = $got->{message}{content} =~ /\A(\w+) (\d+)\z/
            or return 0;
        push @{$t->{list}}, $got->{message}{id};
        $t->{bad} //= $self->talk_wrong($name, $n, $got->{message}{id});

    } else {
        return 0;
    }
    return 1;
}

# what is wrong with message $n of $name
sub talk_wrong {
    my ($self, $name, $n, $id) = @_;
    my $t = $self->{talk};
    my $last = $t->{heard}{$name} // 0;
    my $limit = $t->{limit}{$name} // 0;
    my $first = ($last > $limit ? $last : $limit) + 1;
    my $owner = $self->talkers->{ids}{$id} //= "$name $n";

    return "id $id is that of \"$owner\" and of \"$name $n\""
        if $owner ne "$name $n";
    if ($n <= $last) {
        return $self->talkers->{said}{$name}{again}{$n} ? undef
             : "\"$name $n\" came behind \"$name $last\"";
    }
    return "\"$name $n\" came, expected \"$name $first\""
        . ($last ? " behind \"$name $last\"" : '') if $n > $first;
    return "id $id of \"$name $n\" is not above $t->{last_id}{$name}"
        if $id <= ($t->{last_id}{$name} // 0);

    $t->{heard}{$name} = $n;
    $t->{last_id}{$name} = $id;
    return undef;
}

sub talk_wait {
    my ($self, $condition, $what) = @_;
    my $t = $self->{talk} or die "does not talk\n";

    my $ok = Test::Nginx::WebSocket::Stream::wait_for(
        sub { $t->{bad} || $condition->($t) });
    die "$t->{bad}\n" if $t->{bad};
    die $what->() . " in time\n" unless $ok;
}

# "expect_talked N": so many more of its messages are taken
sub do_expect_talked {
    my ($self, $n) = @_;
    my $t = $self->{talk} or die "does not talk\n";
    my $before = $t->{acks};
    $self->talk_wait(sub { $t->{acks} >= $before + $n },
                     sub { $t->{acks} - $before . " of $n were taken" });
}

# no more, once what it is saying was taken
sub do_hush {
    my ($self) = @_;
    my $t = $self->{talk} or die "does not talk\n";
    $t->{hushed} = 1;
    $self->talk_wait(sub { !$t->{saying} }, sub { 'it was not taken' });
}

# all that was said where it listens, and nobody there in another order
sub do_expect_heard {
    my ($self) = @_;
    my $said = $self->talkers->{said};
    my $path = plain_path($self->{talk}{path});
    my @all = grep { plain_path($said->{$_}{path}) eq $path } keys %$said;
    my $missing = sub {
        my $t = $self->{talk};
        return grep { $said->{$_}{n} > ($t->{heard}{$_} // 0)
                      && $said->{$_}{n} > ($t->{limit}{$_} // 0) } @all;
    };

    $self->talk_wait(sub { $_[0]{open} && !$missing->() }, sub {
        my ($name) = $missing->();
        return 'it is not connected' unless defined $name;
        return "\"$name $said->{$name}{n}\" was not heard";
    });

    my @circle = Test::Nginx::WebSocket::Order::disorder(
        @{$self->talkers->{lists}{$path}});
    die "no one order of what was heard, from message $circle[0], \""
        . $self->talkers->{ids}{$circle[0]} . "\", on\n" if @circle;
}

# "expect_resyncs N", at least
sub do_expect_resyncs {
    my ($self, $n) = @_;
    $self->talk_wait(sub { ($_[0]{resyncs} // 0) >= $n },
                     sub { "not $n resyncs" });
    my $got = $self->{talk}{resyncs} // 0;
    die "$got resyncs, expected $n\n" if $got != $n;
}

# ends the talking, the connection goes on
sub do_talk_end {
    my ($self) = @_;
    $self->do_hush;
    Test::Nginx::WebSocket::Stream::tick($self);
    delete $self->{talk};
}

1;
