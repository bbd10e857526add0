package Scenarios;

# Copyright (C) The ngx_http_messaging_module authors

# Who is measured, and what with.

use strict;
use utf8;
use warnings;

use Exporter qw(import);

our @EXPORT_OK = qw(@targets @scenarios @short);

# Target: "script" in bench/targets, with or without Redis; "dialect" is what
# the load client speaks with it; "peer" is the column of the short table.

our @targets = (
    { name => 'messaging-embedded', script => 'messaging',
      title => 'messaging, embedded', peer => 'messaging' },
    { name => 'messaging', script => 'messaging', redis => 1,
      title => 'messaging, Redis', peer => 'messaging' },
    { name => 'messaging-detached', script => 'messaging',
      title => 'messaging, messaging_detach', peer => 'messaging',
      env => { BENCH_EXTRA => 'messaging_detach on;' } },
    { name => 'bun', script => 'bun',
      title => 'Bun', peer => 'bun' },
    { name => 'bun-redis', script => 'bun', redis => 1,
      title => 'Bun, Redis', peer => 'bun' },
    { name => 'nchan', script => 'nchan', dialect => 'nchan',
      title => 'nchan', peer => 'nchan' },
    { name => 'nchan-redis', script => 'nchan', dialect => 'nchan',
      redis => 1, title => 'nchan, Redis', peer => 'nchan',

      # it stores what is published, by scripts: PUBLISH alone reaches nobody
      arguments => { 'pairs-redis' => ['--via', 'socket'] } },
    { name => 'node', script => 'node',
      title => 'Node ws', peer => 'node' },
    { name => 'node-redis', script => 'node', redis => 1,
      title => 'Node ws, Redis', peer => 'node' },
    { name => 'daphne', script => 'daphne',
      title => 'Daphne', peer => 'daphne' },
    { name => 'daphne-redis', script => 'daphne', redis => 1,
      title => 'Daphne, Redis', peer => 'daphne' },
    { name => 'floor', script => 'floor', dialect => 'floor',
      title => 'floor', peer => 'floor' },
    { name => 'floor-redis', script => 'floor', dialect => 'floor',
      redis => 1, title => 'floor, Redis', peer => 'floor' },
);

for my $target (@targets) {
    $target->{dialect} //= 'messaging';
    $target->{redis} //= 0;
    $target->{arguments} //= {};
}

my @one_host = qw(messaging-embedded bun nchan node daphne floor);
my @all = qw(messaging-embedded messaging messaging-detached bun nchan node
             daphne floor);
my @redis = qw(messaging bun-redis nchan-redis node-redis daphne-redis
               floor-redis);

# the same with several processes; one of Daphne cannot share its port
my @processes = qw(messaging-embedded messaging bun-redis nchan node-redis);

# Scenario: "load" is that of the load client, with "arguments", and with "for"
# more of them for some; "env" is for the target; "key" is the figure that
# decides; "full" is left out unless --full, or it is named; "seconds" is the
# least for a window; "code" measures what the load client cannot.

our @scenarios = (
    { name => 'handshake', title => 'Handshake with HS256',
      unit => 'handshake', load => 'handshake', targets => [@all] },

    { name => 'handshake-rs256', title => 'Handshake with RS256',
      unit => 'handshake', load => 'handshake',
      env => { BENCH_ALG => 'RS256' },
      targets => [qw(messaging-embedded messaging bun node daphne floor)] },

    { name => 'idle', title => 'Idle connection',
      about => 'with Daphne 2000 of them, else 10,000',
      unit => 'connection', load => 'idle', key => 'rss_kb_per_connection',
      arguments => ['--members', 10000], targets => [@all],
      for => { daphne => ['--members', 2000] } },

    { name => 'fanout', title => 'One conversation of 1000, saturated',
      about => '8 messages on their way at a time',
      unit => 'delivery', load => 'fanout',
      arguments => ['--members', 1000, '--outstanding', 8],
      targets => [@all] },

    { name => 'fanout-rate',
      title => 'One conversation of 1000, 100 messages/s',
      unit => 'delivery', load => 'fanout-rate', p99 => 1,
      arguments => ['--members', 1000, '--rate', 100],
      targets => [@all],

      # which could not keep up with 100,000 deliveries a second
      for => { daphne => ['--members', 50] },
      about => 'with Daphne 50 members: it cannot keep up with 1000' },

    { name => 'pairs-redis',
      title => '500 conversations of 2, through Redis',
      about => 'published to Redis; 64 messages on their way at a time',
      unit => 'delivery', load => 'pairs-redis',
      arguments => ['--conversations', 500, '--outstanding', 64],
      targets => [@redis] },

    { name => 'typing', title => 'Typing between 1000 pairs, one host',
      unit => 'frame', load => 'typing',
      arguments => ['--conversations', 1000], targets => [@one_host] },

    { name => 'typing-redis',
      title => 'Typing between 1000 pairs, through Redis',
      unit => 'frame', load => 'typing', show_redis => 1,
      arguments => ['--conversations', 1000], targets => [@redis] },

    { name => 'pingpong', title => 'Ping and pong of the application',
      unit => 'round trip', load => 'pingpong', targets => [@one_host] },

    { name => 'pair', title => 'One pair alone, message by message',
      unit => 'round trip', load => 'pair', key => 'rate',
      targets => [@one_host] },

    { name => 'fanout-long',
      title => 'One conversation of 1000, saturated, long messages',
      about => '8000 characters, 8 messages on their way at a time',
      unit => 'delivery', load => 'fanout',
      arguments => ['--members', 1000, '--outstanding', 8, '--size', 8000],
      env => { BENCH_MAX_CONTENT => 10000 },
      targets => [qw(messaging-embedded messaging bun nchan node floor)] },

    { name => 'stalled',
      title => 'The same; a quarter of the members does not read',
      about => 'what a delivery to the others costs; the buffers of the '
               . 'kernel, some MB, are full first',
      unit => 'delivery', load => 'stalled', seconds => 6,
      arguments => ['--members', 1000, '--outstanding', 8, '--size', 8000,
                    '--timeout', 3],
      env => { BENCH_MAX_CONTENT => 10000 },
      targets => [qw(messaging-embedded messaging bun nchan node floor)] },

    { name => 'idle-tls', full => 1, title => 'Idle connection, TLS',
      about => 'with Daphne 2000 of them, else 10,000',
      unit => 'connection', load => 'idle', key => 'rss_kb_per_connection',
      arguments => ['--members', 10000, '--tls'], env => { BENCH_TLS => 1 },
      for => { daphne => ['--members', 2000] },
      targets => [qw(messaging-embedded messaging-detached bun nchan node
                     daphne)] },

    { name => 'fanout-tls', full => 1,
      title => 'One conversation of 1000, saturated, TLS',
      unit => 'delivery', load => 'fanout',
      arguments => ['--members', 1000, '--outstanding', 8, '--tls'],
      env => { BENCH_TLS => 1 },
      targets => [qw(messaging-embedded bun nchan node daphne)] },

    { name => 'fanout-deflate', full => 1,
      title => 'One conversation of 1000, saturated, permessage-deflate',
      about => 'messages of 1000 characters',
      unit => 'delivery', load => 'fanout',
      arguments => ['--members', 1000, '--outstanding', 8, '--deflate',
                    '--size', 1000],
      env => { BENCH_DEFLATE => 1 },
      targets => [qw(messaging-embedded bun nchan node)] },

    { name => 'fanout-10000', full => 1,
      title => 'One conversation of 10,000, saturated',
      about => '4 messages on their way at a time; with Daphne 2000 members: '
               . 'more do not come in within a minute',
      unit => 'delivery', load => 'fanout',
      arguments => ['--members', 10000, '--outstanding', 4],
      for => { daphne => ['--members', 2000] },
      targets => [@all] },

    { name => 'fanout-workers', full => 1,
      title => 'One conversation of 1000 over 4 workers, saturated',
      about => 'all workers on the one core',
      unit => 'delivery', load => 'fanout', spread => 1,
      arguments => ['--members', 1000, '--outstanding', 8,
                    '--workers-spread'],
      env => { BENCH_WORKERS => 4 }, targets => [@processes] },

    { name => 'typing-workers', full => 1,
      title => 'Typing between 1000 pairs over 4 workers',
      unit => 'frame', load => 'typing', spread => 1,
      arguments => ['--conversations', 1000, '--workers-spread'],
      env => { BENCH_WORKERS => 4 }, targets => [@processes] },

    { name => 'mixed', full => 1,
      title => 'Typing between 500 pairs, 9000 connections idle beside',
      about => 'with Daphne 100 pairs and 1800 idle connections',
      unit => 'frame', load => 'typing',
      arguments => ['--conversations', 500, '--idle', 9000],
      for => { daphne => ['--conversations', 100, '--idle', 1800] },
      targets => [@one_host] },

    { name => 'memory', full => 1,
      title => 'Memory: worker_connections and reload',
      code => 'memory', targets => [qw(messaging-embedded messaging
                                       messaging-detached)] },

    { name => 'idle-200000', full => 1, title => '200,000 idle connections',
      unit => 'connection', load => 'idle-many',
      key => 'rss_kb_per_connection', many => 200_000,
      targets => [qw(messaging-embedded messaging-detached bun nchan)] },

    { name => 'idle-1000000', full => 1,
      title => '1,000,000 idle connections',
      unit => 'connection', load => 'idle-many',
      key => 'rss_kb_per_connection', many => 1_000_000,
      targets => [qw(messaging-detached)] },
);

for my $scenario (@scenarios) {
    $scenario->{key} //= 'cpu_us_per_unit';
}

# The rows of the short table: what it is, scenario, the target in the first
# column, what is reached.

our @short = (
    ['handshake with HS256, µs', 'handshake', 'messaging-embedded'],
    ['handshake with RS256, µs', 'handshake-rs256', 'messaging-embedded'],
    ['idle connection, with messaging_detach, KB', 'idle',
     'messaging-detached'],
    ['delivery to one of 1000, saturated, µs', 'fanout',
     'messaging-embedded'],
    ['the same at 100 messages/s, µs / p99 ms', 'fanout-rate',
     'messaging-embedded'],
    ['delivery of what is published through Redis, µs', 'pairs-redis',
     'messaging'],
    ['typing relayed on one host, µs', 'typing', 'messaging-embedded'],
    ['typing relayed through Redis, µs + Redis\' own', 'typing-redis',
     'messaging'],
    ['ping and pong, µs', 'pingpong', 'messaging-embedded'],
    ['one pair alone, round trips/s', 'pair', 'messaging-embedded'],
);

1;
