
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Tokens;

# Tables of tokens.  A line of the section "tokens",
#
#     NAME: OUTCOME [PATH] SPEC
#
# becomes lines of the scenario: a client of that name presents the token
# SPEC, in a header, at PATH (/ws/messaging/7/).  OUTCOME "ok" means that it is
# let in, "access" that it may not enter the conversation, any other is the
# reason the token is refused for, as it is counted.  Each line has to move its
# own counter by one, and at the end none of the others was moved.  What the
# block has of a scenario follows.

use strict;
use warnings;

use Test::Nginx::WebSocket;
use Test::Nginx::Util;

my @Reasons = qw( missing malformed algorithm key signature expired not_yet
                  claim user internal );

add_block_preprocessor(sub {
    my ($block) = @_;
    return unless defined $block->tokens;

    my $text = eval { scenario($block->tokens) }
               // die $block->name . ": $@";
    $block->set_value('websocket', $text . ($block->websocket // ''));
});

sub scenario {
    my ($table) = @_;
    my %count = map { $_ => 0 } 'ok', 'access', map { "token_$_" } @Reasons;
    my @lines;

    $table =~ s/\s*\\\n\s*/ /g;
    for my $line (grep { /\A\s*[^#\s]/ } split /\n/, $table) {
        my ($name, $outcome, $path, $spec) =
            $line =~ m{\A\s*(\w+):\s+(\w+)\s+(?:(/\S*)\s+)?(\S.*?)\s*\z}
            or die "bad line in tokens: $line\n";
        my $counter = $outcome =~ /\A(?:ok|access)\z/ ? $outcome
                                                      : "token_$outcome";

        die "unknown outcome \"$outcome\": $line\n"
            unless exists $count{$counter};
        $count{$counter}++;
        $path //= '/ws/messaging/7/';

        push @lines, "jwt: $name $spec",
                     "$name: header Authorization: Bearer \$jwt_$name",
                     "$name: connect $path",
                     $outcome eq 'ok'
            ? ("$name: send {\"type\":\"ping\"}",
               "$name: recv {\"type\":\"pong\",\"...\":0}",
               "nginx: status accepted $count{ok}")
            : ("$name: expect_close " . close_of($outcome),
               "nginx: status refusals.$counter $count{$counter}");
    }

    push @lines, 'nginx: status refusals {"...":0,'
        . join(',', map { "\"$_\":$count{$_}" }
                    grep { $_ ne 'ok' } sort keys %count) . '}',
        "nginx: status accepted $count{ok}";
    return join '', map { "$_\n" } @lines;
}

sub close_of {
    my ($outcome) = @_;
    return '4003 no access' if $outcome eq 'access';
    return '4001 token ' . ($outcome =~ /\A(?:missing|expired)\z/
                            ? $outcome : 'invalid');
}

1;
