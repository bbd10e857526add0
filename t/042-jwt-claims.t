
# Copyright (C) The ngx_http_messaging_module authors

# What a token says: who the user is, the name, required claims, and the times
# with their leeway.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::Tokens;
use Test::Nginx::Socket 'no_plan';

$ENV{TEST_NGINX_X127} = 'x' x 127;
$ENV{TEST_NGINX_X255} = 'x' x 255;

# one location, to which a block adds directives by its section "claims"
add_block_preprocessor(sub {
    my ($block) = @_;
    my $claims = $block->claims // '';

    $block->set_value('config', <<"EOC") unless defined $block->config;
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/\$ {
            messaging on;
            messaging_conversation \$conversation;
            messaging_jwt_key HS256 \$TEST_NGINX_KEYS/hs.key;
            messaging_access any;
            $claims
        }

        location = /status {
            messaging_status on;
        }
EOC
});

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a user is an integer up to 2^53 - 1 or a string of 1 to 128 bytes
--- tokens
one: ok {"user_id":1,"exp":"+60"}
zero: ok {"user_id":0,"exp":"+60"}
negative: ok {"user_id":-7,"exp":"+60"}
largest: ok {"user_id":9007199254740991,"exp":"+60"}
smallest: ok {"user_id":-9007199254740991,"exp":"+60"}
digits: ok {"user_id":"42","exp":"+60"}
letters: ok {"user_id":"ann","exp":"+60"}
letter: ok {"user_id":"x","exp":"+60"}
mail: ok {"user_id":"ann+1@x.example","exp":"+60"}
spaces: ok {"user_id":" ann lee ","exp":"+60"}
not_ascii: ok {"user_id":"Zoë 😀","exp":"+60"}
escaped: ok {"user_id":"\u00eb\ud83d\ude00","exp":"+60"}
no_break_space: ok {"user_id":"a\u00a0b","exp":"+60"}
bytes_128: ok {"user_id":"x$TEST_NGINX_X127","exp":"+60"}
bytes_129: user {"user_id":"xx$TEST_NGINX_X127","exp":"+60"}
bytes_128_of_127_characters: ok {"user_id":"${TEST_NGINX_X127}x","exp":"+60"}
bytes_129_of_128_characters: user {"user_id":"${TEST_NGINX_X127}ë","exp":"+60"}
too_large: user {"user_id":9007199254740992,"exp":"+60"}
too_small: user {"user_id":-9007199254740992,"exp":"+60"}
real: user {"user_id":1.0,"exp":"+60"}
exponent: user {"user_id":1e2,"exp":"+60"}
empty: user {"user_id":"","exp":"+60"}
missing: user {"exp":"+60"}
null: user {"user_id":null,"exp":"+60"}
true: user {"user_id":true,"exp":"+60"}
array: user {"user_id":[1],"exp":"+60"}
object: user {"user_id":{"id":1},"exp":"+60"}
control: user {"user_id":"a\u0001b","exp":"+60"}
newline: user {"user_id":"a\nb","exp":"+60"}
delete: user {"user_id":"a\u007fb","exp":"+60"}
next_line: user {"user_id":"a\u0085b","exp":"+60"}
sub_is_not_asked: user {"sub":"ann","exp":"+60"}
other_case: user {"User_Id":1,"exp":"+60"}



=== TEST 2: a user keeps its JSON type in frames
--- jwt
number: {"user_id":42,"exp":"+60"}
string: {"user_id":"43","exp":"+60"}
large:  {"user_id":9007199254740991,"exp":"+60"}
text:   {"user_id":"Zo\u00eb \"q\" \\ /","exp":"+60"}
--- websocket
number: connect /ws/messaging/7/?token=$jwt_number
string: connect_apart number /ws/messaging/7/?token=$jwt_string
number: send {"type":"typing"}
string: recv {"type":"typing_indicator","user_id":42,"is_typing":true}
string: send {"type":"typing"}
number: recv {"type":"typing_indicator","user_id":"43","is_typing":true}
string: send {"type":"read"}
string: recv {"type":"read_receipt","reader_id":"43","read_at":"<now>"}
number: recv {"type":"read_receipt","reader_id":"43","read_at":"<now>"}
number: send {"type":"message","content":"x"}
string: recv {"type":"new_message","message":{"sender":{"id":42},"...":0}}
number: recv {"type":"new_message","message":{"sender":{"id":42},"...":0}}
large:  connect /ws/messaging/8/?token=$jwt_large
large:  send {"type":"read"}
large:  recv /"reader_id":9007199254740991,/
text:   connect /ws/messaging/9/?token=$jwt_text
text:   send {"type":"read"}
text:   recv {"type":"read_receipt","reader_id":"Zo\u00eb \"q\" \\ /","read_at":"<now>"}



=== TEST 3: a user is percent-encoded in channels and logs
--- config
        location = /ws/notifications/ {
            messaging on;
            messaging_channel user:$messaging_user;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_access any;
        }
--- jwt
number: {"user_id":42,"exp":"+60"}
minus:  {"user_id":-42,"exp":"+60"}
plain:  {"user_id":"Ann_1.x-y","exp":"+60"}
odd:    {"user_id":"a b:c/%\u00eb","exp":"+60"}
--- websocket
number:  connect /ws/notifications/?token=$jwt_number
minus:   connect /ws/notifications/?token=$jwt_minus
plain:   connect /ws/notifications/?token=$jwt_plain
odd:     connect /ws/notifications/?token=$jwt_odd
backend: publish user:42 {"n":1}
number:  recv {"n":1}
backend: publish user:-42 {"n":2}
minus:   recv {"n":2}
backend: publish user:Ann_1.x-y {"n":3}
plain:   recv {"n":3}
backend: publish user:a%20b%3Ac%2F%25%C3%AB {"n":4}
odd:     recv {"n":4}
number,minus,plain,odd: close 1000
number,minus,plain,odd: expect_close 1000
nginx:   expect_access_log / user=42 /
nginx:   expect_access_log / user=-42 /
nginx:   expect_access_log / user=Ann_1\.x-y /
nginx:   expect_access_log / user=a%20b%3Ac%2F%25%C3%AB /



=== TEST 4: "messaging_jwt_user_claim" names another claim
--- claims: messaging_jwt_user_claim sub;
--- tokens
sub: ok {"sub":"ann","exp":"+60"}
sub_number: ok {"sub":5,"exp":"+60"}
user_id: user {"user_id":1,"exp":"+60"}
both: ok {"sub":"ann","user_id":[],"exp":"+60"}
bad_sub: user {"sub":[],"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/8/?token=$jwt_both
ann:   send {"type":"read"}
ann:   recv {"type":"read_receipt","reader_id":"ann","read_at":"<now>"}



=== TEST 5: a claim's name is a name, not a path
--- claims: messaging_jwt_user_claim https://id.example/user.id;
--- tokens
literal: ok {"https://id.example/user.id":1,"exp":"+60"}
nested: user {"https://id":{"example/user":{"id":1}},"exp":"+60"}



=== TEST 6: the name goes along with typing and messages
--- jwt
ann: {"user_id":1,"name":"Zo\u00eb \"Q\" \\ <b>\n","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true,"name":"Zo\u00eb \"Q\" \\ <b>\n"}
ann:   send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","message":{"sender":{"id":1,"name":"Zo\u00eb \"Q\" \\ <b>\n"},"...":0}}
bob:   send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","message":{"sender":{"id":2},"...":0}}



=== TEST 7: a name that is no string of up to 256 bytes counts as absent
--- jwt
bob:    {"user_id":2,"exp":"+60"}
number: {"user_id":1,"name":42,"exp":"+60"}
null:   {"user_id":1,"name":null,"exp":"+60"}
object: {"user_id":1,"name":{"first":"Ann"},"exp":"+60"}
--- websocket
bob:    connect /ws/messaging/7/?token=$jwt_bob
number: connect /ws/messaging/7/?token=$jwt_number
number: send {"type":"typing"}
bob:    recv {"type":"typing_indicator","user_id":1,"is_typing":true}
null:   connect /ws/messaging/7/?token=$jwt_null
null:   send {"type":"typing"}
bob:    recv {"type":"typing_indicator","user_id":1,"is_typing":true}
object: connect /ws/messaging/7/?token=$jwt_object
object: send {"type":"typing"}
bob:    recv {"type":"typing_indicator","user_id":1,"is_typing":true}
jwt:    long {"user_id":1,"name":"xx$TEST_NGINX_X255","exp":"+60"}
long:   connect /ws/messaging/7/?token=$jwt_long
long:   send {"type":"typing"}
bob:    recv {"type":"typing_indicator","user_id":1,"is_typing":true}
jwt:    limit {"user_id":1,"name":"x$TEST_NGINX_X255","exp":"+60"}
limit:  connect /ws/messaging/7/?token=$jwt_limit
limit:  send {"type":"typing"}
bob:    recv {"type":"typing_indicator","user_id":1,"is_typing":true,"name":"x$TEST_NGINX_X255"}



=== TEST 8: "messaging_jwt_name_claim" names another claim
--- claims: messaging_jwt_name_claim preferred_username;
--- jwt
ann: {"user_id":1,"name":"Ann","preferred_username":"ann1","exp":"+60"}
bob: {"user_id":2,"name":"Bob","exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true,"name":"ann1"}
bob:   send {"type":"typing"}
ann:   recv {"type":"typing_indicator","user_id":2,"is_typing":true}



=== TEST 9: the claims' names are inherited and can be changed below
--- http_config
    messaging_jwt_user_claim uid;
    messaging_jwt_name_claim nick;
--- config
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
        messaging_access any;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }
        location ~ ^/below/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_user_claim sub;
        }
--- jwt
ann: {"user_id":1,"uid":2,"sub":3,"name":"x","nick":"Ann","exp":"+60"}
bob: {"sub":4,"uid":5,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect /below/7/?token=$jwt_bob
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":2,"is_typing":true,"name":"Ann"}
bob:   send {"type":"typing"}
ann:   recv {"type":"typing_indicator","user_id":4,"is_typing":true}



=== TEST 10: a required claim is a string that equals the value
--- claims: messaging_jwt_require iss=https://id.example;
--- tokens
equal: ok {"user_id":1,"exp":"+60","iss":"https://id.example"}
escaped: ok {"user_id":1,"exp":"+60","iss":"https:\/\/id\u002eexample"}
missing: claim {"user_id":1,"exp":"+60"}
longer: claim {"user_id":1,"exp":"+60","iss":"https://id.example/"}
shorter: claim {"user_id":1,"exp":"+60","iss":"https://id.exampl"}
other_case: claim {"user_id":1,"exp":"+60","iss":"https://ID.example"}
space: claim {"user_id":1,"exp":"+60","iss":"https://id.example "}
empty: claim {"user_id":1,"exp":"+60","iss":""}
null: claim {"user_id":1,"exp":"+60","iss":null}
array: claim {"user_id":1,"exp":"+60","iss":["https://id.example"]}
object: claim {"user_id":1,"exp":"+60","iss":{"https://id.example":1}}
other_name: claim {"user_id":1,"exp":"+60","Iss":"https://id.example"}



=== TEST 11: "aud" is a string, or an array with it
--- claims: messaging_jwt_require aud=chat;
--- tokens
string: ok {"user_id":1,"exp":"+60","aud":"chat"}
array: ok {"user_id":1,"exp":"+60","aud":["chat"]}
last: ok {"user_id":1,"exp":"+60","aud":["mail","calendar","chat"]}
among_others: ok {"user_id":1,"exp":"+60","aud":[1,null,{},["x"],"chat"]}
other: claim {"user_id":1,"exp":"+60","aud":"mail"}
others: claim {"user_id":1,"exp":"+60","aud":["mail","chats","cha","Chat"]}
empty: claim {"user_id":1,"exp":"+60","aud":[]}
nested: claim {"user_id":1,"exp":"+60","aud":[["chat"]]}
object: claim {"user_id":1,"exp":"+60","aud":{"chat":"chat"}}
list_in_string: claim {"user_id":1,"exp":"+60","aud":"mail chat"}
missing: claim {"user_id":1,"exp":"+60"}



=== TEST 12: numbers and booleans equal their JSON text
--- claims
messaging_jwt_require level=5 admin=true blocked=false;
--- tokens
good: ok {"user_id":1,"exp":"+60","level":5,"admin":true,"blocked":false}
strings: ok {"user_id":1,"exp":"+60","level":"5","admin":"true","blocked":"false"}
other_number: claim {"user_id":1,"exp":"+60","level":6,"admin":true,"blocked":false}
longer_number: claim {"user_id":1,"exp":"+60","level":55,"admin":true,"blocked":false}
real: claim {"user_id":1,"exp":"+60","level":5.5,"admin":true,"blocked":false}
not_true: claim {"user_id":1,"exp":"+60","level":5,"admin":false,"blocked":false}
one_for_true: claim {"user_id":1,"exp":"+60","level":5,"admin":1,"blocked":false}
not_false: claim {"user_id":1,"exp":"+60","level":5,"admin":true,"blocked":true}
absent_is_not_false: claim {"user_id":1,"exp":"+60","level":5,"admin":true}
null_is_not_false: claim {"user_id":1,"exp":"+60","level":5,"admin":true,"blocked":null}



=== TEST 13: real and negative numbers, empty values, and "=" in a value
--- claims
messaging_jwt_require a=0.1 b=-7 c= d=x=y "e=two words";
--- tokens
good: ok {"user_id":1,"exp":"+60","a":0.1,"b":-7,"c":"","d":"x=y","e":"two words"}
other_real: claim {"user_id":1,"exp":"+60","a":0.2,"b":-7,"c":"","d":"x=y","e":"two words"}
positive: claim {"user_id":1,"exp":"+60","a":0.1,"b":7,"c":"","d":"x=y","e":"two words"}
not_empty: claim {"user_id":1,"exp":"+60","a":0.1,"b":-7,"c":"c","d":"x=y","e":"two words"}
no_c: claim {"user_id":1,"exp":"+60","a":0.1,"b":-7,"d":"x=y","e":"two words"}
first_part: claim {"user_id":1,"exp":"+60","a":0.1,"b":-7,"c":"","d":"x","e":"two words"}
one_word: claim {"user_id":1,"exp":"+60","a":0.1,"b":-7,"c":"","d":"x=y","e":"two"}



=== TEST 14: requirements of one level add up, those below replace them
--- http_config
    messaging_jwt_require iss=a aud=b;
    messaging_jwt_require token_type=access;
--- config
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
        messaging_access any;

        location = /inherits {
            messaging on;
        }
        location = /replaces {
            messaging on;
            messaging_jwt_require iss=c;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
each: ok /inherits {"user_id":1,"exp":"+60","iss":"a","aud":"b","token_type":"access"}
no_iss: claim /inherits {"user_id":1,"exp":"+60","aud":"b","token_type":"access"}
no_aud: claim /inherits {"user_id":1,"exp":"+60","iss":"a","token_type":"access"}
no_type: claim /inherits {"user_id":1,"exp":"+60","iss":"a","aud":"b"}
replaced: ok /replaces {"user_id":1,"exp":"+60","iss":"c"}
not_replaced: claim /replaces {"user_id":1,"exp":"+60","iss":"a","aud":"b","token_type":"access"}



=== TEST 15: without a leeway times are taken as they are
--- tokens
until_soon: ok {"user_id":1,"exp":"+5"}
since_now: ok {"user_id":1,"exp":"+60","nbf":"-0","iat":"-0"}
since_long: ok {"user_id":1,"exp":"+60","nbf":0,"iat":0}
over: expired {"user_id":1,"exp":"-1"}
over_real: expired {"user_id":1,"exp":"-0.05"}
not_before: not_yet {"user_id":1,"exp":"+60","nbf":"+10"}
not_before_real: not_yet {"user_id":1,"exp":"+60","nbf":"+9.5"}
issued_later: not_yet {"user_id":1,"exp":"+60","iat":"+10"}



=== TEST 16: a leeway applies to exp, nbf and iat
--- claims: messaging_jwt_leeway 30s;
--- tokens
over: ok {"user_id":1,"exp":"-20"}
over_real: ok {"user_id":1,"exp":"-20.5"}
not_before: ok {"user_id":1,"exp":"+60","nbf":"+20"}
issued_later: ok {"user_id":1,"exp":"+60","iat":"+20"}
each: ok {"user_id":1,"exp":"-20","nbf":"+20","iat":"+20"}
long_over: expired {"user_id":1,"exp":"-30"}
over_by_far: expired {"user_id":1,"exp":"-40"}
long_before: not_yet {"user_id":1,"exp":"+60","nbf":"+40"}
issued_much_later: not_yet {"user_id":1,"exp":"+60","iat":"+40"}



=== TEST 17: a leeway is inherited, and may be minutes
--- http_config
    messaging_jwt_leeway 2m;
--- config
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
        messaging_access any;

        location = /inherits {
            messaging on;
        }
        location = /replaces {
            messaging on;
            messaging_jwt_leeway 0;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
inherits: ok /inherits {"user_id":1,"exp":"-100"}
too_late: expired /inherits {"user_id":1,"exp":"-130"}
replaces: expired /replaces {"user_id":1,"exp":"-1"}



=== TEST 18: times are numbers, integer or real, from 0 to 2^53
--- tokens
real: ok {"user_id":1,"exp":4102444800.5,"nbf":0.5,"iat":1.5e9}
exponent: ok {"user_id":1,"exp":4.1024448e9}
largest: ok {"user_id":1,"exp":9007199254740992}
largest_real: ok {"user_id":1,"exp":9007199254740992.0}
nbf_negative: claim {"user_id":1,"exp":"+60","nbf":-1}
nbf_string: claim {"user_id":1,"exp":"+60","nbf":"0"}
nbf_null: claim {"user_id":1,"exp":"+60","nbf":null}
nbf_true: claim {"user_id":1,"exp":"+60","nbf":true}
nbf_array: claim {"user_id":1,"exp":"+60","nbf":[0]}
nbf_too_large: claim {"user_id":1,"exp":"+60","nbf":9007199254740993}
nbf_largest: not_yet {"user_id":1,"exp":"+60","nbf":9007199254740992}
iat_negative: claim {"user_id":1,"exp":"+60","iat":-0.5}
iat_string: claim {"user_id":1,"exp":"+60","iat":"0"}
iat_null: claim {"user_id":1,"exp":"+60","iat":null}
iat_largest: not_yet {"user_id":1,"exp":"+60","iat":9007199254740992}
exp_negative_real: claim {"user_id":1,"exp":-0.5}
exp_too_large: claim {"user_id":1,"exp":9007199254740993}
exp_too_large_real: claim {"user_id":1,"exp":1e16}
