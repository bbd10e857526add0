# Together with nchan and lua in one nginx, in any order.  nchan brings a
# hiredis of its own, and modules see each other's symbols.
#
# needs: stock nginx

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: load order nchan lua messaging
--- main_config
load_module /usr/share/nginx/modules/ngx_nchan_module.so;
load_module /usr/share/nginx/modules/ndk_http_module.so;
load_module /usr/share/nginx/modules/ngx_http_lua_module.so;
load_module $TEST_NGINX_MODULE;

--- http_config
nchan_redis_url redis://127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /nchan {
            nchan_pubsub;
            nchan_channel_id one;
            nchan_use_redis on;
        }

        location = /lua {
            content_by_lua_block { ngx.say("lua " .. 6 * 7) }
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"message","content":"both"}
ann,bob: recv {"type":"new_message","...":0}
backend: publish 7 {"type":"x"}
ann,bob: recv {"type":"x"}
cid:     http GET /lua
cid:     expect_body /^lua 42$/
old:     connect /nchan
new:     connect /nchan
new:     send_text from nchan
old,new: recv_raw from nchan
old,new: drop
ann:     send {"type":"message","content":"still"}
ann,bob: recv {"type":"new_message","...":0}



=== TEST 2: load order lua nchan messaging
--- main_config
load_module /usr/share/nginx/modules/ndk_http_module.so;
load_module /usr/share/nginx/modules/ngx_http_lua_module.so;
load_module /usr/share/nginx/modules/ngx_nchan_module.so;
load_module $TEST_NGINX_MODULE;

--- http_config
nchan_redis_url redis://127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /nchan {
            nchan_pubsub;
            nchan_channel_id one;
            nchan_use_redis on;
        }

        location = /lua {
            content_by_lua_block { ngx.say("lua " .. 6 * 7) }
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"message","content":"both"}
ann,bob: recv {"type":"new_message","...":0}
backend: publish 7 {"type":"x"}
ann,bob: recv {"type":"x"}
cid:     http GET /lua
cid:     expect_body /^lua 42$/
old:     connect /nchan
new:     connect /nchan
new:     send_text from nchan
old,new: recv_raw from nchan
old,new: drop
ann:     send {"type":"message","content":"still"}
ann,bob: recv {"type":"new_message","...":0}



=== TEST 3: load order nchan messaging lua
--- main_config
load_module /usr/share/nginx/modules/ngx_nchan_module.so;
load_module $TEST_NGINX_MODULE;
load_module /usr/share/nginx/modules/ndk_http_module.so;
load_module /usr/share/nginx/modules/ngx_http_lua_module.so;
--- http_config
nchan_redis_url redis://127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /nchan {
            nchan_pubsub;
            nchan_channel_id one;
            nchan_use_redis on;
        }

        location = /lua {
            content_by_lua_block { ngx.say("lua " .. 6 * 7) }
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"message","content":"both"}
ann,bob: recv {"type":"new_message","...":0}
backend: publish 7 {"type":"x"}
ann,bob: recv {"type":"x"}
cid:     http GET /lua
cid:     expect_body /^lua 42$/
old:     connect /nchan
new:     connect /nchan
new:     send_text from nchan
old,new: recv_raw from nchan
old,new: drop
ann:     send {"type":"message","content":"still"}
ann,bob: recv {"type":"new_message","...":0}



=== TEST 4: load order lua messaging nchan
--- main_config
load_module /usr/share/nginx/modules/ndk_http_module.so;
load_module /usr/share/nginx/modules/ngx_http_lua_module.so;
load_module $TEST_NGINX_MODULE;
load_module /usr/share/nginx/modules/ngx_nchan_module.so;
--- http_config
nchan_redis_url redis://127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /nchan {
            nchan_pubsub;
            nchan_channel_id one;
            nchan_use_redis on;
        }

        location = /lua {
            content_by_lua_block { ngx.say("lua " .. 6 * 7) }
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"message","content":"both"}
ann,bob: recv {"type":"new_message","...":0}
backend: publish 7 {"type":"x"}
ann,bob: recv {"type":"x"}
cid:     http GET /lua
cid:     expect_body /^lua 42$/
old:     connect /nchan
new:     connect /nchan
new:     send_text from nchan
old,new: recv_raw from nchan
old,new: drop
ann:     send {"type":"message","content":"still"}
ann,bob: recv {"type":"new_message","...":0}



=== TEST 5: load order messaging nchan lua
--- main_config

load_module $TEST_NGINX_MODULE;
load_module /usr/share/nginx/modules/ngx_nchan_module.so;
load_module /usr/share/nginx/modules/ndk_http_module.so;
load_module /usr/share/nginx/modules/ngx_http_lua_module.so;
--- http_config
nchan_redis_url redis://127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- redis_args: --port $TEST_NGINX_REDIS_PORT
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /nchan {
            nchan_pubsub;
            nchan_channel_id one;
            nchan_use_redis on;
        }

        location = /lua {
            content_by_lua_block { ngx.say("lua " .. 6 * 7) }
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"message","content":"both"}
ann,bob: recv {"type":"new_message","...":0}
backend: publish 7 {"type":"x"}
ann,bob: recv {"type":"x"}
cid:     http GET /lua
cid:     expect_body /^lua 42$/
old:     connect /nchan
new:     connect /nchan
new:     send_text from nchan
old,new: recv_raw from nchan
old,new: drop
ann:     send {"type":"message","content":"still"}
ann,bob: recv {"type":"new_message","...":0}



=== TEST 6: lua publishes, by a subrequest with a body of its own
--- main_config
load_module /usr/share/nginx/modules/ndk_http_module.so;
load_module /usr/share/nginx/modules/ngx_http_lua_module.so;
load_module $TEST_NGINX_MODULE;

--- config
        location = /ws/ {
            messaging on;
            messaging_conversation 7;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /push {
            internal;
            messaging_publish on;
            messaging_conversation $arg_id;
        }

        location = /lua {
            content_by_lua_block {
                ngx.req.set_header("Content-Type", "application/json")
                for n = 1, 2 do
                    local res = ngx.location.capture("/push?id=7",
                        { method = ngx.HTTP_POST, body = '{"n":' .. n .. '}' })
                    ngx.say(res.status, " ", res.body)
                end
                local res = ngx.location.capture("/push?id=a:b",
                    { method = ngx.HTTP_POST, body = "{}" })
                ngx.say(res.status)
            }
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/?token=$jwt_ann
lua:   http GET /lua
lua:   expect_body /\A202 \{"id":\d+\}\n\n202 \{"id":\d+\}\n\n404\n\z/
ann:   recv_raw {"n":1}
ann:   recv_raw {"n":2}
