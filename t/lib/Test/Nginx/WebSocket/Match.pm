
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Match;

# Strict comparison of JSON: types count, members must be neither missing nor
# in excess, their order does not matter.

use strict;
use warnings;

use B ();
use Exporter qw( import );
use JSON::PP ();
use Time::Local qw( timegm );

our @EXPORT_OK = qw( as_bytes as_regex as_time as_words at_path brief check
                     diff parse parse_prefix show );

my $Json = JSON::PP->new->utf8->canonical->allow_nonref->allow_bignum;

my %Placeholder = (
    '<any>'    => sub { 1 },
    '<string>' => sub { kind($_[0]) eq 'string' },
    '<bool>'   => sub { kind($_[0]) eq 'boolean' },
    '<num>'    => sub { kind($_[0]) eq 'number' },
    '<int>'    => sub { kind($_[0]) eq 'number' && $_[0] == int $_[0] },
    '<time>'   => sub { kind($_[0]) eq 'string' && defined seconds($_[0]) },
    '<now>'    => sub {
        my $then = kind($_[0]) eq 'string' ? seconds($_[0]) : undef;
        return defined $then && abs(time() - $then) <= 10;
    },
);

# RFC 3339, UTC, milliseconds
sub seconds {
    my ($text) = @_;
    my @part = $text =~ /\A(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.\d{3}Z\z/
        or return;
    return eval { timegm(reverse(@part[2 .. 5]), $part[1] - 1, $part[0]) };
}

sub kind {
    my ($v) = @_;

    return 'null' unless defined $v;
    return 'object' if ref $v eq 'HASH';
    return 'array' if ref $v eq 'ARRAY';
    return 'boolean' if JSON::PP::is_bool($v);
    return 'number' if ref $v;              # Math::BigInt, Math::BigFloat
    return B::svref_2object(\$v)->FLAGS & B::SVf_POK() ? 'string' : 'number';
}

sub parse {
    my ($text) = @_;
    my $value = eval { $Json->decode($text) };
    die 'not JSON: ' . brief($text) . "\n" if $@;
    return $value;
}

# several values one after another; with $one the first, and the rest of the
# text
sub parse_prefix {
    my ($text, $one) = @_;
    my @values;

    while ($text =~ /\S/) {
        my ($value, $used) = eval { $Json->decode_prefix($text) };
        die 'not JSON: ' . brief($text) . "\n" if $@;
        return ($value, substr($text, 0, $used), substr($text, $used)) if $one;
        push @values, $value;
        substr($text, 0, $used) = '';
    }
    return @values;
}

sub show {
    my ($value) = @_;
    return brief($Json->encode($value));
}

# bytes made fit for a diagnostic
sub brief {
    my ($text) = @_;
    my $length = length $text;

    $text = substr($text, 0, 300) if $length > 320;
    $text =~ s/([^\x20-\x7e])/sprintf '\\x%02x', ord $1/ge;
    return $length > 320 ? "$text... ($length bytes)" : $text;
}

# undef if equal, else where and how they differ
sub diff {
    my ($got, $want, $at) = @_;
    $at //= '';
    my $kind = kind($want);
    my $here = $at eq '' ? 'the value' : $at;
    my $differs = "$here is " . show($got) . ', expected ' . show($want);

    if ($kind eq 'string' && $Placeholder{$want}) {
        return $Placeholder{$want}->($got) ? undef : $differs;
    }

    return $differs if kind($got) ne $kind;
    return undef if $kind eq 'null';

    if ($kind eq 'object') {
        for my $name (sort keys %$want) {
            next if $name eq '...';
            return "$at.$name is missing" unless exists $got->{$name};
            my $why = diff($got->{$name}, $want->{$name}, "$at.$name");
            return $why if $why;
        }
        return undef if exists $want->{'...'};
        my ($extra) = grep { !exists $want->{$_} } sort keys %$got;
        return defined $extra ? "$at.$extra is unexpected" : undef;
    }

    if ($kind eq 'array') {
        return "$here has " . @$got . ' elements, expected ' . @$want
            if @$got != @$want;
        for my $i (0 .. $#$want) {
            my $why = diff($got->[$i], $want->[$i], "$at\[$i]");
            return $why if $why;
        }
        return undef;
    }

    my $equal = $kind eq 'boolean' ? !!$got == !!$want
              : $kind eq 'number'  ? $got == $want : $got eq $want;
    return $equal ? undef : $differs;
}

# the value at a dotted path such as "message.sender.id" or "ids.0"
sub at_path {
    my ($value, $path) = @_;

    for my $step (split /\./, $path) {
        if (ref $value eq 'ARRAY' && $step =~ /\A\d+\z/ && $step < @$value) {
            $value = $value->[$step];

        } elsif (ref $value eq 'HASH' && exists $value->{$step}) {
            $value = $value->{$step};

        } else {
            die "there is no \"$path\" in it\n";
        }
    }
    return $value;
}

# what the scenario expects of a text: /regex/ or JSON; dies if it is not so
sub check {
    my ($text, $expected) = @_;

    if (my $regex = as_regex($expected)) {
        return if $text =~ $regex;
        die 'got ' . brief($text) . ", expected to match $expected\n";
    }

    my $want = eval { parse($expected) };
    die "the expected value is $@" if $@;
    my $got = eval { parse($text) };
    die "got $@" if $@;
    my $why = diff($got, $want);
    die "$why; got " . brief($text) . "\n" if $why;
}

sub as_regex {
    my ($text) = @_;
    my ($regex, $flags) = $text =~ m{\A/(.*)/([isx]*)\z}s or return;
    return $flags ? qr/(?$flags:$regex)/ : qr/$regex/;
}

# "text with \r \n \t \0 \xHH", or hex digits, or several of them
sub as_bytes {
    my ($text) = @_;
    my $bytes = '';
    my %escape = (r => "\r", n => "\n", t => "\t", 0 => "\0");

    while ($text =~ /\S/) {
        if ($text =~ s/\A\s*"((?:[^"\\]|\\.)*)"//s) {
            my $part = $1;
            $part =~ s/\\(?:x([0-9a-fA-F]{2})|(.))
                      /defined $1 ? chr hex $1 : $escape{$2} \/\/ $2/gesx;
            $bytes .= $part;

        } elsif ($text =~ s/\A\s*((?:[0-9a-fA-F]{2})+)(?=\s|\z)//) {
            $bytes .= pack 'H*', $1;

        } else {
            die 'neither "quoted" nor hex: ' . brief($text) . "\n";
        }
    }
    return $bytes;
}

# words of a line, "quoted ones" unescaped
sub as_words {
    my ($text) = @_;
    my @words;
    push @words, defined $1 ? as_bytes($1) : $2
        while $text =~ /\G\s*(?:("(?:[^"\\]|\\.)*")|(\S+))/gs;
    return @words;
}

sub as_time {
    my ($text) = @_;
    my ($number, $unit) = $text =~ /\A(\d+(?:\.\d+)?)(ms|s)?\z/
        or die "not a time: $text\n";
    return ($unit // 's') eq 'ms' ? $number / 1000 : $number;
}

1;
