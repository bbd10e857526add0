
# Copyright (C) The ngx_http_messaging_module authors

# messaging_typing_rate: what is left out is late, never wrong: the others end
# with what is true.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: off: whatever is sent goes out
--- http_config
messaging_typing_rate off;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send_series 1..40 {"type":"typing"}
bob: recv_series 1..40 {"type":"typing_indicator","user_id":1,"is_typing":true}
nginx: status limits.typing_rate 0



=== TEST 2: the default lets eight through at once
--- not_in: hup (a socket of the block before would be unlinked)
--- http_config
# the harness leaves alone what is named, the default is that of the others
server {
    listen unix:$TEST_NGINX_SERVER_ROOT/conf/other.sock;
messaging_typing_rate 1r/s;
}
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob: ignore /"is_typing":true\}$/
backend: subscribe 7
ann: cork
ann: send_series 1..12 {"type":"typing"}
ann: send {"type":"typing","is_typing":false}
ann: uncork
backend: recv 7 {"type":"typing_indicator","user_id":1,"is_typing":true}
backend: recv 7 {"type":"typing_indicator","user_id":1,"is_typing":true}
backend: recv 7 {"type":"typing_indicator","user_id":1,"is_typing":true}
backend: recv 7 {"type":"typing_indicator","user_id":1,"is_typing":true}
backend: recv 7 {"type":"typing_indicator","user_id":1,"is_typing":true}
backend: recv 7 {"type":"typing_indicator","user_id":1,"is_typing":true}
backend: recv 7 {"type":"typing_indicator","user_id":1,"is_typing":true}
backend: recv 7 {"type":"typing_indicator","user_id":1,"is_typing":true}
backend: recv 7 /"is_typing":false\}$/
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann,bob: recv_none 100ms
nginx: status limits.typing_rate 4



=== TEST 3: what is over it is left out; that is told, logged once, and closes nothing
--- http_config
messaging_typing_rate 1r/m burst=3;
messaging_typing_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send_series 1..3 {"type":"typing"}
bob: recv_series 1..3 {"type":"typing_indicator","user_id":1,"is_typing":true}
nginx: status limits.typing_rate 0
ann: send_series 1..500 {"type":"typing"}
ann: send {"type":"ping"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: recv {"type":"pong"}
nginx: status limits.typing_rate 500
nginx: status limits.rate 0
nginx: expect_log /info\] .* messaging client is over its typing rate, its typing is left out while exchanging messages, client: /
nginx: expect_log /\A(?:(?!over its)[\s\S])*over its(?:(?!over its)[\s\S])*\n(?:(?!over its)[\s\S])*\z/
ann,bob: recv_none 100ms

# other frames go on
ann: send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","message":{"content":"x","...":0}}



=== TEST 4: on the many-conversation endpoint the error names the conversation
--- http_config
messaging_typing_rate 1r/m burst=1;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"typing","conversation_id":7}
ann: send {"type":"typing","conversation_id":7}
ann: recv {"type":"error","conversation_id":7,"code":"rate_limited","message":"<string>"}



=== TEST 5: that the user no longer types is always told; that he never did needs a token
--- http_config
messaging_typing_rate 1r/m burst=2;
messaging_typing_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"typing","is_typing":false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: send {"type":"typing"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: send {"type":"typing","is_typing":false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann: send_series 1..9 {"type":"typing","is_typing":false}
nginx: status limits.typing_rate 10
ann,bob: recv_none 100ms



=== TEST 6: who goes on typing is shown as typing for as long, though nothing is published
--- http_config
messaging_typing_rate 1r/m burst=1;
messaging_typing_timeout 900ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
wait 600ms
ann: send {"type":"typing"}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
bob: not_before 800ms within 4s recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann,bob: recv_none 100ms



=== TEST 7: a flood that ends with typing: it is shown as soon as it may
--- http_config
messaging_typing_rate 30r/m burst=1;
messaging_typing_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: cork
ann: send {"type":"typing"}
ann: send {"type":"typing","is_typing":false}
ann: send_series 1..20 {"type":"typing"}
ann: uncork
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob: not_before 1s recv {"type":"typing_indicator","user_id":1,"is_typing":true}
nginx: status limits.typing_rate 20

# once; and the end of it is told
bob: recv_none 2500ms
ann: drop
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob: recv_none 100ms



=== TEST 8: a flood that ends with not typing ends so for the others
--- http_config
messaging_typing_rate 30r/m burst=1;
messaging_typing_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. "ann: cork\n"
. qq(ann: send {"type":"typing"}
ann: send {"type":"typing","is_typing":false}
) x 20 . <<'EOS';
ann: uncork
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
nginx: status limits.typing_rate 19

# also when a token is there again
bob: recv_none 2500ms
ann: drop
bob: recv_none 100ms
EOS



=== TEST 9: what was held back is not shown to be over, nor if it is over before it was shown
--- http_config
messaging_typing_rate 30r/m burst=1;
messaging_typing_timeout 400ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: cork
ann: send {"type":"typing"}
ann: send {"type":"typing","is_typing":false}
ann: send {"type":"typing"}
ann: uncork
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob: recv_none 2500ms

# a token is there again
ann: cork
ann: send {"type":"typing"}
ann: send {"type":"typing","is_typing":false}
ann: send {"type":"typing"}
ann: uncork
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann: drop
bob: recv_none 2500ms



=== TEST 10: what was held back ends by the time since it was said
--- http_config
messaging_typing_rate 20r/m burst=1;
messaging_typing_timeout 6s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: cork
ann: send {"type":"typing"}
ann: send {"type":"typing","is_typing":false}
ann: send {"type":"typing"}
ann: uncork
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: within 5500ms recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob: recv_none 100ms



=== TEST 11: the rate is that of the connection; what waits in several conversations is shown one by one
--- http_config
messaging_typing_rate 60r/m burst=2;
messaging_typing_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/?token=$jwt_bob
ann,bob: send_series 1..4 {"type":"subscribe","conversation_id":%d}
ann,bob: recv_series 1..4 /^\{"type":"subscribed","conversation_id":\d\}$/
ann: cork
ann: send_series 1..4 {"type":"typing","conversation_id":%d}
ann: uncork
ann: recv {"type":"error","conversation_id":3,"code":"rate_limited","message":"<string>"}
bob: recv_series 1..4 {"type":"typing_indicator","conversation_id":%d,"user_id":1,"is_typing":true}
nginx: status limits.typing_rate 2

# who leaves a conversation that he was not shown to type in is not shown to stop
ann: cork
ann: send_series 1..4 {"type":"typing","conversation_id":%d,"is_typing":false}
ann: send {"type":"typing","conversation_id":1}
ann: send {"type":"typing","conversation_id":2}
ann: send {"type":"typing","conversation_id":3}
ann: send_series 1..3 {"type":"unsubscribe","conversation_id":%d}
ann: uncork
ann: recv_series 1..3 /^\{"type":"unsubscribed","conversation_id":%d\}$/
bob: recv_series 1..4 {"type":"typing_indicator","conversation_id":%d,"user_id":1,"is_typing":false}
bob: ignore /"conversation_id":1/
bob: recv_none 1500ms



=== TEST 12: another episode is told again
--- http_config
messaging_typing_rate 2r/s burst=1;
messaging_typing_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n" . <<'EOS' x 3
ann: cork
ann: send_series 1..9 {"type":"typing"}
ann: uncork
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
ann,bob: recv_none 50ms
# longer than the bucket needs
wait 800ms
EOS
. <<'EOS'
nginx: status limits.typing_rate 24
nginx: expect_log /(?s)(?:over its typing rate.*){3}/
EOS



=== TEST 13: typing takes a token of messaging_rate too
--- http_config
messaging_rate 1r/m burst=4;
messaging_typing_rate 1r/m burst=2;
messaging_typing_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: connect_apart bob /ws/messaging/7/?token=$jwt_ann
ann: send_series 1..4 {"type":"typing"}
bob: recv_series 1..2 {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
nginx: status limits.typing_rate 2
nginx: status limits.rate 0

# the server says so when nobody is there any more to do it
ann: send_series 1..3 {"type":"typing","is_typing":false}
ann: recv_series 1..3 {"type":"error","code":"rate_limited","message":"<string>"}
bob: recv_none 100ms
ann: send {"type":"typing"}
ann: expect_close 1008 rate limit exceeded
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
nginx: status limits.typing_rate 2
nginx: status limits.rate 4



=== TEST 14: what is held back is given up where the broker does not answer
--- http_config
messaging_typing_rate 60r/m burst=70;
messaging_typing_timeout 60s;
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
fake:  hang PUBLISH
ann:   cork
ann:   send_series 1..70 {"type":"typing"}
ann:   send {"type":"typing","is_typing":false}
ann:   send {"type":"typing"}
ann:   uncork
ann:   recv_series 1..6 {"type":"error","code":"unavailable","message":"<string>"}
ann:   recv {"type":"error","code":"rate_limited","message":"<string>"}
fake:  count PUBLISH 65
wait 1500ms
fake:  count PUBLISH 65
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
