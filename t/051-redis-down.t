
# Copyright (C) The ngx_http_messaging_module authors

# Redis is not there, goes away, comes back: what is served meanwhile, what
# clients are told, and what they may have missed.
#
# not in: embedded (it is about Redis)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

# a handshake that is not waited for: "CLIENT: expect_status 101" does that
sub handshake {
    my ($client, $path) = @_;
    return "$client: open\n"
         . "$client: bytes \"GET $path HTTP/1.1\\r\\nHost: localhost\\r\\n"
         . 'Upgrade: websocket\r\nConnection: Upgrade\r\n'
         . 'Sec-WebSocket-Version: 13\r\n'
         . "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\\r\\n\\r\\n\"\n";
}

# clients w1, w2, ..., one on each worker
sub on_each_worker {
    my ($path) = @_;
    return CORE::join('', map {
        my $others = CORE::join(',', map { "w$_" } 1 .. $_ - 1);
        "w$_: " . ($others ? "connect_apart $others" : 'connect')
        . " $path?token=\$jwt_ann\n"
    } 1 .. workers());
}

__DATA__

=== TEST 1: nginx starts and serves other locations; clients are sent away until Redis is there
--- fake_redis
refuse
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location /http/ {
            messaging on;
            messaging_channel user:$messaging_user;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_reject http;
        }

        location = /status {
            messaging_status on;
        }

        location /other {
            return 200 here;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bad: {"user_id":1,"exp":"-60"}
--- websocket
ann:   http GET /other
ann:   expect_status 200
ann:   expect_body /^here$/
nginx: status workers $WORKERS
nginx: status redis.ready 0

# a worker that is younger than a second has them wait
wait 1100ms
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   expect_close 1013 broker unavailable
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   expect_close 1013 broker unavailable
ann:   refused 503 /http/?token=$jwt_ann
ann:   connect /ws/messaging/7/?token=$jwt_bad
ann:   expect_close 4001 token expired
nginx: status refusals.broker 3
nginx: status connections 0
ann:   http GET /other
ann:   expect_status 200
fake:  accept
nginx: status redis.ready $WORKERS
nginx: expect_log /\[notice\] .* messaging redis "unix:\S+fake.sock": connected, \d+ errors before were not logged/
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","message":{"content":"x","...":0}}



=== TEST 2: a client that comes in the first second of a worker waits for Redis
--- fake_redis
refuse
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::handshake('ann', '/ws/messaging/7/?token=$jwt_ann') . <<'EOS';
ann:   recv_none 100ms
fake:  accept
ann:   expect_status 101
fake:  publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
EOS



=== TEST 3: Redis goes away: who is connected stays, and is told of each frame that it was not taken
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
redis: stop
nginx: status redis.ready 0
ann:   send {"type":"ping"}
ann:   recv_raw {"type":"pong"}
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   send {"type":"read","message_id":5}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   send {"type":"typing"}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
bob:   send {"type":"typing","is_typing":false}
bob:   recv {"type":"error","code":"unavailable","message":"<string>"}
bob:   ping x
bob:   recv_pong x
eve:   connect /ws/messaging/7/?token=$jwt_ann
eve:   expect_close 1013 broker unavailable
ann,bob: recv_none 50ms

# what they may have missed, and then all is as before
redis: start
ann,bob: recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv_unordered {"type":"ack","client_id":"c1","...":0} \
    {"type":"new_message","client_id":"c1","...":0}
bob:   recv {"type":"new_message","client_id":"c1","...":0}
bob:   send {"type":"typing"}
ann:   recv {"type":"typing_indicator","user_id":2,"is_typing":true}
eve:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann,bob,eve: recv_raw {"n":1}
ann,bob,eve: recv_none 50ms



=== TEST 4: many conversations: answers and resync name theirs, and who is in none gets none
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
ann:   send {"type":"subscribe","conversation_id":8}
ann:   recv {"type":"subscribed","conversation_id":8}
ann:   send {"type":"subscribe","conversation_id":"a"}
ann:   recv {"type":"subscribed","conversation_id":"a"}
bob:   connect_apart ann /ws/messaging/?token=$jwt_bob
one:   connect_apart ann /ws/messaging/8/?token=$jwt_bob
redis: stop
nginx: status redis.ready 0
ann:   send {"type":"ping"}
ann:   recv {"type":"pong","timestamp":"<now>"}
ann:   send {"type":"subscribe","conversation_id":9}
ann:   recv {"type":"error","conversation_id":9,"code":"unavailable","message":"<string>"}
ann:   send {"type":"unsubscribe","conversation_id":8}
ann:   recv {"type":"unsubscribed","conversation_id":8}
ann:   send {"type":"message","conversation_id":7,"content":"x","client_id":"c1"}
ann:   recv {"type":"nack","conversation_id":7,"client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
ann:   send {"type":"read","conversation_id":"a"}
ann:   recv {"type":"error","conversation_id":"a","code":"unavailable","message":"<string>"}
ann:   send {"type":"typing","conversation_id":7}
ann:   recv {"type":"error","conversation_id":7,"code":"unavailable","message":"<string>"}
eve:   connect /ws/messaging/?token=$jwt_ann
eve:   expect_close 1013 broker unavailable
redis: start
ann:   recv_unordered {"type":"resync","conversation_id":7,"within_ms":"<int>"} \
    {"type":"resync","conversation_id":"a","within_ms":"<int>"}
one:   recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
nginx: status broker.resyncs 3

# who comes now has missed nothing
eve:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":9}
ann:   recv {"type":"subscribed","conversation_id":9}
redis: expect_subscribers messaging:8 1
redis: publish messaging:7 {"n":1}
ann:   recv {"conversation_id":7,"n":1}
eve:   recv_raw {"n":1}
redis: publish messaging:9 {"n":2}
ann:   recv {"conversation_id":9,"n":2}
redis: publish messaging:8 {"n":3}
one:   recv_raw {"n":3}
ann,bob,one,eve: recv_none 50ms



=== TEST 5: the connection that is subscribed breaks: resync, once, and frames are taken meanwhile
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
one:   connect /ws/messaging/8/?token=$jwt_bob
nginx: status redis.ready $WORKERS
redis: command PUBSUB NUMSUB messaging:7
redis: capture n 1
redis: kill_subscribers
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   ignore /new_message/
bob:   ignore /new_message/
ann:   recv_unordered {"type":"ack","client_id":"c1","...":0} \
    {"type":"resync","within_ms":"<int>"}
bob,one: recv {"type":"resync","within_ms":"<int>"}
redis: expect_subscribers messaging:7 $n
redis: publish messaging:7 {"n":1}
ann,bob: recv_raw {"n":1}
ann,bob,one: recv_none 50ms
nginx: status redis.ready $WORKERS
redis: expect_calls unsubscribe 0



=== TEST 6: the connection for commands breaks: nobody has missed anything
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
# with no channel a worker's subscriber is a normal connection, too
my $n = main::workers();
main::on_each_worker('/ws/messaging/7/') . <<"EOS";
redis: kill_normal
nginx: status redis.reconnects $n
nginx: status redis.lost $n
nginx: status redis.ready $n
nginx: status broker.resyncs 0
w1:    send {"type":"message","content":"x"}
w1..w$n: recv {"type":"new_message","...":0}
w1..w$n: recv_none 50ms
EOS



=== TEST 7: a frame in flight when the connection breaks was not taken, as far as anybody knows
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:  connect_retry /ws/messaging/7/?token=$jwt_ann
bob:  connect_retry /ws/messaging/8/?token=$jwt_bob
many: connect_retry /ws/messaging/?token=$jwt_ann
many: send {"type":"subscribe","conversation_id":9}
many: recv {"type":"subscribed","conversation_id":9}
fake: reply PUBLISH ""
ann:  send {"type":"message","content":"x","client_id":"c1"}
ann:  send {"type":"message","content":"x"}
ann:  send {"type":"message","content":"x","client_id":"c2"}
ann:  send {"type":"typing"}
many: send {"type":"message","conversation_id":9,"content":"x","client_id":"c3"}
bob:  send {"type":"message","content":"x","client_id":"c4"}
fake: count PUBLISH 6

# and who has gone meanwhile is not looked for
bob:  reset
nginx: status connections 2
ann:  recv_none 50ms
fake: normal
fake: drop
ann:  recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
ann:  recv {"type":"error","code":"unavailable","message":"<string>"}
ann:  recv {"type":"nack","client_id":"c2","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
ann:  recv {"type":"resync","within_ms":"<int>"}
many: recv {"type":"nack","conversation_id":9,"client_id":"c3","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
many: recv {"type":"resync","conversation_id":9,"within_ms":"<int>"}
nginx: status redis.ready $WORKERS
nginx: status broker.publish_failed 6
ann:  send {"type":"message","content":"x","client_id":"c1"}
ann:  recv_unordered {"type":"ack","client_id":"c1","...":0} \
    {"type":"new_message","client_id":"c1","...":0}



=== TEST 8: who waits for the confirmation when the connection breaks goes on waiting, and needs no resync
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<'EOS' . main::handshake('ann', '/ws/messaging/7/?token=$jwt_ann') . <<'EOS2';
many: connect_retry /ws/messaging/?token=$jwt_ann
nginx: status redis.ready $WORKERS
fake: reply SUBSCRIBE ""
many: send {"type":"subscribe","conversation_id":8}
fake: expect_command SUBSCRIBE messaging:8
EOS
fake: expect_command SUBSCRIBE messaging:7
fake: normal
fake: drop
ann:  expect_status 101
many: recv {"type":"subscribed","conversation_id":8}
fake: publish messaging:7 {"n":1}
ann:  recv_raw {"n":1}
fake: publish messaging:8 {"n":2}
many: recv {"conversation_id":8,"n":2}
nginx: status broker.resyncs 0
EOS2



=== TEST 9: who joins a channel that has a gap gets no resync, the others do
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
# wherever bob comes, somebody is in his conversation
my $n = main::workers();
main::on_each_worker('/ws/messaging/7/')
. <<'EOS' . main::handshake('bob', '/ws/messaging/7/?token=$jwt_bob') . <<"EOS2";
nginx: status redis.ready $WORKERS
fake:  hang SUBSCRIBE
fake:  drop
nginx: status redis.ready $WORKERS
nginx: status broker.resyncs 0
EOS
nginx: status subscriptions ${\($n + 1)}
w1..w$n: recv_none 50ms
fake:  normal
w1..w$n: recv {"type":"resync","within_ms":"<int>"}
bob:   expect_status 101
fake:  publish messaging:7 {"n":1}
bob:   recv_raw {"n":1}
w1..w$n: recv_raw {"n":1}
EOS2



=== TEST 10: who leaves while Redis is away, while typing even, leaves nothing behind
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
eve:   connect /ws/messaging/8/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
redis: stop
nginx: status redis.ready 0
ann:   close 1000
ann:   expect_close 1000
eve:   reset
nginx: status subscriptions 1
nginx: status channels 1
redis: start
bob:   recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
redis: expect_answer PUBSUB CHANNELS *:[^@]* => ["messaging:7"]
redis: expect_subscribers messaging:7 1



=== TEST 11: it goes away again and again: one resync each time
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: restart
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
redis: restart
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
redis: restart
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
ann:   recv_none 50ms
nginx: status broker.resyncs 3



=== TEST 12: a reload while Redis is away
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- http_config
messaging_drain 0;
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: stop
nginx: status redis.ready 0
nginx: reload
ann:   expect_close 1012 server reload
nginx: expect_workers $WORKERS
nginx: status redis.ready 0
redis: start
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
