
# Copyright (C) The ngx_http_messaging_module authors

# messaging_access redis=: the members of a conversation are a set in Redis.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

our $Locations = <<'EOC';
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access redis=conversation:$messaging_conversation:members;
        messaging_access_timeout 500ms;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location = /ws/messaging/ {
            messaging on;
        }

        location = /status {
            messaging_status on;
        }
EOC

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: who is in the set is let in
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+300"}
bob: {"user_id":"a b/ü","exp":"+300"}
eve: {"user_id":2,"exp":"+300"}
--- websocket
redis: command SADD conversation:7:members 1 "a b/ü"
redis: command SADD conversation:8:members 2
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"message","content":"hello"}
ann,bob: recv {"type":"new_message","message":{"sender":{"id":1,"name":"Ann"},"...":0}}
eve: connect /ws/messaging/7/?token=$jwt_eve
eve: expect_close 4003 no access
eve2: connect /ws/messaging/9/?token=$jwt_eve
eve2: expect_close 4003 no access
eve3: connect /ws/messaging/8/?token=$jwt_eve
eve3: send {"type":"ping"}
eve3: recv {"type":"pong"}
nginx: status refusals.access 2
nginx: status refusals.backend 0



=== TEST 2: many conversations: asked at each subscribe, and not before
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD conversation:7:members 1
redis: command SET conversation:9:members x
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/?token=$jwt_ann
redis: expect_calls sismember 0
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
redis: expect_calls sismember 1
ann: send {"type":"subscribe","conversation_id":8}
ann: recv {"type":"error","code":"access_denied","message":"no access to this conversation","conversation_id":8}
ann: send {"type":"subscribe","conversation_id":9}
ann: recv {"type":"error","code":"unavailable","conversation_id":9,"...":0}
ann: send {"type":"message","conversation_id":8,"content":"x"}
ann: recv {"type":"error","code":"access_denied","...":0}
ann: send {"type":"message","conversation_id":7,"content":"x"}
ann: recv {"type":"new_message","conversation_id":7,"...":0}
redis: command SADD conversation:8:members 1
ann: send {"type":"subscribe","conversation_id":8}
ann: recv {"type":"subscribed","conversation_id":8}
nginx: expect_log /\[error\] .*messaging access check failed: Redis says "WRONGTYPE/
redis: expect_calls sismember 4



=== TEST 3: keys with other variables, or none; a channel
--- http_config
map $messaging_user $group_of {
    default even;
    ~[13]$  odd;
}
--- config eval
$::Locations . <<'EOC'
        location = /ws/user/ {
            messaging on;
            messaging_channel user:$messaging_user;
            messaging_access redis=of:$messaging_conversation:$group_of:$messaging_user:$http_x_key$arg_key;
        }

        location = /ws/all/ {
            messaging on;
            messaging_channel room:all;
            messaging_access redis=beta;
        }

        location = /ws/none/ {
            messaging on;
            messaging_access redis=$arg_nothing;
        }
EOC
--- jwt
ann: {"user_id":"a@1","exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
redis: command SADD of:user:a%401:odd:a%401: a@1
redis: command SADD beta 2
nginx: status redis.ready $WORKERS
ann: header X-Key: spoofed
ann: connect /ws/user/?key=spoofed&token=$jwt_ann
redis: publish messaging:user:a%401 {"type":"hello"}
ann: recv {"type":"hello"}
bob: connect /ws/user/?token=$jwt_bob
bob: expect_close 4003 no access
bob2: connect /ws/all/?token=$jwt_bob
redis: publish messaging:room:all {"type":"hello"}
bob2: recv {"type":"hello"}
ann2: connect /ws/all/?token=$jwt_ann
ann2: expect_close 4003 no access
none: connect /ws/none/?token=$jwt_ann
none: send {"type":"subscribe","conversation_id":7}
none: recv {"type":"error","code":"unavailable","...":0}
nginx: expect_log /\[error\] .*messaging access check has an empty key/



=== TEST 4: a session without its request asks as well
--- http_config
messaging_detach on;
--- config eval: $::Locations
--- jwt
ann: {"user_id":"a b","exp":"+300"}
--- websocket
redis: command SADD conversation:7:members "a b"
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/?token=$jwt_ann
ann: send {"type":"ping"}
ann: recv {"type":"pong","...":0}
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":8}
ann: recv {"type":"error","code":"access_denied","...":0}
one: connect /ws/messaging/7/?token=$jwt_ann
one: send {"type":"ping"}
one: recv {"type":"pong"}



=== TEST 5: what is no number lets nobody in
--- config eval
"$::Locations messaging_refuse_delay off;"
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
my $n = 0;
"nginx: status redis.ready \$WORKERS\n"
. CORE::join('', map { $n++; <<"EOS" }
fake: reply SISMEMBER "$_\\r\\n"
c$n: connect /ws/messaging/7/?token=\$jwt_ann
c$n: expect_close 1013 access check failed
EOS
'-NOPERM this user has no permissions', '$$2\r\nno', ':2', ':-1', '$$-1')
. <<'EOS'
fake: reply SISMEMBER ":1\r\n"
c6: connect /ws/messaging/7/?token=$jwt_ann
fake: expect_command SISMEMBER conversation:7:members 1
nginx: status refusals.backend 5
nginx: expect_log /\[error\] .*messaging access check failed: Redis says "NOPERM this user/
nginx: expect_log /\[error\] .*messaging access check failed: Redis has answered with no number/
EOS



=== TEST 6: none in time, and a reply that comes too late
--- http_config
messaging_refuse_delay off;
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD conversation:7:members 1
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/?token=$jwt_ann
nginx: remember_baseline
redis: pause
c1: not_before 500ms connect /ws/messaging/7/?token=$jwt_ann
c1: expect_close 1013 access check failed
ann: send {"type":"subscribe","conversation_id":7}
ann: not_before 300ms recv {"type":"error","code":"unavailable","conversation_id":7,"...":0}
nginx: expect_log /\[error\] .*messaging access check timed out/
nginx: status refusals.backend 1
redis: continue
c2: connect /ws/messaging/7/?token=$jwt_ann
c2: close 1000
c2: expect_close 1000
ann: recv_none 100ms
nginx: expect_baseline



=== TEST 7: the connection to Redis breaks, and is not there
--- fake_redis
close_on SISMEMBER
--- http_config
messaging_refuse_delay off;
--- config eval
$::Locations =~ s/500ms/30s/r
--- allow_log
messaging redis
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
nginx: status redis.ready $WORKERS
c1: connect /ws/messaging/7/?token=$jwt_ann
c1: expect_close 1013 access check failed
nginx: expect_log /messaging access check failed: the connection to Redis was lost/
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/?token=$jwt_ann
ann: ignore /resync/
fake: refuse
fake: drop
nginx: status redis.ready 0
c2: connect /ws/messaging/7/?token=$jwt_ann
c2: expect_close 1013 access check failed
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"error","code":"unavailable","conversation_id":7,"...":0}
nginx: expect_log /messaging access check failed: Redis is not there/
nginx: status refusals.backend 2



=== TEST 8: clients that leave while Redis is asked cost nothing
--- config eval
$::Locations =~ s/500ms/30s/r
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD conversation:7:members 1
nginx: status redis.ready $WORKERS
many: connect /ws/messaging/?token=$jwt_ann
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: remember_baseline
redis: pause
c1..c20: open
c1..c20: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
many: send {"type":"subscribe","conversation_id":7}
many: send {"type":"subscribe","conversation_id":7}
many: send {"type":"unsubscribe","conversation_id":7}
many: recv {"type":"unsubscribed","conversation_id":7}
nginx: status connections 22
c1..c10: drop
c11..c20: reset
nginx: status connections 2
redis: continue
ann: send {"type":"message","content":"x"}
ann: recv {"type":"new_message","...":0}
many: recv_none 100ms
nginx: expect_baseline



=== TEST 9: a worker that leaves waits for the reply
--- config eval
$::Locations =~ s/500ms/30s/r
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD conversation:7:members 1
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/7/?token=$jwt_ann
redis: pause
c1: open
c1: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
nginx: status connections 2
nginx: signal HUP
ann: expect_close 1012
redis: continue
c1: expect_status 101
c1: expect_close 1012
nginx: expect_workers $WORKERS



=== TEST 10: workers that are terminated do not wait
--- config eval
$::Locations =~ s/500ms/30s/r
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD conversation:7:members 1
nginx: status redis.ready $WORKERS
many: connect /ws/messaging/?token=$jwt_ann
redis: pause
many: send {"type":"subscribe","conversation_id":7}
c1: open
c1: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
nginx: status connections 2
nginx: stop
nginx: expect_exit
redis: continue
c1,many: expect_gone



=== TEST 11: messaging_reject http tells the status
--- config eval
"$::Locations messaging_reject http; messaging_refuse_delay off;"
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD conversation:7:members 1
redis: command SET conversation:9:members x
nginx: status redis.ready $WORKERS
c1: connect /ws/messaging/7/?token=$jwt_ann
c2: refused 403 /ws/messaging/8/?token=$jwt_ann
c3: refused 503 /ws/messaging/9/?token=$jwt_ann



=== TEST 12: it needs Redis
--- messaging_http
--- config eval: $::Locations
--- must_die
--- error_log
"messaging_access redis=" needs "messaging_redis"



=== TEST 13: but not where it is inherited by no endpoint
--- messaging_http
--- http_config
messaging_access redis=a;
--- config
        location = /ws/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann: connect /ws/?token=$jwt_ann



=== TEST 14: an empty key
--- config
        messaging_access redis=;
--- must_die
--- error_log
invalid access "redis=", it must be "any", "claim=<name>", "request=<uri>" or "redis=<key>"



=== TEST 15: a variable that there is not
--- config
        messaging_access redis=a:$nobody_knows;
--- must_die
--- error_log
unknown "nobody_knows" variable
