# A short run of the fuzzer of the protocol, always of the same seed.  "make
# check" runs a long one with sanitizers.

use strict;
use warnings;

use Test::More tests => 2;

my $out = qx{t/util/fuzz-protocol --time 10 --seed 1 2>&1};

is($?, 0, 'nothing was found') or diag($out);
like($out, qr/^passed: seed 1, .* [1-9]\d* frames received/m,
     'something was done');
