
# Copyright (C) The ngx_http_messaging_module authors

# Each conf.d/*.conf: nginx accepts it, and clients get in and are kept out as
# its comments say.  Keys and certificates are made where the file wants them;
# only log paths, ports and the address of Redis are changed.

use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(hmac_sha256);
use File::Basename qw(basename dirname);
use File::Path qw(make_path);
use File::Temp qw(tempdir);
use IO::Socket::INET;
use IO::Socket::SSL;
use IO::Socket::UNIX;
use JSON::PP;
use MIME::Base64 qw(decode_base64 encode_base64url);
use POSIX qw(:sys_wait_h);
use Time::HiRes qw(sleep time);

my $root = dirname(dirname(abs_path(__FILE__)));
my $nginx = $ENV{TEST_NGINX_BINARY} || 'nginx';
my $module = $ENV{TEST_NGINX_MODULE}
             || "$root/build/ngx_http_messaging_module.so";
my $port = $ENV{TEST_NGINX_SERVER_PORT} || free_port();
my $servroot = $ENV{TEST_NGINX_SERVROOT} || tempdir(CLEANUP => 1);

my $timeout = 20;
my $number = 0;
my $test_pid = $$;
my %children;

# the path of a socket must be short
my $redis = tempdir(CLEANUP => 1) . '/redis.sock';

$ENV{PATH} .= ':/usr/local/sbin:/usr/sbin:/sbin';
$SIG{PIPE} = 'IGNORE';
$| = 1;


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


sub read_file {
    my ($path) = @_;

    open my $fh, '<', $path or die "$path: $!\n";
    local $/;
    my $text = <$fh>;
    close $fh;

    return $text;
}


sub write_file {
    my ($path, $text) = @_;

    open my $fh, '>', $path or die "$path: $!\n";
    print $fh $text;
    close $fh or die "$path: $!\n";
}


sub run {
    my @command = @_;

    my $pid = open my $out, '-|';

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        open STDERR, '>&', \*STDOUT;
        exec @command or die "$command[0]: $!\n";
    }

    local $/;
    my $text = <$out>;

    close $out;

    return ($?, $text);
}


sub must_run {
    my ($status, $text) = run(@_);

    die "@_: $text\n" if $status;

    return $text;
}


# processes

sub start {
    my ($output, @command) = @_;

    my $pid = fork;

    die "fork: $!\n" if !defined $pid;

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $output;
        open STDERR, '>&', \*STDOUT;
        exec @command or POSIX::_exit(127);
    }

    $children{$pid} = 1;

    return $pid;
}


sub stop {
    my ($pid, @signals) = @_;

    return if !delete $children{$pid};

    for my $signal (@signals, 'KILL') {
        kill $signal, $pid;

        for (my $end = time + 10; time < $end; sleep 0.05) {
            return $? if waitpid($pid, WNOHANG) == $pid;
        }
    }
}


END {
    if ($$ == $test_pid) {
        my $status = $?;

        stop($_, 'TERM') for keys %children;
        $? = $status;
    }
}


sub await {
    my ($what, $pid, $test) = @_;

    for (my $end = time + $timeout; time < $end; sleep 0.05) {
        return 1 if $test->();

        if (waitpid($pid, WNOHANG) == $pid) {
            delete $children{$pid};
            last;
        }
    }

    print STDERR "# $what did not come up\n";

    return 0;
}


# for a run of this file by hand

sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no free port: $!\n";

    return $socket->sockport;
}


# Redis

sub redis_connect {
    return IO::Socket::UNIX->new(Type => SOCK_STREAM, Peer => $redis);
}


sub redis_publish {
    my ($channel, $payload) = @_;

    my $socket = redis_connect() or die "Redis: $!\n";

    print $socket join '', "*3\r\n",
        map { '$' . length($_) . "\r\n$_\r\n" } 'PUBLISH', $channel, $payload;
    $socket->flush;

    my $reply = <$socket>;

    close $socket;

    return $reply =~ /^:(\d+)/ ? $1 : -1;
}


# tokens

my %private;

sub jwt {
    my ($alg, $key, %claims) = @_;

    my %header = (typ => 'JWT', alg => $alg);

    $header{kid} = $alg if $alg ne 'HS256';
    $claims{exp} //= int(time) + 600;

    my $text = join '.', map { encode_base64url(encode_json($_)) }
        \%header, \%claims;

    return $text . '.' . encode_base64url(signature($alg, $key, $text));
}


sub signature {
    my ($alg, $key, $text) = @_;

    return hmac_sha256($text, $key) if $alg eq 'HS256';

    write_file("$servroot/text", $text);

    my $signature = must_run(qw(openssl dgst -sha256 -sign), $key,
                             "$servroot/text");

    return $signature if $alg eq 'RS256';

    # a sequence of two integers becomes two numbers of 32 bytes

    my ($r, $s) = unpack 'x2 xC/a xC/a', $signature;

    return join '', map { substr "\0" x 32 . $_, -32 } $r, $s;
}


sub make_jwks {
    my ($path) = @_;

    my ($rsa, $ec) = ("$servroot/rs256.pem", "$servroot/es256.pem");

    must_run(qw(openssl genpkey -quiet -algorithm RSA
                -pkeyopt rsa_keygen_bits:2048 -out), $rsa);
    must_run(qw(openssl genpkey -quiet -algorithm EC
                -pkeyopt ec_paramgen_curve:P-256 -out), $ec);

    my ($modulus) = must_run(qw(openssl rsa -noout -modulus -in), $rsa)
                    =~ /Modulus=([0-9A-F]+)/;

    # the point is at the end of the key: 4, x, y

    my $pem = must_run(qw(openssl pkey -pubout -in), $ec);
    $pem =~ s/-----[^-]*-----//g;
    my ($x, $y) = unpack 'a32 a32', substr decode_base64($pem), -64;

    write_file($path, encode_json({ keys => [
        { kty => 'RSA', kid => 'RS256', alg => 'RS256', use => 'sig',
          n => encode_base64url(pack 'H*', $modulus),
          e => encode_base64url("\1\0\1") },
        { kty => 'EC', kid => 'ES256', alg => 'ES256', use => 'sig',
          crv => 'P-256', x => encode_base64url($x),
          y => encode_base64url($y) },
    ] }));

    %private = (RS256 => $rsa, ES256 => $ec);
}


# a file of the tree, in a directory where nginx can run it

sub prepare {
    my ($conf, $with_redis) = @_;

    my $name = basename($conf, '.conf');
    my $dir = "$servroot/$name" . ($with_redis ? '-redis' : '');
    my $text = read_file($conf);

    make_path("$dir/logs", "$dir/modules");
    symlink $module, "$dir/modules/" . basename($module)
        or die "$dir/modules: $!\n";

    $private{HS256} = 'secret of ' . $name . ' ' . 'x' x 32;

    for my $key ($text =~ /^\s*messaging_jwt_key HS256 (\S+);/mg) {
        write_file("$dir/$key", "$private{HS256}\n");
    }

    for my $jwks ($text =~ /^\s*messaging_jwt_jwks (\S+);/mg) {
        make_jwks("$dir/$jwks");
    }

    if ($text =~ /^\s*ssl_certificate (\S+);/m) {
        my ($crt) = $1;
        my ($key) = $text =~ /^\s*ssl_certificate_key (\S+);/m;

        must_run(qw(openssl req -x509 -newkey rsa:2048 -nodes -batch -days 2
                    -subj /CN=chat.example.com
                    -addext subjectAltName=DNS:chat.example.com),
                 '-keyout', "$dir/$key", '-out', "$dir/$crt");
    }

    my $listens = $text =~ s/^(\s*listen )\d+/${1}127.0.0.1:$port/mg;
    my $logs = $text =~ s{/var/log/nginx/}{logs/}g;
    my $redises = $text =~ s/^(\s*#?messaging_redis )[^;]+/${1}unix:$redis/mg;

    ok($listens == 1 && $logs == 2 && $redises == 1,
       "$name.conf: has the lines that are changed here");

    $text =~ s/^(\s*)#(messaging_redis )/$1$2/mg if $with_redis;

    write_file("$dir/nginx.conf", $text);

    return $dir;
}


# nginx in the foreground; as root its workers must reach Redis

sub nginx {
    my ($dir) = @_;

    my $globals = 'daemon off; pid nginx.pid;';

    $globals .= ' user root root;' if $> == 0;

    return ($nginx, '-p', "$dir/", '-c', "$dir/nginx.conf",
            '-e', 'stderr', '-g', $globals);
}


# clients

sub tcp {
    my ($tls) = @_;

    my %peer = (PeerAddr => '127.0.0.1', PeerPort => $port,
                Timeout => $timeout);

    return IO::Socket::INET->new(%peer) if !$tls;

    return IO::Socket::SSL->new(%peer, SSL_ca_file => $tls,
                                SSL_hostname => 'chat.example.com',
                                SSL_verifycn_name => 'chat.example.com');
}


sub read_bytes {
    my ($socket, $n) = @_;

    my $bytes = '';

    local $SIG{ALRM} = sub { die "no answer in $timeout s\n" };
    alarm $timeout;

    while (length $bytes < $n) {
        last if !sysread $socket, $bytes, $n - length $bytes, length $bytes;
    }

    alarm 0;

    return $bytes;
}


# the head of the answer

sub read_answer {
    my ($socket, $request) = @_;

    my $head = '';

    syswrite $socket, $request;

    while ($head !~ /\r\n\r\n\z/) {
        my $byte = read_bytes($socket, 1);

        last if $byte eq '';
        $head .= $byte;
    }

    return $head;
}


# a request; the status, the head, and the connection

sub request {
    my ($tls, $path, @headers) = @_;

    my $socket = tcp($tls) or die "cannot connect: $!\n";
    my $head = read_answer($socket, join "\r\n", "GET $path HTTP/1.1",
        'Host: chat.example.com', @headers, '', '');

    my ($status) = $head =~ m{^HTTP/1\.1 (\d+)};

    return ($status // 0, $head, $socket);
}


sub upgrade {
    my ($tls, $path, @headers) = @_;

    return request($tls, $path, 'Upgrade: websocket', 'Connection: Upgrade',
                   'Sec-WebSocket-Version: 13',
                   'Sec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==', @headers);
}


sub publish {
    my ($path, $frame) = @_;

    my $socket = tcp('') or die "cannot connect: $!\n";
    my $head = read_answer($socket, join "\r\n", "POST $path HTTP/1.1",
        'Host: chat.example.com', 'Content-Type: application/json',
        'Content-Length: ' . length $frame, '', $frame);

    return $head =~ m{^HTTP/1\.1 (\d+)} ? $1 : 0;
}


# the next frame that is no ping: "text ..." or "close CODE"

sub receive {
    my ($socket) = @_;

    for ( ;; ) {
        my $header = read_bytes($socket, 2);

        return 'end' if length $header < 2;

        my ($first, $length) = unpack 'CC', $header;

        $length = unpack 'n', read_bytes($socket, 2) if $length == 126;

        my $payload = $length ? read_bytes($socket, $length) : '';

        next if $first == 0x89;

        return "text $payload" if $first == 0x81;
        return 'close ' . unpack 'n', $payload if $first == 0x88;
        return sprintf 'frame 0x%02x', $first;
    }
}


sub transmit {
    my ($socket, $text) = @_;

    syswrite $socket, pack('CCN', 0x81, 0x80 | length $text, 0) . $text;
}


# what a client meets: "pong", "close CODE" or "status CODE"

sub outcome {
    my ($tls, $path, @headers) = @_;

    my ($status, undef, $socket) = upgrade($tls, $path, @headers);

    return "status $status" if $status != 101;

    transmit($socket, '{"type":"ping"}');

    my $answer = receive($socket);

    close $socket;

    return $answer =~ /^text \{"type":"pong"/ ? 'pong' : $answer;
}


sub meets {
    my ($expected, $name, @args) = @_;

    my $got;

    # Redis may not have been reached yet

    for (my $end = time + $timeout; time < $end; sleep 0.1) {
        $got = outcome(@args);
        last if $got ne 'close 1013';
    }

    ok($got eq $expected, "$name: $expected", "got: $got");
}


# one per file: what its comments promise

my %tests = (
    minimal => sub {
        my ($dir) = @_;

        my $broker = $dir =~ /-redis\z/ ? 'redis' : 'embedded';
        my $token = jwt('HS256', $private{HS256}, user_id => 1);
        my $forged = jwt('HS256', 'y' x 32, user_id => 1);

        meets('pong', 'minimal: a conversation', '',
              "/ws/messaging/42/?token=$token");
        meets('pong', 'minimal: many conversations', '',
              "/ws/messaging/?token=$token");
        meets('close 4001', 'minimal: a forged token', '',
              "/ws/messaging/42/?token=$forged");
        meets('status 404', 'minimal: no conversation', '',
              "/ws/messaging/4:2/?token=$token");

        my ($status, undef, $socket) = request('', '/status',
                                               'Connection: close');
        my $body = read_bytes($socket, 65536);

        ok($status == 200 && eval { decode_json($body) },
           'minimal: the counters are JSON', $status, $body);
        ok($body =~ /"broker":\{"kind":"\Q$broker\E"/,
           "minimal: the broker is $broker", $body);

        ($status, undef, $socket) = upgrade('',
            "/ws/messaging/42/?token=$token");

        my ($posted) = publish('/publish/42', '{"type":"notice"}');
        my $frame = $status == 101 ? receive($socket) : '';

        ok($posted == 202 && $frame eq 'text {"type":"notice"}',
           'minimal: what is published arrives', $posted, $frame);
    },

    tls => sub {
        my ($dir) = @_;

        my $ca = "$dir/tls.crt";
        my $token = jwt('HS256', $private{HS256}, user_id => 5,
                        conversations => [7, 42]);
        my $cookie = "Cookie: token=$token";
        my $same = 'Origin: https://chat.example.com';

        meets('pong', 'tls: a page of this host', $ca,
              '/ws/messaging/42/', $cookie, $same);
        meets('pong', 'tls: a page of the origin allowed', $ca,
              '/ws/messaging/42/', $cookie,
              'Origin: https://www.example.com');
        meets('status 403', 'tls: a page of another origin', $ca,
              '/ws/messaging/42/', $cookie,
              'Origin: https://www.example.net');
        meets('close 4003', 'tls: a conversation not in the token', $ca,
              '/ws/messaging/8/', $cookie, $same);
        meets('close 4001', 'tls: the token in the URL', $ca,
              "/ws/messaging/42/?token=$token", $same);
        meets('pong', 'tls: notifications', $ca,
              '/ws/notifications/', $cookie, $same);

        my ($status, undef, $socket) = upgrade($ca, '/ws/notifications/',
                                               $cookie, $same);

        ok($status == 101 && redis_publish('messaging:user:5',
                                           '{"type":"badge","count":3}') >= 1,
           'tls: the channel of the user is subscribed');

        my $frame = $status == 101 ? receive($socket) : '';

        ok($frame eq 'text {"type":"badge","count":3}',
           'tls: a notification arrives', $frame);
    },

    proxy => sub {
        my %claims = (user_id => 5, conversations => '*');
        my $token = jwt('HS256', $private{HS256}, %claims);
        my $path = "/ws/messaging/42/?token=$token";
        my $from = sub { return "X-Forwarded-For: 10.1.1.1, 203.0.113.$_[0]" };
        my (@open, %count);

        meets('pong', 'proxy: a client', '', $path, $from->(1));

        my ($status) = upgrade('', $path, $from->(1),
                               'Origin: https://www.example.net');

        ok($status == 403, 'proxy: a page of another origin', $status);

        # each through another address, all of one user

        for my $n (2 .. 12) {
            my ($status, undef, $socket) = upgrade('', $path, $from->($n));

            transmit($socket, '{"type":"ping"}') if $status == 101;

            my $answer = $status == 101 ? receive($socket) : "status $status";

            push @open, $socket if $answer =~ /pong/;
            $count{$answer}++ if $answer !~ /pong/;
        }

        ok(@open == 10 && keys %count == 1 && $count{'close 1013'} == 1,
           'proxy: 10 connections of a user', scalar @open, %count);
    },

    jwks => sub {
        my %claims = (iss => 'https://id.example.com', aud => 'chat',
                      sub => 'ann', conversations => [7, 'team-42']);

        for my $alg (qw(RS256 ES256)) {
            my $token = jwt($alg, $private{$alg}, %claims);

            meets('pong', "jwks: $alg in the header", '',
                  '/ws/messaging/team-42/', "Authorization: Bearer $token");
            meets('pong', "jwks: $alg as a subprotocol", '',
                  '/ws/messaging/7/', 'Sec-WebSocket-Protocol: '
                                      . "messaging.v1, bearer.$token");
        }

        my $bearer = sub {
            return 'Authorization: Bearer '
                   . jwt('ES256', $private{ES256}, %claims, @_);
        };

        my $http = '/http/messaging/7/';
        my $now = int time;

        meets('pong', 'jwks: a clock that is slow', '', $http,
              $bearer->(exp => $now - 2));
        meets('status 401', 'jwks: an expired token', '', $http,
              $bearer->(exp => $now - 60));
        meets('status 401', 'jwks: a token of another issuer', '', $http,
              $bearer->(iss => 'https://id.example.net'));
        meets('status 401', 'jwks: a token for another service', '', $http,
              $bearer->(aud => ['shop']));
        meets('status 401', 'jwks: a token without the user', '', $http,
              $bearer->(sub => undef));
        meets('pong', 'jwks: a token for all conversations', '', $http,
              $bearer->(conversations => '*'));
        meets('status 403', 'jwks: a token for others', '', $http,
              $bearer->(conversations => [70]));
    },
);


make_path($servroot);

my $redis_pid = start("$servroot/redis.log", qw(redis-server --port 0
    --unixsocketperm 700 --appendonly no --daemonize no --unixsocket), $redis,
    '--save', '');

await('Redis', $redis_pid, \&redis_connect) or die "no Redis\n";

my @files = sort glob "$root/conf.d/*.conf";

ok(@files == keys %tests, 'each file of conf.d has its tests',
   map { basename($_) } @files);

# what is without Redis has a line that adds it

for my $run (map { my $text = read_file($_);
                   $text =~ /^\s*#messaging_redis /m ? ([$_, 0], [$_, 1])
                                                      : [$_, 0] } @files)
{
    my ($file, $with_redis) = @$run;

    my $name = basename($file, '.conf');
    my $dir = prepare($file, $with_redis);
    my @command = nginx($dir);

    my ($status, $text) = run(@command, '-t');

    ok($status == 0 && $text !~ /\[(?:warn|error|crit|alert|emerg)\]/,
       "$name.conf: nginx -t", $text);

    my $pid = start("$dir/nginx.out", @command);

    next if !ok(await('nginx', $pid, sub { -s "$dir/nginx.pid" }),
                "$name.conf: nginx starts", read_file("$dir/nginx.out"));

    $tests{$name}->($dir) if $tests{$name};

    # clients have gone: there is nothing to wait for

    ok(stop($pid, 'QUIT') == 0, "$name.conf: nginx stops");

    my @bad = grep { /\[(?:alert|crit|emerg)\]|Sanitizer|runtime error:/ }
        map { split /\n/, read_file($_) }
        "$dir/logs/error.log", "$dir/nginx.out";

    ok(@bad == 0, "$name.conf: nothing bad in the log", @bad);
}

stop($redis_pid, 'TERM');

print "1..$number\n";
