# "make run", as a newcomer uses it: the page and its tokens, two people who
# chat, the lines to push from a shell, Ctrl-C; without Redis, and with one.
#
# needs: stock nginx

use strict;
use warnings;

use lib 't/lib';

BEGIN { $ENV{TEST_NGINX_MODULE} = 'none' }

use File::Temp;
use Test::More 'no_plan';

use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Process;
use Test::Nginx::WebSocket::Scenario;

my $name = "run-test-$$";
my $port = ($ENV{TEST_NGINX_SERVER_PORT} =~ /(\d+)\z/)[0] + 3;

# what the command has printed up to what is waited for, or to its end
sub read_until {
    my ($fh, $regex) = @_;
    my $text = '';

    local $SIG{ALRM} = sub { die "not printed: $regex; but:\n$text" };
    alarm 240;

    while (defined(my $line = readline $fh)) {
        $text .= $line;
        last if $line =~ $regex;
    }

    alarm 0;
    return $text;
}

sub start {
    my (%env) = @_;

    local @ENV{keys %env} = values %env;
    my $pid = open my $out, '-|';
    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        # as a terminal's: Ctrl-C reaches whoever is in the foreground
        setpgrp;
        $SIG{INT} = 'DEFAULT';
        open STDERR, '>&', \*STDOUT;
        delete @ENV{qw( MAKEFLAGS MAKELEVEL MFLAGS )};
        exec 'make', '--no-print-directory', 'run' or die "make: $!\n";
    }

    return ($pid, $out);
}

sub finish {
    my ($pid, $out, $signal) = @_;

    kill $signal, -$pid;
    my $text = read_until($out, qr/\Z./);
    close $out;
    return $text;
}

sub scenario {
    my ($text, $title, %vars) = @_;
    Test::Nginx::WebSocket::Scenario->new(port => $port, root => '.',
        workers => 1, single => 1, vars => \%vars)->run($text, $title);
}

# the processes that it has started, by their names
sub left {
    return sort map { Test::Nginx::WebSocket::JWT::slurp("$_/comm") =~ s/\n//r }
           grep { (readlink("$_/cwd") // '') =~ m{/build/\Q$name\E} }
           glob '/proc/[0-9]*';
}

# what t/util/setup would install where nothing is installed yet
sub wanted {
    my (%env) = @_;
    my $bin = File::Temp->newdir(TMPDIR => 1);

    for my $fake (['dpkg-query', 'exit 1'], ['id', 'echo 1000']) {
        Test::Nginx::WebSocket::JWT::spew("$bin/$fake->[0]",
                                          "#!/bin/sh\n$fake->[1]\n");
        chmod 0755, "$bin/$fake->[0]";
    }

    local @ENV{keys %env, 'PATH'} = (values %env, "$bin:$ENV{PATH}");
    return scalar qx{t/util/setup run 2>&1};
}

sub get {
    my ($path) = @_;
    my $socket = IO::Socket::INET->new("127.0.0.1:$port")
        or die "cannot connect: $!\n";
    print $socket "GET $path HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    local $/;
    return readline $socket;
}

delete $ENV{REDIS};
END { system 'rm', '-rf', "build/$name", "build/.lock-$name" }

unlike(wanted(), qr/ redis-/, 'no package of Redis is needed');
like(wanted(REDIS => 1), qr/ redis-server redis-tools\n.* REDIS=1 t.util.setup/,
     'but with REDIS=1');

my ($pid, $out) = start(PORT => $port, RUN_NAME => $name);
my $text = read_until($out, qr/Ctrl-C/);

like($text, qr{http://127\.0\.0\.1:$port/ }, 'the URL is printed');
unlike($text, qr/redis/i, 'and nothing of Redis');
is(join(' ', left()), 'nginx nginx nginx', 'there is no Redis');

my $page = get('/');
like($page, qr/\AHTTP\S+ 200 /, 'there is a page');
unlike($page, qr{(?:src|href)="(?:https?:)?//}, 'no external asset');
like($page, qr/Content-Security-Policy: default-src 'none'/,
     'and no other could be loaded');

# the modules of the page, and what they import
my @parts = $text =~ /^the page is the plain one: /m
            ? ('app.js')
            : ('demo.js', get('/demo.js') =~ m{from '\./(client/index\.js)'},
               get('/client/index.js') =~ m{from "\./(core-\w+\.js)"}
               ? "client/$1" : 'nothing');
like($page, qr/src="\Q$parts[0]\E"/, 'it has a script');
like(get("/$_"), qr{\AHTTP\S+ 200 .*^Content-Type: text/javascript}ms, $_)
    for @parts;
like(get('/status'), qr/"broker":\{"kind":"embedded",/, 'the zone relays');

my ($ann, $bob) = get('/config.js') =~ /token: "([\w.-]+)"/g;
ok(defined $bob && $ann ne $bob, 'a token for each');

my $two_people = <<'EOS';
ann:   connect_retry /ws/messaging/1/?token=$ann
bob:   connect_retry /ws/messaging/1/?token=$bob
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true,"name":"Ann"}
ann:   send {"type":"message","content":"hi","client_id":"1"}
bob:   recv {"type":"new_message","message":{"content":"hi","...":0},"client_id":"1"}
ann:   recv_unordered {"type":"ack","...":0} {"type":"new_message","...":0}
bob:   send {"type":"read"}
ann:   recv {"type":"read_receipt","reader_id":2,"read_at":"<time>"}
bob:   recv {"type":"read_receipt","reader_id":2,"read_at":"<time>"}
EOS

scenario($two_people, 'two people', ann => $ann, bob => $bob);

# a line that was printed: it is run when both are there
sub pushed {
    my ($line, $content, $answer, $title) = @_;
    my $count = sub { (get('/status') =~ /"published":(\d+)/)[0] };
    my $before = $count->();
    my $printed = File::Temp->new;

    my $pusher = Test::Nginx::WebSocket::Process::spawn(sub {
        select undef, undef, undef, 0.05 while $count->() == $before;
        print $printed scalar qx{$line 2> /dev/null};
        close $printed;
    });

    scenario(<<"EOS", $title, ann => $ann, bob => $bob);
ann: connect_retry /ws/messaging/1/?token=\$ann
bob: connect_retry /ws/messaging/1/?token=\$bob
ann: send {"type":"read"}
ann,bob: recv {"type":"read_receipt","...":0}
ann,bob: recv {"type":"new_message","message":{"id":"<int>", \\
    "conversation_id":1,"sender":{"id":0,"name":"Shell"}, \\
    "content":"$content","image":null,"is_read":false,"read_at":null, \\
    "created_at":"<string>"}}
EOS

    waitpid $pusher, 0;
    like(Test::Nginx::WebSocket::JWT::slurp("$printed"), $answer,
         "$title: what it prints");
}

my ($push, $more) = $text =~ /^ +((?:curl|redis-cli) .*)$/mg;
ok(defined $push && !defined $more, 'one line to push with');
pushed($push, 'Hello from a backend', qr/\A\{"id":\d+\}\n\z/, 'by curl');

my ($reload) = $text =~ /^ +(kill -HUP .*)$/m;
is(system($reload // 'false'), 0, 'a line to reload with');
Test::Nginx::WebSocket::Stream::wait_for(sub {
    2 == (() = Test::Nginx::WebSocket::JWT::slurp("build/$name/logs/error.log")
               =~ /worker process \d+ exited with code 0$/mg);
}) or die "no reload\n";
scenario($two_people, 'two people, after a reload', ann => $ann, bob => $bob);

my ($second, $other) = start(PORT => $port + 1, RUN_NAME => $name);
like(read_until($other, qr/\Z./), qr/already running in this checkout/,
     'a second one at the same time says so');
close $other;

($second, $other) = start(PORT => $port, RUN_NAME => "$name-b");
like(read_until($other, qr/\Z./), qr/port|Port|PORT/,
     'so does one on the same port');
close $other;
system 'rm', '-rf', "build/$name-b", "build/.lock-$name-b";

like(finish($pid, $out, 'INT'), qr/^stopped$/m, 'Ctrl-C stops it');
is(join(' ', left()), '', 'and all that it started');

# where Node is too old, or not there, the page is plain JavaScript
my $old = File::Temp->newdir(TMPDIR => 1);

for my $name ('node', 'npm') {
    Test::Nginx::WebSocket::JWT::spew("$old/$name", "#!/bin/sh\necho 12\n");
    chmod 0755, "$old/$name";
}

($pid, $out) = start(PORT => $port, RUN_NAME => $name,
                     PATH => "$old:$ENV{PATH}");
like(read_until($out, qr/Ctrl-C/),
     qr/^the page is the plain one: .*Node 12 is older than 18$/m,
     'an old Node: the page says that it is the plain one');
like(get('/'), qr/src="app\.js"/, 'the plain page');
like(get('/app.js'), qr{\AHTTP\S+ 200 }, 'and its script');
finish($pid, $out, 'INT');


# with Redis

($second, $other) = start(PORT => $port, RUN_NAME => $name, REDIS => 'yes');
like(read_until($other, qr/\Z./), qr/REDIS=yes: it is 1/,
     'it is one Redis, or none');
close $other;

($pid, $out) = start(PORT => $port, RUN_NAME => $name, REDIS => 1);
$text = read_until($out, qr/Ctrl-C/);

like($text, qr{http://127\.0\.0\.1:$port/ }, 'it runs a second time');
is(join(' ', left()), 'nginx nginx nginx redis-server', 'with a Redis');
like(get('/status'), qr/"broker":\{"kind":"redis",/, 'which relays');

isnt((get('/config.js') =~ /token: "([\w.-]+)"/)[0], $ann,
     'with new tokens');
($ann, $bob) = get('/config.js') =~ /token: "([\w.-]+)"/g;

scenario($two_people, 'two people, by Redis', ann => $ann, bob => $bob);

my @push = $text =~ /^ +((?:curl|redis-cli) .*)$/mg;
is(scalar @push, 2, 'two lines to push with');
pushed($push[0], 'Hello from a backend', qr/\A\{"id":\d+\}\n\z/,
       'by curl, to Redis');
pushed($push[1], 'Hello from Redis', qr/\A[12]\n\z/, 'by redis-cli');

like(finish($pid, $out, 'TERM'), qr/^stopped$/m, 'TERM stops it as well');
is(join(' ', left()), '', 'and all that it started');
