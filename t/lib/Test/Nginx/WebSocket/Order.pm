
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Order;

# In which order the members of a conversation see its messages: what clients
# have kept is compared, and of what talkers have heard is asked whether there
# is one order that holds for all of them.

use strict;
use warnings;

use Test::Nginx::WebSocket::Match qw( brief parse );

# "recv_all N": the next N messages, no id twice, kept for the verbs below
sub do_recv_all {
    my ($self, $n) = @_;

    for (1 .. $n) {
        my $got = parse(my $text = $self->next_text);
        die 'got ' . brief($text) . "\n"
            if ($got->{type} // '') ne 'new_message';
        die "id $got->{message}{id} is there twice\n"
            if $self->{kept_ids}{$got->{message}{id}}++;
        push @{$self->{kept}}, $got;
    }
}

# CLIENT, which has kept the same messages in the same order
sub do_expect_same {
    my ($self, $name) = @_;
    my @ours = @{$self->{kept} // []};
    my @theirs = @{$self->{scenario}->client($name)->{kept} // []};

    die 'has kept ' . @ours . " messages, $name " . @theirs . "\n"
        if !@ours || @ours != @theirs;
    for my $i (0 .. $#ours) {
        my ($our, $their) = map { "id $_->{message}{id}, $_->{message}{content}" }
                            $ours[$i], $theirs[$i];
        die 'message ' . ($i + 1) . ": $our; that of $name: $their\n"
            if $our ne $their;
    }
}

# ids of what was kept grow for each user
sub do_expect_growing {
    my ($self) = @_;
    my %last;

    for my $message (map { $_->{message} } @{$self->{kept} // []}) {
        my ($id, $who) = ($message->{id}, $message->{sender}{id});

        die "id $id is not above $last{$who}, both of user $who\n"
            if $id <= ($last{$who} // 0);
        $last{$who} = $id;
    }
    die "has kept nothing\n" if !%last;
}

# lists of ids, of which each is some of the messages: those that are in a
# circle, or behind one; none if one order holds for all lists
sub disorder {
    my (@lists) = @_;
    my (%after, %before);

    for my $list (@lists) {
        $before{$_} //= 0 for @$list;
        for my $i (1 .. $#$list) {
            push @{$after{$list->[$i - 1]}}, $list->[$i];
            $before{$list->[$i]}++;
        }
    }

    my @free = grep { !$before{$_} } keys %before;
    while (defined(my $id = shift @free)) {
        delete $before{$id};
        --$before{$_} or push @free, $_ for @{$after{$id} // []};
    }
    return sort { $a <=> $b } keys %before;
}

1;
