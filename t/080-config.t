# What nginx -t refuses, and how it says so.  Keys, access and Redis have
# files of their own.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: both messaging_conversation and messaging_channel
--- config
        location /ws/ {
            messaging on;
            messaging_conversation 1;
            messaging_channel a:b;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
location "/ws/" has both "messaging_conversation" and "messaging_channel"



=== TEST 2: an origin that is none
--- config
        location /ws/ {
            messaging on;
            messaging_allowed_origins example.com;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
invalid origin "example.com", it must be scheme://host[:port], "same" or "*"



=== TEST 3: an origin with a path
--- config
        location /ws/ {
            messaging_allowed_origins https://example.com/;
        }
--- must_die
--- error_log
invalid origin "https://example.com/"



=== TEST 4: values that must not be 0
--- config
        location /ws/ {
            messaging on;
            messaging_max_message 0;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
"messaging_max_message", "messaging_send_buffer", "messaging_typing_timeout", "messaging_close_timeout", "messaging_max_fragments", "messaging_max_pongs", "messaging_access_timeout" and "messaging_store_timeout" must not be 0



=== TEST 5: messaging belongs into a location
--- config
        messaging on;
--- must_die
--- error_log
"messaging" directive is not allowed here



=== TEST 6: messaging_reject knows two words
--- config
        messaging_reject drop;
--- must_die
--- error_log
invalid value "drop"



=== TEST 7: messaging_drain belongs into the http block
--- config
        messaging_drain 1s;
--- must_die
--- error_log
"messaging_drain" directive is not allowed here



=== TEST 8: a duplicate
--- config
        location /ws/ {
            messaging on;
            messaging on;
        }
--- must_die
--- error_log
"messaging" directive is duplicate



=== TEST 9: without a messaging location the module asks for nothing
--- messaging_http
--- config
        location /t { return 200 "ok"; }
--- request
GET /t
--- response_body: ok



=== TEST 10: messaging off
--- messaging_http
--- config
        location /t {
            messaging off;
            return 200 "ok";
        }
--- request
GET /t
--- response_body: ok



=== TEST 11: directives are inherited, and replaced at a lower level
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
messaging_access any;
messaging_jwt_user_claim sub;
messaging_max_content 3;
--- config
        messaging_max_content 4;

        location ~ ^/a/(?<conversation>\w+)$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location ~ ^/b/(?<conversation>\w+)$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_max_content 5;
            messaging_jwt_user_claim user_id;
        }
--- jwt
ann: {"user_id":1,"sub":"ann","exp":"+60"}
--- websocket
ann:   connect /a/7?token=$jwt_ann
ann:   send {"type":"message","content":"12345"}
ann:   recv {"type":"error","code":"too_large","message":"<string>"}
ann:   send {"type":"message","content":"1234"}
ann:   recv {"type":"new_message","message":{"sender":{"id":"ann"},"...":0}}
bob:   connect /b/8?token=$jwt_ann
bob:   send {"type":"message","content":"12345"}
bob:   recv {"type":"new_message","message":{"sender":{"id":1},"...":0}}



=== TEST 12: an if within the location does not take it away
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            if ($arg_x) {
                set $y 1;
            }
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?x=1&token=$jwt_ann
ann:   send {"type":"read"}
ann:   recv {"type":"read_receipt","reader_id":1,"read_at":"<time>"}



=== TEST 13: messaging after proxy_pass
--- config
        location /ws/ {
            proxy_pass http://127.0.0.1:1;
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
"messaging" directive comes after another handler of the location, such as "proxy_pass"



=== TEST 14: proxy_pass after messaging
--- config
        location /ws/ {
            messaging on;
            proxy_pass http://127.0.0.1:1;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
location "/ws/" has "messaging on" and another handler, such as "proxy_pass"



=== TEST 15: messaging and messaging_status
--- config
        location /ws/ {
            messaging on;
            messaging_status on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
location "/ws/" has "messaging on" and another handler



=== TEST 16: messaging_status and messaging
--- config
        location /ws/ {
            messaging_status on;
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
"messaging" directive comes after another handler of the location



=== TEST 17: no time for an answer to a ping
--- config
        location /ws/ {
            messaging on;
            messaging_ping_timeout 0;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
"messaging_ping_timeout" must not be 0: "messaging_ping_interval 0" switches pings off



=== TEST 18: a constant conversation that cannot be one
--- config
        location /ws/ {
            messaging on;
            messaging_conversation "a b";
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
invalid conversation "a b", it must be 1 to 128 characters of [A-Za-z0-9_.-]



=== TEST 19: a constant channel without a colon
--- config
        location /ws/ {
            messaging on;
            messaging_channel abc;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
invalid channel "abc", it must be 1 to 512 characters of [A-Za-z0-9_.:%-] with a colon



=== TEST 20: a message that could never be published
--- config
        location /ws/ {
            messaging on;
            messaging_max_message 5m;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
--- must_die
--- error_log
"messaging_max_message" must not be over 4m



=== TEST 21: limit_except is a part of its location
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            limit_except POST {
                allow 127.0.0.1;
                deny all;
            }
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}



=== TEST 22: messaging_rate needs a unit
--- http_config
    messaging_rate 20;
--- config
--- must_die
--- error_log
invalid rate "20", write it as 20r/s or 30r/m



=== TEST 23: messaging_rate is positive
--- http_config
    messaging_rate 0r/s;
--- config
--- must_die
--- error_log
invalid rate "0r/s", write it as 20r/s or 30r/m



=== TEST 24: the burst of messaging_typing_rate is a number
--- http_config
    messaging_typing_rate 2r/s burst=x;
--- config
--- must_die
--- error_log
invalid parameter "burst=x"



=== TEST 25: no burst beside off
--- http_config
    messaging_rate off burst=5;
--- config
--- must_die
--- error_log
invalid rate "off", write it as 20r/s or 30r/m



=== TEST 26: messaging_rate twice
--- http_config
    messaging_rate 20r/s; messaging_rate 30r/s;
--- config
--- must_die
--- error_log
"messaging_rate" directive is duplicate



=== TEST 27: zlib has no raw stream of 8 bits
--- http_config
    messaging_deflate_window_bits 8;
--- config
--- must_die
--- error_log
value must be between 9 and 15



=== TEST 28: compression levels end at 9
--- http_config
    messaging_deflate_comp_level 10;
--- config
--- must_die
--- error_log
value must be between 1 and 9
