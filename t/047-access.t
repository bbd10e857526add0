
# Copyright (C) The ngx_http_messaging_module authors

# Who may enter a conversation: "messaging_access any" and "claim=name".

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::Tokens;
use Test::Nginx::Socket 'no_plan';

my $config = <<'EOC';
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access claim=rooms;
        }
        location = /ws/messaging/ {
            messaging on;
            messaging_access claim=rooms;
        }
        location = /ws/notifications/ {
            messaging on;
            messaging_channel user:$messaging_user;
            messaging_access claim=rooms;
        }
        location ~ ^/any/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access any;
        }
        location = /any/ {
            messaging on;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
EOC

add_block_preprocessor(sub {
    my ($block) = @_;
    $block->set_value('config', $config) unless defined $block->config;
});

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: "any": whoever has a valid token
--- tokens
one: ok /any/7/ {"user_id":1,"exp":"+60"}
name: ok /any/a-b.c_D/ {"user_id":1,"exp":"+60"}
no_room: ok /any/7/ {"user_id":1,"exp":"+60","rooms":[]}
many: ok /any/ {"user_id":1,"exp":"+60"}
no_token: signature /any/7/ {"user_id":1,"exp":"+60"} forge=flip
--- websocket
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
many:  send {"type":"subscribe","conversation_id":"a-b"}
many:  recv {"type":"subscribed","conversation_id":"a-b"}



=== TEST 2: a claim is an array of ids, numbers or strings, or "*"
--- tokens
number: ok {"user_id":1,"exp":"+60","rooms":[7]}
string: ok {"user_id":1,"exp":"+60","rooms":["7"]}
star: ok {"user_id":1,"exp":"+60","rooms":"*"}
last: ok {"user_id":1,"exp":"+60","rooms":[5,6,"8",7]}
mixed: ok {"user_id":1,"exp":"+60","rooms":[null,true,"x",{"7":7},[8],7.5,"7"]}
twice: ok {"user_id":1,"exp":"+60","rooms":[7,"7",7]}
text: ok /ws/messaging/a-b.c_D/ {"user_id":1,"exp":"+60","rooms":["a-b.c_D"]}
star_text: ok /ws/messaging/a-b.c_D/ {"user_id":1,"exp":"+60","rooms":"*"}
zero: ok /ws/messaging/0/ {"user_id":1,"exp":"+60","rooms":[0]}
minus: ok /ws/messaging/-7/ {"user_id":1,"exp":"+60","rooms":[-7]}
large: ok /ws/messaging/9007199254740993/ {"user_id":1,"exp":"+60","rooms":[9007199254740993]}
escaped: ok /ws/messaging/abc/ {"user_id":1,"exp":"+60","rooms":["\u0061bc"]}



=== TEST 3: what is not among them is refused with 4003
--- tokens
good: ok {"user_id":1,"exp":"+60","rooms":[7]}
other: access {"user_id":1,"exp":"+60","rooms":[8]}
others: access {"user_id":1,"exp":"+60","rooms":[70,77,"07","7 "," 7","+7","7.0","7\n"]}
empty: access {"user_id":1,"exp":"+60","rooms":[]}
real: access {"user_id":1,"exp":"+60","rooms":[7.0]}
real_zero: access /ws/messaging/0/ {"user_id":1,"exp":"+60","rooms":[0.5]}
exponent: access {"user_id":1,"exp":"+60","rooms":[7e0]}
true: access {"user_id":1,"exp":"+60","rooms":[true]}
prefix: access /ws/messaging/abc/ {"user_id":1,"exp":"+60","rooms":["ab","abcd",""]}
other_case: access /ws/messaging/abc/ {"user_id":1,"exp":"+60","rooms":["ABC"]}
leading_zero: access /ws/messaging/07/ {"user_id":1,"exp":"+60","rooms":[7,"7"]}
large: access /ws/messaging/9007199254740993/ {"user_id":1,"exp":"+60","rooms":[9007199254740992]}
positive: access /ws/messaging/-7/ {"user_id":1,"exp":"+60","rooms":[7]}



=== TEST 4: so is a claim that is missing, or of another type
--- tokens
missing: access {"user_id":1,"exp":"+60"}
other_name: access {"user_id":1,"exp":"+60","Rooms":[7],"room":[7]}
null: access {"user_id":1,"exp":"+60","rooms":null}
true: access {"user_id":1,"exp":"+60","rooms":true}
number: access {"user_id":1,"exp":"+60","rooms":7}
string: access {"user_id":1,"exp":"+60","rooms":"7"}
list_in_string: access {"user_id":1,"exp":"+60","rooms":"[7]"}
object: access {"user_id":1,"exp":"+60","rooms":{"7":7}}
empty_string: access {"user_id":1,"exp":"+60","rooms":""}
two_stars: access {"user_id":1,"exp":"+60","rooms":"**"}
star_and_more: access {"user_id":1,"exp":"+60","rooms":"*7"}



=== TEST 5: nothing nested counts, and "*" is no member of the array
--- tokens
array: access {"user_id":1,"exp":"+60","rooms":[[7]]}
object: access {"user_id":1,"exp":"+60","rooms":[{"id":7}]}
star_in_array: access {"user_id":1,"exp":"+60","rooms":["*"]}
claim_in_claim: access {"user_id":1,"exp":"+60","x":{"rooms":[7]}}



=== TEST 6: the name of the claim is a name, not a path
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_access claim=https://id.example/x.rooms;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
literal: ok {"user_id":1,"exp":"+60","https://id.example/x.rooms":[7]}
nested: access {"user_id":1,"exp":"+60","https://id.example/x":{"rooms":[7]}}



=== TEST 7: a bad token is told before a closed conversation
--- tokens
bad: signature {"user_id":1,"exp":"+60","rooms":[8]} forge=flip
expired: expired {"user_id":1,"exp":"-1","rooms":[8]}



=== TEST 8: who may not enter is never on the channel
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
eve: {"user_id":2,"exp":"+60","rooms":[8]}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
eve:   auto_close off
eve:   connect_apart ann /ws/messaging/7/?token=$jwt_eve
redis: expect_subscribers messaging:7 1
redis: publish messaging:7 {"n":1}
ann:   recv {"n":1}
eve:   expect_close 4003 no access
eve:   send {"type":"message","content":"x"}
eve:   send {"type":"typing"}
redis: publish messaging:7 {"n":2}
ann:   recv {"n":2}
ann:   recv_none 50ms
nginx: status refusals.access 1
nginx: status messages.in 0



=== TEST 9: with many conversations each is asked for
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7,"8","a"]}
bob: {"user_id":2,"exp":"+60","rooms":"*"}
eve: {"user_id":3,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
ann:   send {"type":"subscribe","conversation_id":"8"}
ann:   recv {"type":"subscribed","conversation_id":8}
ann:   send {"type":"subscribe","conversation_id":"a"}
ann:   recv {"type":"subscribed","conversation_id":"a"}
ann:   send {"type":"subscribe","conversation_id":9}
ann:   recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
ann:   send {"type":"subscribe","conversation_id":"07"}
ann:   recv {"type":"error","conversation_id":"07","code":"access_denied","message":"<string>"}
bob:   connect /ws/messaging/?token=$jwt_bob
bob:   send {"type":"subscribe","conversation_id":9}
bob:   recv {"type":"subscribed","conversation_id":9}
# a token without the claim is let in, and gets nothing
eve:   connect /ws/messaging/?token=$jwt_eve
eve:   send {"type":"subscribe","conversation_id":7}
eve:   recv {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"}
redis: expect_subscribers messaging:9 1
nginx: status subscriptions 4
nginx: status accepted 3
redis: publish messaging:9 {"n":1}
bob:   recv {"conversation_id":9,"n":1}
redis: publish messaging:7 {"n":2}
ann:   recv {"conversation_id":7,"n":2}
ann,eve: recv_none 50ms



=== TEST 10: nor can anything be sent to a conversation that is not subscribed
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
bob: {"user_id":2,"exp":"+60","rooms":"*"}
--- websocket
bob:   connect /ws/messaging/9/?token=$jwt_bob
ann:   connect_apart bob /ws/messaging/?token=$jwt_ann
redis: subscribe messaging:9
ann:   send {"type":"message","conversation_id":9,"content":"x"}
ann:   recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
ann:   send {"type":"typing","conversation_id":9}
ann:   recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
ann:   send {"type":"read","conversation_id":9}
ann:   recv {"type":"error","conversation_id":9,"code":"access_denied","message":"<string>"}
# what is granted has to be subscribed first, too
ann:   send {"type":"typing","conversation_id":7}
ann:   recv {"type":"error","conversation_id":7,"code":"access_denied","message":"<string>"}
redis: recv_none 50ms
bob:   recv_none 10ms



=== TEST 11: the claim names channels of "messaging_channel" as well
--- tokens
named: ok /ws/notifications/ {"user_id":5,"exp":"+60","rooms":["user:5"]}
star: ok /ws/notifications/ {"user_id":5,"exp":"+60","rooms":"*"}
other: access /ws/notifications/ {"user_id":5,"exp":"+60","rooms":["user:6"]}
number: access /ws/notifications/ {"user_id":5,"exp":"+60","rooms":[5]}
missing: access /ws/notifications/ {"user_id":5,"exp":"+60"}



=== TEST 12: it is inherited and can be changed below
--- http_config
    messaging_access claim=rooms;
--- config
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }
        location ~ ^/any/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access any;
        }
        location ~ ^/groups/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_access claim=groups;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
inherited: ok {"user_id":1,"exp":"+60","rooms":[7]}
not_granted: access {"user_id":1,"exp":"+60","groups":[7]}
any: ok /any/7/ {"user_id":1,"exp":"+60"}
groups: ok /groups/7/ {"user_id":1,"exp":"+60","groups":[7]}
rooms: access /groups/7/ {"user_id":1,"exp":"+60","rooms":[7]}



=== TEST 13: "messaging_reject http" refuses with 403
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_access claim=rooms;
            messaging_reject http;
        }
        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60","rooms":[7]}
eve: {"user_id":2,"exp":"+60","rooms":[8]}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
eve:   refused 403 /ws/messaging/7/?token=$jwt_eve
nginx: status refusals.access 1
nginx: status connections 1
