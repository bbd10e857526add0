
# Copyright (C) The ngx_http_messaging_module authors

# Reloads that change what workers relay by: the broker, the zone, how many
# they are.
#
# not in: master-off (it is about workers)
# not in: hup (each reload there is to change nothing but the block)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
workers(2);
worker_connections(4096);
run_tests();

# a reload that is refused
sub Test::Nginx::WebSocket::Nginx::do_reload_fails {
    my ($self, $why) = @_;
    my %old = map { $_ => 1 } $self->workers;

    push @{$self->{allowed}}, qr/\Q$why\E/;
    kill 'HUP', $self->master or die "cannot signal nginx: $!\n";
    Test::Nginx::WebSocket::Nginx::wait_for(sub {
        return $self->log('error') =~ /\[emerg\] .*\Q$why\E/;
    }, 'the reload did not fail so');
    die "there are new workers\n" if grep { !$old{$_} } $self->workers;
}

# "differ NAME NAME ...": host numbers of captured ids
sub Test::Nginx::WebSocket::Nginx::do_hosts_differ {
    my ($self, $ids) = @_;
    my %hosts = map { ($_ >> 6 & 63) => 1 } split ' ', $ids;
    die "the same host number\n" if keys %hosts == 1;
}

__DATA__

=== TEST 1: from Redis to the zone: old and new do not hear each other, the old leave
--- messaging_http
messaging_drain 3s;
include broker.conf;
--- conf_files
>>> broker.conf
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
old1..old40: connect /ws/messaging/7/?token=$jwt_ann
old1..old40: may_close
nginx: write_file broker.conf # none
old1..old39: ignore /"n":1/
nginx: reload
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
redis: publish messaging:7 {"n":1}
ann:   send {"type":"message","content":"a"}
ann,bob: recv {"type":"new_message","message":{"content":"a","...":0}}
old40: recv {"n":1}
old40: expect_close 1012 server reload
old1..old39: expect_close 1012 server reload
nginx: expect_workers 2
bob:   send {"type":"message","content":"b"}
ann,bob: recv {"type":"new_message","message":{"content":"b","...":0}}
ann,bob: may_close

# and back
nginx: write_file broker.conf messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
nginx: reload
cid:   connect /ws/messaging/7/?token=$jwt_ann
cid:   send {"type":"message","content":"c"}
cid:   recv {"type":"new_message","message":{"content":"c","...":0}}
ann,bob: expect_close 1012 server reload
nginx: expect_workers 2
cid:   send {"type":"message","content":"d"}
cid:   recv {"type":"new_message","message":{"content":"d","...":0}}
cid:   may_close

# the ring is still there
nginx: write_file broker.conf # none
nginx: reload
dan:   connect /ws/messaging/7/?token=$jwt_ann
eve:   connect_apart dan /ws/messaging/7/?token=$jwt_bob
dan:   send {"type":"message","content":"e"}
dan,eve: recv {"type":"new_message","message":{"content":"e","...":0}}
nginx: status relay.laps 0
nginx: expect_idle



=== TEST 2: a zone that is full of something else: the reload is refused, all goes on
--- messaging_http
messaging_zone chat:2m;
messaging_max_message 2k;
include broker.conf;
--- conf_files
>>> broker.conf
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_user_connections 100;
--- jwt
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob:   connect /ws/messaging/7/?token=$jwt_bob
nginx: write_file broker.conf # none
nginx: reload_fails zone "chat" has no room left to relay without Redis: give "messaging_zone" another name or size
bob:   send {"type":"message","content":"b"}
bob:   recv {"type":"new_message","message":{"content":"b","...":0}}
redis: expect_subscribers messaging:7 1



=== TEST 3: a zone with a ring has less room for what else it is to hold
--- messaging_http
messaging_zone chat:2m;
messaging_max_message 2k;
include broker.conf;
--- conf_files
>>> broker.conf
# none
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: write_file broker.conf "messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;messaging_user_connections 100;"
nginx: reload_fails zone "chat" is too small for "messaging_user_connections" or "messaging_address_connections" of 2 workers with 4096 connections each
ann:   send {"type":"message","content":"a"}
ann:   recv {"type":"new_message","message":{"content":"a","...":0}}



=== TEST 4: more workers than there were eventfds for: all are woken
A worker that was there before does not have theirs.
--- messaging_http
messaging_drain 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann1..ann40: connect /ws/messaging/7/?token=$jwt_ann
ann1..ann40: may_close
ann1..ann39: ignore /new_message/
nginx: workers 24
nginx: reload
bob1..bob60: connect /ws/messaging/7/?token=$jwt_bob
ann40: send {"type":"message","content":"a"}
bob1..bob60: within 1s recv {"type":"new_message","message":{"content":"a","...":0}}
ann40: recv {"type":"new_message","message":{"content":"a","...":0}}
bob60: send {"type":"message","content":"b"}
bob1..bob60: recv {"type":"new_message","message":{"content":"b","...":0}}
ann40: recv {"type":"new_message","message":{"content":"b","...":0}}
nginx: no_log messaging worker is not woken
nginx: status workers 26



=== TEST 5: another zone: ids of old and new workers are not the same
--- not_in
embedded (the zone is the harness's there)
--- messaging_http
messaging_drain 60s;
include zone.conf;
--- conf_files
>>> zone.conf
messaging_zone chat:16m;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
old1..old20: connect /ws/messaging/7/?token=$jwt_ann
old1..old20: may_close
old1..old19: ignore /new_message/
nginx: write_file zone.conf messaging_zone chat:17m;
nginx: reload
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"message","content":"new"}
ann:   recv {"type":"new_message","message":{"content":"new","...":0}}
ann:   capture id1 message.id
old20: send {"type":"message","content":"old"}
old20: recv {"type":"new_message","message":{"content":"old","...":0}}
old20: capture id2 message.id
nginx: hosts_differ $id1 $id2
