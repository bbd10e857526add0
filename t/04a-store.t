# Copyright (C) The ngx_http_messaging_module authors

# messaging_store: the backend stores a message before anybody gets it.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::Application;
use Test::Nginx::Socket 'no_plan';

our $Backend = application_that_stores();

# where the backend stores at "uri"
sub locations {
    my ($uri, $more) = @_;

    return endpoints(
        directives => 'messaging_access any; messaging_store /store;',
        internal => {'/store' => $uri}, more => $more);
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: what is stored is acknowledged, and published as the backend answers
--- http_config eval: $::Backend
--- config eval: main::locations('/api/messages/')
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"message","content":" h\"i ","client_id":"c 1","reply_to":5}
ann: recv_unordered {"type":"ack","client_id":"c 1","id":812,"created_at":"2026-01-02T03:04:05.678Z"} \
    {"type":"new_message","client_id":"c 1","message":{"id":812,"content":"stored","created_at":"2026-01-02T03:04:05.678Z"}}
bob: recv {"type":"new_message","client_id":"c 1","message":{"id":812,"content":"stored","created_at":"2026-01-02T03:04:05.678Z"}}
nginx: expect_access_log /stored POST \/api\/messages\/ user=1 conversation=7 key=1:c%201 type=application\/json token=.{8} body=\{"conversation_id":7,"content":"h\\"i","image":null,"reply_to":5,"client_id":"c 1"\};/
bob: send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","message":{"id":812,"...":0}}
nginx: expect_access_log /user=2 conversation=7 key= type.*"client_id":null\}/
nginx: status stores.saved 2



=== TEST 2: the answer decides
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"say-400","client_id":"a"}
ann: recv {"type":"nack","client_id":"a","code":"rejected","retry":false,"retry_after_ms":0}
ann: send {"type":"message","content":"say-403"}
ann: recv {"type":"error","code":"rejected","message":"the message was refused"}
ann: send {"type":"message","content":"say-409","client_id":"b"}
ann: recv {"type":"nack","client_id":"b","code":"rejected","retry":false,"...":0}
ann: send {"type":"message","content":"say-413","client_id":"c"}
ann: recv {"type":"nack","client_id":"c","code":"too_large","retry":false,"...":0}
ann: send {"type":"message","content":"say-429","client_id":"d"}
ann: recv {"type":"nack","client_id":"d","code":"rate_limited","retry":true,"retry_after_ms":7000}
ann: send {"type":"message","content":"say-500","client_id":"e"}
ann: recv {"type":"nack","client_id":"e","code":"unknown","retry":true,"retry_after_ms":1000}
ann: send {"type":"message","content":"say-302"}
ann: recv {"type":"error","code":"unknown","message":"try again later"}
nginx: expect_log /\[warn\] .*messaging message of user "1" for "7" may not have been stored: status 302/
nginx: status stores.rejected 4
nginx: status stores.rate_limited 1
nginx: status stores.failed 2
ann: recv_none 100ms
ann: send {"type":"message","content":"say-401","client_id":"f"}
ann: recv {"type":"nack","client_id":"f","code":"unauthorized","retry":false,"...":0}
ann: expect_close 4001 token refused



=== TEST 3: answers of all kinds
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"say-string","client_id":"a"}
ann: recv_unordered {"type":"ack","client_id":"a","id":"a-1","created_at":null} \
    {"type":"new_message","client_id":"a","message":{"id":"a-1","extra":{"x":[1,2]}}}
ann: send {"type":"message","content":"say-nothing","client_id":"b"}
ann: recv {"type":"ack","client_id":"b","id":null,"created_at":null}
ann: send {"type":"message","content":"say-text","client_id":"c"}
ann: recv {"type":"ack","client_id":"c","id":null,"created_at":null}
ann: send {"type":"message","content":"say-array","client_id":"d"}
ann: recv {"type":"ack","client_id":"d","id":null,"created_at":null}
ann: send {"type":"message","content":"say-204","client_id":"e"}
ann: recv {"type":"ack","client_id":"e","id":null,"created_at":null}
ann: recv_none 100ms
nginx: expect_log /\[error\] .*messaging_store for "7" was answered with what is not a JSON object/
nginx: status stores.saved 5



=== TEST 4: the backend publishes by itself
--- http_config eval: $::Backend
--- config eval: main::locations('/', 'messaging_store_publish off;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv {"type":"ack","client_id":"a","id":812,"created_at":"2026-01-02T03:04:05.678Z"}
ann: recv_none 200ms
nginx: status broker.published 0



=== TEST 5: templates of URI and body
--- http_config eval: $::Backend
--- config eval
main::locations('/', <<'EOC') =~ s{messaging_store /store;}{}r
        messaging_store /api/$messaging_conversation/messages/?by=$messaging_user;
        messaging_store_body '{"text":$messaging_content,"picture":$messaging_image,"to":$messaging_reply_to,"key":$messaging_client_id}';
        location /api/ {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/backend.sock;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"a\n\"b\"","image":"/x.png","client_id":"k"}
ann: recv_unordered {"type":"ack","client_id":"k","...":0} {"type":"new_message","...":0}
nginx: expect_access_log /stored POST \/api\/7\/messages\/\?by=1 .* body=\{"text":"a\\n\\"b\\"","picture":"\/x.png","to":null,"key":"k"\};/



=== TEST 6: one at a time of a conversation, in order, and others go on
--- http_config eval: $::Backend
--- config eval: main::locations('/slow', 'messaging_rate off;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":8}
ann: recv {"type":"subscribed","conversation_id":8}
ann: send {"type":"message","conversation_id":7,"content":"say-number-1","client_id":"1"}
ann: send {"type":"message","conversation_id":7,"content":"say-number-2","client_id":"2"}
ann: send {"type":"message","conversation_id":8,"content":"say-number-3","client_id":"3"}
ann: ignore /new_message/
ann: recv_unordered {"type":"ack","client_id":"1","...":0} {"type":"ack","client_id":"3","...":0}
ann: send {"type":"ping"}
ann: recv {"type":"pong","...":0}
ann: send {"type":"typing","conversation_id":7}
bob: recv {"type":"new_message","client_id":"1","message":{"id":1}}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: not_before 1s recv {"type":"ack","client_id":"2","...":0}
bob: ignore /typing/
bob: recv {"type":"new_message","client_id":"2","message":{"id":2}}



=== TEST 7: what was taken is stored and published when its sender has left
--- http_config eval: $::Backend
--- config eval: main::locations('/slow')
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
nginx: remember_baseline
c1: connect /ws/messaging/7/?token=$jwt_ann
c1: cork
c1: send_series 1..3 {"type":"message","content":"say-number-%d"}
c1: uncork
c1: recv {"type":"new_message","message":{"id":1}}
c1: reset
bob: recv_series 1..3 {"type":"new_message","message":{"id":%d}}
ann: recv_series 1..3 {"type":"new_message","message":{"id":%d}}
nginx: expect_baseline



=== TEST 8: who sends faster than the backend stores is not read
--- not_in: onebyte (what is sent at once is not read at once)
--- http_config eval: $::Backend
--- config eval: main::locations('/slow', 'messaging_rate off; messaging_store_timeout 100ms; messaging_ping_interval 1s; messaging_ping_timeout 1s;')
--- jwt
ann: {"user_id":1,"exp":"+600"}
bob: {"user_id":2,"exp":"+600"}
--- allow_log
messaging call timed out
--- websocket
bob: connect /ws/messaging/7/?token=$jwt_bob
bob: ignore /new_message|typing/
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ignore /new_message/
ann: cork
ann: send_series 1..70 {"type":"message","content":"x%d","client_id":"%d"}
ann: uncork
ann: recv_series 65..70 {"type":"nack","client_id":"%d","code":"overloaded","retry":true,"retry_after_ms":1000}
ann: send {"type":"ping"}
ann: recv_series 1..49 /"client_id":"%d"/
ann: recv {"type":"pong"}
ann: recv_series 50..64 /"client_id":"%d"/
bob: send {"type":"ping"}
bob: recv {"type":"pong"}
nginx: status stores.overloaded 6



=== TEST 9: a backend that is away, and one that is slow, cost the others nothing
--- http_config eval: $::Backend
--- config eval
main::locations('/', <<'EOC')
        location ~ ^/ws/dead/(?<dead>[^/]+)/$ {
            messaging on;
            messaging_conversation $dead;
            messaging_store /dead;
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
ann: connect /ws/dead/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv {"type":"nack","client_id":"a","code":"unknown","retry":true,"...":0}
ann: send {"type":"typing"}
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
nginx: no_log /\[(info|notice|warn|error|crit)\].*$jwt_ann/



=== TEST 10: the token of "auth" is the one that is passed on
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
new: {"user_id":1,"exp":"+90"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ignore /new_message/
ann: send {"type":"message","content":"one","client_id":"a"}
ann: recv {"type":"ack","client_id":"a","...":0}
ann: send {"type":"auth","token":"$jwt_new"}
ann: recv {"type":"auth_ok","...":0}
ann: send {"type":"message","content":"two","client_id":"b"}
ann: recv {"type":"ack","client_id":"b","...":0}
nginx: expect_access_log /token=(.{8}) .*"one"[\s\S]*token=(?!\1).{8} .*"two"/



=== TEST 11: a worker that leaves stores what it has taken
--- http_config eval: $::Backend
--- config eval: main::locations('/slow')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send_series 1..3 {"type":"message","content":"say-number-%d"}
ann: uncork
ann: recv {"type":"new_message","message":{"id":1}}
nginx: reload
ann: expect_close 1012
nginx: expect_access_log /say-number-3/
nginx: expect_workers $WORKERS



=== TEST 12: read only, and frames that are wrong, are not shown to the backend
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":""}
ann: recv {"type":"error","code":"invalid_frame","...":0}
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
nginx: no_access_log /stored/
nginx: status stores.saved 0



=== TEST 13: only a URI can store, and "off" takes it back
--- config
        messaging_store store;
--- must_die
--- error_log
invalid URI "store": it must begin with a slash



=== TEST 14: messaging_store off
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;
        messaging_store /store;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_store off;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv_unordered {"type":"ack","client_id":"a","id":"<int>","created_at":"<now>"} {"type":"new_message","...":0}



=== TEST 15: the backend is asked at the host that the client has asked
--- http_config eval: $::Backend
--- config eval
main::locations('/api/', <<'EOC') =~ s{messaging_store /store;}{}r
        messaging_store /by/$host;
        location /by/ {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/backend.sock;
            proxy_set_header Idempotency-Key $host,$http_host;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Host: Chat.Example:8080
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ignore /new_message/
ann: send {"type":"message","content":"x"}
nginx: expect_access_log /\/by\/chat\.example user=1 conversation=7 key=chat\.example,Chat\.Example:8080 /
bob: header Host: other.example
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: ignore /new_message/
bob: send {"type":"message","content":"y"}
nginx: expect_access_log /\/by\/other\.example user=1 conversation=7 key=other\.example,other\.example /



=== TEST 16: who is closed while the backend is waited for is read again
--- http_config eval: $::Backend
--- config eval: main::locations('/stuck', 'messaging_rate off; messaging_store_timeout 8s; messaging_close_timeout 30s;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- allow_log
messaging call timed out
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"0"}
ann: recv_unordered {"type":"ack","client_id":"0","...":0} {"type":"new_message","...":0}
jwt: short {"user_id":1,"exp":"+3"}
bob: connect /ws/messaging/7/?token=$jwt_short
bob: cork
bob: send_series 1..16 {"type":"message","content":"x%d","client_id":"%d"}
bob: uncork
nginx: status messages.in 17
bob: close 1000
bob: within 5s expect_close 4001 token expired
ann: ignore /new_message/
nginx: status limits.close_timeout 0



=== TEST 17: a body that turns out empty
--- http_config eval: $::Backend
--- config eval: main::locations('/api/messages/', 'messaging_store_body $arg_nothing;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv_unordered {"type":"ack","client_id":"a","...":0} {"type":"new_message","...":0}
nginx: expect_access_log /stored POST \/api\/messages\/ user=1 .* body=;/
nginx: no_log /\[alert\]/



=== TEST 18: a backend that does not answer holds no worker much longer than the drain
--- not_in: onebyte (the backend, of the same nginx, holds its worker)
--- http_config eval
$::Backend . "messaging_drain 1s;\n"
--- config eval: main::locations('/stuck', 'messaging_rate off; messaging_store_timeout 2s;')
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- allow_log
messaging call timed out
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"0"}
ann: recv_unordered {"type":"ack","client_id":"0","...":0} {"type":"new_message","...":0}
ann: send_series 1..15 {"type":"message","content":"x%d","client_id":"%d"}
nginx: status messages.in 16
ann: ignore /nack/
nginx: reload
ann: expect_close 1012
nginx: within 15s expect_workers $WORKERS
nginx: expect_log /\[warn\] .*messaging message of user "1" for "7" was not stored: the worker leaves/
nginx: status stores.saved 1
nginx: status stores.failed 15
