# README is the manual: every directive and variable of the module has its
# place there, with the defaults and contexts of the code, and the other way
# round; so do error codes, close codes and counters.

use strict;
use warnings;

use POSIX ();
use Test::More 'no_plan';

sub slurp {
    my ($name) = @_;
    open my $in, '<', $name or die "$name: $!\n";
    local $/;
    return readline $in;
}

my $readme = slurp('README.md');
my $module = slurp('ngx_http_messaging_module.c');
my $changes = slurp('CHANGES');

my %context = (MAIN => 'http', SRV => 'server', LOC => 'location');
my (%code, %manual);

while ($module =~ /\{ ngx_string\("(messaging\w*)"\),\n\s+(\S+),/g) {
    my ($name, $flags) = ($1, $2);
    $code{$name} = join ', ', map { $context{$_} }
                   $flags =~ /NGX_HTTP_(MAIN|SRV|LOC)_CONF/g;
}

while ($readme =~ /^### (messaging\w*)\n(.*?)(?=^##)/gms) {
    my ($name, $text) = ($1, $2);

    ok(!$manual{$name}, "$name is described once");
    my ($syntax) = $text =~ /^\| Syntax: \| `(.*)` \|$/m;
    my ($default) = $text =~ /^\| Default: \| (.*) \|$/m;
    my ($where) = $text =~ /^\| Context: \| (.*) \|$/m;
    $manual{$name} = $where // '';

    like($syntax // '', qr/\A$name .+;\z/, "$name has a syntax");
    ok(defined $default, "$name has a default");
    like($default // '', qr/\A`$name .+;`\z/, "$name: the default is a line")
        if ($default // '') =~ /\A`/;
    like($text, qr/^(?:Sets|Adds|Limits|Upgrades|Puts|Requires|Answers)\b/m,
         "$name says what it does");
}

is_deeply([sort keys %manual], [sort keys %code],
          'the directives of README are those of the command table');
is($manual{$_}, $code{$_}, "$_: context") for sort keys %code;
ok(index($changes, qq("$_")) >= 0, "$_ is in CHANGES") for sort keys %code;

# variables
my ($variables) = $readme =~ /^## Variables\n(.*?)^## /ms;
my @in_code = slurp('src/ngx_http_messaging_variables.c')
              =~ /ngx_string\("(messaging_\w+)"\)/g;
my @in_readme = $variables =~ /^\| `\$(messaging_\w+)` \|/gm;
is_deeply([sort @in_readme], [sort @in_code], 'variables');

# counters
my ($status) = $readme =~ /^## Status fields\n(.*?)^## /ms;
my $shm = slurp('src/ngx_messaging_shm.c');
my $rows = 0;

while ($shm =~ /^    \{ "(\w*)", "(\w+)", [01], "(.+)" \},$/gm) {
    my $name = $1 eq '' ? $2 : "$1.$2";
    $rows++;
    ok(index($status, "`$name`") >= 0 || index($status, "`$1.*`") >= 0,
       "status field $name");
}

my ($enum) = slurp('src/ngx_messaging_shm.h')
             =~ /typedef enum \{(.*?)NGX_MESSAGING_STAT_LAST/s;
is($rows, scalar(() = $enum =~ /NGX_MESSAGING_STAT_\w+/g),
   'every counter has a row');

# error codes
my ($frames) = $readme =~ /^## Frames\n(.*?)^## /ms;
my %error = map { $_ => 1 }
            map { slurp($_) =~ /"(invalid_json|invalid_frame|unknown_type
                                  |too_large|access_denied|unavailable
                                  |rate_limited|overloaded|rejected
                                  |unauthorized|unknown)"/gx }
            glob 'src/*.c';
my %listed = map { $_ => 1 } $frames =~ /^\| `([a-z]+_?[a-z]*)` \| [^|]*\|$/gm;
ok($listed{$_}, "error $_") for sort keys %error;

# close codes that are sent
my ($closes) = $readme =~ /^## Close codes\n(.*?)^## /ms;
my %number = slurp('src/ngx_messaging.h')
             =~ /(NGX_MESSAGING_CLOSE_\w+)\s+(\d+)/g;
my %sent = map { $number{$_} => 1 }
           grep { !/NO_STATUS|ABNORMAL/ }
           map { slurp($_) =~ /(NGX_MESSAGING_CLOSE_[A-Z_]+)/g }
           grep { !/frame/ } glob 'src/*.c';
like($closes, qr/^\| $_ \|/m, "close code $_") for sort keys %sent;

# sizes of the zone: the smallest that has such a ring, and the default at least
sub zone {
    my ($bytes, $least) = @_;
    my ($cells, $m) = (1, $least);
    $cells *= 2 while $cells * 256 < $bytes;
    $m++ while $cells * 256 + 258 * 64 > $m * 1048576 / 8 * 5;
    return "${m}m";
}

sub in_the_ring { return 256 * POSIX::ceil(($_[0] + 27) / 248) }

my ($sizing) = $readme =~ /^### Sizing the zone\n(.*?)^### /ms;
my @traffic = ($sizing // '') =~ /^\| (\d+ \|.*) \|$/mg;
ok(@traffic > 3, 'there is a table of sizes');

for my $row (@traffic) {
    my ($rate, $length) = split / \| /, $row;
    my $cell = in_the_ring($length);
    is($row, join(' | ', $rate, $length, $cell,
                  map { zone($rate * $cell * $_, 16) } 1, 10, 60),
       "sizes for $rate of $length");
}

# 64 of the longest have to fit, each with a name and a header line; whatever
# the ring, the rest of the zone takes more than half a megabyte
my ($longest) = ($sizing // '') =~ /^\| `messaging_max_message` \| (.*) \|$/m;
my ($least) = ($sizing // '') =~ /^\| `messaging_zone`, at least \| (.*) \|$/m;
is($least, join(' | ', map {
        zone(64 * in_the_ring($_ * 1024 + 2 + 512 + 1024 - 3), 2)
    } split / \| /, $longest =~ s/k//gr),
   'sizes for the longest messages');

# files of the tour
my ($tour) = $readme =~ /^## Tour of the source\n(.*?)^## /ms;

for my $file (map { m{(ngx_\w+)\.c\z} } glob 'src/*.c') {
    my ($short) = $file =~ /messaging(_\w+)/;
    ok($tour =~ /\b\Q$file.c/ || $tour =~ /`\Q$short.c`/, "tour: $file.c");
}

# attacks: each has a file of tests, and each file is there
my ($attacks) = $readme =~ /^### Attacks, and what holds them\n(.*?)^### /ms;
my @attacks = ($attacks // '') =~ /^\| (?!attack\b|-)(.+) \|$/gm;
ok(@attacks > 30, 'attacks');
like($_, qr{`t/[\w-]+\.t`\z}, "tests of: $_") for @attacks;
ok(-f $_, "$_ exists") for $readme =~ m{`(t/[\w-]+\.t)`}g;

# what the examples are shown with is in them, line by line
sub lines {
    my ($text) = @_;
    return grep { /\S/ } map { s{\A\s+|\s+\z}{}gr } split /\n/, $text;
}

my %example = map { $_ => 1 } map { lines(scalar slurp($_)) }
              grep { -f } glob 'examples/django/{*,*/*}';
my ($moving) = $readme =~ /^## Moving from Django Channels\n(.*?)^## /ms;
my @shown = $moving =~ /^([^\n]*\n\n)?```(?:python|nginx)\n(.*?)^```/gms;
my $shown = 0;

while (my ($before, $text) = splice @shown, 0, 2) {
    next if ($before // '') =~ /Before:\n\n\z/;
    $shown++;
    ok($example{$_}, "examples/django has: $_") for lines($text);
}

ok($shown > 5, 'examples/django is shown');

# links within the page
my %anchor = map { lc($_) =~ s/[^\w -]//gr =~ tr/ /-/r => 1 }
             $readme =~ /^#+ (.+)$/gm;
ok($anchor{$_}, "link #$_") for $readme =~ /\]\(#([\w-]+)\)/g;
