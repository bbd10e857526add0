
# Copyright (C) The ngx_http_messaging_module authors

# Runs the unit tests of t/unit and the fuzz targets of t/fuzz on their corpus,
# built by t/util/test, and passes their TAP on as one stream: each assertion,
# and each file of a corpus, counts as one.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(basename dirname);

my $root = dirname(dirname(abs_path(__FILE__)));
my $dir = $ENV{TEST_NGINX_UNIT_DIR} || "$root/build/unit";
my @wrapper = split ' ', $ENV{TEST_NGINX_UNIT_WRAPPER} || '';
my $timeout = 300;
my $number = 0;

$| = 1;


sub ok {
    my ($passed, $name, @notes) = @_;

    printf "%sok %d - %s\n", $passed ? '' : 'not ', ++$number, $name;

    if (!$passed) {
        print STDERR "# failed: $name\n", map { "# $_\n" } @notes;
    }

    return $passed;
}


sub run {
    my ($name) = @_;

    my $program = "$dir/$name";

    if (!-x $program) {
        ok(0, "$name: has been built", "there is no $program");
        return;
    }

    my $pid = open my $out, '-|';

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        alarm $timeout;
        exec @wrapper, $program or die "cannot run $program: $!\n";
    }

    my ($plan, $failed);
    my $seen = 0;

    while (my $line = <$out>) {
        chomp $line;

        if ($line =~ /^(not )?ok\b\s*(\d*)\s*-?\s*(.*)/) {
            my ($not, $n, $text) = ($1, $2, $3);

            $seen++;

            # what is skipped has not been tested
            my $skipped = $text =~ /\s#\s*(skip|todo)\b/i;

            $text =~ s/#/\\#/g;
            ok(!$not && !$skipped, "$name: $text");

            if ($n ne '' && $n != $seen) {
                ok(0, "$name: assertion $seen has the number $n");
            }

            $failed = $not;

        } elsif ($line =~ /^1\.\.(\d+)$/) {
            $plan = $1;

        } elsif ($failed) {
            print STDERR "$line\n";
        }
    }

    close $out;

    # the status is 1 after a failed assertion, which has been counted
    my $status = $?;

    ok($seen > 0 && defined $plan && $plan == $seen && $status == 0,
       "$name: ran to the end of its plan and exited with 0",
       "planned " . (defined $plan ? $plan : 'nothing') . ", ran $seen",
       'exit code ' . ($status >> 8) . ', signal ' . ($status & 127));
}


my @names = map { basename($_, '.c') } sort glob "$root/t/unit/*.c";

push @names, map { 'fuzz-' . basename($_, '.c') } sort glob "$root/t/fuzz/*.c";

ok(@names > 0, 't/unit has tests');

run($_) for @names;

print "1..$number\n";
