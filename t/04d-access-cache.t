
# Copyright (C) The ngx_http_messaging_module authors

# messaging_access_cache: what was said of who may enter is kept for a while.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

our $Locations = <<'EOC';
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access redis=members:$messaging_conversation;
        messaging_access_cache 60s;
        messaging_refuse_delay off;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location = /ws/messaging/ {
            messaging on;
        }

        location = /control {
            messaging_control on;
            allow 127.0.0.1;
            deny all;
        }

        location = /status {
            messaging_status on;
        }
EOC

# a backend that answers with the file "may-CONVERSATION", or 403
our $Http = <<'EOC';
limit_req_zone $http_x_messaging_user zone=slow:64k rate=120r/m;

server {
    listen unix:$TEST_NGINX_SERVER_ROOT/backend.sock;
    root $TEST_NGINX_SERVER_ROOT/conf;
    default_type application/json;

    location / {
        if ($http_x_messaging_conversation = 401) { return 401; }
        if ($http_x_messaging_conversation = 500) { return 500; }
        try_files /may-$http_x_messaging_conversation =403;
    }

    location /slow {
        limit_req zone=slow burst=100;
        try_files /may-$http_x_messaging_conversation =403;
    }
}
EOC

sub backend {
    my ($uri) = @_;
    return $Locations =~ s/redis=\S+;/request=\/ask;/r . <<EOC;
        location = /ask {
            internal;
            proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/backend.sock:$uri;
        }
EOC
}

# "control: JSON" is a POST
sub with_posts {
    my ($text) = @_;
    $text =~ s{^control: *(.*)\n}{<<"EOS"}gem;
back: header Content-Type: application/json
back: http POST /control $1
back: expect_status 202
EOS
    return $text;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: asked once, for all workers and all locations of one rule
--- config eval
$::Locations . <<'EOC'
        location ~ ^/ws/other/(?<other>[^/]+)/$ {
            messaging on;
            messaging_conversation $other;
            messaging_access redis=members:$messaging_conversation;
        }

        location ~ ^/ws/always/(?<always>[^/]+)/$ {
            messaging on;
            messaging_conversation $always;
            messaging_access_cache 0;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+300"}
eve: {"user_id":2,"exp":"+300"}
--- websocket
redis: command SADD members:7 1
nginx: status redis.ready $WORKERS
ann:  connect /ws/messaging/7/?token=$jwt_ann
eve:  connect /ws/messaging/7/?token=$jwt_eve
eve:  expect_close 4003 no access
nginx: status access.asked 2
redis: command SREM members:7 1
redis: command SADD members:7 2
ann2: connect_apart ann /ws/messaging/7/?token=$jwt_ann
ann2: send {"type":"message","content":"x"}
ann,ann2: recv {"type":"new_message","...":0}
many: connect /ws/messaging/?token=$jwt_ann
many: send {"type":"subscribe","conversation_id":7}
many: recv {"type":"subscribed","conversation_id":7}
eve2: connect /ws/messaging/7/?token=$jwt_eve
eve2: expect_close 4003 no access
nginx: status access.asked 2
redis: expect_calls sismember 2

# another conversation, another rule, and no cache
many: send {"type":"subscribe","conversation_id":8}
many: recv {"type":"error","code":"access_denied","...":0}
c1:   connect /ws/other/7/?token=$jwt_ann
c1:   expect_close 4003 no access
c2:   connect /ws/always/7/?token=$jwt_eve
c3:   connect /ws/always/7/?token=$jwt_eve
nginx: status access.asked 6
nginx: status access.evicted 0
nginx: metrics



=== TEST 2: not for longer than said
--- config eval
$::Locations =~ s/60s/2s/r
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD members:7 1
nginx: status redis.ready $WORKERS
c1: connect /ws/messaging/7/?token=$jwt_ann
redis: command SREM members:7 1
c2: connect /ws/messaging/7/?token=$jwt_ann
nginx: status access.cached 1
wait 2100ms
c3: connect /ws/messaging/7/?token=$jwt_ann
c3: expect_close 4003 no access
nginx: status access.asked 2



=== TEST 3: withdraw, and those who are just being asked for
--- messaging_http
--- http_config eval: $::Http
--- config eval: main::backend('/slow')
--- conf_files
>>> may-7
{}
>>> may-8
{}
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann8:  connect /ws/messaging/8/?token=$jwt_ann
bob:   connect /ws/messaging/7/?token=$jwt_bob
nginx: status access.asked 3
control: {"action":"withdraw","user_id":1,"conversation_id":7}
ann:   expect_close 4003 access withdrawn
nginx: remove_file may-7
nginx: remove_file may-8

# that of another user, and of another conversation, stay
bob2:  connect /ws/messaging/7/?token=$jwt_bob
ann9:  connect /ws/messaging/8/?token=$jwt_ann
nginx: status access.cached 2
ann2:  connect /ws/messaging/7/?token=$jwt_ann
ann2:  expect_close 4003 no access
nginx: status access.asked 4

# asked before, answered behind it
nginx: write_file may-7 {}
control: {"action":"recheck","user_id":1,"conversation_id":7}
c1:    open
c1:    bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
nginx: status access.asked 5
control: {"action":"withdraw","user_id":1,"conversation_id":7}
c1:    expect_status 101
c1:    expect_close 4003 access withdrawn
nginx: remove_file may-7
ann3:  connect /ws/messaging/7/?token=$jwt_ann
ann3:  expect_close 4003 no access
nginx: status access.asked 6
nginx: status access.cached 2
EOS



=== TEST 4: recheck of a user, and of a conversation; through Redis
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
redis: command SADD members:7 1 2
redis: command SADD members:8 1 2
redis: expect_subscribers messaging:@control $WORKERS
nginx: status redis.ready $WORKERS
ann7:  connect /ws/messaging/7/?token=$jwt_ann
ann8:  connect_apart ann7 /ws/messaging/8/?token=$jwt_ann
bob7:  connect /ws/messaging/7/?token=$jwt_bob
bob8:  connect_apart ann7 /ws/messaging/8/?token=$jwt_bob
redis: command DEL members:7 members:8
redis: publish messaging:@control {"action":"recheck","user_id":1}
ann7,ann8: expect_close 4003 access withdrawn
ann7,ann8: connect /ws/messaging/7/?token=$jwt_ann
ann7,ann8: expect_close 4003 no access
again: connect /ws/messaging/7/?token=$jwt_bob
again8: connect /ws/messaging/8/?token=$jwt_bob
nginx: status access.withdrawn 2
redis: publish messaging:@control {"action":"recheck","conversation_id":8}
bob8,again8: expect_close 4003 access withdrawn
bob8:  connect /ws/messaging/8/?token=$jwt_bob
bob8:  expect_close 4003 no access
bob9:  connect /ws/messaging/7/?token=$jwt_bob
bob9,bob7,again: send {"type":"ping"}
bob9,bob7,again: recv {"type":"pong"}
EOS



=== TEST 5: who may only read; failures, 401, names and lists are not kept
--- messaging_http
--- http_config eval: $::Http
--- config eval: main::backend('/')
--- conf_files
>>> may-read
{"read_only":true,"name":null}
>>> may-name
{"name":"Zoe"}
>>> may-
{"conversations":["x"]}
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+300"}
--- websocket
ann:  connect /ws/messaging/read/?token=$jwt_ann
ann2: connect /ws/messaging/read/?token=$jwt_ann
nginx: status access.cached 1
ann,ann2: send {"type":"message","content":"x"}
ann,ann2: recv {"type":"error","code":"access_denied","message":"read only"}
c1:   connect /ws/messaging/500/?token=$jwt_ann
c1:   expect_close 1013
c2:   connect /ws/messaging/500/?token=$jwt_ann
c2:   expect_close 1013
c3:   connect /ws/messaging/401/?token=$jwt_ann
c3:   expect_close 4001
c4:   connect /ws/messaging/401/?token=$jwt_ann
c4:   expect_close 4001
zoe:  connect /ws/messaging/name/?token=$jwt_ann
zoe2: connect /ws/messaging/name/?token=$jwt_ann
zoe2: send {"type":"message","content":"x"}
zoe,zoe2: recv {"type":"new_message","message":{"sender":{"id":1,"name":"Zoe"},"...":0}}
many: connect /ws/messaging/?token=$jwt_ann
lots: connect /ws/messaging/?token=$jwt_ann
lots: send {"type":"subscribe","conversation_id":"x"}
lots: recv {"type":"subscribed","conversation_id":"x"}
nginx: status access.asked 9
nginx: status access.cached 1



=== TEST 6: "auth" asks again; an interval is content with what is kept
--- config eval
"$::Locations messaging_access_recheck 1s;"
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD members:7 1
nginx: status redis.ready $WORKERS
ann:  connect /ws/messaging/7/?token=$jwt_ann
redis: command DEL members:7
nginx: status access.kept 2
nginx: status access.asked 1
ann:  send {"type":"auth","token":"$jwt_ann"}
ann:  recv {"type":"auth_ok","expires_at":"<any>"}
ann:  expect_close 4003 access withdrawn
c1:   connect /ws/messaging/7/?token=$jwt_ann
c1:   expect_close 4003 no access
nginx: status access.asked 2



=== TEST 7: what may have been withdrawn during an interruption is forgotten
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD members:7 1
nginx: status redis.ready $WORKERS
ann:  connect /ws/messaging/7/?token=$jwt_ann
# they look for revocations once more 2 s after they have begun: nothing is
# forgotten then
wait 2500ms
redis: command DEL members:7
c1:   connect /ws/messaging/7/?token=$jwt_ann
nginx: status access.cached 1
ann,c1: ignore /resync/
redis: kill_subscribers
nginx: status redis.lost $WORKERS
nginx: status redis.ready $WORKERS
c2:   connect /ws/messaging/7/?token=$jwt_ann
c2:   expect_close 4003 no access



=== TEST 8: each configuration begins anew, and a zone that is there may get a cache
--- conf_files
>>> cache.conf
messaging_access_cache 0;
--- config eval
$::Locations =~ s/messaging_access_cache 60s;/include cache.conf;/r
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD members:7 1
nginx: status redis.ready $WORKERS
ann:  may_close
ann:  connect /ws/messaging/7/?token=$jwt_ann
nginx: write_file cache.conf "messaging_access_cache 60s;"
nginx: reload
c1:   may_close
c1:   connect_retry /ws/messaging/7/?token=$jwt_ann
redis: command DEL members:7
c2:   may_close
c2:   connect /ws/messaging/7/?token=$jwt_ann
nginx: status access.cached 1
nginx: reload
c3:   connect /ws/messaging/7/?token=$jwt_ann
c3:   expect_close 4003 no access



=== TEST 9: more of them than there is room for
--- http_config
messaging_zone small:1m;
messaging_max_subscriptions 1500;
--- config eval
$::Locations =~ s/members:\$messaging_conversation/beta/r
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD beta 1
nginx: status redis.ready $WORKERS
ann:  connect /ws/messaging/?token=$jwt_ann
ann:  send_series 1..1200 {"type":"subscribe","conversation_id":%d}
ann:  recv_series 1..1200 {"type":"subscribed","conversation_id":%d}
nginx: status access.asked 1200
nginx: expect_log /\[info\] .*messaging zone has no room for another answer of "messaging_access", an old one is forgotten/
bob:  connect /ws/messaging/?token=$jwt_ann
bob:  send {"type":"subscribe","conversation_id":1200}
bob:  recv {"type":"subscribed","conversation_id":1200}
nginx: status access.asked 1200
nginx: status access.cached 1
nginx: metric messaging_access_cached_total 1



=== TEST 10: a session without its request
--- messaging_http
--- http_config eval
"$::Http messaging_detach on;"
--- config eval: main::backend('/')
--- conf_files
>>> may-7
{}
>>> may-
{}
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:  connect /ws/messaging/7/?token=$jwt_ann
many: connect /ws/messaging/?token=$jwt_ann
nginx: remove_file may-7
many: send {"type":"ping"}
many: recv {"type":"pong","...":0}
many: send {"type":"subscribe","conversation_id":7}
many: recv {"type":"subscribed","conversation_id":7}
nginx: status access.cached 1
nginx: status access.asked 2



=== TEST 11: clients that leave at once cost nothing
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD members:7 1
nginx: status redis.ready $WORKERS
ann:  connect /ws/messaging/7/?token=$jwt_ann
many: connect /ws/messaging/?token=$jwt_ann
nginx: remember_baseline
c1..c20: open
c1..c20: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
c1..c20: reset
many: cork
many: send {"type":"subscribe","conversation_id":7}
many: send {"type":"unsubscribe","conversation_id":7}
many: uncork
many: recv {"type":"unsubscribed","conversation_id":7}
many: recv_none 100ms
nginx: status connections 2
nginx: expect_baseline



=== TEST 12: who is connected to Redis again, but does not listen yet
--- fake_redis
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- allow_log
messaging redis
--- websocket eval
<<'EOS' =~ s/LOST/2 * main::workers()/er
nginx: status redis.ready $WORKERS
ann:  connect /ws/messaging/?token=$jwt_ann
ann:  ignore /resync/
fake: hang SUBSCRIBE
fake: drop
fake: reply SISMEMBER*1 ":1\r\n"
nginx: status redis.lost LOST
nginx: status redis.ready $WORKERS
# what is asked for before they have read the revocations is forgotten anyway
wait 500ms
ann:  send {"type":"subscribe","conversation_id":7}
fake: expect_command SISMEMBER members:7 1
fake: normal
ann:  recv {"type":"subscribed","conversation_id":7}
c1:   connect /ws/messaging/7/?token=$jwt_ann
c1:   expect_close 4003 no access
nginx: status access.cached 0
EOS
