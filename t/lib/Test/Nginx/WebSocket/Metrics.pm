
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Metrics;

# Prometheus' text format, strictly, next to the JSON of the same counters; and
# the names and labels that dashboards, rules and README use.

use strict;
use warnings;

use Exporter qw( import );
use JSON::PP ();

our @EXPORT_OK = qw( check_expressions check_manual check_same expressions
                     parse_text same_rules );

# JSON's fields and what each is called in Prometheus; "*" is the name of the
# field, there and here

my %Series = (
    'workers'              => 'workers',
    'connections'          => 'connections',
    'subscriptions'        => 'subscriptions',
    'channels'             => 'channels',
    'queued_bytes'         => 'queued_bytes',
    'accepted'             => 'connections_accepted_total',
    'ended'                => 'connections_ended_total',
    'messages.*'           => 'messages_total{direction="*"}',
    'bytes.*'              => 'bytes_total{direction="*"}',
    'broker.published'     => 'broker_published_total',
    'broker.received'      => 'broker_received_total',
    'broker.resyncs'       => 'resyncs_total',
    'publish_failures.*'   => 'publish_failures_total{reason="*"}',
    'drops.*'              => 'drops_total{reason="*"}',
    'refusals.*'           => 'refusals_total{reason="*"}',
    'auth.*'               => 'auth_total{result="*"}',
    'posts.*'              => 'posts_total{result="*"}',
    'stores.*'             => 'stores_total{result="*"}',
    'reads.*'              => 'read_stores_total{result="*"}',
    'control.obeyed'       => 'control_actions_total{result="obeyed"}',
    'control.unknown'      => 'control_actions_total{result="unknown"}',
    'control.invalid'      => 'control_actions_total{result="invalid"}',
    'control.closed'       => 'control_effects_total{effect="closed"}',
    'control.unsubscribed' => 'control_effects_total{effect="unsubscribed"}',
    'control.evicted'      => 'revocations_lost_total{reason="evicted"}',
    'control.not_stored'   => 'revocations_lost_total{reason="not_stored"}',
    'access.asked'         => 'access_questions_total',
    'access.cached'        => 'access_cached_total',
    'access.evicted'       => 'access_evicted_total',
    'access.kept'          => 'access_rechecks_total{result="kept"}',
    'access.withdrawn'     => 'access_rechecks_total{result="withdrawn"}',
    'access.failed'        => 'access_rechecks_total{result="failed"}',
    'events.*'             => 'events_total{result="*"}',
    'limits.*'             => 'limits_total{limit="*"}',
    'sheds.*'              => 'sheds_total{kind="*"}',
    'closes.*'             => 'closes_total{code="*"}',
    'deflate.messages'     => 'deflate_messages_total',
    'deflate.bytes_in'     => 'deflate_input_bytes_total',
    'deflate.bytes_out'    => 'deflate_output_bytes_total',
    'inflate.messages'     => 'inflate_messages_total',
    'inflate.bytes_in'     => 'inflate_input_bytes_total',
    'inflate.bytes_out'    => 'inflate_output_bytes_total',
    'inflate.too_big'      => 'inflate_failures_total{reason="too_big"}',
    'inflate.failed'       => 'inflate_failures_total{reason="failed"}',
    'redis.ready'          => 'redis_ready_workers',
    'redis.reconnects'     => 'redis_reconnects_total',
    'redis.lost'           => 'redis_lost_total',
    'redis.gaps'           => 'redis_gaps_total',
    'redis_lag.count'      => 'redis_lag_seconds_count',
    'redis_lag.lost'       => 'redis_lag_lost_total',
    'relay.laps'           => 'relay_laps_total',
    'relay.lost'           => 'relay_lost_total',
    'relay.skipped'        => 'relay_skipped_total',
);

# fields that are sums of other ones, and are not there twice
my %Sum = (
    'broker.publish_failed' => 'publish_failures',
    'broker.dropped'        => 'drops',
);

my @Lag = (['1ms', '0.001'], ['5ms', '0.005'], ['25ms', '0.025'],
           ['100ms', '0.1'], ['500ms', '0.5'], ['2s', '2'], ['more', '+Inf']);

# the families of a text by name: type, help, samples in order; dies if the
# text is not of the format, or has what the conventions forbid

sub parse_text {
    my ($text) = @_;
    my (%family, %seen, $name, $state);

    die "the last line does not end\n" unless $text =~ /\n\z/;

    for my $line (split /\n/, $text) {
        if ($line =~ /\A# HELP ([a-z_]+) (\S(?:[^\\]|\\\\|\\n)*)\z/) {
            die "$line: $1 is there twice\n" if $family{$1};
            die "$name has no samples\n" if $name && $state ne 'samples';
            ($name, $state) = ($1, 'help');
            $family{$name} = { help => $2, samples => [] };
            die "$name is not ours\n" unless $name =~ /\Amessaging_/;
            next;
        }
        die "$line: no family has begun\n" unless $name;

        if ($line =~ /\A# TYPE ([a-z_]+) (counter|gauge|histogram)\z/) {
            die "$line: not where it should be\n"
                unless $1 eq $name && $state eq 'help';
            ($family{$name}{type}, $state) = ($2, 'type');
            die "$name: only a counter ends in _total\n"
                if ($2 eq 'counter') != ($name =~ /_total\z/);
            next;
        }

        my ($sample, $labels, $value) = $line =~ /\A([a-z_]+)
            (?:\{((?:[a-z]+="(?:[^"\\\n]|\\["\\n])+"(?:,(?=[a-z])|(?=\})))+)\})?
            [ ](\d+(?:\.\d+)?)\z/x or die "$line: not a line of the format\n";
        my $kind = $family{$name}{type};

        die "$line: there is no TYPE before it\n" if $state eq 'help';
        die "$line: is not of $name\n"
            unless $kind eq 'histogram'
                   ? $sample =~ /\A\Q$name\E_(?:bucket|sum|count)\z/
                   : $sample eq $name;
        my $series = $sample . (defined $labels ? "{$labels}" : '');
        die "$series is there twice\n" if $seen{$series}++;
        $state = 'samples';
        push @{$family{$name}{samples}},
             { name => $sample, series => $series, value => $value,
               labels => { ($labels // '') =~ /([a-z]+)="([^"]*)"/g } };
    }
    die "$name has no samples\n" if $state ne 'samples';
    check_histogram($_, $family{$_}) for grep {
        $family{$_}{type} eq 'histogram' } sort keys %family;
    return \%family;
}

sub check_histogram {
    my ($name, $family) = @_;
    my @samples = @{$family->{samples}};
    my @buckets = grep { $_->{name} eq "${name}_bucket" } @samples;
    my %one = map { $_->{name} => $_->{value} } @samples;
    my ($bound, $count) = (-1, 0);

    die "$name: no sum or no count, or in another order\n"
        unless $samples[-2]{name} eq "${name}_sum"
               && $samples[-1]{name} eq "${name}_count"
               && @samples == @buckets + 2;
    for my $bucket (@buckets) {
        my $le = $bucket->{labels}{le};
        die "$bucket->{series}: the bounds do not grow\n"
            unless $le eq '+Inf' ? $bucket == $buckets[-1] : $le > $bound;
        die "$bucket->{series}: less than below\n"
            if $bucket->{value} < $count;
        ($bound, $count) = ($le, $bucket->{value});
    }
    die "$name: the last bound is $bound\n" if $bound ne '+Inf';
    die "$name: the count is not that of +Inf\n"
        if $one{"${name}_count"} != $count;
}

# each number of the JSON is in the text, once, and nothing else is

sub check_same {
    my ($families, $json) = @_;
    my %text = map { $_->{series} => $_->{value} }
               map { @{$_->{samples}} } values %$families;
    my %field;

    for my $group (keys %$json) {
        if (ref $json->{$group}) {
            $field{"$group.$_"} = $json->{$group}{$_}
                for keys %{$json->{$group}};

        } else {
            $field{$group} = $json->{$group};
        }
    }

    my $take = sub {
        my ($series, $want, $name) = @_;
        my $got = delete $text{"messaging_$series"};
        die "messaging_$series is missing, $name in JSON\n"
            unless defined $got;
        die "messaging_$series is $got, in JSON $name is $want\n"
            if $got != $want;
    };

    for my $name (sort keys %Sum) {
        my $got = delete $field{$name};
        my $sum = 0;
        $sum += $_ for values %{$json->{$Sum{$name}}};
        die "$name is $got, its parts are $sum\n" if $got != $sum;
    }

    my $kind = delete $field{'broker.kind'};
    $take->("broker{kind=\"$_\"}", $kind eq $_ ? 1 : 0, 'broker.kind')
        for qw( embedded redis );

    my $count = 0;

    for my $lag (@Lag) {
        $count += delete $field{"redis_lag.$lag->[0]"};
        $take->("redis_lag_seconds_bucket{le=\"$lag->[1]\"}", $count,
                "redis_lag.$lag->[0] and those below");
    }
    $take->('redis_lag_seconds_sum',
            sprintf('%.6f', delete($field{'redis_lag.sum_us'}) / 1e6),
            'redis_lag.sum_us');

    for my $name (sort keys %field) {
        my ($group, $last) = $name =~ /\A(?:(.*)\.)?(.*)\z/;
        my $series = $Series{$name} // $Series{"$group.*"}
                     // die "nobody knows the field $name\n";
        $take->($series =~ s/\*/$last/r, $field{$name}, $name);
    }
    my ($more) = sort keys %text;
    die "$more is not in JSON\n" if defined $more;
}

# the expressions of a file by what they are for: dashboard, rules or manual

sub expressions {
    my ($file, $text) = @_;

    return dashboard($text) if $file =~ /\.json\z/;
    if ($file =~ /\.yml\z/) {
        my (%found, $alert);
        for (split /\n/, $text) {
            $alert = $1 if /^ +- alert: (\w+)$/;
            next unless /^ +expr: (.*)$/;
            die "$alert is there twice\n" if exists $found{$alert};
            $found{$alert} = $1;
        }
        my $all = () = $text =~ /\b(?:alert|expr):/g;
        die "$file: an alert without an expression\n"
            if $all != 2 * keys %found || !$all;
        return \%found;
    }

    my ($section) = $text =~ /^## Monitoring\n(.*?)^## /ms;
    my %found = ($section // '') =~ /^- \*\*(\w+)\*\*, `([^`]+)`/gm;
    die "$file has no alerts\n" unless %found;
    return \%found;
}

# what is wanted of a dashboard that can be imported, too

sub dashboard {
    my ($text) = @_;
    my $board = JSON::PP->new->utf8->decode($text);
    my %variable = map { $_->{name} => $_ } @{$board->{templating}{list}};
    my (%found, %id, %cell);

    die "no variable for the data source\n"
        unless ($variable{datasource}{type} // '') eq 'datasource'
               && $variable{datasource}{query} eq 'prometheus';

    for my $panel (@{$board->{panels}}) {
        my ($title, $grid) = @$panel{qw( title gridPos )};
        my %ref;

        die "$title: its id is there twice\n" if $id{$panel->{id}}++;
        for my $x ($grid->{x} .. $grid->{x} + $grid->{w} - 1) {
            die "$title is not on the page\n" if $x > 23;
            for my $y ($grid->{y} .. $grid->{y} + $grid->{h} - 1) {
                die "$title is over another one\n" if $cell{$x, $y}++;
            }
        }
        die "$title has no targets\n" unless @{$panel->{targets}};
        for my $target (@{$panel->{targets}}) {
            my $name = "$title $target->{refId}";
            my $expr = $target->{expr};

            die "$name is there twice\n" if $ref{$target->{refId}}++;
            for my $owner ($panel, $target) {
                die "$name: another data source\n"
                    if $owner->{datasource}{uid} ne '${datasource}';
            }
            for my $label ($target->{legendFormat} =~ /\{\{(\w+)\}\}/g) {
                my ($by) = $expr =~ /\bby \(([^)]*)\)/;
                die "$name: no label $label is left\n"
                    unless grep { $_ eq $label } split /, */, $by // '';
            }
            $found{$name} = $expr;
        }
    }
    for my $name (grep { $variable{$_}{type} eq 'query' } keys %variable) {
        my $query = $variable{$name}{query}{query};
        die "$name: another definition\n"
            if $query ne $variable{$name}{definition};
        ($found{"variable $name"}) = $query =~ /\Alabel_values\((.+), \w+\)\z/
            or die "$name: what is $query\n";
    }
    return \%found;
}

# the names, labels and values of the expressions are there, and they are used
# as their types allow

sub check_expressions {
    my ($families, $expressions) = @_;
    my (%metric, $n);

    for my $name (keys %$families) {
        push @{$metric{$_->{name}}{samples}}, $_
            for @{$families->{$name}{samples}};
        $metric{$_->{name}}{type} = $families->{$name}{type}
            for @{$families->{$name}{samples}};
    }

    for my $title (sort keys %$expressions) {
        my $expr = $expressions->{$title};
        my $at = "$title, $expr";
        my %label = map { $_ => 1 } qw( instance job );
        my $plain = $expr =~ s/"(?:[^"\\]|\\.)*"//gr;

        for my $pair (qw( () {} [] )) {
            my ($open, $close) = map { quotemeta } split //, $pair;
            my $opened = () = $plain =~ /$open/g;
            my $closed = () = $plain =~ /$close/g;
            die "$at: what is opened is not closed\n" if $opened != $closed;
        }

        while ($expr =~ /\b(messaging_\w+)(?:\{([^}]*)\})?(\[)?/g) {
            my ($name, $matchers, $range) = ($1, $2, $3);
            my $metric = $metric{$name} or die "$at: there is no $name\n";

            $n++;
            die "$at: the rate of $name is what says something\n"
                if !$range && $metric->{type} ne 'gauge'
                   && $title !~ /\Avariable /;
            die "$at: $name is no counter\n"
                if $range && $metric->{type} eq 'gauge';
            check_matchers($at, $name, $matchers // '', $metric->{samples});
            $label{$_} = 1 for map { keys %{$_->{labels}} }
                               @{$metric->{samples}};
        }
        for my $by ($expr =~ /\bby \(([^)]*)\)/g) {
            $label{$_} or die "$at: there is no label $_\n"
                for split /, */, $by;
        }
        die "$at: le is what a quantile is of\n"
            if $expr =~ /histogram_quantile/ && $expr !~ /by \([^)]*\ble\b/;
    }
    die "no metric is used\n" unless $n;
}

sub check_matchers {
    my ($at, $name, $matchers, $samples) = @_;

    while ($matchers =~ s/\A(\w+)(=~|!~|!=|=)"([^"]*)"(?:,|\z)//) {
        my ($label, $op, $values) = ($1, $2, $3);
        my $regex = $op =~ /~/;
        next if $label eq 'instance' || $label eq 'job';

        # each of the values, or the label might be gone without a word
        for my $value ($regex ? split(/\|/, $values) : $values) {
            my $re = $regex ? qr/\A(?:$value)\z/ : qr/\A\Q$value\E\z/;
            die "$at: $name has no $label \"$value\"\n"
                unless grep { ($_->{labels}{$label} // '') =~ $re } @$samples;
        }
    }
    die "$at: what is {$matchers}\n" if $matchers ne '';
}

# the manual has all families, and no metric that is not there

sub check_manual {
    my ($families, $text) = @_;
    my ($fields) = $text =~ /^## Status fields\n(.*?)^## /ms;
    my ($section) = $text =~ /^## Monitoring\n(.*?)^## /ms;
    my %directive = map { $_ => 1 } $text =~ /^### (messaging_\w+)$/gm;
    my %metric = map { $_->{name} => 1 }
                 map { @{$_->{samples}} } values %$families;

    for my $name (map { s/\Amessaging_//r } sort keys %$families) {
        die "$name is not in the manual\n"
            unless $fields =~ /\| [^|]*`\Q$name\E(?:\{\w+\})?`[^|]* \|/;
    }
    for my $name ($section =~ /\b(messaging_\w+)/g) {
        die "what is $name\n" unless $metric{$name} || $directive{$name};
    }
}

# what README tells of is what the rules are

sub same_rules {
    my ($one, $other) = @_;

    for my $name (sort keys %{{ %$one, %$other }}) {
        die "$name is not in both\n"
            unless defined $one->{$name} && defined $other->{$name};
        die "$name is two things:\n$one->{$name}\n$other->{$name}\n"
            if $one->{$name} ne $other->{$name};
    }
}

1;
