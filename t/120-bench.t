# The programs of the benchmark: what the load client counts is what a server
# that makes mistakes has counted, see bench/selftest.  Nothing is measured.
#
# not in: workers-1 (nginx takes no part)
# not in: workers-4 (nginx takes no part)
# not in: newest (nginx takes no part)

use strict;
use warnings;

use Cwd qw( abs_path );
use File::Basename qw( dirname );

my $root = dirname(dirname(abs_path(__FILE__)));

my $out = "$root/build/bench";
my @flags;

if (($ENV{TEST_MODE} // '') eq 'asan') {
    my $sanitizers = '-fsanitize=address,undefined';

    $out = "$root/build/asan/bench";
    @flags = ("CFLAGS=-g -O1 $sanitizers -fno-sanitize-recover=undefined",
              "LDFLAGS=$sanitizers");
}

delete @ENV{qw( MAKEFLAGS MAKELEVEL MFLAGS )};

if (system('make', '-s', '-f', "$root/bench/Makefile", "OUT=$out", @flags)
    != 0)
{
    die "cannot build the benchmark\n";
}

$ENV{BENCH_BIN} = $out;

exec "$root/bench/selftest" or die "bench/selftest: $!\n";
