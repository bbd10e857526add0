
# Copyright (C) The ngx_http_messaging_module authors

# messaging_rate: what one connection may send, what is told of the rest, and
# when it is closed.  At 1r/m no token comes back while a test runs.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: off: no frame is refused
--- http_config
messaging_rate off;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send_series 1..1000 {"type":"ping"}
ann: uncork
ann: recv_series 1..1000 {"type":"pong"}
nginx: status limits.rate 0



=== TEST 2: the default lets forty through at once; who goes on is closed
--- not_in: hup (a socket of the block before would be unlinked)
--- http_config
# the harness leaves alone what is named, the default is that of the others
server {
    listen unix:$TEST_NGINX_SERVER_ROOT/conf/other.sock;
messaging_rate 1r/s;
}
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send_series 1..1000 {"type":"ping"}
ann: uncork
ann: recv_series 1..40 {"type":"pong"}
ann: recv_series 1.. /^\{"type":"(?:pong|error","code":"rate_limited",.*)"\}$/
ann: expect_close 1008 rate limit exceeded
nginx: status limits.rate 40
nginx: status limits.rate_closed 1
nginx: status closes.1008 1



=== TEST 3: over the rate nothing is obeyed, and each message is answered
--- http_config
messaging_rate 1r/m burst=10;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: connect_apart bob /ws/messaging/7/?token=$jwt_ann
ann: send_series 1..10 {"type":"ping"}
ann: recv_series 1..10 {"type":"pong"}
nginx: no_log /over its rate/

ann: send {"type":"ping"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send {"type":"typing"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send {"type":"read"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send {"type":"message","content":"x"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send_text no JSON
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: frame x=0
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send {"type":"subscribe","conversation_id":8}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: recv_none 100ms
nginx: status limits.rate 7
nginx: status messages.in 17
nginx: expect_log /info\] .* messaging client is over its rate, its frames are refused while exchanging messages, client: /
nginx: no_log /messaging connection closed/

# bob has a bucket of his own and hears nothing of it all
bob: send {"type":"message","content":"y"}
ann,bob: recv {"type":"new_message","message":{"content":"y","...":0}}
bob: recv_none 100ms



=== TEST 4: a message with a client_id gets a nack that says when to send it again
--- http_config
messaging_rate 1r/m burst=8;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send_series 1..8 {"type":"ping"}
ann: recv_series 1..8 {"type":"pong"}
ann: send {"client_id":"a \"b\"","type":"message","content":""}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: recv {"type":"nack","client_id":"a \"b\"","code":"rate_limited","retry":true,"retry_after_ms":"<int>"}
ann: send {"client_id":"c","type":"message","content":"x"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: recv /^\{"type":"nack","client_id":"c","code":"rate_limited","retry":true,"retry_after_ms":[1-6]\d{4}\}$/

# for an answer to it, it has to be one
ann: send {"client_id":7,"type":"message","content":"x"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send {"client_id":"d","type":"read"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send {"client_id":"e","type":["message"]}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send_text {"client_id":"f","type":"message"
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: recv_none 100ms
nginx: status limits.rate 6

bob: connect /ws/messaging/?token=$jwt_ann
bob: send_series 1..8 {"type":"ping"}
bob: recv_series 1..8 {"type":"pong","timestamp":"<now>"}
bob: send {"client_id":"g","type":"message","content":"x","conversation_id":7}
bob: recv {"type":"error","conversation_id":7,"code":"rate_limited","message":"<string>"}
bob: recv {"type":"nack","conversation_id":7,"client_id":"g","code":"rate_limited","retry":true,"retry_after_ms":"<int>"}
bob: send {"client_id":"h","type":"message","content":"x"}
bob: recv {"type":"error","code":"rate_limited","message":"<string>"}
bob: recv {"type":"nack","client_id":"h","code":"rate_limited","retry":true,"retry_after_ms":"<int>"}
bob: send {"type":"subscribe","conversation_id":7}
bob: recv {"type":"error","code":"rate_limited","message":"<string>"}
nginx: status subscriptions 1



=== TEST 5: each kind of frame takes a token, a message in fragments takes one
--- http_config
messaging_rate 1r/m burst=9;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame x=0
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
ann: send {"type":"none"}
ann: recv {"type":"error","code":"unknown_type","message":"<string>"}
ann: send {"type": "ping"}
ann: recv {"type":"pong"}
ann: send {"type":"typing"}
ann: ping one
ann: recv_pong one
ann: pong nobody asked
ann: pong
ann: frame fin=0 text={"type"
ann: ping two
ann: recv_pong two
ann: frame op=cont fin=0
ann: frame op=cont text=:"ping"}
ann: recv {"type":"pong"}
nginx: status limits.rate 0
ann: send {"type":"ping"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
nginx: status limits.rate 1



=== TEST 6: a ping over the rate gets no pong, a pong over it counts, and nothing else is said
--- http_config
messaging_rate 1r/m burst=4;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ping 1
ann: ping 2
ann: ping 3
ann: ping 4
ann: recv_pong 1
ann: recv_pong 2
ann: recv_pong 3
ann: recv_pong 4
ann: ping 5
nginx: status limits.rate 1
ann: pong
nginx: status limits.rate 2
ann: ping 6
nginx: status limits.rate 3
ann: recv_none 100ms
nginx: status limits.rate_closed 0
ann: pong
ann: expect_close 1008 rate limit exceeded
nginx: status limits.rate 4
nginx: status limits.rate_closed 1



=== TEST 7: as many refused as the burst, and not one less, close the connection
--- not_in: detach (the access log is written at the handshake)
--- http_config
messaging_rate 1r/m burst=5;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: cork
ann: send_series 1..9 {"type":"ping"}
ann: uncork
ann: recv_series 1..5 {"type":"pong"}
ann: recv_series 1..4 {"type":"error","code":"rate_limited","message":"<string>"}
ann: recv_none 200ms
nginx: status limits.rate 4
nginx: status limits.rate_closed 0
backend: publish 7 {"n":1}
ann,bob: recv {"n":1}

# the last one is answered by the Close alone, and what is behind it by nothing
ann: cork
ann: send {"type":"message","content":"x","client_id":"a"}
ann: send_series 1..100 {"type":"ping"}
ann: ping
ann: pong
ann: frame fin=0 text=x
ann: uncork
ann: expect_close 1008 rate limit exceeded
nginx: status limits.rate 5
nginx: status limits.rate_closed 1
nginx: status closes.1008 1
nginx: status connections 1
nginx: expect_log /info\] .* messaging connection closed with 1008: rate limit exceeded while exchanging messages, client: /
nginx: expect_access_log / close=1008 /
backend: publish 7 {"n":2}
bob: recv {"n":2}
bob: recv_none 100ms



=== TEST 8: who does not answer the Close is neither obeyed nor counted any more
--- http_config
messaging_rate 1r/m burst=1;
messaging_close_timeout 700ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
ann: send {"type":"ping"}
ann: send_series 1..100 {"type":"message","content":"x","client_id":"x"}
ann: ping
ann: pong
ann: expect_close 1008 rate limit exceeded
nginx: status limits.rate 1
nginx: status limits.rate_closed 1
nginx: status messages.in 2
ann: may_close
nginx: status connections 0
nginx: status limits.rate 1



=== TEST 9: a Close takes no token
--- http_config
messaging_rate 1r/m burst=2;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send_series 1..3 {"type":"ping"}
ann: close 1000
ann: uncork
ann: recv_series 1..2 {"type":"pong"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: expect_close 1000
nginx: status limits.rate 1
nginx: status limits.rate_closed 0



=== TEST 10: who has been quiet for long enough has his whole burst again, and is not closed for what was before
--- http_config
messaging_rate 2r/s burst=2;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n" . <<'EOS' x 3
ann: cork
ann: send_series 1..3 {"type":"ping"}
ann: uncork
ann: recv_series 1..2 {"type":"pong"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
# a second and a half is more than the bucket needs
wait 1500ms
EOS
. <<'EOS'
nginx: status limits.rate 3
nginx: status limits.rate_closed 0
nginx: expect_log /(?s)(?:over its rate.*){3}/
EOS



=== TEST 11: what was refused is not forgotten while the bucket is not full; it is logged once
--- http_config
messaging_rate 1r/s burst=3;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send_series 1..5 {"type":"ping"}
ann: uncork
ann: recv_series 1..3 {"type":"pong"}
ann: recv_series 1..2 {"type":"error","code":"rate_limited","message":"<string>"}
# at least one token has come, and takes three seconds to be three
wait 1100ms
ann: cork
ann: send_series 1..50 {"type":"ping"}
ann: uncork
ann: recv_series 1.. {"type":"pong"}
ann: expect_close 1008 rate limit exceeded
nginx: status limits.rate 3
nginx: expect_log /\A(?:(?!over its rate)[\s\S])*over its rate(?:(?!over its rate)[\s\S])*\n(?:(?!over its rate)[\s\S])*\z/



=== TEST 12: a message that is sent again when the nack says so is taken
--- http_config
messaging_rate 2r/s burst=2;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send_series 1..2 {"type":"ping"}
ann: send {"type":"message","content":"x","client_id":"a"}
ann: uncork
ann: recv_series 1..2 {"type":"pong"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: recv /"retry_after_ms":(?:500|[1-4]\d\d|\d\d?)\}/
wait 550ms
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv_unordered {"type":"ack","client_id":"a","...":0} {"type":"new_message","client_id":"a","...":0}



=== TEST 13: two connections of one user have a bucket each
--- http_config
messaging_rate 1r/m burst=3;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a,b: connect /ws/messaging/7/?token=$jwt_ann
c:   connect_apart a /ws/messaging/7/?token=$jwt_ann
a:   send_series 1..5 {"type":"ping"}
a:   recv_series 1..3 {"type":"pong"}
a:   recv_series 1..2 {"type":"error","code":"rate_limited","message":"<string>"}
b,c: send_series 1..3 {"type":"ping"}
b,c: recv_series 1..3 {"type":"pong"}
a:   send {"type":"ping"}
a:   expect_close 1008 rate limit exceeded
b,c: recv_none 100ms

# and so has the next one
a:   connect /ws/messaging/7/?token=$jwt_ann
a:   send_series 1..3 {"type":"ping"}
a:   recv_series 1..3 {"type":"pong"}



=== TEST 14: who has subscribed to a conversation has sent that for nothing
--- http_config
messaging_rate 1r/m burst=6;
messaging_max_subscriptions 300;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: cork
ann: send_series 1..300 {"type":"subscribe","conversation_id":%d}
ann: uncork
ann: recv_series 1..300 /^\{"type":"subscribed","conversation_id":\d+\}$/
nginx: status subscriptions 300
nginx: status limits.rate 0

# not if there was nothing to do, or nothing was done
ann: send {"type":"subscribe","conversation_id":1}
ann: recv {"type":"subscribed","conversation_id":1}
ann: send {"type":"subscribe","conversation_id":301}
ann: recv {"type":"error","conversation_id":301,"code":"access_denied","message":"<string>"}

# nor to leave one: who comes and goes pays once
ann: send {"type":"unsubscribe","conversation_id":1}
ann: recv {"type":"unsubscribed","conversation_id":1}
ann: send {"type":"subscribe","conversation_id":301}
ann: recv {"type":"subscribed","conversation_id":301}
ann: send {"type":"unsubscribe","conversation_id":301}
ann: recv {"type":"unsubscribed","conversation_id":301}
ann: send {"type":"subscribe","conversation_id":1}
ann: recv {"type":"subscribed","conversation_id":1}
ann: send {"type":"unsubscribe","conversation_id":1}
ann: recv {"type":"unsubscribed","conversation_id":1}
ann: send {"type":"ping"}
ann: recv {"type":"pong","timestamp":"<now>"}
nginx: status limits.rate 0
ann: send {"type":"subscribe","conversation_id":1}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
nginx: status limits.rate 1
nginx: status subscriptions 299



=== TEST 15: frames that come with the handshake are counted too
--- http_config
messaging_rate 1r/m burst=3;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: cork
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send_series 1..10 {"type":"ping"}
ann: uncork
ann: recv_series 1..3 {"type":"pong"}
ann: recv_series 1..2 {"type":"error","code":"rate_limited","message":"<string>"}
ann: expect_close 1008 rate limit exceeded
nginx: status limits.rate 3



=== TEST 16: a location has its own rate
--- http_config
messaging_rate 1r/m burst=2;
--- config
    location /a/ {
        messaging on;
        messaging_conversation 7;
        messaging_access any;
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
    }
    location /b/ {
        messaging on;
        messaging_conversation 7;
        messaging_access any;
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_rate off;
    }
    location /status { messaging_status on; }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
a: connect /a/?token=$jwt_ann
b: connect /b/?token=$jwt_ann
a: send_series 1..3 {"type":"ping"}
a: recv_series 1..2 {"type":"pong"}
a: recv {"type":"error","code":"rate_limited","message":"<string>"}
b: send_series 1..100 {"type":"ping"}
b: recv_series 1..100 {"type":"pong"}
nginx: status limits.rate 1



=== TEST 17: auth is obeyed over the rate, or the session would end
--- http_config
messaging_rate 1r/m burst=3;
--- jwt
ann: {"user_id":1,"exp":"+60"}
new: {"user_id":1,"exp":"+120"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send_series 1..3 {"type":"ping"}
ann: recv_series 1..3 {"type":"pong"}
ann: send {"type":"auth","token":"$jwt_new"}
ann: recv {"type":"auth_ok","expires_at":"<time>"}
nginx: status limits.rate 1
ann: send {"type":"ping"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send {"type":"auth","token":"$jwt_new"}
ann: expect_close 1008 rate limit exceeded
nginx: status auth.renewed 1
