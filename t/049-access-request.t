# Copyright (C) The ngx_http_messaging_module authors

# messaging_access request=: the backend says who may enter.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::Application;
use Test::Nginx::Socket 'no_plan';

our $Backend = application(
    log => 'asked $request_method $request_uri user=$http_x_messaging_user '
           . 'conversation=$http_x_messaging_conversation '
           . 'agent=$http_user_agent for=$http_x_forwarded_for '
           . 'cookie=$http_cookie length=$http_content_length '
           . 'encoding=$http_accept_encoding other=$http_x_other '
           . 'socket=$http_upgrade$http_sec_websocket_key '
           . 'spoofed=$http_x_messaging_role host=$http_host;',
    http => <<'EOC', server => <<'EOC');
map $http_x_messaging_conversation $status_of {
    default 0;
    401     401;
    403     403;
    404     404;
    500     500;
    302     302;
    202     202;
}

map $http_x_messaging_user $read_only {
    default  false;
    9        true;
}

map $http_x_messaging_conversation $answer_of {
    default    '{}';
    ""         '{"name":"Zoe","conversations":[11,"12"],"read_only":$read_only}';
    name       '{"name":"Änn","extra":[1]}';
    list       '{"conversations":[7]}';
    read       '{"read_only":true}';
    write      '{"read_only":false,"name":null}';
    bad1       '{"read_only":true';
    bad2       '{"read_only":"yes"}';
    bad3       '[]';
    bad4       '{"name":5}';
    bad5       '{"conversations":"all"}';
    bad6       '{"name":"a","name":"b"}';
}
EOC
    location / {
        default_type text/plain;

        if ($status_of = 401) { return 401; }
        if ($status_of = 403) { return 403; }
        if ($status_of = 404) { return 404; }
        if ($status_of = 500) { return 500; }
        if ($status_of = 302) { return 302 /login; }
        if ($status_of = 202) { return 202; }
        return 200 "welcome";
    }

    location /json {
        default_type application/json;
        charset off;

        if ($status_of = 401) { return 401 '{"detail":"no"}'; }
        if ($status_of = 403) { return 403 '{"detail":"no"}'; }
        return 200 $answer_of;
    }

    location /slow {
        limit_req zone=slow burst=100;
        empty_gif;
    }

    location /stuck {
        limit_req zone=stuck burst=100;
        empty_gif;
    }
EOC

# where the backend is asked by "uri"
sub locations {
    my ($uri, $more) = @_;

    return endpoints(
        directives => 'messaging_access request=/ask;',
        internal => {'/ask' => $uri}, more => $more,
        proxy => 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;'
                 . ' proxy_set_header Host $host;');
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: 2xx lets in, the rest is told by its status
--- http_config eval: $::Backend
--- config eval: main::locations('/may')
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"message","content":"hello"}
ann,bob: recv {"type":"new_message","message":{"sender":{"id":1,"name":"Ann"},"...":0}}
c1: connect /ws/messaging/202/?token=$jwt_ann
c1: send {"type":"ping"}
c1: recv {"type":"pong"}
c2: connect /ws/messaging/401/?token=$jwt_ann
c2: expect_close 4001 token refused
c3: connect /ws/messaging/403/?token=$jwt_ann
c3: expect_close 4003 no access
c4: connect /ws/messaging/404/?token=$jwt_ann
c4: expect_close 4003 no access
c5: connect /ws/messaging/500/?token=$jwt_ann
c5: expect_close 1013 access check failed
c6: connect /ws/messaging/302/?token=$jwt_ann
c6: expect_close 1013 access check failed
nginx: status refusals.access 2
nginx: status refusals.backend 2
nginx: status refusals.backend_token 1
nginx: expect_log /\[info\] .*messaging access check failed: status 500/



=== TEST 2: a token that is no good is not shown to the backend
--- http_config eval: $::Backend
--- config eval: main::locations('/may')
--- jwt
bad: {"user_id":1,"exp":"+60"} forge=flip
--- websocket
c1: connect /ws/messaging/7/?token=$jwt_bad
c1: expect_close 4001
c2: connect /ws/messaging/7/
c2: expect_close 4001
nginx: status refusals.token_signature 1
nginx: no_access_log /asked/



=== TEST 3: what the backend is asked
--- http_config eval: $::Backend
--- config eval: main::locations('/may')
--- jwt
ann: {"user_id":"a b","exp":"+60"}
--- websocket
ann: header User-Agent: Talk/1
ann: header Cookie: a=1; b=2
ann: header X-Forwarded-For: 1.2.3.4
ann: header Accept-Encoding: gzip
ann: header X-Other: yes
ann: header X-Messaging-User: 5
ann: header x-messaging-role: admin
ann: connect /ws/messaging/7/?a=%20b&token=$jwt_ann&c=d
nginx: expect_access_log /asked GET \/may\?a=%20b&token=\*+&c=d user=a%20b conversation=7 agent=Talk\/1 for=1.2.3.4, 127.0.0.1 cookie=a=1; b=2 length=- encoding=- other=yes socket=-- spoofed=- host=localhost;/



=== TEST 4: a template with variables and arguments, a location without a proxy
--- http_config eval: $::Backend
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access request=/ask/$messaging_conversation?user=$messaging_user;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }
        location = /ask/7 {
            internal;
            if ($arg_user = 1) { return 204; }
            return 403;
        }
        location /ask/ {
            internal;
            deny all;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
bob: connect /ws/messaging/7/?token=$jwt_bob
bob: expect_close 4003
c1: connect /ws/messaging/8/?token=$jwt_ann
c1: expect_close 4003
c2: http GET /ask/7
c2: expect_status 404



=== TEST 5: a JSON answer gives another name, or lets only read
--- http_config eval: $::Backend
--- config eval: main::locations('/json')
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/name/?token=$jwt_ann
ann: send {"type":"message","content":"hello"}
ann: recv {"type":"new_message","message":{"sender":{"id":1,"name":"Änn"},"...":0}}
bob: connect /ws/messaging/read/?token=$jwt_bob
bob: send {"type":"message","content":"hello"}
bob: recv {"type":"error","code":"access_denied","message":"read only"}
bob: send {"type":"message","content":"hello","client_id":"c"}
bob: recv {"type":"error","code":"access_denied","message":"read only"}
bob: recv {"type":"nack","client_id":"c","code":"access_denied","retry":false,"retry_after_ms":0}
bob: send {"type":"typing"}
bob: recv {"type":"error","code":"access_denied","message":"read only"}
bob: send {"type":"read"}
bob: recv {"type":"read_receipt","reader_id":2,"read_at":"<now>"}
c1: connect /ws/messaging/write/?token=$jwt_ann
c1: send {"type":"message","content":"hello"}
c1: recv {"type":"new_message","message":{"sender":{"id":1,"name":"Ann"},"...":0}}



=== TEST 6: JSON that may have been meant to forbid lets nobody in
--- http_config eval: $::Backend
--- config eval: main::locations('/json') . 'messaging_refuse_delay off;'
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
--- websocket
c1..c6: connect /ws/messaging/bad$N/?token=$jwt_ann
c1..c6: expect_close 1013 access check failed
nginx: status refusals.backend 6
nginx: expect_log /\[error\] .*messaging access check answered with JSON that is no object/



=== TEST 7: many conversations: those of the first answer are not asked for again
--- http_config eval: $::Backend
--- config eval: main::locations('/json')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
nginx: expect_access_log /asked GET \/json\?token=\*+ user=1 conversation=- /
ann: send {"type":"subscribe","conversation_id":11}
ann: recv {"type":"subscribed","conversation_id":11}
ann: send {"type":"subscribe","conversation_id":12}
ann: recv {"type":"subscribed","conversation_id":12}
ann: send {"type":"subscribe","conversation_id":13}
ann: recv {"type":"subscribed","conversation_id":13}
nginx: expect_access_log /asked GET \/json\?token=\*+ user=1 conversation=13 /
nginx: no_access_log /conversation=1[12]/
ann: send {"type":"message","conversation_id":13,"content":"a"}
ann: recv {"type":"new_message","conversation_id":13,"message":{"sender":{"id":1,"name":"Zoe"},"...":0}}
ann: send {"type":"subscribe","conversation_id":"read"}
ann: recv {"type":"subscribed","conversation_id":"read"}
ann: send {"type":"message","conversation_id":"read","content":"a"}
ann: recv {"type":"error","code":"access_denied","message":"read only","conversation_id":"read"}
ann: send {"type":"message","conversation_id":11,"content":"a"}
ann: recv {"type":"new_message","conversation_id":11,"...":0}
ann: send {"type":"subscribe","conversation_id":403}
ann: recv {"type":"error","code":"access_denied","message":"no access to this conversation","conversation_id":403}
ann: send {"type":"subscribe","conversation_id":"bad1"}
ann: recv {"type":"error","code":"unavailable","conversation_id":"bad1","...":0}
ann: send {"type":"auth","token":"$jwt_ann"}
ann: recv {"type":"auth_ok","expires_at":"<any>"}
ann: send {"type":"subscribe","conversation_id":401}
ann: expect_close 4001 token refused



=== TEST 8: a slow backend: subscribe is asked once, unsubscribe gives up
--- http_config eval: $::Backend
--- config eval: main::locations('/slow')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"unsubscribe","conversation_id":7}
ann: recv {"type":"unsubscribed","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":7}
ann: send {"type":"ping"}
ann: recv {"type":"pong","timestamp":"<any>"}
ann: not_before 1s recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"unsubscribe","conversation_id":7}
ann: recv {"type":"unsubscribed","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":7}
ann: send {"type":"unsubscribe","conversation_id":7}
ann: recv {"type":"unsubscribed","conversation_id":7}
ann: recv_none 2500ms



=== TEST 9: no backend, and one that does not answer in time
--- http_config eval: $::Backend
--- config eval
main::locations('/stuck', <<'EOC')
        messaging_access_timeout 300ms;

        location ~ ^/ws/dead/(?<dead>[^/]+)/$ {
            messaging on;
            messaging_conversation $dead;
            messaging_access request=/dead;
        }

        location = /dead {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/nobody.sock:/;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- allow_log
connect\(\) to unix:\S+nobody.sock:/ failed
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: remember_baseline
c1: not_before 300ms connect /ws/messaging/7/?token=$jwt_ann
c1: expect_close 1013 access check failed
c2: connect /ws/dead/7/?token=$jwt_ann
c2: expect_close 1013 access check failed
nginx: expect_log /\[error\] .*messaging call timed out .*messaging call: "\/ask", user: 1, conversation: 7/
nginx: no_log /\[(info|notice|warn|error|crit)\].*$jwt_ann/
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
nginx: expect_baseline



=== TEST 10: clients that leave while the backend is asked cost nothing
--- http_config eval: $::Backend
--- config eval: main::locations('/stuck')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: remember_baseline
c1..c20: open
c1..c20: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
nginx: status connections 21
c1..c10: drop
c11..c20: reset
nginx: status connections 1
nginx: expect_baseline



=== TEST 11: messaging_reject http tells the status
--- http_config eval: $::Backend
--- config eval: main::locations('/may') . 'messaging_reject http; messaging_refuse_delay off;'
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
c1: refused 401 /ws/messaging/401/?token=$jwt_ann
c2: refused 403 /ws/messaging/403/?token=$jwt_ann
c3: refused 403 /ws/messaging/404/?token=$jwt_ann
c4: refused 503 /ws/messaging/500/?token=$jwt_ann
c5: connect /ws/messaging/7/?token=$jwt_ann



=== TEST 12: a worker that leaves waits for the answer
--- http_config eval: $::Backend
--- config eval: main::locations('/slow')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
c1: open
c1: bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
nginx: status connections 2
nginx: reload
ann: expect_close 1012
c1: expect_status 101
c1: expect_close 1012
nginx: expect_workers $WORKERS



=== TEST 13: an answer that is too long is none
--- http_config eval: $::Backend
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access request=/long.txt;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }
        location = /long.txt {
            internal;
        }
        location = /status {
            messaging_status on;
        }
--- user_files eval
">>> long.txt\n" . 'x' x 100000
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- allow_log
too big subrequest response
--- websocket
nginx: status connections 0
nginx: remember_baseline
c1: connect /ws/messaging/7/?token=$jwt_ann
c1: expect_close 1013
nginx: status refusals.backend 1
nginx: expect_baseline



=== TEST 14: only an URI can be asked
--- config
        messaging_access request=ask;
--- must_die
--- error_log
invalid URI "ask": it must begin with a slash



=== TEST 15: a location that does not exist refuses
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access request=$arg_x;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- allow_log
messaging calls "x", which is not a URI
open\(\) ".*" failed
--- websocket
c1: connect /ws/messaging/7/?token=$jwt_ann&x=/nothing
c1: expect_close 1013
c2: connect /ws/messaging/7/?token=$jwt_ann&x=x
c2: expect_close 1013
c3: connect /ws/messaging/7/?token=$jwt_ann
c3: expect_close 1013



=== TEST 16: a list names a conversation that is being asked for
--- http_config eval
"$::Backend" . <<'EOC'
map $http_x_messaging_conversation $asked {
    default    /slow;
    ""         /json;
    list       /json;
}
EOC
--- config eval: main::locations('$asked')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"unsubscribe","conversation_id":7}
ann: recv {"type":"unsubscribed","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":"list"}
ann: recv {"type":"subscribed","conversation_id":"list"}
# it is a member once, and told so once
ann: send {"type":"subscribe","conversation_id":7}
ann: not_before 1s recv {"type":"subscribed","conversation_id":7}
nginx: status subscriptions 2
ann: send {"type":"message","conversation_id":7,"content":"a"}
ann: recv {"type":"new_message","conversation_id":7,"...":0}
ann: recv_none 200ms



=== TEST 17: who is asked for again, but was never confirmed, may subscribe again
--- fake_redis
--- http_config eval: $::Backend
--- config eval: main::locations('/stuck', 'messaging_access_recheck 1s; messaging_access_timeout 6s;')
--- allow_log
messaging call timed out
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann: connect /ws/messaging/?token=$jwt_ann
ann: ignore /resync/
fake: hang SUBSCRIBE
ann: send {"type":"subscribe","conversation_id":7}
nginx: status access.asked 3
ann: recv {"type":"error","code":"unavailable","conversation_id":7,"...":0}
ann: send {"type":"subscribe","conversation_id":7}
nginx: status access.asked 4
ann: recv {"type":"error","code":"unavailable","conversation_id":7,"...":0}



=== TEST 18: what the first answer lists may be to be read only
--- http_config eval: $::Backend
--- config eval: main::locations("/json")
--- jwt
ann: {"user_id":9,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: send {"type":"subscribe","conversation_id":11}
ann: recv {"type":"subscribed","conversation_id":11}
ann: send {"type":"message","conversation_id":11,"content":"x"}
ann: recv {"type":"error","conversation_id":11,"code":"access_denied","...":0}
ann: send {"type":"subscribe","conversation_id":5}
ann: recv {"type":"subscribed","conversation_id":5}
ann: send {"type":"message","conversation_id":5,"content":"x"}
ann: recv {"type":"new_message","conversation_id":5,"...":0}
