
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Fuzz::Server;

# The nginx and the Redis that are fuzzed, and what befalls them meanwhile.

use strict;
use warnings;

use File::Path qw( make_path );
use IO::Socket::INET;
use IO::Socket::UNIX;
use JSON::PP ();
use Time::HiRes qw( sleep );

use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Process;
use Test::Nginx::WebSocket::Fuzz::Input;

my $Bad = qr/\[(?:alert|emerg)\]|Sanitizer|runtime\ error:
             |exited\ on\ signal|Assertion\ .*\ failed/x;

my $Process = 'Test::Nginx::WebSocket::Process';
my $Input = 'Test::Nginx::WebSocket::Fuzz::Input';

sub now { return Test::Nginx::WebSocket::Process::now() }

# root, dir, socket_dir, binary, module, workers, mode, debug, embedded
sub new {
    my ($class, %arg) = @_;
    my $self = bless {%arg, out => '', count => {}}, $class;

    make_path(map { "$arg{dir}/$_" } qw( conf logs keys ));
    # the path of a socket is short
    $self->{socket} = "$arg{socket_dir}/redis.sock";
    $Test::Nginx::WebSocket::JWT::Dir = "$arg{dir}/keys";
    Test::Nginx::WebSocket::JWT::make_file($_)
        for qw( cert.pem rsa.pub.pem ec256.pub.pem ed25519.jwks.json );
    return $self;
}

# tokens of the other algorithms, which take openssl a while
sub mint {
    my %specs = (
        rs256  => 'key=rsa', ps384 => 'key=rsa alg=PS384',
        es256  => 'key=ec256', eddsa => 'key=ed25519 kid=ed25519',
        bad_rs => 'key=rsa forge=flip', bad_es => 'key=ec256 forge=zero',
        bad_confusion => 'key=rsa forge=confusion',
        bad_confusion_es => 'key=ec256 forge=confusion',
        bad_other => 'key=rsa-other', bad_junk => 'key=hs forge=junk',
        bad_spare => 'key=hs forge=spare', bad_swap => 'key=hs forge=swap',
    );

    for my $name (sort keys %specs) {
        $Test::Nginx::WebSocket::Fuzz::Input::Tokens{$name} =
            Test::Nginx::WebSocket::JWT::mint(
                '{"user_id":2,"name":"Bob","exp":"+7200"} ' . $specs{$name});
    }
}

# free now, chosen by the kernel
sub free_port {
    my $socket = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1)
        or die "no free port: $!\n";
    return $socket->sockport;
}


# the configuration; what a reload may change comes from rand()

sub write_conf {
    my ($self) = @_;
    my $keys = "$self->{dir}/keys";
    my $secret = Test::Nginx::WebSocket::JWT::SECRET;
    my $pick = $Input->can('pick');
    my $user = $> ? '' : "user root;\n";
    my $level = $self->{debug} ? 'debug' : 'info';
    my $queued = $pick->('1m', '4m', '128m');
    my $most = $pick->(0, 0, 300, 100);
    my $bits = $pick->(9, 12, 15);
    my $relay = $self->{embedded} ? ''
        : "messaging_redis unix:$self->{socket};\n    messaging_prefix "
          . "$Test::Nginx::WebSocket::Fuzz::Input::Prefix;";

    my $tight = <<"EOC";
            messaging_max_message 1k;
            messaging_max_content 50;
            messaging_max_fragments 4;
            messaging_max_subscriptions 3;
            messaging_max_pongs 2;
            messaging_send_buffer 4k;
            messaging_rate 20r/s burst=10;
            messaging_typing_rate 1r/s burst=2;
            messaging_typing_timeout 200ms;
            messaging_ping_interval 300ms;
            messaging_ping_timeout 300ms;
            messaging_close_timeout 300ms;
            messaging_user_connections 5;
            messaging_address_connections 6;
            messaging_refuse_delay on;
EOC

    spew("$self->{dir}/conf/nginx.conf", <<"EOC");
load_module $self->{module};
${user}daemon off;
worker_processes $self->{workers};
worker_shutdown_timeout 20s;
error_log $self->{dir}/logs/error.log $level;
pid $self->{dir}/logs/nginx.pid;

events {
    worker_connections 2048;
}

http {
    log_format fuzz '\$status "\$request" "\$http_referer" '
        '\$messaging_request_uri \$messaging_user '
        '\$messaging_conversation \$messaging_close_code '
        '\$messaging_received \$messaging_sent';
    access_log $self->{dir}/logs/access.log fuzz buffer=64k flush=1s;

    client_header_timeout 3s;
    keepalive_timeout 1s;
    map_hash_bucket_size 128;

    $relay
    messaging_drain 1s;
    messaging_max_connections $most;
    messaging_max_queued $queued;
    messaging_deflate_min_length 16;
    messaging_deflate_comp_level @{[$pick->(1, 6, 9)]};

    messaging_refuse_delay off;
    messaging_rate off;
    messaging_typing_rate off;
    messaging_send_buffer 64k;
    messaging_ping_interval 2s;
    messaging_ping_timeout 2s;
    messaging_typing_timeout 500ms;
    messaging_close_timeout 1s;
    messaging_detach @{[$pick->(qw( on off ))]};

    server {
        listen 127.0.0.1:$self->{ports}{plain};
        listen 127.0.0.1:$self->{ports}{narrow} sndbuf=4k;
        listen 127.0.0.1:$self->{ports}{tls} ssl;
        ssl_certificate $keys/cert.pem;
        ssl_certificate_key $keys/cert.key;

        messaging_jwt_key HS256 data:$secret;
        messaging_access any;

        location ~ ^/ws/messaging/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_conversation \$id;
        }

        location = /ws/messaging/ {
            messaging on;
        }

        location = /ws/notifications/ {
            messaging on;
            messaging_channel user:\$messaging_user;
        }

        location = /ws/any {
            messaging on;
            messaging_channel \$arg_c;
        }

        location ~ ^/tight/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_conversation \$id;
$tight        }

        location = /tight/ {
            messaging on;
$tight        }

        location ~ ^/http/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_reject http;
            messaging_jwt_from header;
            messaging_conversation \$id;
            messaging_rate 50r/s burst=20;
        }

        location ~ ^/cookie/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_jwt_from cookie=token;
            messaging_conversation \$id;
        }

        location ~ ^/subprotocol/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_jwt_from subprotocol cookie=token header query=token;
            messaging_conversation \$id;
        }

        location ~ ^/claim/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_access claim=rooms;
            messaging_conversation \$id;
            messaging_refuse_delay on;
        }

        location ~ ^/keys/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_jwt_key RS256 $keys/rsa.pub.pem;
            messaging_jwt_key PS384 $keys/rsa.pub.pem;
            messaging_jwt_key ES256 $keys/ec256.pub.pem;
            messaging_jwt_jwks $keys/ed25519.jwks.json;
            messaging_conversation \$id;
        }

        location ~ ^/deflate/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_deflate_context_takeover on;
            messaging_deflate_window_bits $bits;
            messaging_conversation \$id;
        }

        location = /deflate/ {
            messaging on;
            messaging_deflate_context_takeover @{[$pick->(qw( client server
                                                              off ))]};
        }

        location ~ ^/deflate9/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_deflate_window_bits 9;
            messaging_max_message 2k;
            messaging_conversation \$id;
        }

        location ~ ^/control/(?<id>[^/]+)/\$ {
            messaging on;
            messaging_conversation \$id;
            messaging_send_buffer 256k;
            messaging_ping_interval 1s;
            messaging_ping_timeout 30s;
            messaging_close_timeout 5s;
        }

        location = /publish {
            messaging_publish on;
            messaging_conversation \$arg_to;
            keepalive_requests 1000;
            allow all;
        }

        location = /publish/channel {
            messaging_publish on;
            messaging_channel \$arg_to;
            keepalive_requests 1000;
            allow all;
        }

        location = /status {
            messaging_status on;
        }
    }
}
EOC
}

sub spew { Test::Nginx::WebSocket::JWT::spew(@_) }

sub start {
    my ($self) = @_;

    $self->start_redis if !$self->{embedded};

    # another program may be given the port that was free
    for (1 .. 5) {
        $self->{ports} = {map { $_ => free_port() } qw( plain tls narrow )};
        $self->write_conf;
        $self->start_nginx and return;
    }
    die "nginx does not start, see $self->{dir}/logs\n";
}

sub start_redis {
    my ($self) = @_;

    unlink $self->{socket};
    $self->{redis} = $Process->can('spawn')->(sub {
        exec 'redis-server', '--port', 0, '--unixsocket', $self->{socket},
            '--unixsocketperm', 777, '--dir', $self->{dir}, '--save', '',
            '--appendonly', 'no', '--logfile', "$self->{dir}/logs/redis.log";
    });
    wait_for(sub { -S $self->{socket} }, 10) or die "no redis-server\n";
}

sub start_nginx {
    my ($self) = @_;
    my $log = "$self->{dir}/logs/sanitizer";

    # what is freed is written over
    local $ENV{MALLOC_PERTURB_} = 165;
    local $ENV{ASAN_OPTIONS} = 'detect_odr_violation=0,detect_leaks='
                               . ($self->{mode} eq 'asan' ? 1 : 0)
                               . ",log_path=$log";
    local $ENV{LSAN_OPTIONS} = 'print_suppressions=0,suppressions='
                               . "$self->{root}/t/util/lsan.suppress";
    local $ENV{UBSAN_OPTIONS} = "print_stacktrace=1,log_path=$log";

    delete $ENV{MALLOC_PERTURB_} if $self->{mode} eq 'asan';
    $self->{nginx} = $Process->can('spawn')->(sub {
        open STDERR, '>>', "$self->{dir}/logs/stderr";
        exec $self->{binary}, '-p', "$self->{dir}/", '-c',
            "$self->{dir}/conf/nginx.conf", '-e',
            "$self->{dir}/logs/error.log";
    });
    return wait_for(sub {
        return 0 if !$Process->can('alive')->($self->{nginx});
        return scalar $self->children == $self->{workers}
               && eval { $self->status };
    }, 20);
}

sub children {
    my ($self) = @_;
    return my @all = $Process->can('children')->($self->{nginx});
}

sub alive { return $Process->can('alive')->($_[0]{nginx}) }

sub wait_for {
    my ($condition, $timeout) = @_;
    my $end = now() + $timeout;

    while (!$condition->()) {
        return 0 if now() > $end;
        sleep 0.02;
    }
    return 1;
}

# the status, as a hash
sub status {
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(
        PeerAddr => "127.0.0.1:$self->{ports}{plain}", Timeout => 10)
        or die "cannot connect: $!\n";

    local $SIG{ALRM} = sub { die "no answer\n" };
    alarm 15;
    print $socket "GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n";
    my $text = do { local $/; readline $socket };
    alarm 0;
    ($text // '') =~ /\r\n\r\n(\{.*\})/s or die "no status\n";
    return JSON::PP::decode_json($1);
}


# what befalls them

sub reload {
    my ($self) = @_;
    return if $self->children > 4 * $self->{workers};
    $self->write_conf;
    kill 'HUP', $self->{nginx};
    $self->{count}{reloads}++;
}

sub kill_redis {
    my ($self) = @_;
    kill 'KILL', $self->{redis};
    waitpid $self->{redis}, 0;
    delete $self->{link};
    $self->{count}{redis_kills}++;
}

# sends a command and does not care for the answer
sub redis {
    my ($self, @words) = @_;

    $self->tell(sub { IO::Socket::UNIX->new(Peer => $self->{socket}) },
                join '', '*' . @words . "\r\n",
                map { '$' . length($_) . "\r\n$_\r\n" } @words);
}

sub post {
    my ($self, $channel, $payload) = @_;
    my $path = $channel =~ /:/ ? '/publish/channel' : '/publish';
    my $type = $Input->can('chance')->(0.05) ? 'text/plain'
                                              : 'application/json';

    $self->tell(
        sub { IO::Socket::INET->new(
                  PeerAddr => "127.0.0.1:$self->{ports}{plain}") },
        "POST $path?to=$channel HTTP/1.1\r\nHost: localhost\r\n"
        . "Content-Type: $type\r\nContent-Length: " . length($payload)
        . "\r\n\r\n$payload");
}

# on one connection, until it ends or nothing leaves by it any more
sub tell {
    my ($self, $connect, $bytes) = @_;

    if (!$self->{link}) {
        $self->{link} = $connect->() or return;
        $self->{link}->blocking(0);
        $self->{out} = '';
    }
    $self->{out} .= $bytes;

    my $got;
    1 while $got = sysread $self->{link}, my $answer, 65536;
    if (defined $got) {
        delete $self->{link};
        return;
    }
    my $n = syswrite $self->{link}, $self->{out};
    if (defined $n) {
        substr $self->{out}, 0, $n, '';

    } elsif (!$!{EAGAIN}) {
        delete $self->{link};
    }
    delete $self->{link} if length $self->{out} > 1 << 20;
}

sub publish {
    my ($self) = @_;
    my ($channel, $payload) = $Input->can('payload')->();

    if ($self->{embedded}) {
        my $prefix = $Test::Nginx::WebSocket::Fuzz::Input::Prefix;
        $self->post($channel =~ s/\A\Q$prefix\E//r, $payload);

    } else {
        $self->redis('PUBLISH', $channel, $payload);
    }
    $self->{count}{published}++;
}

sub kill_links {
    my ($self) = @_;
    $self->redis('CLIENT', 'KILL', 'TYPE', $Input->can('pick')->(qw( normal
                 pubsub )), 'SKIPME', 'yes');
    $self->{count}{kills}++;
}


# for a part of a second
sub stop_worker {
    my ($self) = @_;
    my @pids = sort { $a <=> $b } $self->children or return;
    my $pid = $pids[rand @pids];

    kill 'STOP', $pid;
    push @{$self->{stopped}}, [now() + 0.1 + rand 0.9, $pid];
    $self->{count}{stops}++;
}

# those whose time has come, or all
sub go_on {
    my ($self, $now) = @_;
    my @stopped = @{$self->{stopped} // []};

    $self->{stopped} = [grep { defined $now && $_->[0] > $now } @stopped];
    kill 'CONT', map { $_->[1] }
                 grep { !defined $now || $_->[0] <= $now } @stopped;
}


# the end

# gauges that are not what they have to be when nobody is there
sub leftovers {
    my ($self) = @_;
    my $status = eval { $self->status } or return "no status: $@";
    $self->{status} = $status;
    my @left;

    for my $gauge (qw( connections subscriptions channels queued_bytes )) {
        push @left, "$gauge $status->{$gauge}"
            if !defined $status->{$gauge} || $status->{$gauge} != 0;
    }
    push @left, "workers $status->{workers}"
        if $status->{workers} != $self->{workers};
    push @left, 'processes ' . $self->children
        if $self->children != $self->{workers};
    return "@left";
}

sub stop {
    my ($self) = @_;
    my $ok = 1;

    $self->go_on;
    $ok = $Process->can('finish')->($self->{nginx}, 'QUIT', 30)
        if $self->{nginx};
    $Process->can('finish')->($self->{redis}, 'TERM', 10) if $self->{redis};
    return $ok;
}

# lines of the log and reports that must not be
sub findings {
    my ($self) = @_;
    my @found;

    for my $name (qw( error.log access.log stderr )) {
        open my $in, '<:raw', "$self->{dir}/logs/$name" or next;
        while (my $line = readline $in) {
            chomp $line;
            push @found, substr $line, 0, 300
                if $line =~ $Bad && $name ne 'access.log';

            # nginx's own of requests that it refuses before any module sees
            # them are beyond reach; what stands in front of the "?" is no
            # argument but the name of a file
            (my $logged = $line) =~ s/\bopen\(\) ".*?" failed//;

            push @found, "a token in $name: " . substr $line, 0, 300
                if $logged =~ /[?&]token=eyJ/
                   && ($line =~ / messaging / || $line !~ /\[(?:info|debug)\]/)
                   && $line !~ / while reading client request (?:headers|line),/;
        }
    }
    for my $file (glob "$self->{dir}/logs/sanitizer*") {
        push @found, "$file:\n" . Test::Nginx::WebSocket::JWT::slurp($file)
            if -s $file;
    }
    return @found;
}

1;
