
# Copyright (C) The ngx_http_messaging_module authors

# The soak test, with and without Redis, for so short a time that it is only
# known to work: "make soak" is the one that finds something.
#
# not in: workers-1 (it has workers of its own)
# not in: workers-4 (it has workers of its own)

use strict;
use warnings;

use Test::More;

$ENV{SOAK_DIR} = $ENV{TEST_NGINX_SERVROOT} . '/soak'
    if $ENV{TEST_NGINX_SERVROOT};
mkdir $ENV{TEST_NGINX_SERVROOT} if $ENV{TEST_NGINX_SERVROOT};

for my $broker (qw( redis embedded )) {
    my @lines = `t/util/soak --broker $broker 16 2>&1`;
    my ($last) = grep { /\Asoak: / } @lines;

    is($?, 0, "$broker: nothing is wrong") or diag(@lines);
    like($last // '', qr/\Asoak: passed, .* 0 errors\Z/,
         "$broker: the last line says so");

    my %count = reverse(($last // '') =~ /(\d+) (\w+)/g);
    cmp_ok($count{$_} // 0, '>=', $_ eq 'delivered' ? 100 : 1,
           "$broker: $_: some")
        for qw( connections messages delivered faults reloads workers );
}

done_testing();
