# "make run", as a newcomer uses it: the page and its tokens, two people who
# chat, the line to push from a shell, Ctrl-C, and once more.
#
# needs: stock nginx

use strict;
use warnings;

use lib 't/lib';

BEGIN { $ENV{TEST_NGINX_MODULE} = 'none' }

use Test::More 'no_plan';

use Test::Nginx::WebSocket;
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

sub left {
    return grep { (readlink("$_/cwd") // '') =~ m{/build/\Q$name\E} }
           glob '/proc/[0-9]*';
}

sub get {
    my ($path) = @_;
    my $socket = IO::Socket::INET->new("127.0.0.1:$port")
        or die "cannot connect: $!\n";
    print $socket "GET $path HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n";
    local $/;
    return readline $socket;
}

END { system 'rm', '-rf', "build/$name", "build/.lock-$name" }

my ($pid, $out) = start(PORT => $port, RUN_NAME => $name);
my $text = read_until($out, qr/Ctrl-C/);

like($text, qr{http://127\.0\.0\.1:$port/ }, 'the URL is printed');

my $page = get('/');
like($page, qr/\AHTTP\S+ 200 /, 'there is a page');
unlike($page, qr{(?:src|href)="(?:https?:)?//}, 'no external asset');
like($page, qr/Content-Security-Policy: default-src 'none'/,
     'and no other could be loaded');

my ($ann, $bob) = get('/config.js') =~ /token: "([\w.-]+)"/g;
ok(defined $bob && $ann ne $bob, 'a token for each');

my ($push) = $text =~ /^ +(redis-cli .*)$/m;
ok(defined $push, 'a line to push with');

scenario(<<'EOS', 'two people', ann => $ann, bob => $bob);
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

# pushed again and again until somebody is there
my $pusher = Test::Nginx::WebSocket::Process::spawn(sub {
    select undef, undef, undef, 0.05 while qx{$push} < 1;
});

scenario(<<'EOS', 'pushed', ann => $ann);
ann:   connect_retry /ws/messaging/1/?token=$ann
ann:   recv {"type":"new_message","message":{"content":"Hello from Redis","...":0}}
EOS

waitpid $pusher, 0;

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

($pid, $out) = start(PORT => $port, RUN_NAME => $name);
like(read_until($out, qr/Ctrl-C/), qr{http://127\.0\.0\.1:$port/ },
     'it runs a second time');
isnt((get('/config.js') =~ /token: "([\w.-]+)"/)[0], $ann,
     'with new tokens');

($ann) = get('/config.js') =~ /token: "([\w.-]+)"/;
scenario(<<'EOS', 'page', ann => $ann);
ann:   connect_retry /ws/messaging/1/?token=$ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
EOS

like(finish($pid, $out, 'TERM'), qr/^stopped$/m, 'TERM stops it as well');
is(join(' ', left()), '', 'and all that it started');
