
# Copyright (C) The ngx_http_messaging_module authors

# needs: stock nginx

# The steps of the Dockerfile, run by t/util/docker-steps.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Temp qw(tempdir);

my $root = dirname(dirname(abs_path(__FILE__)));
my $scratch = tempdir(CLEANUP => 1);
my $number = 0;


# the prototype puts the condition into scalar context: a grep or a match
# that finds nothing is false, not an argument less

sub ok($$@) {
    my ($passed, $name, @notes) = @_;

    printf "%sok %d - %s\n", $passed ? '' : 'not ', ++$number, $name;

    if (!$passed) {
        print STDERR "# failed: $name\n", map { "# $_\n" } @notes;
    }

    return $passed;
}


# the status and the lines of a run

sub steps {
    my @args = @_;

    my $pid = open my $out, '-|';

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec "$root/t/util/docker-steps", @args or die "docker-steps: $!\n";
    }

    my @lines = <$out>;

    close $out;
    chomp @lines;

    return ($?, @lines);
}


# the error that ends a run of a Dockerfile with a mistake in it

sub mistake {
    my ($name, $text, $error) = @_;

    my $file = "$scratch/$name.dockerfile";

    open my $fh, '>', $file or die "$file: $!\n";
    print $fh $text;
    close $fh or die "$file: $!\n";

    my ($status, @lines) = steps("$scratch/$name", $file);

    ok($status != 0 && grep(/$error/, @lines), "is seen: $name", @lines);
}


open my $fh, '<', "$root/Dockerfile" or die "Dockerfile: $!\n";
my @wanted = grep { /^[A-Z]+ / } <$fh>;
close $fh;

my ($status, @lines) = steps("$scratch/steps");

ok($status == 0, 'all steps succeed', @lines);

my @seen = grep { /^(?:FROM|WORKDIR|COPY|RUN|EXPOSE|STOPSIGNAL|CMD) / } @lines;

ok(@wanted > 5 && @seen == @wanted, 'no step is left out',
   scalar(@wanted) . ' in the file, ' . scalar(@seen) . ' run');

my $image = "$scratch/steps/1";

ok(-s "$image/usr/lib/nginx/modules/ngx_http_messaging_module.so",
   'the module is in the image');

for my $conf (glob "$root/conf.d/*.conf") {
    my ($name) = $conf =~ m{([^/]+)\z};

    ok(-s "$image/etc/nginx/messaging/$name", "$name is in the image");
}

my @sources = `find '$image' -name '*.[cho]' -o -name '*.key'`;

ok(@sources == 0, 'neither sources nor keys are in the image', @sources);

ok(scalar(grep { $_ eq 'library libjwt.so.0: provided'
                 || $_ eq 'library libjwt.so.2: provided' } @lines),
   'the libraries of the module come with packages of the image', @lines);

ok($lines[-1] eq 'nginx -t: passed',
   'nginx accepts the module and the configuration of the image', @lines);


# a check that cannot fail is none

mistake('a file that is not there',
        "FROM debian:bookworm-slim\nCOPY src/nothing.c /src/\n",
        'there is no src/nothing\.c');

mistake('a file that .dockerignore holds back',
        "FROM debian:bookworm-slim\nCOPY LICENSE /src/\n",
        'there is no LICENSE');

mistake('a command that fails',
        "FROM debian:bookworm-slim\nWORKDIR /src\nRUN true && false\n",
        'RUN failed: false');

mistake('a package that does not exist',
        "FROM debian:bookworm-slim\n"
        . "RUN apt-get update && apt-get install -y libjwt-nothing\n",
        'there is no package libjwt-nothing');

# the module as it was built above, in an image that lacks a package

mistake('a library without its package', <<END, 'needs libj[a-z]+\.so');
FROM debian:bookworm-slim AS build
WORKDIR /src
RUN cp ${\ relative("$scratch/steps/0/src/build")}/*.so .
FROM debian:bookworm-slim
RUN apt-get install -y nginx
COPY --from=build /src/ngx_http_messaging_module.so /usr/lib/nginx/modules/
CMD ["nginx"]
END


# from the directory of the first stage of another run in $scratch

sub relative {
    my ($path) = @_;

    $path =~ s{^\Q$scratch\E/}{../../../};

    return $path;
}


print "1..$number\n";
