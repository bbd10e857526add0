# The benchmark runs, a bounded number of messages each time: all of them
# arrive, and the tables are written.  No figure is looked at.
#
# needs: stock nginx
# not in: workers-1 (it has a configuration of its own)
# not in: workers-4 (it has a configuration of its own)

use strict;
use warnings;

use Cwd qw( abs_path );
use File::Basename qw( dirname );
use File::Temp ();
use JSON::PP;
use Test::More 'no_plan';

my $root = dirname(dirname(abs_path(__FILE__)));
my $dir = File::Temp::tempdir(CLEANUP => 1);

delete @ENV{qw( MAKEFLAGS MAKELEVEL MFLAGS )};

is(system('make', '-s', '-f', "$root/bench/Makefile"), 0,
   'the programs are built');

my %targets = (
    'handshake'   => [qw( messaging-embedded messaging floor )],
    'fanout'      => [qw( messaging-embedded messaging floor )],
    'fanout-tls'  => [qw( messaging-embedded )],
    'pairs-redis' => [qw( messaging )],
    'typing'      => [qw( messaging-embedded floor )],
);

my %all = map { $_ => 1 } map { @$_ } values %targets;

is(system("$root/bench/run", '--out', $dir, '--messages', 100,
          '--scenario', join(',', sort keys %targets),
          '--target', join(',', sort keys %all)) >> 8,
   0, 'it runs');

sub slurp {
    my ($file) = @_;

    open my $in, '<:raw', $file or return '{"runs":[]}';
    local $/;
    return scalar readline $in;
}

my $results = decode_json(slurp("$dir/results.json"));
my %run = map { ("$_->{scenario} $_->{target}" => $_->{result}) }
          @{$results->{runs}};

for my $scenario (sort keys %targets) {
    for my $target (@{$targets{$scenario}}) {
        my $name = "$scenario, $target";
        my $result = delete $run{"$scenario $target"};

        ok($result, $name) or next;
        is($result->{error}, undef, "$name: no error");
        cmp_ok($result->{units} // 0, '>=', 100,
               "$name: the work is done");
        is($result->{$_} // 0, 0, "$name: $_")
            for qw( lost duplicated reordered given_up failed );
        ok(defined $result->{cpu_us_per_unit}, "$name: time");
    }
}

is_deeply([keys %run], [], 'and nothing else is measured');
is_deeply([grep { /^(?:messaging|floor)/ } keys %{$results->{absent}}],
          [], 'nobody is absent');

my $tables = slurp("$dir/results.md");

like($tables, qr/^### \Q$_\E/m, "table: $_")
    for 'Handshake with HS256', 'Typing between 1000 pairs, one host';

my $short = `$root/bench/run --short --out $dir`;

like($short, qr/^\| \Q$_\E/m, "short table: $_")
    for 'handshake with HS256', 'typing relayed on one host';
