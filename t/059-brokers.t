# From one broker to the other, by a reload.

# not in: embedded (there is no Redis)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: Redis comes, and goes again; ids grow all the same
--- messaging_http
--- http_config
messaging_drain 200ms;
include broker.conf;
--- conf_files
>>> broker.conf
# none
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
a1:    connect /ws/messaging/7/?token=$jwt_ann
b1:    connect_apart a1 /ws/messaging/7/?token=$jwt_bob
a1:    send {"type":"message","content":"1"}
a1,b1: recv {"type":"new_message","message":{"content":"1","...":0}}
b1:    capture one message.id
nginx: status broker.kind "embedded"
nginx: write_file broker.conf messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
nginx: reload
a1,b1: expect_close 1012 server reload
nginx: status broker.kind "redis"
nginx: expect_log /\[notice\] .* messaging relays through Redis at "unix:/
a2:    connect_retry /ws/messaging/7/?token=$jwt_ann
b2:    connect_apart a2 /ws/messaging/7/?token=$jwt_bob
a2:    send {"type":"message","content":"2"}
a2,b2: recv {"type":"new_message","message":{"content":"2","...":0}}
b2:    capture two message.id
redis: publish messaging:7 {"n":1}
a2,b2: recv {"n":1}
nginx: metrics
nginx: expect_workers $WORKERS
nginx: write_file broker.conf # none
nginx: reload
a2,b2: expect_close 1012 server reload
nginx: status broker.kind "embedded"
nginx: status redis.ready 0
nginx: expect_log /\[notice\] .* messaging relays through the zone "/
a3:    connect /ws/messaging/7/?token=$jwt_ann
b3:    connect_apart a3 /ws/messaging/7/?token=$jwt_bob
a3:    send {"type":"message","content":"3"}
a3,b3: recv {"type":"new_message","message":{"content":"3","...":0}}
b3:    capture three message.id
redis: publish messaging:7 {"n":2}
a3,b3: recv_none 100ms
redis: command EVAL return(tonumber(ARGV[1])<tonumber(ARGV[2])) 0 $one $two
redis: expect_reply 1
redis: command EVAL return(tonumber(ARGV[1])<tonumber(ARGV[2])) 0 $two $three
redis: expect_reply 1
nginx: status relay.laps 0
nginx: status broker.resyncs 0
nginx: metrics



=== TEST 2: a zone too small for a ring: the reload is refused, all go on
--- not_in
hup (the zone is the harness's there)
--- allow_log
zone "small" is too small to relay messages
--- messaging_http
--- http_config
messaging_zone small:1m;
include broker.conf;
--- conf_files
>>> broker.conf
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
nginx: write_file broker.conf # none
nginx: signal HUP
nginx: expect_log /\[emerg\] .*zone "small" is too small to relay messages of "messaging_max_message" without Redis: write "messaging_zone small:13m;"/
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","message":{"content":"x","...":0}}
nginx: status broker.kind "redis"
nginx: expect_workers $WORKERS
