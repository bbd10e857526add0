
# Copyright (C) The ngx_http_messaging_module authors

# What a Redis says that does not want us, is not ready, is out of order or is
# no Redis: a line in the log, a new connection, and nobody left deaf.  How
# silence is dealt with is tested in 056-redis-silence.t.
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

# "fake", as often as nginx has connections, and so often again
sub fakes {
    my ($times) = @_;
    return CORE::join ',', ('fake') x (2 * workers() * $times);
}

# the lines of "grep_error_log", one for each connection
sub one_each {
    my ($line) = @_;
    return "$line\n" x (2 * workers());
}

# a pushed array of bulk strings
sub pushed {
    return CORE::join '', '*' . @_ . '\r\n',
        map { /\A:/ ? "$_\\r\\n" : '$$' . length($_) . "\\r\\n$_\\r\\n" } @_;
}

__DATA__

=== TEST 1: a wrong password
--- messaging_http
messaging_redis redis://:wr0ng-pass@127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- redis_args: --requirepass right --port $TEST_NGINX_REDIS_PORT
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
redis: expect_answer INFO errorstats => /errorstat_WRONGPASS/
nginx: status redis.ready 0
redis: command CONFIG SET requirepass wr0ng-pass
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
--- grep_error_log eval: qr/\[error\] .*?\K AUTH was refused: "[^"]*"/
--- grep_error_log_out eval: main::one_each(' AUTH was refused: "WRONGPASS invalid username-password pair or user is disabled."')
--- no_error_log
wr0ng-pass
[crit]



=== TEST 2: a password is asked for, and there is none
--- redis_args: --requirepass right
--- websocket
redis: expect_answer INFO errorstats => /errorstat_NOAUTH/
nginx: status redis.ready 0
redis: command CONFIG SET requirepass ""
nginx: status redis.ready $WORKERS
--- grep_error_log eval: qr/\[error\] .*?\K connection was refused: "[^"]*"/
--- grep_error_log_out eval: main::one_each(' connection was refused: "NOAUTH Authentication required."')



=== TEST 3: a password is given, and Redis has none
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- messaging_http
messaging_redis redis://:secret@127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- websocket
redis: expect_answer INFO errorstats => /errorstat_ERR/
nginx: status redis.ready 0
redis: command CONFIG SET requirepass secret
nginx: status redis.ready $WORKERS
--- grep_error_log eval: qr/\[error\] .*?\K AUTH was refused: ".{32}/
--- grep_error_log_out eval: main::one_each(' AUTH was refused: "ERR AUTH <password> called witho')



=== TEST 4: a database that Redis does not have
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET?db=16;
--- websocket
redis: expect_answer INFO errorstats => /errorstat_ERR:count=[3-9]/
nginx: status redis.ready 0
--- grep_error_log eval: qr/\[error\] .*?\K SELECT was refused/
--- grep_error_log_out eval: main::one_each(' SELECT was refused')



=== TEST 5: what Redis says is logged without the password in it
--- fake_redis
reply AUTH -ERR no s3cr%et, please
--- messaging_http
messaging_redis redis://joe:s3cr%25et@127.0.0.1:$TEST_NGINX_FAKE_PORT;
--- websocket
fake:  expect_command AUTH joe s3cr%et
nginx: status redis.ready 0
fake:  normal
nginx: status redis.ready $WORKERS
--- grep_error_log eval: qr/\[error\] .*?\K AUTH was refused: .*/
--- grep_error_log_out eval: main::one_each(' AUTH was refused: "ERR no "')
--- no_error_log
s3cr



=== TEST 6: Redis is loading its data when it is connected to
--- fake_redis eval
'reply CLIENT*' . 2 * main::workers()
    . ' -LOADING Redis is loading the dataset in memory'
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
fake:  publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
--- grep_error_log eval: qr/\[error\] .*?\K connection was refused: "[^"]*"/
--- grep_error_log_out eval: main::one_each(' connection was refused: "LOADING Redis is loading the dataset in memory"')



=== TEST 7: it is loading its data when it is asked for a host number: that is asked for again
--- fake_redis eval
'reply SET*' . main::workers()
    . ' -LOADING Redis is loading the dataset in memory'
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready 0
nginx: not_before 500ms status redis.ready $WORKERS
nginx: status redis.lost 0
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","...":0}
--- grep_error_log eval: qr/messaging redis gives no host number yet: "[^"]*"/
--- grep_error_log_out eval
qq{messaging redis gives no host number yet: "LOADING Redis is loading the dataset in memory"\n} x main::workers()
--- no_error_log
[error]



=== TEST 8: it is loading its data when it gets a message: not taken, and the connection stays
--- fake_redis
reply PUBLISH*2 -LOADING Redis is loading the dataset in memory
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
ann:   send {"type":"read"}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv_unordered {"type":"ack","client_id":"c1","...":0} \
    {"type":"new_message","client_id":"c1","...":0}
nginx: status redis.lost 0
nginx: status broker.publish_failed 2
nginx: status broker.published 1
--- no_error_log
[error]



=== TEST 9: answers to PUBLISH that are no number: not taken
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann:   connect_retry /ws/messaging/7/?token=\$jwt_ann\n"
. CORE::join('', map { <<"EOS" } '+OK\r\n', '$$-1\r\n', '$$2\r\nOK\r\n', '*0\r\n', '*-1\r\n', '*1\r\n:1\r\n', '-\r\n')
fake:  reply PUBLISH*1 "$_"
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
EOS
. <<'EOS';
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv_unordered {"type":"ack","client_id":"c1","...":0} \
    {"type":"new_message","client_id":"c1","...":0}
nginx: status redis.lost 0
nginx: status broker.publish_failed 7
EOS



=== TEST 10: a user that may write no key: a warning, once, and messages all the same
--- redis_args: --port $TEST_NGINX_REDIS_PORT --user chat on >x &messaging:* +@all
--- messaging_http
messaging_redis redis://chat:x@127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv_unordered {"type":"ack","client_id":"c1","id":"<int>","...":0} \
    {"type":"new_message","client_id":"c1","...":0}
bob:   recv {"type":"new_message","client_id":"c1","...":0}
redis: command KEYS *
redis: expect_reply []

# and none after a reconnect
redis: kill_normal
nginx: expect_log /\[notice\] .* connection restored/
nginx: status redis.ready $WORKERS
bob:   send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","...":0}
--- grep_error_log eval: qr/\[warn\] .*?\K messaging redis gave no host number: "\S+/
--- grep_error_log_out eval: qq{ messaging redis gave no host number: "NOPERM\n} x main::workers()



=== TEST 11: Redis is out of memory: the same
--- redis_args: --maxmemory 1
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
redis: command CONFIG SET maxmemory 0
ann:   send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","...":0}
--- grep_error_log eval: qr/\[warn\] .*?\K messaging redis gave no host number: "\S+/
--- grep_error_log_out eval: qq{ messaging redis gave no host number: "OOM\n} x main::workers()



=== TEST 12: answers that come byte by byte
--- fake_redis
split 1
--- messaging_http
messaging_redis redis://joe:x@127.0.0.1:$TEST_NGINX_FAKE_PORT/3;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
nginx:   status redis.ready $WORKERS
ann:     connect /ws/messaging/?token=$jwt_ann
ann:     cork
ann:     send_series 1..3 {"type":"subscribe","conversation_id":%d}
ann:     uncork
ann:     recv_series 1..3 {"type":"subscribed","conversation_id":%d}
bob:     connect_apart ann /ws/messaging/2/?token=$jwt_bob
ann:     cork
ann:     send {"type":"message","conversation_id":2,"content":"one"}
ann:     send {"type":"message","conversation_id":2,"content":"two","client_id":"c2"}
ann:     send {"type":"read","conversation_id":2}
ann:     uncork
ann:     recv {"type":"new_message","conversation_id":2,"message":{"content":"one","...":0}}
ann:     recv_unordered {"type":"new_message","conversation_id":2,"message":{"content":"two","...":0},"client_id":"c2"} \
    {"type":"ack","conversation_id":2,"client_id":"c2","...":0}
ann:     recv {"type":"read_receipt","conversation_id":2,"...":0}
bob:     recv {"type":"new_message","message":{"content":"one","...":0}}
bob:     recv {"type":"new_message","message":{"content":"two","...":0},"client_id":"c2"}
bob:     recv {"type":"read_receipt","...":0}
fake:    publish messaging:3 {"type":"x","text":"a\u00e4b"}
ann:     recv {"type":"x","conversation_id":3,"text":"a\u00e4b"}
nginx:   status redis.lost 0



=== TEST 13: garbage on all connections at once
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
fake:  garbage
ann,bob: recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
fake:  publish messaging:7 {"n":1}
ann,bob: recv_raw {"n":1}
ann,bob: recv_none 50ms
--- grep_error_log eval: qr/\[error\] .*?\K invalid reply: .*/
--- grep_error_log_out eval: main::one_each(' invalid reply: Protocol error, got "\x00" as reply type byte')



=== TEST 14: garbage before a connection is ready
--- fake_redis eval
'reply CLIENT*' . 2 * main::workers() . ' "HTTP/1.1 400 Bad Request\r\n\r\n"'
--- websocket
nginx: status redis.ready $WORKERS
--- grep_error_log eval: qr/\[error\] .*?\K invalid reply: .*/
--- grep_error_log_out eval: main::one_each(' invalid reply: Protocol error, got "H" as reply type byte')



=== TEST 15: garbage on the connection for commands: what was not answered is not taken, nobody missed anything
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann:   connect_retry /ws/messaging/7/?token=\$jwt_ann\n"
. "nginx: status redis.ready \$WORKERS\n"
. CORE::join('', map { <<"EOS" } '\xff\r\n', '*1\r\n*1\r\n:1\r\n', '%%1\r\n+a\r\n+b\r\n')
fake:  reply PUBLISH*1 "$_"
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
nginx: status redis.ready \$WORKERS
EOS
. <<'EOS' =~ s/%%/%/gr;
nginx: status redis.lost 3
nginx: status broker.resyncs 0
nginx: status broker.publish_failed 3
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","...":0}
EOS



=== TEST 16: an answer to no command
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
nginx: status redis.ready $WORKERS
fake:  reply PUBLISH*1 ":1\r\n:1\r\n"
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv {"type":"ack","client_id":"c1","...":0}
nginx: expect_log /\[error\] .*: reply without a command/
nginx: status redis.lost 1
nginx: status redis.ready $WORKERS
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","...":0}
nginx: status broker.resyncs 0



=== TEST 17: garbage on the connection that is subscribed: a resync each time
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann:   connect_retry /ws/messaging/7/?token=\$jwt_ann\n"
. "nginx: status redis.ready \$WORKERS\n"
. CORE::join('', map { <<"EOS" }
fake:  push "$_"
ann:   recv {"type":"resync","within_ms":"<int>"}
EOS
    ':1\r\n', main::pushed('x'), '*3\r\n$$-1\r\n:1\r\n:1\r\n')
. <<'EOS';
fake:  publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
nginx: status redis.lost 3
nginx: status broker.resyncs 3
EOS



=== TEST 18: a message that has come in part when the connection ends
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
fake:  push "*3\r\n$$7\r\nmessage\r\n$$11\r\nmessaging:7\r\n$$100\r\n{\"n\":1}"
fake:  reply PUBLISH ":"
ann:   send {"type":"message","content":"x","client_id":"c1"}
fake:  expect_command PUBLISH
fake:  normal
ann:   recv_none 50ms
fake:  drop
ann:   recv_unordered {"type":"resync","within_ms":"<int>"} \
    {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
nginx: status redis.ready $WORKERS
fake:  publish messaging:7 {"n":2}
ann:   recv_raw {"n":2}



=== TEST 19: pushes that concern nobody are left alone
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann:   connect_retry /ws/messaging/7/?token=\$jwt_ann\n"
. "nginx: status redis.ready \$WORKERS\n"
. CORE::join('', map { "fake:  push \"$_\"\n" }
    main::pushed('message', 'messaging:8', '{"n":0}') =~ s/(?=")/\\/gr,
    main::pushed('message', 'messaging:', '{}'),
    main::pushed('message', '7', '{}'),
    main::pushed('message', 'MESSAGING:7', '{}'),
    main::pushed('message', '', '{}'),
    main::pushed('smessage', 'messaging:7', '{}'),
    main::pushed('pmessage', '*', 'messaging:7', '{}'),
    main::pushed('subscribe', 'messaging:7', ':1'),
    main::pushed('subscribe', 'messaging:8', ':2'),
    main::pushed('unsubscribe', 'messaging:8', ':1'),
    main::pushed('ssubscribe', 'messaging:7', ':1'),
    main::pushed('sunsubscribe', 'messaging:7', ':0'),
    main::pushed('psubscribe', 'messaging:7', ':1'),
    main::pushed('punsubscribe', 'messaging:7', ':1'),
    main::pushed('pong', ''),
    '+PONG\r\n')
. <<'EOS';
fake:  publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
nginx: status redis.lost 0
nginx: status broker.resyncs 0
EOS
--- no_error_log
[error]



=== TEST 20: unsubscribed without having asked for it: subscribed again, and resync
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<'EOS' . 'fake:  push "' . main::pushed('unsubscribe', 'messaging:7', ':1') . "\"\n" . <<'EOS2';
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
many:  connect_retry /ws/messaging/?token=$jwt_ann
many:  send {"type":"subscribe","conversation_id":8}
many:  recv {"type":"subscribed","conversation_id":8}
fake:  expect_command SUBSCRIBE messaging:8
EOS
fake:  expect_command SUBSCRIBE messaging:7
ann:   recv {"type":"resync","within_ms":"<int>"}
fake:  publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
many:  recv_none 50ms
nginx: status redis.lost 0
nginx: status broker.resyncs 1
EOS2



=== TEST 21: a subscription that is refused is asked for again
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . main::handshake('bob', '/ws/messaging/8/?token=$jwt_bob') . <<'EOS2';
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
nginx: status redis.ready $WORKERS
ann:   ignore /"resync"/
fake:  reply SUBSCRIBE*1 -NOPERM this user has no permissions to access one of the channels used as arguments
EOS
bob:   expect_status 101
nginx: expect_log /\[error\] .* was refused: "NOPERM this user has no permissions to access one of the channels/
fake:  publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
fake:  publish messaging:8 {"n":2}
bob:   recv_raw {"n":2}
nginx: status redis.lost 1
EOS2



=== TEST 22: it closes every connection at once: attempts become rarer, and the log tells once
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<"EOS" . main::fakes(4) . ": not_before 600ms expect_command CLIENT\n" . <<'EOS2';
nginx: status redis.ready \$WORKERS
ann:   connect /ws/messaging/7/?token=\$jwt_ann
${\main::fakes(1)}: expect_command CLIENT
fake:  close_on CLIENT
fake:  drop
EOS
nginx: status redis.ready 0
fake:  normal
nginx: status redis.ready $WORKERS
nginx: expect_log /\[notice\] .*: connection restored, [4-9] errors before were not logged/
ann:   recv {"type":"resync","within_ms":"<int>"}
EOS2
--- grep_error_log eval: qr/\[error\] .*/
--- grep_error_log_out eval: qr/\A(?:.* connection was closed\n){${\(2 * main::workers())}}\z/



=== TEST 23: too many clients
--- fake_redis eval
'reply CLIENT*' . 2 * main::workers()
    . ' -ERR max number of clients reached'
--- websocket
nginx: status redis.ready $WORKERS
--- grep_error_log eval: qr/\[error\] .*?\K connection was refused: "[^"]*"/
--- grep_error_log_out eval: main::one_each(' connection was refused: "ERR max number of clients reached"')
