# What the build leaves behind, and what it says where something is missing.
#
# needs: stock nginx

use strict;
use warnings;

use Cwd qw( abs_path getcwd );
use File::Path qw( make_path );
use File::Temp ();
use Test::More 'no_plan';

my $root = getcwd();
my $module = $ENV{TEST_NGINX_MODULE}
             // "$root/build/ngx_http_messaging_module.so";
my $dir = File::Temp::tempdir(CLEANUP => 1);

sub run {
    my (@command) = @_;
    my $pid = open my $out, '-|';

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        delete @ENV{qw( MAKEFLAGS MAKELEVEL MFLAGS )};
        exec @command or die "$command[0]: $!\n";
    }

    local $/;
    my $text = readline($out) // '';
    close $out;

    return wantarray ? ($text, $? >> 8) : $text;
}

sub spew {
    my ($file, $text) = @_;
    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out;
}

# symbols
my @exported = run('nm', '-D', '--defined-only', $module) =~ /^\w+ \w (\S+)$/gm;
is_deeply([sort @exported],
          [sort qw( ngx_http_messaging_module ngx_modules ngx_module_names
                    ngx_module_order )],
          'nothing is exported but what nginx looks for');

my $undefined = run('nm', '-D', '--undefined-only', $module);
unlike($undefined, qr/redis/i, 'hiredis is inside');
like($undefined, qr/\bngx_ssl_free_buffer\b/, 'the code for TLS is compiled in');

my $libraries = run('ldd', $module);
unlike($libraries, qr/hiredis/, 'and not loaded');
like($libraries, qr/$_/, "$_ is") for qw( libjansson libjwt libcrypto libz );

# missing packages: headers that cannot be used stand in for those that are
# not there
make_path("$dir/include/hiredis");
spew("$dir/include/$_", "#error missing\n")
    for qw( jansson.h jwt.h hiredis/hiredis.h zlib.h );

my $configure = <<'EOS';
. /usr/share/nginx/src/conf_flags
cd /usr/share/nginx/src
./configure "${NGX_CONF_FLAGS[@]}" --with-cc-opt="-I$1/include" \
    --add-dynamic-module="$2" --builddir="$1/objs"
EOS

my ($text, $status) = run('bash', '-c', $configure, 'configure', $dir, $root);

isnt($status, 0, 'a missing package ends configure');
my $packages = 'libjansson-dev libjwt-dev libhiredis-dev zlib1g-dev';
like($text, qr/^ +$packages$/m,
     'one message names all of them');
like($text, qr/apt-get install $packages$/m,
     'and how to get them');
like($text, qr{\Q$dir\E/objs/autoconf\.err}, 'and where the details are');

# targets
my $help = run('make', '-s', 'help');
like($help, qr/\bmake $_\b/, "make help: $_")
    for qw( run test test-client check bench install clean );

make_path("$dir/root");
($text, $status) = run('make', '-s', 'install', "DESTDIR=$dir/root");
is($status, 0, 'make install') or diag($text);

my ($modules) = run('nginx', '-V') =~ /--modules-path=(\S+)/;
my $installed = "$dir/root$modules/ngx_http_messaging_module.so";
ok(-s $installed, 'the module is where nginx looks for modules');

spew("$dir/nginx.conf", <<"EOS");
load_module $installed;
pid $dir/nginx.pid;
events {}
http {
    access_log off;
    messaging_redis redis://127.0.0.1;
    messaging_jwt_key HS256 data:0123456789abcdef0123456789abcdef;
    messaging_access any;
    server { location / { messaging on; } }
}
EOS

($text, $status) = run('nginx', '-t', '-c', "$dir/nginx.conf");
is($status, 0, 'and can be loaded from there') or diag($text);

($text, $status) = run('t/util/build', '--help');
like($text, qr/\bNGINX_SRC\b/, 'another source tree can be named');
