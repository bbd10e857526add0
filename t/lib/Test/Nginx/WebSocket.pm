
# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket;

# Test::Nginx::Socket extended by WebSocket scenarios, tokens and brokers: the
# sections "websocket", "jwt", "fake_redis", "redis_args", "messaging_http",
# "conf_files", "allow_log" and "not_in", described in t/README.md.  Every block, with
# or without them, also asserts that nginx logged no alert and that no
# sanitizer reported anything, while it ran and when it stopped.

use strict;
use warnings;

use Test::More ();
use File::Basename qw( dirname );
use File::Path qw( remove_tree );
use File::Spec ();
use File::Temp ();
use IO::Socket::INET;
use Scalar::Util qw( refaddr );

use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Process;

my ($Dir, $OwnServRoot, $Redis, $Fake, $Running, @Allowed, %Reported);
my $Owner;

# whatever is left, at the very end: this END runs after those of the modules
# loaded below, which stop nginx
END {
    if ($Owner && $$ == $Owner) {
        local $?;
        $_->stop for grep { defined } $Redis, $Fake;
        my $ok = Test::More->builder->is_passing;

        if ($ok || !$OwnServRoot) {
            remove_tree($OwnServRoot // (), $Dir // ());

        } else {
            print STDERR map { -e ? "# kept: $_\n" : () } $OwnServRoot, $Dir;
        }
    }
}

# before Test::Nginx::Util looks at the environment
BEGIN {
    my $root = File::Spec->rel2abs(dirname(__FILE__) . '/../../../..');

    $Owner = $$;
    Test::Nginx::WebSocket::Process::become_subreaper();
    $SIG{$_} //= sub { exit 1 } for qw( INT TERM HUP );

    $Dir = File::Temp::tempdir(TMPDIR => 1);
    chmod 0711, $Dir;
    mkdir "$Dir/keys", 0755;
    $Test::Nginx::WebSocket::JWT::Dir = "$Dir/keys";

    delete $ENV{TEST_NGINX_RANDOMIZE};      # ours are free and locked
    my $port = $ENV{TEST_NGINX_SERVER_PORT}
               //= Test::Nginx::WebSocket::Process::claim_ports();
    $OwnServRoot = $ENV{TEST_NGINX_SERVROOT}
                 = File::Spec->rel2abs("t/servroot_$port")
        unless $ENV{TEST_NGINX_SERVROOT};

    # the path of a binary that executes itself again has to be a whole one
    my $binary = $ENV{TEST_NGINX_BINARY} // 'nginx';
    ($ENV{TEST_NGINX_BINARY}) = grep { -x } map { "$_/$binary" }
                                split(/:/, $ENV{PATH}), '/usr/sbin'
        unless $binary =~ m{/};
    delete $ENV{TEST_NGINX_BINARY} unless defined $ENV{TEST_NGINX_BINARY};

    $ENV{TEST_NGINX_MODULE} //= "$root/build/ngx_http_messaging_module.so";
    $ENV{TEST_NGINX_STREAM_PORT} //= $port;
    $ENV{TEST_NGINX_TLS_PORT} = $port + 1;
    $ENV{TEST_NGINX_REDIS_PORT} = $port + 2;
    $ENV{TEST_NGINX_FAKE_PORT} = $port + 3;
    $ENV{TEST_NGINX_REDIS_SOCKET} = "$Dir/redis.sock";
    $ENV{TEST_NGINX_FAKE_SOCKET} = "$Dir/fake.sock";
    $ENV{TEST_NGINX_KEYS} = "$Dir/keys";
    $ENV{TEST_NGINX_JWT_SECRET} = Test::Nginx::WebSocket::JWT::SECRET;
}

use Test::Nginx::Socket ();
use Test::Nginx::Util;
use Test::Nginx::WebSocket::Backend;
use Test::Nginx::WebSocket::FakeRedis;
use Test::Nginx::WebSocket::Match qw( as_words );
use Test::Nginx::WebSocket::Redis;
use Test::Nginx::WebSocket::Scenario;

# TEST_NGINX_MODULE is the path of the module, empty if it is built in, "none"
# for tests that do without it
my $Module = $ENV{TEST_NGINX_MODULE};

my $Bad = qr/\[(?:alert|emerg)\]|Sanitizer|runtime\ error:
             |exited\ on\ signal|Assertion\ .*\ failed/x;

my $HttpAlways = <<'EOC';
    add_header X-Worker $pid always;
    log_format messaging '$status "$request" "$http_referer"%s';
    access_log logs/messaging.log messaging;
EOC

my $LogVariables = ' uri=$messaging_request_uri user=$messaging_user'
    . ' conversation=$messaging_conversation close=$messaging_close_code'
    . ' received=$messaging_received sent=$messaging_sent';

my $Location = <<'EOC';
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
EOC

my $Config = <<"EOC";
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/\$ {
            messaging_conversation \$conversation;
$Location        }

        location = /ws/messaging/ {
$Location        }

        location = /status {
            messaging_status on;
        }
EOC

if ($Module ne '' && $Module ne 'none' && !-e $Module) {
    die "$Module does not exist: run \"make\" first\n";
}

master_on() unless ($ENV{TEST_NGINX_MASTER_PROCESS} // 'on') eq 'off';
workers(single() ? 1 : $ENV{TEST_NGINX_WORKERS} || 2);
worker_connections(1024);

# listen on the loopback address only; the reload mode of Test::Nginx makes a
# URL of the port
server_port('127.0.0.1:' . server_port()) unless $Test::Nginx::Util::UseHup;

# how this run is unlike the usual one, by the names of t/util/test
my %Mode = (
    'master-off' => single(),
    hup          => $Test::Nginx::Util::UseHup,
    tls          => $ENV{TEST_NGINX_TLS},
    onebyte      => scalar(($ENV{TEST_NGINX_LD_PRELOAD} // '') =~ /onebyte/),
    poll         => ($Test::Nginx::Util::EventType // '') eq 'poll',
    valgrind     => $Test::Nginx::Util::UseValgrind,
    embedded     => $ENV{TEST_NGINX_EMBEDDED},
    detach       => $ENV{TEST_NGINX_DETACH},
);
my ($Zones, %Embedded, %LeftOut, %Seen) = (0);

new_reports();          # of others, before us

sub single {
    return master_process_enabled() eq 'off' && !$Test::Nginx::Util::UseHup;
}


# before a block

# blocks that make no sense in this mode are not run: no assertion is skipped
{
    no warnings 'redefine';
    my $run = \&Test::Nginx::Util::run_test;

    *Test::Nginx::Util::run_test = sub ($) {
        my ($block) = @_;
        my $why = left_out($block);

        $Seen{$block->name} = 1;
        return $run->($block) unless defined $why;
        $LeftOut{$why}++;
        Test::More::note($block->name . " - left out: $why");
    };
}

# the reason
sub left_out {
    my ($block) = @_;
    my $master = qr/^nginx:\s+(reload|quit|upgrade|kill_worker_\w+|kill_all_workers)\b/m;
    my ($needs) = needs_redis($block);

    return "$1 without a master process"
        if single() && ($block->websocket // '') =~ $master;
    for (lines($block->not_in)) {
        my ($mode, $why) = /\A([\w-]+) \((.+)\)\z/
            or die $block->name . ": not \"MODE (REASON)\": $_\n";
        die $block->name . ": \"$_\" is needless: $needs\n"
            if $mode eq 'embedded' && defined $needs;
        return $why if $Mode{$mode};
    }
    return $Mode{embedded} ? $needs : undef;
}

# what a block has that only Redis can do, but for the lines that other blocks
# have, too
sub needs_redis {
    my ($block) = @_;
    my $all = without_redis(join "\n", map { $block->$_ }
                            grep { !/error_log|\Aallow_log\z/ }
                            sections($block));

    return 'the actor fake' if defined $block->fake_redis
                               || $all =~ /^\s*fake:/m;
    return "redis: $1"
        if $all =~ /^\s*redis:\s+(?:(?:within|not_before)\s+\S+\s+)*
                   ((?!publish\b)\w+)/mx;
    return 'redis: publish of no frame, or to no channel'
        if $all =~ /^\s*redis:/m;
    return 'messaging_redis, or a server for it'
        if defined $block->redis_args
           || $all =~ /\bmessaging_redis\b|\$TEST_NGINX_REDIS_SOCKET/;
    return 'messaging_prefix' if $all =~ /\bmessaging_prefix\b/;
    return 'counters or a log of Redis' if $all =~ /redis[._]/;
    return;
}

sub without_redis {
    my ($text) = @_;
    $text =~ s/^\s*messaging_redis\s+unix:\$TEST_NGINX_REDIS_SOCKET;$//mg;
    $text =~ s/^nginx:\s+status redis\.(?:ready \S+|lost 0)$//mg;
    return $text;
}

add_cleanup_handler(sub {
    my $n = 0;
    return if $$ != $Owner || !%Seen;

    $n += $_ for values %LeftOut;
    Test::More::diag("$0: $n of " . keys(%Seen) . ' blocks left out: '
                     . join ', ', map { "$LeftOut{$_} ($_)" }
                                  sort keys %LeftOut) if $n;

    if (open my $out, '>>', $ENV{TEST_NGINX_BLOCKS} // '/dev/null') {
        print $out "$0\t" . keys(%Seen) . "\t\n",
                   map { "$0\t$LeftOut{$_}\t$_\n" } sort keys %LeftOut;
    }
    %Seen = ();
});

add_block_preprocessor(sub {
    my ($block) = @_;
    return if defined left_out($block);
    eval { prepare($block); 1 } or die $block->name . ": $@";
});

sub prepare {
    my ($block) = @_;
    my $scenario = $block->websocket // '';
    my $fake = defined $block->fake_redis || $scenario =~ /^\s*fake:/m;

    @Allowed = ();
    make_keys($block);
    set_tokens($block);
    set_config($block, $fake);
    my $all = make_keys($block);

    if (defined $block->redis_args || !$Mode{embedded}
        && $all =~ /^\s*redis:|\$TEST_NGINX_REDIS_SOCKET|\bmessaging_redis\b/m)
    {
        $Redis //= Test::Nginx::WebSocket::Redis->new(
            dir => $Dir, socket => $ENV{TEST_NGINX_REDIS_SOCKET});
        $Redis->restore(redis_args($block));
        $Redis->call('FLUSHALL');
    }

    if ($fake) {
        $Fake->stop if $Fake;
        $Fake = Test::Nginx::WebSocket::FakeRedis->start(
            socket => $ENV{TEST_NGINX_FAKE_SOCKET},
            port => $ENV{TEST_NGINX_FAKE_PORT});
        $Fake->script($block->fake_redis // '');
    }
}

sub make_keys {
    my ($block) = @_;
    my $all = join "\n", map { $block->$_ } sections($block);
    Test::Nginx::WebSocket::JWT::make_file($_)
        for $all =~ m{\$TEST_NGINX_KEYS/([\w.-]*\w)}g;
    return $all;
}

# the names of the sections that are text
sub sections {
    my ($block) = @_;
    my %seen;
    return grep { !$seen{$_}++ && defined $block->$_ && !ref $block->$_ }
           qw( main_config http_config config ), @{$block->_section_order};
}

sub redis_args {
    my ($block) = @_;
    return as_words(expand_env_in_text($block->redis_args // '',
                                       $block->name, {}));
}

sub mint {
    my ($block) = @_;
    my %tokens = Test::Nginx::WebSocket::JWT::mint_all($block->jwt // '');
    return \%tokens;
}

sub set_tokens {
    my ($block) = @_;
    my $tokens = mint($block);
    my $names = join '|', map { quotemeta } keys %$tokens;

    $ENV{'TEST_NGINX_JWT_' . uc $_} = $tokens->{$_} for keys %$tokens;
    for my $section (grep { !/\A(?:websocket|jwt)\z/ } sections($block)) {
        my $text = $block->$section;
        $text =~ s/\$jwt_($names)\b/$tokens->{$1}/g if $names ne '';

        # Test::Nginx itself does not expand these
        $text =~ s/\$(TEST_NGINX_\w+)/$ENV{$1} \/\/ "\$$1"/ge
            if $section =~ /\A(?:request|more_headers|raw_request)\z/;
        $block->set_value($section, $text);
    }
}

sub set_config {
    my ($block, $fake) = @_;
    my $config = $block->config;
    my $http = $block->http_config // '';
    my $main = $block->main_config // '';
    my $broker = $block->messaging_http;
    my $with_module = $Module ne 'none';

    if ($Mode{embedded}) {
        $broker = without_redis($broker // '');
        $http = without_redis($http);

        # longer messages than usual need a larger zone than usual
        $http = "messaging_zone messaging:200m;\n$http"
            if "$broker$http" !~ /\bmessaging_zone\b/
               && "$http@{[$config // '']}" =~ /\bmessaging_max_message\b/;
        $block->set_value('websocket', without_redis($block->websocket))
            if defined $block->websocket;
    }
    $config //= $Config if $with_module;
    if ($with_module && !defined $broker && $http !~ /\bmessaging_redis\b/) {
        $broker = 'messaging_redis unix:$TEST_NGINX_'
                  . ($fake ? 'FAKE' : 'REDIS') . "_SOCKET;\n";
    }
    $Embedded{refaddr $block} = "$http@{[$broker // '']}"
                              !~ /\bmessaging_redis\b/;
    $config .= Test::Nginx::WebSocket::Backend::locations()
        if $Embedded{refaddr $block}
           && ($block->websocket // '') =~ /^\s*backend:/m;

    # tests send as fast as they can, and are refused again and again
    for my $off (qw( messaging_rate messaging_typing_rate
                     messaging_refuse_delay ))
    {
        $http = "$off off;\n$http"
            if $with_module && $http !~ /^\s*$off\b/m;
    }

    $http = "messaging_detach on;\n$http"
        if $with_module && $Mode{detach} && $http !~ /^\s*messaging_detach\b/m;

    # the counters of a zone live on over a reload, but not those of another
    $http = 'messaging_zone block' . ++$Zones . ":16m;\n$http"
        if $with_module && $Test::Nginx::Util::UseHup
           && "$http$config" !~ /\bmessaging_zone\b/;

    $block->set_value('http_config',
        sprintf($HttpAlways, $with_module ? $LogVariables : '')
        . ($broker // '') . "\n" . $http);
    $block->set_value('main_config', "load_module $Module;\n$main")
        if $with_module && $Module ne '' && $main !~ /TEST_NGINX_MODULE/;
    return unless defined $config;

    # add_header in a location would take the inherited ones away
    $config =~ s/(?=\badd_header\s+(?!X-Worker))/add_header X-Worker \$pid always; /g;
    $config = "listen 127.0.0.1:\$TEST_NGINX_TLS_PORT ssl;\n"
            . "ssl_certificate \$TEST_NGINX_KEYS/cert.pem;\n"
            . "ssl_certificate_key \$TEST_NGINX_KEYS/cert.key;\n$config"
        if $ENV{TEST_NGINX_TLS} || ($block->websocket // '') =~ /\btls on\b/;
    $block->set_value('config', $config);

    # like user_files, but below conf/; ">>> NAME < PATH" copies
    if (defined $block->conf_files) {
        my $files = $block->conf_files;
        $files =~ s{^(>>> \S+) < \$TEST_NGINX_KEYS/(\S+)}
                   {"$1\n" . Test::Nginx::WebSocket::JWT::slurp(
                                  "$ENV{TEST_NGINX_KEYS}/$2")}gme;
        $files =~ s{^>>> (?=[^/\s])}{>>> $Test::Nginx::Util::ConfDir/}gm;
        $block->set_value('user_files',
                          ($block->user_files // '') . "\n$files\n");
    }
}

# Test::Nginx starts an nginx that refuses its configuration again and again
# for 30 seconds, then stops all of prove: only this file should end, at once
{
    no warnings 'redefine';
    my $write = \&Test::Nginx::Util::write_config_file;

    *Test::Nginx::Util::write_config_file = sub ($$$) {
        my ($block) = @_;
        $write->(@_);
        return if defined $block->must_die || $Test::Nginx::Util::UseHup
                  || $Test::Nginx::Util::UseValgrind || -e $PidFile;

        my $preload = $ENV{TEST_NGINX_LD_PRELOAD};
        local $ENV{LD_PRELOAD} = $preload if $preload;
        my $log = $Test::Nginx::Util::ErrLogFile;
        my $out = `$Test::Nginx::Util::NginxBinary -t -e $log -p $ServRoot/ -c $ConfFile 2>&1`;
        die $block->name . ": nginx refuses its configuration:\n$out" if $?;
        unlink $log;
    };
}


# in the reload mode Test::Nginx asks twenty times by curl whether the workers
# are new ones: it is enough that one of them says so when no old one is left
{
    no warnings 'redefine';

    *Test::Nginx::Util::test_config_version = sub ($$) {
        my ($name) = @_;
        my $nginx = Test::Nginx::WebSocket::Nginx->new(root => server_root());
        Test::Nginx::WebSocket::Stream::wait_for(
            sub { reloaded() && $nginx->workers <= workers() }, undef, 0.005)
            or die "$name: nginx did not reload\n";
    };
}

sub reloaded {
    my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', Timeout => 1,
        PeerPort => server_port_for_client()) or return 0;
    print $socket "GET /ver HTTP/1.0\r\nHost: Test-Nginx\r\n\r\n";
    local $/;
    my (undef, $body) = split /\r\n\r\n/, readline($socket) // '', 2;
    return ($body // '') eq $Test::Nginx::Util::ConfigVersion;
}


# a block: scenarios are ours, all else is Test::Nginx's

my $StockHelper = $RunTestHelper;
my $StockCheck = $CheckErrorLog;

$RunTestHelper = sub {
    my ($block, $dry_run, $repeat) = @_;
    my $name = $block->name;
    $Running = !$dry_run;

    if (!defined $block->websocket) {
        $StockHelper->($block, $dry_run, $repeat);

    } elsif ($dry_run) {
        Test::More->builder->skip("$name - tests skipped due to $dry_run");

    } else {
        run_scenario($block, $repeat);
        $StockCheck->($block, undef, $dry_run, $repeat, 0);
    }
    judge($block, 'no alerts in error.log') unless $dry_run;
};

# what Test::Nginx calls for blocks with must_die only
$CheckErrorLog = sub {
    my ($block, undef, $dry_run) = @_;
    $StockCheck->(@_);
    judge($block, 'no alerts in error.log') unless $dry_run;
};

sub run_scenario {
    my ($block, $repeat) = @_;
    my $tokens = mint($block);
    my %vars = (WORKERS => workers(), map { my $token = $tokens->{$_};
                     ("jwt_$_" => $token,
                      'TEST_NGINX_JWT_' . uc $_ => $token) } keys %$tokens);
    my $scenario = Test::Nginx::WebSocket::Scenario->new(
        port => server_port_for_client(), root => server_root(),
        tls_port => $ENV{TEST_NGINX_TLS_PORT}, tls => $ENV{TEST_NGINX_TLS},
        workers => workers(), single => single(), redis => $Redis,
        embedded => $Embedded{refaddr $block}, fake => $Fake, vars => \%vars,
        quiet => $Test::Nginx::Util::UseValgrind ? 0.5 : 0.05);
    my $nginx = $scenario->{nginx};

    if ($repeat) {
        $Redis->restore(redis_args($block)) if $Redis;
        $Fake->script($block->fake_redis // '') if $Fake;
    }
    # both connections of each worker
    Test::Nginx::WebSocket::Stream::wait_for(
        sub { $Redis->clients >= 2 * workers() },
        $Test::Nginx::Util::UseValgrind ? 20 : 1, 0.005)
        if $Redis && $block->config =~ /\bmessaging\s+on\b/
           && $block->http_config =~ /\bTEST_NGINX_REDIS_SOCKET\b/;
    $Redis->call('CONFIG', 'RESETSTAT') if $Redis;

    $scenario->run($block->websocket, $block->name);
    push @Allowed, @{$nginx->{allowed} // []};

    # the next repetition is to find nobody subscribed
    $Redis->leave_clean($Test::Nginx::Util::UseHup || repeat_each() > 1)
        if $Redis;
}


# after a block

add_test_cleanup_handler(sub {
    my ($block) = @_;

    if ($Running && !$Test::Nginx::Util::UseHup
        && !$ENV{TEST_NGINX_NO_CLEAN}
        && $Test::Nginx::Util::ForceRestartOnTest)
    {
        stop_nginx($block->name);
        judge($block, 'no alerts when nginx stopped');
    }
    $Running = 0;
    check_reports($block->name);
});

# with TEST_NGINX_USE_HUP one nginx serves the whole file
add_cleanup_handler(sub {
    return if !$Test::Nginx::Util::UseHup || $ENV{TEST_NGINX_NO_CLEAN}
              || $$ != $Owner || !$Test::Nginx::Util::PrevBlock;
    stop_nginx($0) or return;
    judge($Test::Nginx::Util::PrevBlock, 'no alerts when nginx stopped');
    check_reports($0);
});

sub stop_nginx {
    my ($name) = @_;
    my $timeout = 20 + 2 * $Test::Nginx::WebSocket::Stream::Timeout;
    open my $in, '<', $PidFile or return 0;
    my ($pid) = (readline($in) // '') =~ /(\d+)/ or return 0;
    my @workers = Test::Nginx::WebSocket::Process::children($pid);
    my $old;

    # another master, of a scenario that ended too early
    ($old) = (readline($in) // '') =~ /(\d+)/
        if open $in, '<', "$PidFile.oldbin";
    Test::Nginx::WebSocket::Process::finish($old, 'TERM', $timeout) if $old;

    kill 'CONT', @workers;
    Test::Nginx::WebSocket::Process::finish($pid, 'QUIT', $timeout)
        or Test::More::fail("$name - nginx stopped within $timeout s");
    kill 'KILL', grep { Test::Nginx::WebSocket::Process::alive($_) } @workers;
    unlink $PidFile;
    return 1;
}

# fails for every line of error.log that is no good and not expected, that is
# demanded by "error_log" or allowed by "allow_log"
sub judge {
    my ($block, $what) = @_;
    my @allowed = (@Allowed, map { qr/$_/ } lines($block->allow_log));
    my @demanded = map { lines($_) } $block->error_log,
                                     $block->shutdown_error_log;
    my @bad;

    if (open my $in, '<:raw', $Test::Nginx::Util::ErrLogFile) {
        while (my $line = readline $in) {
            push @bad, $line if $line =~ $Bad
                && !(grep { $line =~ $_ } @allowed)
                && !(grep { ref ? $line =~ $_ : index($line, $_) >= 0 }
                     @demanded);
        }
    }
    Test::More::ok(!@bad, $block->name . " - $what")
        or Test::More::diag(@bad > 20 ? (@bad[0 .. 19], "...\n") : @bad);
}

sub lines {
    my ($value) = @_;
    return !defined $value ? () : ref $value eq 'ARRAY' ? @$value
         : ref $value ? $value : grep { /\S/ } split /\n/, $value;
}

# sanitizers and valgrind that write into files: those that are new and not
# empty; undef where there are none to look at
sub new_reports {
    my @patterns = map { /\blog_path=([^,:\s]+)/ ? "$1*" : () }
                   map { $_ // '' } @ENV{qw( ASAN_OPTIONS UBSAN_OPTIONS )};
    push @patterns, $1 =~ s/%\w/*/gr
        if ($ENV{TEST_NGINX_USE_VALGRIND} // '') =~ /--log-file=(\S+)/;
    return @patterns ? [grep { -s && !$Reported{$_}++ } map { glob } @patterns]
                     : undef;
}

sub check_reports {
    my ($name) = @_;
    my $reports = new_reports() or return;
    Test::More::ok(!@$reports, "$name - no sanitizer reports")
        or Test::More::diag(map { Test::Nginx::WebSocket::JWT::slurp($_) }
                            @$reports);
}

1;
