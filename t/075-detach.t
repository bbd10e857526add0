# Copyright (C) The ngx_http_messaging_module authors

# messaging_detach: what outlives the request, and what ends with it.  All
# else is as without it, which "t/util/test --mode detach" shows.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the access log is written at the handshake, the end stands in error.log
--- http_config
messaging_detach on;
--- jwt
ann: {"user_id":"a b","name":"Ann","exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_access_log /^101 "GET \/ws\/messaging\/7\/\?token=\*+ HTTP\/1.1" "-" uri=\/ws\/messaging\/7\/\?token=\*+ user=a%20b conversation=7 close=- received=0 sent=0$/
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
ann:   send {"type":"message","content":"hello"}
ann:   recv {"type":"new_message","message":{"content":"hello","conversation_id":7,"sender":{"id":"a b","name":"Ann"},"...":0}}
ann:   close 4321
ann:   expect_close 4321
nginx: expect_log /\[info\] .* messaging connection ended, code:4321 received:2 sent:2 time:\d+ while closing connection, client: 127.0.0.1, server: localhost, user: "a%20b", conversation: "7"$/
nginx: no_access_log / close=4321 /
nginx: no_log /\[(info|notice|warn|error|crit)\].*eyJ/
nginx: no_access_log eyJ



=== TEST 2: without it both are one, at the end
--- http_config
messaging_detach off;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
nginx: no_access_log messaging/7
ann:   close 4321
ann:   expect_close 4321
nginx: expect_access_log / close=4321 /
nginx: no_log /messaging connection ended/



=== TEST 3: in a server and a location, and not inherited where it is off
--- http_config
messaging_detach on;
--- config
        messaging_detach off;
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;
        location = /a/ { messaging on; messaging_detach on; }
        location = /b/ { messaging on; }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a:     connect /a/?token=$jwt_ann
b:     connect /b/?token=$jwt_ann
nginx: expect_access_log /GET \/a\//
b:     send {"type":"ping"}
b:     recv {"type":"pong","timestamp":"<any>"}
nginx: no_access_log /GET \/b\//



=== TEST 4: who is refused is not detached
--- http_config
messaging_detach on;
messaging_refuse_delay on;
--- jwt
old: {"user_id":1,"exp":"-60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_old
ann:   expect_close 4001
nginx: expect_access_log / close=4001 /
ann:   connect /ws/messaging/7/?token=$jwt_old
nginx: expect_log /messaging refusal delayed by 1000 ms/
ann:   send {"type":"ping"}
ann:   expect_close 4001
nginx: no_log /messaging connection ended/



=== TEST 5: limit_conn ends with the request, the quotas of the module do not
--- http_config
messaging_detach on;
limit_conn_zone $binary_remote_addr zone=one:1m;
limit_conn_status 429;
messaging_user_connections 2;
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            limit_conn one 1;
        }
        location = /status { messaging_status on; }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a:     connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_access_log / user=1 /
b:     connect /ws/messaging/7/?token=$jwt_ann
nginx: status connections 2
c:     connect /ws/messaging/7/?token=$jwt_ann
c:     expect_close 1013 too many connections
a:     drop
nginx: status connections 1
c:     connect /ws/messaging/7/?token=$jwt_ann



=== TEST 6: claims, expiry and a renewed token are the session's
--- http_config
messaging_detach on;
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_jwt_require aud=chat;
            messaging_access claim=conversations;
        }
--- jwt
ann: {"user_id":1,"aud":"chat","exp":"+2.5","conversations":[7]}
new: {"user_id":1,"aud":"chat","exp":"+4","conversations":[7,8]}
bad: {"user_id":1,"aud":"mail","exp":"+60","conversations":"*"}
bob: {"user_id":2,"aud":"chat","exp":"+60","conversations":"*"}
--- websocket
ann:   connect /ws/messaging/?token=$jwt_ann
bob,eve: connect_apart ann /ws/messaging/?token=$jwt_bob
nginx: expect_access_log / user=2 /
ann:   send {"type":"subscribe","conversation_id":8}
ann:   recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":8}
ann,bob: send {"type":"subscribe","conversation_id":7}
ann,bob: recv {"type":"subscribed","conversation_id":7}
ann:   send {"type":"auth","token":"$jwt_new"}
ann:   recv {"type":"auth_ok","expires_at":"<any>"}
ann,bob: send {"type":"subscribe","conversation_id":8}
ann,bob: recv {"type":"subscribed","conversation_id":8}
ann:   send {"type":"typing","conversation_id":8}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true,"conversation_id":8}
eve:   send {"type":"auth","token":"$jwt_bad"}
eve:   expect_close 4001
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":false,"conversation_id":8}
ann:   expect_close 4001 token expired
nginx: expect_log /messaging connection ended, code:4001 .* user: "1"$/



=== TEST 7: over TLS, with a large header, many bytes and both ways to end
--- http_config
messaging_detach on;
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_max_message 200k;
            messaging_max_content 100000;
            messaging_close_timeout 1s;
        }
--- jwt
ann: {"user_id":1,"exp":"+60","padding":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"}
--- websocket eval
my $text = 'y' x 50_000;
<<"END"
tls on
ann:   connect /ws/messaging/7/?token=\$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=\$jwt_ann
nginx: expect_access_log / user=1 /
ann:   send {"type":"message","content":"$text"}
ann,bob: recv {"type":"new_message","message":{"content":"$text","...":0}}
ann:   close 1000
ann:   expect_close 1000
bob:   auto_close off
bob:   frame op=3 x=0
bob:   expect_close 1002
nginx: expect_log /(?s)ended, code:1002/
bob:   drop
cat:   connect /ws/messaging/7/?token=\$jwt_ann
cat:   reset
nginx: expect_log /messaging connection ended, code:1006/
END



=== TEST 8: what is sent behind the server's Close makes no reset of it
--- http_config
messaging_detach on;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_access_log / user=1 /
ann:   auto_close off
ann:   frame op=3 x=0
ann:   expect_close 1002
ann:   frame op=text x=30000
ann:   frame op=text x=30000
ann:   expect_taken
ann:   drop
nginx: status connections 0
bob:   connect /ws/messaging/7/?token=$jwt_ann
bob:   shutdown
bob:   expect_eof
nginx: expect_log /messaging connection ended, code:1006/



=== TEST 9: where nginx is not to linger, and for how long
--- http_config
messaging_detach on;
lingering_close off;
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;
        location = /ws/off/ { messaging on; }
        location = /ws/on/ {
            messaging on;
            lingering_close always;
            lingering_timeout 1s;
        }
        location = /status { messaging_status on; }
        location = /count {
            default_type application/json;
            return 200 '{"active":$connections_active,"writing":$connections_writing,"waiting":$connections_waiting}';
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann,bob: auto_close off
ann:   connect /ws/off/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong","timestamp":"<any>"}
ann:   frame op=3 x=0
ann:   expect_close 1002
nginx: within 4s status /count active 1
ann:   drop
bob:   connect /ws/on/?token=$jwt_ann
bob:   send {"type":"ping"}
bob:   recv {"type":"pong","timestamp":"<any>"}
bob:   frame op=3 x=0
bob:   expect_close 1002
nginx: status /count active 2
nginx: status /count active 1
bob:   drop



=== TEST 10: stub_status counts a connection, and no request
--- http_config
messaging_detach on;
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;
        location = /ws/on/ { messaging on; }
        location = /ws/off/ { messaging on; messaging_detach off; }
        location = /count {
            default_type application/json;
            return 200 '{"active":$connections_active,"writing":$connections_writing,"waiting":$connections_waiting}';
        }
        location = /status { messaging_status on; }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
d1..d2: connect /ws/off/?token=$jwt_ann
c1..c3: connect /ws/on/?token=$jwt_ann
nginx: expect_access_log /(?s)(?:GET \/ws\/on.*){3}/
nginx: status /count active 6
nginx: status /count writing 3
nginx: status /count waiting 0
c1:    close 1000
c1:    expect_close 1000
c2:    reset
c3:    drop
nginx: status /count active 3
nginx: status /count writing 3



=== TEST 11: with post_action the request stays
--- http_config
messaging_detach on;
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            post_action /after;
        }
        location = /after {
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ended;
        }
        location = /ended { return 200 "ok"; }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
nginx: no_access_log /GET/
ann:   close 1000
ann:   expect_close 1000
nginx: expect_access_log /GET \/ended /
nginx: no_log /messaging connection ended/



=== TEST 12: a subrequest in the background keeps the request until it has ended
--- http_config
messaging_detach on;
messaging_ping_interval 100ms;
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            mirror /mirror;
        }
        location = /mirror {
            internal;
            proxy_pass http://127.0.0.1:$TEST_NGINX_FAKE_PORT/;
            proxy_read_timeout 1s;
        }
--- fake_redis
hang GET
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
nginx: no_access_log /GET/
nginx: expect_access_log / user=1 .* close=- /
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
ann:   close 1000
ann:   expect_close 1000
nginx: expect_log /messaging connection ended, code:1000/



=== TEST 13: the client's address is that of ngx_http_realip_module
--- http_config
messaging_detach on;
set_real_ip_from 127.0.0.1;
messaging_address_connections 1;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   auto_close off
ann:   header X-Real-IP: 10.0.0.2
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_access_log / user=1 /
bob:   header X-Real-IP: 10.0.0.2
bob:   refused 503 /ws/messaging/7/?token=$jwt_ann
ann:   frame op=3 x=0
ann:   expect_close 1002
nginx: expect_log /closed with 1002: protocol error while exchanging messages, client: 10.0.0.2, server: localhost, user: "1", conversation: "7"$/
nginx: expect_log /messaging connection ended, code:1002 .*, client: 10.0.0.2, /
nginx: status connections 0
ann:   drop
bob:   connect /ws/messaging/7/?token=$jwt_ann



=== TEST 14: a reload drains those of the old worker, quit all
--- http_config
messaging_detach on;
messaging_drain 200ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a1..a20: connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_access_log / user=1 /
nginx: reload
a1..a20: expect_close 1012 server reload
nginx: expect_workers $WORKERS
a1..a20: connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"type":"hello"}
a1..a20: recv {"type":"hello"}
nginx: quit
a1..a20: expect_close 1001 server shutdown
nginx: expect_exit
nginx: no_log /open socket/



=== TEST 15: worker_shutdown_timeout
--- main_config
worker_shutdown_timeout 500ms;
--- http_config
messaging_detach on;
messaging_drain 100ms;
messaging_close_timeout 1m;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a1..a5: auto_close off
a1..a5: connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_access_log / user=1 /
nginx: quit
a1..a5: expect_close 1001 server shutdown
a1..a5: may_close
nginx: expect_exit
nginx: expect_log /messaging connection ended, code:1001/
nginx: no_log /open socket/



=== TEST 16: frames that come with the handshake, and a client that is gone at once
--- http_config
messaging_detach on;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   cork
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   close 1000
ann:   uncork
ann:   recv {"type":"pong"}
ann:   expect_close 1000
bob:   cork
bob:   connect /ws/messaging/7/?token=$jwt_ann
bob:   send {"type":"ping"}
bob:   uncork
bob:   recv {"type":"pong"}
nginx: expect_access_log / user=1 .* close=- /
bob:   send {"type":"ping"}
bob:   recv {"type":"pong"}
bob:   reset
nginx: status connections 0



=== TEST 17: an idle connection costs no more than 2.5 KB, and what is left of it nothing
--- not_in
hup (the workers have had others)
onebyte (so many take too long)
tls (OpenSSL needs more)
--- http_config
messaging_detach on;
messaging_ping_interval 0;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
c0:    connect /ws/messaging/0/?token=$jwt_ann
b0:    connect_apart c0 /ws/messaging/0/?token=$jwt_ann
b0,c0: drop
nginx: status connections 0
nginx: remember_baseline
c1..c600: connect /ws/messaging/$N/?token=$jwt_ann
nginx: expect_baseline connections=600 subscriptions=600 channels=600 sockets=+600 memory=1500k
c1..c600: close 1000
c1..c600: expect_close 1000
nginx: expect_baseline



=== TEST 18: a client that does not read
--- http_config
messaging_detach on;
messaging_send_buffer 20k;
messaging_close_timeout 300ms;
--- config
        listen 127.0.0.1:$TEST_NGINX_REDIS_PORT sndbuf=4096;
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $text = 'y' x 1900;
<<"END"
ann:   tls off
ann:   rcvbuf 4096
ann:   port \$TEST_NGINX_REDIS_PORT
ann:   connect /ws/messaging/7/?token=\$jwt_ann
bob:   connect /ws/messaging/7/?token=\$jwt_bob
nginx: expect_access_log / user=2 /
ann:   stall
ann:   may_close
bob:   send_series 1..60 {"type":"message","content":"%d $text"}
bob:   recv_series 1..60 /"content":"%d y/
nginx: expect_log /messaging connection closed with 1013: slow consumer/
nginx: expect_log /messaging connection ended, code:1013 .* user: "1"/
END



=== TEST 19: the backend is asked later, too, with the headers and arguments of the handshake
--- http_config
messaging_detach on;
set_real_ip_from 127.0.0.1;
geo $from {
    default  other;
    10.0.0.2 real;
}
log_format asked 'asked $request_uri $http_x_messaging_user '
                 '$http_x_messaging_conversation agent=$http_user_agent '
                 'other=$http_x_other for=$http_x_forwarded_for '
                 'server=$http_x_server host=$http_host;';
map $http_x_messaging_conversation $status_of {
    default 0;
    403     403;
}
server {
    listen unix:$TEST_NGINX_SERVER_ROOT/backend.sock;
    access_log logs/messaging.log asked;
    location / {
        if ($status_of = 403) { return 403; }
        return 200 "welcome";
    }
}
--- config
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access request=/ask;
        location = /ws/messaging/ { messaging on; }
        location = /status { messaging_status on; }
        location = /ask {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/backend.sock:/may;
            proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_set_header X-Server $server_addr:$server_port:$from;
            proxy_set_header Host $host;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   header X-Real-IP: 10.0.0.2
ann:   header User-Agent: browser
ann:   header X-Other: some thing
ann:   connect /ws/messaging/?a=1&token=$jwt_ann&b=2
nginx: expect_access_log / user=1 .* close=- /
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
nginx: expect_access_log /^asked \/may\?a=1&token=\S+&b=2 1 7 agent=browser other=some thing for=10.0.0.2 server=127.0.0.1:\d+:real host=\S+;$/
ann:   send {"type":"subscribe","conversation_id":403}
ann:   recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":403}
ann:   send {"type":"subscribe","conversation_id":8}
ann:   recv {"type":"subscribed","conversation_id":8}
ann:   send {"type":"subscribe","conversation_id":9}
ann:   drop
nginx: status connections 0



=== TEST 20: with and without it, a worker gives back what those who have left had
--- not_in
hup (the workers have had others)
onebyte (so many take too long)
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
c0:    connect /ws/messaging/0/?token=$jwt_ann
b0:    connect_apart c0 /ws/messaging/0/?token=$jwt_ann
b0,c0: drop
nginx: status connections 0
nginx: remember_baseline
c1..c600: connect /ws/messaging/$N/?token=$jwt_ann
c1..c600: close 1000
c1..c600: expect_close 1000
nginx: within 30s expect_baseline memory=1m
