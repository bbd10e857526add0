
# Copyright (C) The ngx_http_messaging_module authors

# "typing": what counts as true, who is told, and when it stops by itself.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

# ann's frames with these values are all told to bob as the same
sub means {
    my ($bool, @values) = @_;
    return join '', map {
        "ann: send_text {\"type\":\"typing\",\"is_typing\":$_}\n"
        . "bob: recv {\"type\":\"typing_indicator\",\"user_id\":1,"
        . "\"is_typing\":$bool}\n"
    } @values;
}

__DATA__

=== TEST 1: is_typing may be any JSON value and counts as in Python's bool()
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. main::means('true', 'true', '1', '-1', '2', '0.5', '-0.5', '1e-5', '1.0',
              '9007199254740993', '"true"', '"false"', '"0"', '" "', '"null"',
              '"\u0020"', '[0]', '[false]', '[null]', '[[]]', '[""]',
              '{"a":0}', '{"":null}')
. main::means('false', 'false', 'null', '0', '-0', '0.0', '-0.0', '0e5',
              '0.000', '1e-400', '""', '[]', '[ ]', '{}', '{ }')
. "ann,bob: recv_none 100ms\n";



=== TEST 2: a missing is_typing is true
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: send {"type":"typing","Is_typing":false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}



=== TEST 3: who types is said by the token: id of its own type, name if there is one
--- jwt
ann: {"user_id":"a-1","name":"Ann \"A\" \u00fc","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"typing","is_typing":true,"user_id":3,"name":"Eve","conversation_id":8,"extra":1}
bob: recv {"type":"typing_indicator","user_id":"a-1","name":"Ann \"A\" ü","is_typing":true}
bob: send {"type":"typing","is_typing":true,"name":"Eve"}
ann: recv {"type":"typing_indicator","user_id":2,"is_typing":true}
ann: send {"type":"typing","is_typing":false}
bob: recv {"type":"typing_indicator","user_id":"a-1","name":"Ann \"A\" ü","is_typing":false}



=== TEST 4: no connection of the same user is told, on any worker, nor when it stops
--- http_config
messaging_typing_timeout 300ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:       connect /ws/messaging/7/?token=$jwt_ann
ann_b:     connect /ws/messaging/7/?token=$jwt_ann
ann_c:     connect_apart ann /ws/messaging/7/?token=$jwt_ann
bob:       connect /ws/messaging/7/?token=$jwt_bob
bob_b:     connect_apart bob /ws/messaging/7/?token=$jwt_bob
ann:       send {"type":"typing","is_typing":true}
bob,bob_b: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob,bob_b: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob:       send {"type":"typing","is_typing":true}
ann,ann_b,ann_c: recv {"type":"typing_indicator","user_id":2,"is_typing":true}
bob:       drop
ann,ann_b,ann_c: recv {"type":"typing_indicator","user_id":2,"is_typing":false}
ann,ann_b,ann_c,bob_b: recv_none 100ms



=== TEST 5: two users are the same if their ids are the same as text
--- jwt
n:   {"user_id":1,"exp":"+60"}
s:   {"user_id":"1","exp":"+60"}
z:   {"user_id":"01","exp":"+60"}
t:   {"user_id":10,"exp":"+60"}
a:   {"user_id":"a b","exp":"+60"}
e:   {"user_id":"a%20b","exp":"+60"}
u:   {"user_id":"A b","exp":"+60"}
--- websocket
n: connect /ws/messaging/7/?token=$jwt_n
s: connect_apart n /ws/messaging/7/?token=$jwt_s
z: connect /ws/messaging/7/?token=$jwt_z
t: connect /ws/messaging/7/?token=$jwt_t
a: connect /ws/messaging/7/?token=$jwt_a
e: connect_apart a /ws/messaging/7/?token=$jwt_e
u: connect /ws/messaging/7/?token=$jwt_u
n: send {"type":"typing"}
z,t,a,e,u: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
s: send {"type":"typing"}
z,t,a,e,u: recv {"type":"typing_indicator","user_id":"1","is_typing":true}
a: send {"type":"typing"}
n,s,z,t,e,u: recv {"type":"typing_indicator","user_id":"a b","is_typing":true}
e: send {"type":"typing"}
n,s,z,t,a,u: recv {"type":"typing_indicator","user_id":"a%20b","is_typing":true}
n,s,z,t,a,e,u: recv_none 100ms



=== TEST 6: who says nothing more for messaging_typing_timeout has stopped
--- http_config
messaging_typing_timeout 400ms;
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"name":"Ann","is_typing":true}
bob: not_before 350ms within 2s recv {"type":"typing_indicator","user_id":1,"name":"Ann","is_typing":false}

# once, and not again when the connection ends
bob: recv_none 600ms
ann: close 1000
ann: expect_close 1000
bob: recv_none 100ms



=== TEST 7: the default is 6 s; a connection whose token expires before has stopped with it
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: connect_apart bob /ws/messaging/7/?token=$jwt_ann
jwt: eve {"user_id":3,"exp":"+2"}
eve: connect_apart bob /ws/messaging/7/?token=$jwt_eve
eve: send {"type":"typing"}
ann,bob: recv {"type":"typing_indicator","user_id":3,"is_typing":true}
ann: send {"type":"typing"}
bob,eve: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann,bob: within 3s recv {"type":"typing_indicator","user_id":3,"is_typing":false}
eve: expect_close 4001 token expired

# ann began at most 2 s ago
bob: not_before 3800ms within 6500ms recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann,bob: recv_none 100ms



=== TEST 8: each typing moves the stop; other frames do not
--- http_config
messaging_typing_timeout 600ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: recv_none 400ms
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: not_before 550ms within 3s recv {"type":"typing_indicator","user_id":1,"is_typing":false}

ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: recv_none 300ms
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
bob: within 500ms recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob: recv_none 650ms



=== TEST 9: who has said that he stopped does not stop again
--- http_config
messaging_typing_timeout 300ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: send {"type":"typing","is_typing":false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob: recv_none 500ms
ann: drop
bob: recv_none 200ms

# and who never typed does not either, but is relayed
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"typing","is_typing":false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann: reset
bob: recv_none 200ms



=== TEST 10: a connection that ends has stopped, however it ends
--- http_config
messaging_typing_timeout 60s;
--- jwt
ann:  {"user_id":1,"exp":"+60"}
bob:  {"user_id":2,"exp":"+60"}
--- websocket eval
my @ends = (
    "close 1000\nANN: expect_close 1000",
    "close\nANN: expect_close none",
    "close 4321 bye\nANN: expect_close 4321",
    'drop',
    'reset',
    "shutdown\nANN: expect_eof",
    "auto_close off\nANN: frame mask=0 text=x\n"
    . "ANN: expect_close 1002\nANN: expect_eof",
    "auto_close off\nANN: send_binary 00\n"
    . "ANN: expect_close 1003\nANN: expect_eof",
    "auto_close off\nANN: frame text=\"\\xff\"\n"
    . "ANN: expect_close 1007\nANN: expect_eof",
    "send {\"type\":\"auth\",\"token\":\"x\"}\nANN: expect_close 4001",
);
my $n = 0;
"bob: connect /ws/messaging/7/?token=\$jwt_bob\n"
. CORE::join('', map {
    my ($name, $how) = ('ann' . ++$n, "ANN: $_");
    $how =~ s/ANN/ann$n/g;
    "ann$n: connect_apart bob /ws/messaging/7/?token=\$jwt_ann\n"
    . "ann$n: send {\"type\":\"typing\"}\n"
    . "bob: recv {\"type\":\"typing_indicator\",\"user_id\":1,\"is_typing\":true}\n"
    . "$how\n"
    . "bob: recv {\"type\":\"typing_indicator\",\"user_id\":1,\"is_typing\":false}\n"
} @ends)
. "bob: recv_none 100ms\n";



=== TEST 11: a connection that the server closes has stopped: no sign of life
--- http_config
messaging_typing_timeout 60s;
messaging_ping_interval 300ms;
messaging_ping_timeout 300ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: auto_pong off
ann: connect_apart bob /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann: recv_ping
ann: expect_close 4000
bob: recv_none 100ms



=== TEST 12: a connection that the server closes has stopped: reload
--- http_config
messaging_typing_timeout 60s;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: subscribe messaging:7
ann:   send {"type":"typing"}
redis: recv messaging:7 {"type":"typing_indicator","user_id":1,"is_typing":true}
nginx: reload
redis: recv messaging:7 {"type":"typing_indicator","user_id":1,"is_typing":false}
ann:   expect_close 1012
redis: recv_none 100ms



=== TEST 13: each connection of a user stops for itself
--- http_config
messaging_typing_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob:   connect /ws/messaging/7/?token=$jwt_bob
ann_a: connect /ws/messaging/7/?token=$jwt_ann
ann_b: connect_apart bob /ws/messaging/7/?token=$jwt_ann
ann_c: connect /ws/messaging/8/?token=$jwt_ann
ann_a,ann_b,ann_c: send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann_a: drop
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann_c: drop
bob:   recv_none 100ms
ann_b: drop
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":false}
bob:   recv_none 100ms



=== TEST 14: who floods with typing gets no more than a share of the broker
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
fake:  hang PUBLISH
ann:   cork
ann:   send_series 1..65 {"type":"typing"}
ann:   uncork
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   recv_none 100ms



=== TEST 15: what is known by its bytes means the same as what is parsed
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send_text {"type": "typing", "is_typing": true}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: send_text {"type": "typing", "is_typing": false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann: send_text {"type":"typing","is_typing":true}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: send_text {"type":"typing","is_typing":false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann: send_text {"type":"typing","is_typing":true }
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann: send_text {"type":"typing","is_typing":trae}
ann: recv {"type":"error","code":"invalid_json","message":"a JSON object within the limits is expected"}
ann: send_text {"type":"typing","is_typing": false}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann,bob: recv_none 100ms
