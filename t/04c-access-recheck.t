
# Copyright (C) The ngx_http_messaging_module authors

# Members are asked for again: at an interval, when the backend says so, and
# after "auth".

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

our $Locations = <<'EOC';
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access redis=members:$messaging_conversation;
        messaging_access_timeout 500ms;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location = /ws/messaging/ {
            messaging on;
        }

        location = /ws/user/ {
            messaging on;
            messaging_channel user:$messaging_user;
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

# a backend that lets in whom there is a file of: "may-CONVERSATION", with
# "read" before it for those who only read, and who has no token that is "bad"
our $Http = <<'EOC';
map $http_authorization$arg_token $known {
    default                            1;
    ~eyJiYWQiOjEsInVz                  0;
}

log_format asked 'asked $http_x_messaging_user $http_x_messaging_conversation';

server {
    listen unix:$TEST_NGINX_SERVER_ROOT/backend.sock;
    access_log logs/messaging.log asked;
    root $TEST_NGINX_SERVER_ROOT/conf;

    location / {
        default_type application/json;
        if ($known = 0) { return 401; }
        if (-f $document_root/down) { return 500; }
        if (-f $document_root/read-$http_x_messaging_conversation) {
            return 200 '{"read_only":true}';
        }
        try_files /may-$http_x_messaging_conversation =403;
    }
}
EOC

sub backend {
    return $Locations =~ s/redis=\S+;/request=\/ask;/r . <<'EOC';
        location = /ask {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/backend.sock:/;
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

=== TEST 1: at an interval
--- config eval
"$::Locations messaging_access_recheck 1s;"
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
redis: command SADD members:7 1 2
redis: command SADD members:8 1
redis: command SADD members:user:1 1
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/7/?token=$jwt_ann
many: connect_apart ann /ws/messaging/?token=$jwt_ann
many: send {"type":"subscribe","conversation_id":7}
many: recv {"type":"subscribed","conversation_id":7}
many: send {"type":"subscribe","conversation_id":8}
many: recv {"type":"subscribed","conversation_id":8}
user: connect /ws/user/?token=$jwt_ann
bob: connect /ws/messaging/7/?token=$jwt_bob
# each of them twice and more
nginx: status access.withdrawn 0
ann,many,user,bob: recv_none 2500ms
redis: command EVAL "return redis.call('INFO', 'commandstats'):match('cmdstat_sismember:calls=(%d+)') + 0 >= 15" 0
redis: expect_reply 1
redis: command SREM members:7 1
ann: within 1500ms expect_close 4003 access withdrawn
many: within 1500ms recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":7}
many: send {"type":"message","content":"x","conversation_id":7}
many: recv {"type":"error","code":"access_denied","...":0}
many: send {"type":"message","content":"x","conversation_id":8}
many: recv {"type":"new_message","...":0}
bob: send {"type":"message","content":"x"}
bob: recv {"type":"new_message","...":0}
redis: command DEL members:user:1
user: within 1500ms expect_close 4003 access withdrawn
nginx: status access.withdrawn 3
nginx: status closes.4003 2
nginx: metrics
nginx: expect_log /\[info\] .*messaging user "1" loses "7": no access/
redis: command SADD members:7 1
back: connect /ws/messaging/7/?token=$jwt_ann
many: send {"type":"subscribe","conversation_id":7}
many: recv {"type":"subscribed","conversation_id":7}



=== TEST 2: Redis does not answer: everybody stays, and is asked for later
--- config eval
"$::Locations messaging_access_recheck 1s;"
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD members:7 1
redis: command SADD members:8 1
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/7/?token=$jwt_ann
many: connect /ws/messaging/?token=$jwt_ann
many: send {"type":"subscribe","conversation_id":8}
many: recv {"type":"subscribed","conversation_id":8}
redis: command DEL members:7 members:8
redis: command SET members:7 x
redis: command SET members:8 x
nginx: expect_log /\[info\] .*messaging user "1" stays in "7": access could not be checked again/
nginx: expect_log /\[info\] .*messaging user "1" stays in "8": access could not be checked again/
redis: pause
ann: recv_none 2s
redis: continue
nginx: expect_log /messaging access check timed out/
ann: send {"type":"message","content":"x"}
ann: recv {"type":"new_message","...":0}
redis: command DEL members:7 members:8
ann: expect_close 4003 access withdrawn
many: recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":8}
nginx: status access.withdrawn 2



=== TEST 3: the backend's answers: 401 ends the session, 500 does not, and who may write changes
--- messaging_http
--- http_config eval: $::Http
--- config eval
main::backend() . 'messaging_access_recheck 1s;'
--- conf_files
>>> may-7
{}
>>> may-8
{}
>>> may-9
{}
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
many: connect /ws/messaging/8/?token=$jwt_ann
nginx: write_file read-7 x
nginx: status access.kept 4
ann: send {"type":"message","content":"x"}
ann: recv {"type":"error","code":"access_denied","message":"read only"}
nginx: write_file down x
nginx: expect_log /user "1" stays in "8": access could not be checked again/
nginx: remove_file read-7
nginx: remove_file may-7
ann: recv_none 1200ms
nginx: remove_file down
ann: expect_close 4003 access withdrawn
many: send {"type":"ping"}
many: recv {"type":"pong"}



=== TEST 4: at once when the backend says so: a user, a conversation, both
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":"b b","exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
redis: command SADD members:7 1 "b b"
redis: command SADD members:8 1 "b b"
redis: command SADD members:user:1 1
redis: expect_subscribers messaging:@control $WORKERS
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann8:  connect_apart ann /ws/messaging/8/?token=$jwt_ann
many:  connect_apart ann /ws/messaging/?token=$jwt_ann
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
many:  send {"type":"subscribe","conversation_id":8}
many:  recv {"type":"subscribed","conversation_id":8}
user:  connect /ws/user/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob8:  connect /ws/messaging/8/?token=$jwt_bob
redis: expect_calls sismember 7

# nobody has lost anything
control: {"action":"recheck","user_id":1,"conversation_id":7}
redis: expect_calls sismember 9
control: {"action":"recheck","conversation_id":8}
redis: expect_calls sismember 12
nginx: status access.kept 5

redis: command DEL members:7 members:user:1
redis: command SREM members:8 1
control: {"action":"recheck","user_id":1,"conversation_id":"7"}
ann:   within 1s expect_close 4003 access withdrawn
many:  within 1s recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":7}
ann8,user,bob,bob8: recv_none 200ms
redis: publish messaging:@control {"action":"recheck","conversation_id":8}
ann8:  within 2s expect_close 4003 access withdrawn
many:  within 2s recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":8}
user,bob,bob8: recv_none 200ms
control: {"action":"recheck","user_id":"b b"}
bob:   within 1s expect_close 4003 access withdrawn
control: {"action":"recheck","conversation_id":"user:1"}
user:  within 1s expect_close 4003 access withdrawn
bob8:  send {"type":"ping"}
bob8:  recv {"type":"pong"}
nginx: status access.withdrawn 6
nginx: status control.closed 0
EOS



=== TEST 5: without Redis, and without the request
--- messaging_http
--- http_config eval
"$::Http messaging_detach on;"
--- config eval: main::backend()
--- conf_files
>>> may-7
{}
>>> may-8
{}
>>> may-
{}
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/8/?token=$jwt_bob
many:  connect_apart ann /ws/messaging/?token=$jwt_ann
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
control: {"action":"recheck","user_id":1}
nginx: status access.kept 2
nginx: remove_file may-7
control: {"action":"recheck","user_id":1}
ann:   within 1s expect_close 4003 access withdrawn
many:  within 1s recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":7}
control: {"action":"recheck","user_id":2}
nginx: status access.kept 3
bob:   send {"type":"ping"}
bob:   recv {"type":"pong"}
EOS



=== TEST 6: many are asked for within a second
--- messaging_http
--- http_config eval: $::Http
--- config eval: main::backend()
--- conf_files
>>> may-7
{}
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
c1..c150: connect /ws/messaging/7/?token=$jwt_ann
control: {"action":"recheck","conversation_id":7}
nginx: status access.kept 150
nginx: remove_file may-7
control: {"action":"recheck","conversation_id":7}
c1..c150: within 5s expect_close 4003 access withdrawn
nginx: status access.withdrawn 150
EOS



=== TEST 7: what the backend does not answer is asked again, without an interval too
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
redis: command SADD members:7 1
redis: expect_subscribers messaging:@control $WORKERS
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: command RENAME members:7 saved
redis: command SET members:7 x
control: {"action":"recheck","user_id":1}
nginx: status access.failed 1
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
redis: command DEL members:7
ann:   within 12s expect_close 4003 access withdrawn
EOS



=== TEST 8: said while somebody is asked for: the answer may be one of before
--- messaging_http
--- http_config
limit_req_zone $http_x_messaging_conversation zone=slow:64k rate=120r/m;
--- config eval
main::backend() =~ s/500ms/30s/r =~ s/proxy_pass .*;/proxy_pass http:\/\/127.0.0.1:\$TEST_NGINX_SERVER_PORT\/slow;/r
. <<'EOC'
        location = /slow {
            limit_req zone=slow burst=100;
            empty_gif;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
first: connect /ws/messaging/7/?token=$jwt_ann
many:  connect /ws/messaging/?token=$jwt_ann
nginx: status access.asked 2
c1:    open
c1:    bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
many:  send {"type":"subscribe","conversation_id":7}
nginx: status access.asked 4
control: {"action":"recheck","conversation_id":7}
c1:    expect_status 101
many:  recv {"type":"subscribed","conversation_id":7}
nginx: status access.asked 7
nginx: status access.kept 1
first,c1: send {"type":"ping"}
first,c1: recv {"type":"pong"}
EOS



=== TEST 9: "auth": the conversations are asked for again, with the new token
--- messaging_http
--- http_config eval: $::Http
--- config eval: main::backend()
--- conf_files
>>> may-7
{}
>>> may-8
{}
>>> may-
{}
--- jwt
ann: {"user_id":1,"exp":"+300"}
bad: {"bad":1,"user_id":1,"exp":"+301"}
ann2: {"user_id":1,"exp":"+302"}
--- websocket
ann:  connect /ws/messaging/7/?x=1&token=$jwt_ann&y
head: header Authorization: Bearer $jwt_ann
head: connect /ws/messaging/7/
many: connect /ws/messaging/?token=$jwt_ann
many: send {"type":"subscribe","conversation_id":7}
many: recv {"type":"subscribed","conversation_id":7}
many: send {"type":"subscribe","conversation_id":8}
many: recv {"type":"subscribed","conversation_id":8}
nginx: remove_file may-8
ann,head,many: send {"type":"auth","token":"$jwt_ann2"}
ann,head,many: recv {"type":"auth_ok","expires_at":"<any>"}
many: recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":8}
nginx: status access.kept 3
many: send {"type":"auth","token":"$jwt_bad"}
many: recv {"type":"auth_ok","expires_at":"<any>"}
many: expect_close 4001 token refused
ann:  send {"type":"auth","token":"$jwt_bad"}
ann:  recv {"type":"auth_ok","expires_at":"<any>"}
ann:  expect_close 4001 token refused
head: send {"type":"auth","token":"$jwt_bad"}
head: recv {"type":"auth_ok","expires_at":"<any>"}
head: expect_close 4001 token refused



=== TEST 10: the new token counts, not that of the handshake; from a cookie, too
--- messaging_http
--- http_config eval
$::Http . <<'EOC'
messaging_jwt_from query=token cookie=jwt header;
messaging_allowed_origins *;
EOC
--- config eval: main::backend()
--- conf_files
>>> may-7
{}
>>> may-
{}
--- jwt
ann: {"user_id":1,"exp":"+300"}
bad: {"bad":1,"user_id":1,"exp":"+301"}
--- websocket
ann:  header Cookie: jwt=$jwt_ann
ann:  connect /ws/messaging/7/
ann:  send {"type":"auth","token":"$jwt_bad"}
ann:  recv {"type":"auth_ok","expires_at":"<any>"}
ann:  expect_close 4001 token refused
base: header Authorization: Basic abc
base: connect /ws/messaging/?a=b&token=$jwt_ann
base: send {"type":"auth","token":"$jwt_bad"}
base: recv {"type":"auth_ok","expires_at":"<any>"}
base: send {"type":"subscribe","conversation_id":7}
base: expect_close 4001 token refused
c1:   connect /ws/messaging/7/?token=$jwt_bad
c1:   expect_close 4001 token refused



=== TEST 11: "auth" where Redis is asked
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
redis: command SADD members:7 1
nginx: status redis.ready $WORKERS
ann:  connect /ws/messaging/7/?token=$jwt_ann
ann:  send {"type":"auth","token":"$jwt_ann"}
ann:  recv {"type":"auth_ok","expires_at":"<any>"}
nginx: status access.kept 1
redis: command DEL members:7
ann:  send {"type":"auth","token":"$jwt_ann"}
ann:  recv {"type":"auth_ok","expires_at":"<any>"}
ann:  expect_close 4003 access withdrawn



=== TEST 12: a list of conversations is trusted no longer
--- messaging_http
--- http_config
map $http_x_messaging_conversation $listed {
    default 403;
    ""      200;
    9       200;
}
--- config eval
$::Locations =~ s/redis=\S+;/request=\/ask;/r . <<'EOC'
        location = /ask {
            internal;
            default_type application/json;
            if ($listed = 403) { return 403; }
            return 200 '{"conversations":[7,8]}';
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
ann:  connect /ws/messaging/?token=$jwt_ann
bob:  connect_apart ann /ws/messaging/?token=$jwt_bob
ann,bob: send {"type":"subscribe","conversation_id":7}
ann,bob: recv {"type":"subscribed","conversation_id":7}
control: {"action":"withdraw","user_id":1,"conversation_id":8}
control: {"action":"recheck","user_id":2,"conversation_id":8}
nginx: status control.obeyed DONE
ann,bob: send {"type":"subscribe","conversation_id":8}
ann,bob: recv {"type":"error","code":"access_denied","message":"no access to this conversation","conversation_id":8}
ann,bob: recv_none 100ms
ann:  send {"type":"auth","token":"$jwt_ann"}
ann:  recv {"type":"auth_ok","expires_at":"<any>"}
ann:  recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":7}
EOS
=~ s/DONE/2 * main::workers()/er



=== TEST 13: where nobody is asked nothing happens
--- messaging_http
--- config eval
$::Locations =~ s/redis=\S+;/claim=rooms; messaging_access_recheck 1s;/r
--- jwt
ann: {"user_id":1,"rooms":[7],"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
ann:  connect /ws/messaging/7/?token=$jwt_ann
control: {"action":"recheck","user_id":1}
ann:  recv_none 1500ms
nginx: status access.asked 0
nginx: status access.failed 0
EOS



=== TEST 14: too often
--- config
        location = /ws/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_access_recheck 999ms;
        }
--- must_die
--- error_log
"messaging_access_recheck" must be 0 or between 1s and 7d



=== TEST 15: too seldom
--- config
        location = /ws/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_access_recheck 8d;
        }
--- must_die
--- error_log
"messaging_access_recheck" must be 0 or between 1s and 7d
