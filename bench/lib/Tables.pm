package Tables;

# Copyright (C) The ngx_http_messaging_module authors

# What build/bench/results.json says, as Markdown.

use strict;
use utf8;
use warnings;

use Exporter qw(import);

use Scenarios qw(@targets @scenarios @short);

our @EXPORT_OK = qw(all_tables short_table);

my @counted = qw(lost duplicated reordered invalid given_up not_sent
                 missed_by_closed failed error_frames);

sub median {
    my @sorted = sort { $a <=> $b } @_;
    my $n = @sorted;

    return undef if !$n;
    return $sorted[$n / 2] if $n % 2;
    return ($sorted[$n / 2 - 1] + $sorted[$n / 2]) / 2;
}

# the rounds of a target as one result: medians of figures, sums of what
# should not be

sub collect {
    my ($results, $scenario, $target) = @_;

    my @runs = map { $_->{result} }
               grep { $_->{scenario} eq $scenario && $_->{target} eq $target }
               @{$results->{runs}};
    my @good = grep { !$_->{error} } @runs;

    return undef if !@runs;

    if (!@good) {
        return { error => $runs[-1]{error} };
    }

    my %all = (closed => {}, server_closed => {}, rounds => scalar @good,
               errors => @runs - @good);

    for my $name (map { keys %$_ } @good) {
        next if exists $all{$name};

        my @values = grep { defined } map { $_->{$name} } @good;

        if (grep { $_ eq $name } @counted) {
            $all{$name} = 0;
            $all{$name} += $_ for @values;

        } elsif (!ref $values[0] && $values[0] =~ /^-?[\d.]+(?:e[-+]?\d+)?$/i)
        {
            $all{$name} = median(@values);

        } else {
            $all{$name} = $values[-1];
        }
    }

    for my $name (qw(p50 p99 max)) {
        $all{$name} = median(grep { defined }
                             map { $_->{latency_ms}{$name} } @good);
    }

    for my $run (@good) {
        for my $name (grep { $run->{$_} } qw(closed server_closed)) {
            $all{$name}{$_} += $run->{$name}{$_} for keys %{$run->{$name}};
        }
    }

    return \%all;
}

sub number {
    my ($n) = @_;

    return '–' if !defined $n;
    return sprintf '%.2f', $n if abs($n) < 10;
    return sprintf '%.1f', $n if abs($n) < 100;

    my $text = sprintf '%.0f', $n;

    1 while $text =~ s/^(-?\d+)(\d{3})/$1,$2/;

    return $text;
}

sub floor_of {
    my ($results, $scenario) = @_;

    for my $name (grep { /^floor/ } @{$scenario->{targets}}) {
        my $floor = collect($results, $scenario->{name}, $name);

        return $floor->{$scenario->{key}}
            if $floor && !$floor->{error};
    }

    return undef;
}

sub times_floor {
    my ($value, $floor, $key) = @_;

    return '–' if !$floor || !defined $value;

    # of a rate the floor is a ceiling
    return sprintf '%.2f', $value / $floor;
}

sub wrong {
    my ($all) = @_;

    my @wrong = map { "$all->{$_} " . tr_name($_) }
                grep { $all->{$_} } @counted;

    push @wrong, map { "$all->{closed}{$_} closed ($_)" }
                 sort keys %{$all->{closed}};
    push @wrong, map { "the server closed $all->{server_closed}{$_} with $_" }
                 sort keys %{$all->{server_closed} || {}};
    push @wrong, "$all->{errors} rounds failed" if $all->{errors};
    push @wrong, "$all->{error_frame}" if $all->{error_frame};

    if ($all->{stalled}) {
        push @wrong, "stalled: $all->{stalled}{open} still open, "
                     . "$all->{stalled}{lost} lost to them";
    }

    return join(', ', @wrong) || 'nothing';
}

sub tr_name {
    my ($name) = @_;

    $name =~ tr/_/ /;
    return $name;
}

sub row {
    return '| ' . join(' | ', @_) . " |\n";
}

sub scenario_table {
    my ($results, $scenario) = @_;

    my %title = map { $_->{name} => $_->{title} } @targets;
    return '' if !grep { $_->{scenario} eq $scenario->{name} }
                  @{$results->{runs}};

    my $floor = floor_of($results, $scenario);
    my $memory = $scenario->{key} eq 'rss_kb_per_connection';
    my @rows;

    for my $name (@{$scenario->{targets}}) {
        my $why = $results->{absent}{$name};

        if ($why) {
            push @rows, ["$title{$name}", "absent: $why"];
            next;
        }

        my $all = collect($results, $scenario->{name}, $name) or next;

        if ($all->{error}) {
            push @rows, ["$title{$name}", "failed: $all->{error}"];
            next;
        }

        my $value = $all->{$scenario->{key}};
        my $times = times_floor($value, $floor, $scenario->{key});

        push @rows, [$title{$name}, $memory
            ? (number($value), $times,
               number($all->{private_kb_per_connection}),
               number($all->{connections}), number($all->{cpu_percent}),
               number($all->{pings}))
            : (number($all->{cpu_us_per_unit}),
               $scenario->{key} eq 'rate' ? () : $times,
               number($all->{redis_cpu_us_per_unit}), number($all->{rate}),
               $scenario->{key} eq 'rate' ? $times : (),
               number($all->{p50}), number($all->{p99}))
            , wrong($all)];
    }

    return '' if !@rows;

    my @head = $memory
        ? ('', 'KB each', '× floor', 'private KB', 'connections',
           '% of a core', 'pings', 'what went wrong')
        : $scenario->{key} eq 'rate'
        ? ('', "µs per $scenario->{unit}", 'Redis µs', 'per second',
           '× floor', 'p50 ms', 'p99 ms', 'what went wrong')
        : ('', "µs per $scenario->{unit}", '× floor', 'Redis µs',
           'per second', 'p50 ms', 'p99 ms', 'what went wrong');

    my $text = "### $scenario->{title}\n\n";

    $text .= ucfirst("$scenario->{about}.\n\n") if $scenario->{about};
    $text .= row(@head) . row('---', ('---:') x (@head - 2), '---');
    $text .= row(@$_, ('') x (@head - @$_)) for @rows;

    return "$text\n";
}

sub memory_table {
    my ($results, $scenario) = @_;

    my %title = map { $_->{name} => $_->{title} } @targets;
    my $text = "### $scenario->{title}\n\n";
    my $rows = '';

    for my $name (@{$scenario->{targets}}) {
        my @runs = grep { $_->{scenario} eq $scenario->{name}
                          && $_->{target} eq $name } @{$results->{runs}};

        for my $run (@runs ? $runs[-1] : ()) {
            my $result = $run->{result};

            $rows .= row($title{$name}, "failed: $result->{error}", '')
                if $result->{error};
            $rows .= row($title{$name}, $_->[0], number($_->[1]))
                for @{$result->{memory} || []};
        }
    }

    return '' if !$rows;

    return $text . row('', 'all processes', 'KB')
           . row('---', '---', '---:') . "$rows\n";
}

sub about {
    my ($results) = @_;

    my $m = $results->{machine};
    my $text = "$results->{date}; $m->{cpu}, $m->{cores} cores, "
               . "$m->{memory_gib} GiB, $m->{system}, $m->{kernel}; ";

    $text .= "the median of $results->{rounds} rounds"
        if $results->{rounds} > 1;
    $text .= "one round" if $results->{rounds} == 1;
    $text .= " of $results->{seconds} s after $results->{warmup} s of "
             . "warm-up. The load of the machine was $m->{load} when it "
             . "began.";

    return fold($text) . "\n";
}

sub fold {
    my ($text) = @_;

    my @lines = ('');

    for my $word (split / /, $text) {
        if (length("$lines[-1] $word") > 78 && length $lines[-1]) {
            push @lines, $word;
            next;
        }

        $lines[-1] .= (length $lines[-1] ? ' ' : '') . $word;
    }

    return join "\n", @lines;
}

sub versions {
    my ($results) = @_;

    my (%seen, $text);

    for my $target (@targets) {
        my $version = $results->{versions}{$target->{name}} // next;

        next if $seen{$target->{script}}++;
        $text .= "- $version\n";
    }

    $text .= "- Redis $results->{redis}\n";

    for my $target (@targets) {
        my $why = $results->{absent}{$target->{name}} // next;

        next if $seen{$target->{script}}++;
        $text .= "- $target->{title}: absent, $why\n";
    }

    return $text;
}

sub all_tables {
    my ($results) = @_;

    my $text = "# Results\n\n" . about($results) . "\n" . versions($results)
               . "\n" . short_table($results) . "\n## All figures\n\n";

    for my $scenario (@scenarios) {
        $text .= ($scenario->{code} // '') eq 'memory'
                 ? memory_table($results, $scenario)
                 : scenario_table($results, $scenario);
    }

    $text =~ s/\n+\z/\n/;

    return $text;
}

# one line for each scenario, one column for each server

sub cell {
    my ($scenario, $all, $floor) = @_;

    return '–' if !$all;
    return 'failed' if $all->{error};

    my $text = number($all->{$scenario->{key}});

    $text .= ' / ' . number($all->{p99}) if $scenario->{p99};
    $text .= ' + ' . number($all->{redis_cpu_us_per_unit})
        if $scenario->{show_redis}
           && defined $all->{redis_cpu_us_per_unit};

    return $text;
}

sub short_table {
    my ($results) = @_;

    my %scenario = map { $_->{name} => $_ } @scenarios;
    my %target = map { $_->{name} => $_ } @targets;
    my @peers = qw(bun nchan node daphne);

    my $text = row('', 'this module', 'Bun (uWebSockets)', 'nchan',
                   'Node ws', 'Daphne', 'floor', '× floor')
               . row('---', ('---:') x 7);

    for my $line (@short) {
        my ($title, $name, $ours) = @$line;
        my $scenario = $scenario{$name};
        my $floor = floor_of($results, $scenario);
        my %cell;

        next if !collect($results, $name, $ours);

        for my $target (map { $target{$_} } @{$scenario->{targets}}) {
            my $peer = $target->{peer};

            next if $peer eq 'messaging' && $target->{name} ne $ours;

            $cell{$peer} = cell($scenario,
                                collect($results, $name, $target->{name}),
                                $floor);
        }

        my $value = collect($results, $name, $ours)->{$scenario->{key}};

        $text .= row($title, "**$cell{messaging}**",
                     map({ $cell{$_} // '–' } @peers, 'floor'),
                     times_floor($value, $floor));
    }

    return $text;
}

1;
