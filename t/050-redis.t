
# Copyright (C) The ngx_http_messaging_module authors

# The connections to Redis: where messaging_redis says, as whom, how many, and
# what they are subscribed to at any time.
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

# lines that connect the clients w1, w2, ... to a path, one on each worker
sub one_on_each_worker {
    my ($path) = @_;
    return join '', map {
        my $others = CORE::join(',', map { "w$_" } 1 .. $_ - 1);
        "w$_: " . ($others ? "connect_apart $others" : 'connect') . " $path\n"
    } 1 .. workers();
}

# matches a CLIENT LIST with these numbers of nginx's connections that have 0,
# 1, 2 ... channels
sub with_channels {
    my @numbers = @_;
    my $channels = 0;
    return '/\A' . CORE::join('', map {
        my $line = ".*? name=ngx_messaging [^\\n]* sub=$channels ";
        $channels++;
        "(?=(?:$line){$_})(?!(?:$line){" . ($_ + 1) . '})';
    } @numbers) . '/s';
}

__DATA__

=== TEST 1: redis://host:port/db: both connections of each worker are on that database
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- messaging_http
messaging_redis redis://127.0.0.1:$TEST_NGINX_REDIS_PORT/3;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
nginx:   status redis.ready $WORKERS
ann:     send {"type":"typing"}
bob:     recv {"type":"typing_indicator","user_id":1,"is_typing":true}
redis:   publish messaging:7 {"n":1}
ann,bob: recv_raw {"n":1}
redis:   command CLIENT LIST
redis:   expect_reply /\A(?:[^\n]* name=(?:test-suite|ngx_messaging [^\n]* db=3) [^\n]*\n)+\z/
redis:   command SELECT 3
redis:   expect_answer KEYS * => /^\["messaging:\@host:\d+"\]$/
redis:   command SELECT 0
redis:   command KEYS *
redis:   expect_reply []
--- no_error_log
[error]
[warn]



=== TEST 2: redis://host:port is database 0
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- messaging_http
messaging_redis redis://127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
redis: expect_answer KEYS * => /^\["messaging:\@host:\d+"\]$/



=== TEST 3: redis://:password@host: the password, percent-decoded
--- redis_args: --port $TEST_NGINX_REDIS_PORT --requirepass p@ss/w%rd:x
--- messaging_http
messaging_redis redis://:p%40ss%2fw%25rd%3Ax@127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
redis: kill_subscribers
ann:   recv {"type":"resync","within_ms":"<int>"}
redis: publish messaging:7 {"n":2}
ann:   recv_raw {"n":2}
--- no_error_log
p@ss
p%40ss



=== TEST 4: redis://user:password@host/db: a user of the ACL, who may do no more than is needed
--- redis_args: --port $TEST_NGINX_REDIS_PORT --user chat on >s3cret ~messaging:@host:* ~messaging:@revoked:* &messaging:* -@all +select +client|setname +ping +subscribe +unsubscribe +publish +set +get +expire +append +getrange
--- messaging_http
messaging_redis redis://chat:s3cret@127.0.0.1:$TEST_NGINX_REDIS_PORT/1;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: status redis.ready $WORKERS
redis: command CLIENT LIST
redis: expect_reply /\A(?:[^\n]* name=(?:test-suite|ngx_messaging [^\n]* db=1 [^\n]* user=chat) [^\n]*\n)+\z/
ann:   send {"type":"message","content":"x","client_id":"a"}
ann:   recv_unordered {"type":"ack","client_id":"a","...":0} \
    {"type":"new_message","client_id":"a","...":0}
ann:   close 1000
ann:   expect_close 1000
redis: expect_answer PUBSUB CHANNELS *:[^@]* => []
--- no_error_log
[error]
[warn]
s3cret



=== TEST 5: a user that may not name his connection
--- redis_args: --port $TEST_NGINX_REDIS_PORT --user chat on >s3cret ~messaging:@host:* ~messaging:@revoked:* &messaging:* -@all +ping +subscribe +unsubscribe +publish +set +get +expire +append +getrange
--- messaging_http
messaging_redis redis://chat:s3cret@127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
nginx: status redis.lost 0
--- no_error_log
[error]
[warn]
s3cret



=== TEST 6: unix:path is database 0
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
redis: expect_answer KEYS * => /^\["messaging:\@host:\d+"\]$/



=== TEST 7: unix:path?db=n
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET?db=2;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
redis: command SELECT 2
redis: expect_answer KEYS * => /^\["messaging:\@host:\d+"\]$/
redis: command SELECT 0
redis: command KEYS *
redis: expect_reply []



=== TEST 8: messaging_prefix stands in front of every channel and key
--- http_config
messaging_prefix chat/;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: expect_answer KEYS * => /^\["chat\/\@host:\d+"\]$/
redis: expect_answer PUBSUB CHANNELS *7 => ["chat/7"]
redis: expect_answer PUBSUB CHANNELS messaging:* => []
redis: publish messaging:7 {"n":0}
redis: publish chat/7 {"n":1}
ann:   recv_raw {"n":1}



=== TEST 9: each worker has one connection for commands and one that is subscribed
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $n = main::workers();
my $two = 2 * $n;

# a subscriber has at least the control channel
"redis: expect_clients $two\n"
. 'redis: expect_answer CLIENT LIST => ' . main::with_channels($n, $n) . "\n"
. main::one_on_each_worker('/ws/messaging/7/?token=$jwt_ann')
. 'redis: expect_answer CLIENT LIST => '
. main::with_channels($n, 0, $n) . "\n"
. "x:     connect /ws/messaging/8/?token=\$jwt_ann\n"
. 'redis: expect_answer CLIENT LIST => '
. main::with_channels($n, 0, $n - 1, 1) . "\n"
. "redis: expect_clients $two\n"
. "nginx: status redis.reconnects 0\n"



=== TEST 10: one worker has one subscription, however many members come and go
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1:      connect /ws/messaging/7/?token=$jwt_ann
c2:      connect_apart c1 /ws/messaging/7/?token=$jwt_bob
c3..c12: connect /ws/messaging/7/?token=$jwt_ann
redis:   command PUBSUB NUMSUB messaging:7
redis:   capture n 1

# each worker with members asked once
nginx:   status channels $n
redis:   expect_calls subscribe $n
redis:   publish messaging:7 {"n":1}
c1..c12: recv_raw {"n":1}
c1..c12: recv_none 50ms

# c2 alone, or c1 and c2, are left
c3..c12: close 1000
c3..c12: expect_close 1000
nginx:   status subscriptions 2
redis:   publish messaging:7 {"n":2}
c1,c2:   recv_raw {"n":2}
c1:      drop
nginx:   status subscriptions 1
redis:   expect_subscribers messaging:7 1
redis:   publish messaging:7 {"n":3}
c2:      recv_raw {"n":3}
c2:      reset
redis:   expect_answer PUBSUB CHANNELS *:[^@]* => []
redis:   expect_calls subscribe $n
redis:   expect_calls unsubscribe $n
nginx:   status channels 0



=== TEST 11: what is left and joined again, or joined and left, within one turn costs nothing
--- not_in: onebyte (each frame has a turn of its own)
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
redis: expect_calls subscribe 1
ann:   cork
ann:   send {"type":"unsubscribe","conversation_id":7}
ann:   send {"type":"subscribe","conversation_id":7}
ann:   send {"type":"subscribe","conversation_id":8}
ann:   send {"type":"unsubscribe","conversation_id":8}
ann:   uncork
ann:   recv {"type":"unsubscribed","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
ann:   recv {"type":"unsubscribed","conversation_id":8}
redis: publish messaging:8 {"n":0}
redis: publish messaging:7 {"n":1}
ann:   recv {"conversation_id":7,"n":1}
redis: expect_answer PUBSUB CHANNELS *:[^@]* => ["messaging:7"]
redis: expect_calls subscribe 1
redis: expect_calls unsubscribe 0
ann:   recv_none 50ms



=== TEST 12: left and joined again faster than Redis answers
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
redis: pause
ann:   send {"type":"unsubscribe","conversation_id":7}
ann:   recv {"type":"unsubscribed","conversation_id":7}
ann:   send {"type":"subscribe","conversation_id":7}
ann:   send {"type":"ping"}
ann:   recv {"type":"pong","timestamp":"<now>"}
ann:   send {"type":"unsubscribe","conversation_id":7}
ann:   recv {"type":"unsubscribed","conversation_id":7}
ann:   send {"type":"subscribe","conversation_id":7}
ann:   send {"type":"ping"}
ann:   recv {"type":"pong","timestamp":"<now>"}
ann:   recv_none 50ms
redis: continue
ann:   recv {"type":"subscribed","conversation_id":7}
redis: expect_calls subscribe 3
redis: expect_calls unsubscribe 2
redis: publish messaging:7 {"n":1}
ann:   recv {"conversation_id":7,"n":1}
ann:   send {"type":"unsubscribe","conversation_id":7}
ann:   recv {"type":"unsubscribed","conversation_id":7}
redis: expect_answer PUBSUB CHANNELS *:[^@]* => []
nginx: status channels 0



=== TEST 13: a channel that was left and joined again is confirmed by the last answer, not by the first
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:  connect_retry /ws/messaging/?token=$jwt_ann
ann:  send {"type":"subscribe","conversation_id":7}
ann:  recv {"type":"subscribed","conversation_id":7}
fake: reply UNSUBSCRIBE ""
fake: reply SUBSCRIBE ""
ann:  send {"type":"unsubscribe","conversation_id":7}
ann:  recv {"type":"unsubscribed","conversation_id":7}
fake: expect_command UNSUBSCRIBE messaging:7
ann:  send {"type":"subscribe","conversation_id":7}
fake: expect_command SUBSCRIBE messaging:7
fake: push "*3\r\n$$11\r\nunsubscribe\r\n$$11\r\nmessaging:7\r\n:0\r\n"
fake: publish messaging:7 {"n":1}
ann:  recv_none 50ms
fake: push "*3\r\n$$9\r\nsubscribe\r\n$$11\r\nmessaging:7\r\n:1\r\n"
ann:  recv {"type":"subscribed","conversation_id":7}
fake: publish messaging:7 {"n":2}
ann:  recv {"conversation_id":7,"n":2}



=== TEST 14: channels that are left are unsubscribed in one command, as those of a connection are
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   cork
ann:   send_series 1..200 {"type":"subscribe","conversation_id":%d}
ann:   uncork
ann:   recv_series 1..200 {"type":"subscribed","conversation_id":%d}
redis: command CONFIG RESETSTAT
ann:   reset
redis: expect_answer PUBSUB CHANNELS *:[^@]* => []
redis: expect_calls unsubscribe 1
nginx: status channels 0



=== TEST 15: commands do not wait for the answers of those before
--- not_in: onebyte (the end of a frame may be under way for longer)
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
ann:   ignore /new_message/
fake:  hang PUBLISH
ann:   send_series 1..40 {"type":"message","content":"x","client_id":"%d"}
fake:  count PUBLISH 40
ann:   recv_none 50ms
fake:  normal
ann:   recv_series 1..40 {"type":"ack","client_id":"%d","...":0}



=== TEST 16: commands of one turn leave in one write
--- not_in: onebyte (each frame has a turn of its own)
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: command CONFIG RESETSTAT
ann:   cork
ann:   send_series 1..60 {"type":"message","content":"%d"}
ann:   uncork
ann:   recv_series 1..60 {"type":"new_message","message":{"content":"%d","...":0}}
redis: expect_calls publish 60

# RESETSTAT's own, the calls of this suite, and one or two of nginx
redis: command INFO stats
redis: expect_reply /(?m)^total_reads_processed:[1-9]\r$/



=== TEST 17: 600 channels are resubscribed in batches, and all their members told
--- http_config
messaging_max_subscriptions 1000;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $calls = 3 + main::workers();
<<'EOS' =~ s/CALLS/$calls/r
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   send_series 1..600 {"type":"subscribe","conversation_id":%d}
ann:   recv_series 1..600 {"type":"subscribed","conversation_id":%d}
nginx: status channels 600
ann:   ignore /"resync"/
redis: command CONFIG RESETSTAT
redis: kill_subscribers
nginx: status broker.resyncs 600
nginx: status redis.ready $WORKERS
redis: expect_calls subscribe CALLS
redis: expect_answer EVAL "return #redis.call('PUBSUB', 'CHANNELS', 'messaging:[^@]*')" 0 => 600
redis: command EVAL "for i = 1, 600 do redis.call('PUBLISH', 'messaging:' .. i, '{\"n\":' .. i .. '}') end" 0
ann:   recv_series 1..600 /^\{"conversation_id":%d,"n":%d\}$/
EOS



=== TEST 18: names of 128 characters, 600 of them: no batch is too long
--- not_in: onebyte (Redis is not sent that much within 5 s)
--- http_config
messaging_max_subscriptions 1000;
messaging_prefix a-prefix-that-is-a-hundred-and-twenty-eight-characters-long-------------------------------------------------------------------/;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $x = 'x' x 125;
my $prefix = 'a-prefix-that-is-a-hundred-and-twenty-eight-characters-long'
             . '-' x 67 . '/';
<<"EOS";
ann:   connect /ws/messaging/?token=\$jwt_ann
ann:   send_series 100..699 {"type":"subscribe","conversation_id":"${x}%d"}
ann:   recv_series 100..699 {"type":"subscribed","conversation_id":"${x}%d"}
nginx: status channels 600
ann:   ignore /"resync"/
redis: kill_subscribers
nginx: status broker.resyncs 600
redis: command EVAL "for i = 100, 699 do redis.call('PUBLISH', ARGV[1] .. i, '{}') end" 0 $prefix$x
ann:   recv_series 100..699 {"conversation_id":"${x}%d"}
EOS



=== TEST 19: a large message goes out and comes back whole, in many pieces
--- not_in: onebyte (Redis is not sent that much within 5 s)
--- http_config
messaging_max_message 1m;
messaging_max_content 1000000;
messaging_send_buffer 8m;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $x = 'x' x 900_000;
<<"EOS";
ann:     connect /ws/messaging/7/?token=\$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=\$jwt_bob
ann:     send {"type":"message","content":"1$x"}
ann:     send {"type":"message","content":"2$x"}
ann:     send {"type":"message","content":"3"}
ann,bob: recv /"content":"1(?:x{30000}){30}"/
ann,bob: recv /"content":"2(?:x{30000}){30}"/
ann,bob: recv {"type":"new_message","message":{"content":"3","...":0}}
EOS
