package Verify;

# Copyright (C) The ngx_http_messaging_module authors

# Whether a target does the work it is measured by.

use strict;
use warnings;

use Exporter qw(import);
use JSON::PP;
use MIME::Base64 qw(encode_base64url);
use Time::HiRes qw(sleep);

use Client;
use Processes qw($secret);

our @EXPORT_OK = qw(verify);

my $json = JSON::PP->new->canonical;

# each condition is a pair of a text and whether it holds

sub check {
    my ($what, $holds) = @_;

    die "$what\n" if !$holds;
}

sub same {
    my ($what, $got, $expected) = @_;

    die "$what: got $got\n" if $got ne $expected;
}

# dies if it does not

sub verify {
    my ($target, $server, $redis) = @_;

    local $SIG{ALRM} = sub { die "it took too long\n" };
    alarm 30;

    my $done = eval {
        $target->{dialect} eq 'nchan' ? verify_nchan($server)
                                      : verify_messaging($server, $redis);
        1;
    };
    my $said = $@;

    alarm 0;
    die $said if !$done;
}

# two of one conversation, and one of another

sub members {
    my ($port) = @_;

    return map { Client->open($port, $_->[0],
                              Client::token($secret, $_->[1])) }
           [7, 1], [7, 2], [8, 3];
}

sub verify_nchan {
    my ($server) = @_;

    my ($ann, $bob, $other) = members($server->{port});

    # its 101 does not wait for Redis to confirm
    sleep 0.5;

    $ann->send('to seven');
    $other->send('to eight');

    same('relay', $_->receive, 'to seven') for $ann, $bob;
    same('another conversation', $other->receive, 'to eight');
    $_->leave for $ann, $bob, $other;
}

sub verify_messaging {
    my ($server, $redis) = @_;

    my $port = $server->{port};

    refused($port);

    my ($ann, $bob, $other) = members($port);

    $ann->send('{"type":"ping"}');
    same('ping', $ann->receive, '{"type":"pong"}');

    $ann->send('{"type":');
    same('a bad frame', decode_json($ann->receive)->{code}, 'invalid_json');

    $ann->send('{"type":"typing","is_typing":true}');

    my $typing = decode_json($bob->receive);

    check('typing', $typing->{type} eq 'typing_indicator'
                    && $typing->{user_id} == 1 && $typing->{is_typing});

    $bob->send('{"type":"message","content":" hello ","client_id":"one"}');

    # her next one: she has not been told that she types
    my $message = message($ann);
    my @both = sort { $a->{type} cmp $b->{type} }
               map { decode_json($bob->receive) } 1, 2;

    check('ack', $both[0]{type} eq 'ack' && $both[0]{client_id} eq 'one'
                 && $both[0]{id} == $message->{message}{id});
    same('the sender\'s own', $json->encode($both[1]),
         $json->encode($message));

    if ($redis) {
        my $frame = '{"type":"message_deleted","id":7}';

        publish($redis->{port}, 'messaging:7', $frame);
        same('published to Redis', $_->receive, $frame) for $ann, $bob;
    }

    $other->send('{"type":"ping"}');
    same('another conversation', $other->receive, '{"type":"pong"}');
    $_->leave for $ann, $bob, $other;
}

sub message {
    my ($client) = @_;

    my $frame = decode_json($client->receive);
    my $message = $frame->{message};

    check('message', $frame->{type} eq 'new_message'
                     && $frame->{client_id} eq 'one'
                     && $message->{id} > 0
                     && $message->{conversation_id} == 7
                     && $message->{sender}{id} == 2
                     && $message->{sender}{name} eq 'User 2'
                     && $message->{content} eq 'hello'
                     && exists $message->{image}
                     && !$message->{is_read}
                     && exists $message->{read_at}
                     && $message->{created_at} =~ /^\d{4}-\d\d-\d\dT.*Z\z/);

    return $frame;
}

# what is no token gets a close frame

sub refused {
    my ($port) = @_;

    my $good = Client::token($secret, 1);
    my ($head, $claims, $mac) = split /\./, $good;
    my %bad = (
        'of another key' => Client::token("$secret.", 1),
        'without a signature' => join('.', $head, $claims, ''),
        'with alg none' => join('.', encode_base64url('{"alg":"none"}'),
                                $claims, ''),
        'with other claims' => join('.', $head, encode_base64url(
            sprintf '{"user_id":2,"exp":%d}', time + 60), $mac),
        'expired' => Client::token($secret, 1, -1),
    );

    for my $what (sort keys %bad) {
        my $client = Client->open($port, 7, $bad{$what});

        same("a token $what", $client->close_code, 4001);
        $client->drop;
    }
}

sub publish {
    my ($port, $channel, $text) = @_;

    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1',
                                       PeerPort => $port, Proto => 'tcp')
                 or die "connect to Redis: $!\n";

    syswrite $socket, join '', map { "$_\r\n" } '*3',
        map { ('$' . length, $_) } 'PUBLISH', $channel, $text;
    sysread $socket, my $reply, 64;

    die "PUBLISH: $reply\n" if $reply !~ /^:/;
}

1;
