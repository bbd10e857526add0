
# Copyright (C) The ngx_http_messaging_module authors

# Tables of forged and broken tokens.  Each is answered with the 101, then
# with a Close 4001 that does not tell what is wrong; that is for the counter
# of its reason.  libjwt up to 2.x, by itself, would take many of them.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Tokens;
use Test::Nginx::Socket 'no_plan';

# 6083 bytes of payload make a token of 8192 bytes, one more makes 8193
my $around = length '{"user_id":1,"exp":1234567890,"pad":""}';
$ENV{TEST_NGINX_PAD} = 'x' x (6083 - $around);

$ENV{TEST_NGINX_KID256} = 'k' x 256;
$ENV{TEST_NGINX_ZEROS2044} = join ',', (0) x 2044;
$ENV{TEST_NGINX_JWK_OTHER} = JSON::PP->new->encode(
    Test::Nginx::WebSocket::JWT::jwk('rsa-other'));

my $config = <<'EOC';
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem;
            messaging_jwt_key ES256 $TEST_NGINX_KEYS/ec256.pub.pem;
            messaging_jwt_key PS256 $TEST_NGINX_KEYS/rsa.pub.pem;
            messaging_jwt_key EdDSA $TEST_NGINX_KEYS/ed25519.pub.pem kid=ed;
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

=== TEST 1: what is not three non-empty parts of base64url
--- tokens
good: ok {"user_id":1,"exp":"+60"}
good_rs: ok {"user_id":1,"exp":"+60"} alg=RS256
word: malformed token=x
dots: malformed token=..
two_parts: malformed token=a.b
no_header: malformed token=.e30.e30
no_payload: malformed token=e30..e30
no_signature: malformed {"user_id":1,"exp":"+60"} forge=strip
no_signature_rs: malformed {"user_id":1,"exp":"+60"} alg=RS256 forge=strip
fourth_part: malformed token=$jwt_good.e30
fourth_part_empty: malformed token=$jwt_good.
fourth_part_rs: malformed token=$jwt_good_rs.
dot_in_front: malformed token=.$jwt_good
padding: malformed token=${jwt_good}=
padding_rs: malformed token=${jwt_good_rs}==
junk: malformed {"user_id":1,"exp":"+60"} forge=junk
junk_rs: malformed {"user_id":1,"exp":"+60"} alg=RS256 forge=junk
tab: malformed token="$jwt_good\tx"
space: malformed token="$jwt_good $jwt_good"
comma: malformed token=$jwt_good,$jwt_good
quotes: malformed token='$jwt_good'
standard_alphabet: malformed token=$jwt_good+/
byte: malformed token="$jwt_good\xc3\xa9"
lone_digit: malformed token=${jwt_good}AA
spare_bits: malformed {"user_id":1,"exp":"+60"} forge=spare
spare_bits_rs: malformed {"user_id":1,"exp":"+60"} alg=RS256 forge=spare
spare_bits_es: malformed {"user_id":1,"exp":"+60"} alg=ES256 forge=spare
five_parts_of_jwe: malformed token=e30.e30.e30.e30.e30



=== TEST 2: percent signs, newlines and the like in the query
--- jwt
good: {"user_id":1,"exp":"+60"} alg=RS256
--- websocket
a:     connect /ws/messaging/7/?token=$jwt_good%0A
a:     expect_close 4001 token invalid
b:     connect /ws/messaging/7/?token=$jwt_good%00
b:     expect_close 4001 token invalid
c:     connect /ws/messaging/7/?token=%20$jwt_good
c:     expect_close 4001 token invalid
d:     connect /ws/messaging/7/?token=$jwt_good%3D
d:     expect_close 4001 token invalid
e:     connect /ws/messaging/7/?token=$jwt_good/
e:     expect_close 4001 token invalid
f:     connect /ws/messaging/7/?token=$jwt_good+
f:     expect_close 4001 token invalid
nginx: status refusals.token_malformed 6
nginx: status accepted 0



=== TEST 3: a token of 8192 bytes is read, a longer one is not
--- http_config
    large_client_header_buffers 4 32k;
--- tokens
longest: ok {"user_id":1,"exp":"+60","pad":"$TEST_NGINX_PAD"}
longest_but_flipped: signature {"user_id":1,"exp":"+60","pad":"$TEST_NGINX_PAD"} forge=flip
a_byte_more: malformed {"user_id":1,"exp":"+60","pad":"${TEST_NGINX_PAD}x"}
much_more: malformed {"user_id":1,"exp":"+60","pad":"$TEST_NGINX_PAD$TEST_NGINX_PAD"}



=== TEST 4: a header that is not one JSON object
--- tokens
good: ok {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\"}"
white_space: ok {"user_id":1,"exp":"+60"} rawheader=" {\n\"alg\" : \"HS256\"\t}\r\n"
no_json: malformed {"user_id":1,"exp":"+60"} rawheader="HS256"
array: malformed {"user_id":1,"exp":"+60"} rawheader="[\"HS256\"]"
string: malformed {"user_id":1,"exp":"+60"} rawheader="\"HS256\""
null: malformed {"user_id":1,"exp":"+60"} rawheader="null"
cut: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\""
text_behind: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\"}x"
object_behind: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\"}{}"
nul_behind: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\"}\0"
nul_in_alg: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\\u0000\"}"
byte_order_mark: malformed {"user_id":1,"exp":"+60"} rawheader="\xef\xbb\xbf{\"alg\":\"HS256\"}"
not_utf8: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\",\"x\":\"\xff\"}"
deep: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\",\"x\":[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]}"
comment: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\"/**/}"



=== TEST 5: duplicate members of the header
--- tokens
alg: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\",\"alg\":\"HS256\"}"
none_first: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"none\",\"alg\":\"HS256\"}"
none_last: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\",\"alg\":\"none\"}"
kid: malformed {"user_id":1,"exp":"+60"} alg=EdDSA rawheader="{\"alg\":\"EdDSA\",\"kid\":\"ed\",\"kid\":\"ed\"}"
typ: malformed {"user_id":1,"exp":"+60"} rawheader="{\"typ\":\"JWT\",\"alg\":\"HS256\",\"typ\":\"JWT\"}"
unknown: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\",\"x\":1,\"x\":1}"
nested: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\",\"x\":{\"y\":1,\"y\":1}}"



=== TEST 6: "crit", "b64" and a wrong "typ" or "kid"
--- tokens
crit: malformed {"user_id":1,"exp":"+60"} header={"crit":["exp"]}
crit_unknown: malformed {"user_id":1,"exp":"+60"} alg=RS256 header={"crit":["x"],"x":1}
crit_empty: malformed {"user_id":1,"exp":"+60"} header={"crit":[]}
crit_null: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\",\"crit\":null}"
b64: malformed {"user_id":1,"exp":"+60"} header={"b64":false}
b64_true: malformed {"user_id":1,"exp":"+60"} header={"b64":true}
typ_jws: malformed {"user_id":1,"exp":"+60"} header={"typ":"JWS"}
typ_jose: malformed {"user_id":1,"exp":"+60"} header={"typ":"jose+json"}
typ_longer: malformed {"user_id":1,"exp":"+60"} header={"typ":"JWTX"}
typ_shorter: malformed {"user_id":1,"exp":"+60"} header={"typ":"JW"}
typ_empty: malformed {"user_id":1,"exp":"+60"} header={"typ":""}
typ_number: malformed {"user_id":1,"exp":"+60"} header={"typ":1}
typ_array: malformed {"user_id":1,"exp":"+60"} header={"typ":["JWT"]}
kid_number: malformed {"user_id":1,"exp":"+60"} header={"kid":1}
kid_null: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":\"HS256\",\"kid\":null}"
kid_array: malformed {"user_id":1,"exp":"+60"} header={"kid":["ed"]}
kid_of_256: key {"user_id":1,"exp":"+60"} header={"kid":"$TEST_NGINX_KID256"}
kid_of_257: malformed {"user_id":1,"exp":"+60"} header={"kid":"x$TEST_NGINX_KID256"}
kid_file: key {"user_id":1,"exp":"+60"} secret="" header={"kid":"../../../../dev/null"}
kid_query: key {"user_id":1,"exp":"+60"} header={"kid":"' OR 1=1 --"}



=== TEST 7: algorithms that no key pins
--- tokens
none: malformed {"user_id":1,"exp":"+60"} forge=none
none_signed: algorithm {"user_id":1,"exp":"+60"} header={"alg":"none"}
none_mixed_case: algorithm {"user_id":1,"exp":"+60"} header={"alg":"NoNe"}
none_rs: algorithm {"user_id":1,"exp":"+60"} alg=RS256 header={"alg":"none"}
absent: malformed {"user_id":1,"exp":"+60"} header={"alg":null}
null: malformed {"user_id":1,"exp":"+60"} rawheader="{\"alg\":null}"
number: malformed {"user_id":1,"exp":"+60"} header={"alg":256}
array: malformed {"user_id":1,"exp":"+60"} header={"alg":["HS256"]}
empty: algorithm {"user_id":1,"exp":"+60"} header={"alg":""}
lower_case: algorithm {"user_id":1,"exp":"+60"} header={"alg":"hs256"}
lower_case_rs: algorithm {"user_id":1,"exp":"+60"} alg=RS256 header={"alg":"rs256"}
lower_case_eddsa: algorithm {"user_id":1,"exp":"+60"} alg=EdDSA header={"alg":"EDDSA"}
space_behind: algorithm {"user_id":1,"exp":"+60"} header={"alg":"HS256 "}
longer: algorithm {"user_id":1,"exp":"+60"} header={"alg":"HS2560"}
shorter: algorithm {"user_id":1,"exp":"+60"} header={"alg":"HS25"}
es256k: algorithm {"user_id":1,"exp":"+60"} alg=ES256 header={"alg":"ES256K"}
rsa1_5: algorithm {"user_id":1,"exp":"+60"} alg=RS256 header={"alg":"RSA1_5"}
ed25519: algorithm {"user_id":1,"exp":"+60"} alg=EdDSA header={"alg":"Ed25519"}
hs384: algorithm {"user_id":1,"exp":"+60"} alg=HS384
hs512: algorithm {"user_id":1,"exp":"+60"} alg=HS512
rs512: algorithm {"user_id":1,"exp":"+60"} alg=RS512
ps384: algorithm {"user_id":1,"exp":"+60"} alg=PS384
es384: algorithm {"user_id":1,"exp":"+60"} alg=ES384
hs256_with_kid_of_eddsa: algorithm {"user_id":1,"exp":"+60"} kid=ed



=== TEST 8: a public key is no secret (algorithm confusion)
--- config
        location = /rsa {
            messaging on;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem kid=rsa;
            messaging_access any;
        }
        location = /ec {
            messaging on;
            messaging_jwt_key ES256 $TEST_NGINX_KEYS/ec256.pub.pem;
            messaging_access any;
        }
        location = /jwks {
            messaging on;
            messaging_jwt_jwks $TEST_NGINX_KEYS/jwks.json;
            messaging_access any;
        }
        location = /with_hs {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
rsa_good: ok /rsa {"user_id":1,"exp":"+60"} key=rsa
ec_good: ok /ec {"user_id":1,"exp":"+60"} key=ec256
jwks_good: ok /jwks {"user_id":1,"exp":"+60"} key=rsa kid=rsa
hs_good: ok /with_hs {"user_id":1,"exp":"+60"}
rsa: algorithm /rsa {"user_id":1,"exp":"+60"} key=rsa forge=confusion
rsa_kid: algorithm /rsa {"user_id":1,"exp":"+60"} key=rsa kid=rsa forge=confusion
rsa_hs384: algorithm /rsa {"user_id":1,"exp":"+60"} key=rsa alg=HS384 forge=confusion
rsa_hs512: algorithm /rsa {"user_id":1,"exp":"+60"} key=rsa alg=HS512 forge=confusion
rsa_access: algorithm /rsa {"user_id":1,"exp":"+60"} key=rsa header={"typ":"at+jwt"} forge=confusion
ec: algorithm /ec {"user_id":1,"exp":"+60"} key=ec256 forge=confusion
jwks_rsa: algorithm /jwks {"user_id":1,"exp":"+60"} key=rsa kid=rsa forge=confusion
jwks_ec: algorithm /jwks {"user_id":1,"exp":"+60"} key=ec256 kid=ec256 forge=confusion
jwks_ed25519: algorithm /jwks {"user_id":1,"exp":"+60"} key=ed25519 forge=confusion
empty_secret: algorithm /rsa {"user_id":1,"exp":"+60"} secret=""
with_hs: signature /with_hs {"user_id":1,"exp":"+60"} key=rsa forge=confusion



=== TEST 9: wrong signatures
--- tokens
flip: signature {"user_id":1,"exp":"+60"} forge=flip
flip_rs: signature {"user_id":1,"exp":"+60"} alg=RS256 forge=flip
flip_ps: signature {"user_id":1,"exp":"+60"} alg=PS256 forge=flip
flip_es: signature {"user_id":1,"exp":"+60"} alg=ES256 forge=flip
flip_ed: signature {"user_id":1,"exp":"+60"} alg=EdDSA forge=flip
swap: signature {"user_id":1,"exp":"+60"} forge=swap
swap_rs: signature {"user_id":1,"exp":"+60"} alg=RS256 forge=swap
swap_ps: signature {"user_id":1,"exp":"+60"} alg=PS256 forge=swap
swap_es: signature {"user_id":1,"exp":"+60"} alg=ES256 forge=swap
swap_ed: signature {"user_id":1,"exp":"+60"} alg=EdDSA forge=swap
zero: signature {"user_id":1,"exp":"+60"} forge=zero
zero_rs: signature {"user_id":1,"exp":"+60"} alg=RS256 forge=zero
zero_es: signature {"user_id":1,"exp":"+60"} alg=ES256 forge=zero
zero_ed: signature {"user_id":1,"exp":"+60"} alg=EdDSA forge=zero
other: signature {"user_id":1,"exp":"+60"} key=other
other_rs: signature {"user_id":1,"exp":"+60"} key=rsa-other
other_es: signature {"user_id":1,"exp":"+60"} key=ec256-other
other_ed: signature {"user_id":1,"exp":"+60"} key=ed25519-other
empty_secret: signature {"user_id":1,"exp":"+60"} secret=""
empty_secret_access: signature {"user_id":1,"exp":"+60"} secret="" header={"typ":"at+jwt"}
flip_access: signature {"user_id":1,"exp":"+60"} header={"typ":"at+jwt"} forge=flip
secret_and_more: signature {"user_id":1,"exp":"+60"} secret="${TEST_NGINX_JWT_SECRET}x"
secret_and_nul: signature {"user_id":1,"exp":"+60"} secret="${TEST_NGINX_JWT_SECRET}\0"
rs_as_ps: signature {"user_id":1,"exp":"+60"} alg=RS256 header={"alg":"PS256"}
ps_as_rs: signature {"user_id":1,"exp":"+60"} alg=PS256 header={"alg":"RS256"}
rs512_as_rs256: signature {"user_id":1,"exp":"+60"} alg=RS512 header={"alg":"RS256"}
hs512_as_hs256: signature {"user_id":1,"exp":"+60"} alg=HS512 header={"alg":"HS256"}
p384_as_es256: signature {"user_id":1,"exp":"+60"} key=ec384 alg=ES256
es384_as_es256: signature {"user_id":1,"exp":"+60"} alg=ES384 header={"alg":"ES256"}
rs_as_hs: signature {"user_id":1,"exp":"+60"} alg=RS256 header={"alg":"HS256"}
hs_as_rs: signature {"user_id":1,"exp":"+60"} header={"alg":"RS256"}
hs_as_ed: signature {"user_id":1,"exp":"+60"} header={"alg":"EdDSA"}
hs_as_es: signature {"user_id":1,"exp":"+60"} header={"alg":"ES256"}



=== TEST 10: signatures that are cut or lengthened
--- tokens
hs: ok {"user_id":1,"exp":"+60"}
rs: ok {"user_id":1,"exp":"+60"} alg=RS256
es: ok {"user_id":1,"exp":"+60"} alg=ES256
ed: ok {"user_id":1,"exp":"+60"} alg=EdDSA
rs_longer: signature token=${jwt_rs}AA
es_longer: signature token=${jwt_es}AA
ed_longer: signature token=${jwt_ed}AA
hs_of_rs: signature token=${jwt_hs}AAAA
hs_by_two: signature token=${jwt_hs}AAAAA



=== TEST 11: a key that the token brings along
--- tokens
jwk: signature {"user_id":1,"exp":"+60"} key=rsa-other header={"jwk":$TEST_NGINX_JWK_OTHER}
jku: signature {"user_id":1,"exp":"+60"} key=rsa-other header={"jku":"http://127.0.0.1:$TEST_NGINX_SERVER_PORT/jwks"}
x5u: signature {"user_id":1,"exp":"+60"} key=rsa-other header={"x5u":"http://127.0.0.1:$TEST_NGINX_SERVER_PORT/x5"}
x5c: signature {"user_id":1,"exp":"+60"} key=rsa-other header={"x5c":["MIIB"]}
good_with_jwk: ok {"user_id":1,"exp":"+60"} alg=RS256 header={"jwk":$TEST_NGINX_JWK_OTHER}



=== TEST 12: a signed payload that is not one JSON object
--- tokens
white_space: ok raw=" {\n\"user_id\" : 1, \"exp\" : \"+60\" }\r\n" alg=RS256
no_json: malformed raw="user_id=1" alg=RS256
array: malformed raw="[1,2]" alg=RS256
array_of_object: malformed raw="[{\"user_id\":1,\"exp\":\"+60\"}]" alg=RS256
string: malformed raw="\"x\"" alg=RS256
null: malformed raw="null" alg=RS256
cut: malformed raw="{\"user_id\":1,\"exp\":\"+60\"" alg=RS256
text_behind: malformed raw="{\"user_id\":1,\"exp\":\"+60\"}x" alg=RS256
object_behind: malformed raw="{\"user_id\":1,\"exp\":\"+60\"}{}" alg=RS256
nul_behind: malformed raw="{\"user_id\":1,\"exp\":\"+60\"}\0{}" alg=RS256
nul_in_string: malformed raw="{\"user_id\":\"1\\u0000\",\"exp\":\"+60\"}" alg=RS256
lone_surrogate: malformed raw="{\"user_id\":\"\\ud800\",\"exp\":\"+60\"}" alg=RS256
not_utf8: malformed raw="{\"user_id\":\"\xff\",\"exp\":\"+60\"}" alg=RS256
overlong: malformed raw="{\"user_id\":\"\xc0\xaf\",\"exp\":\"+60\"}" alg=RS256
byte_order_mark: malformed raw="\xef\xbb\xbf{\"user_id\":1,\"exp\":\"+60\"}" alg=RS256
too_big: malformed raw="{\"user_id\":1,\"exp\":9223372036854775808}" alg=RS256
overflow: malformed raw="{\"user_id\":1,\"exp\":1e400}" alg=RS256
leading_zero: malformed raw="{\"user_id\":01,\"exp\":\"+60\"}" alg=RS256
single_quotes: malformed raw="{'user_id':1,'exp':9999999999}" alg=RS256
depth_16: ok raw="{\"user_id\":1,\"exp\":\"+60\",\"x\":[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]}" alg=RS256
depth_17: malformed raw="{\"user_id\":1,\"exp\":\"+60\",\"x\":[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]}" alg=RS256
values_2048: ok raw="{\"user_id\":1,\"exp\":\"+60\",\"x\":[$TEST_NGINX_ZEROS2044]}" alg=RS256
values_2049: malformed raw="{\"user_id\":1,\"exp\":\"+60\",\"x\":[$TEST_NGINX_ZEROS2044,0]}" alg=RS256



=== TEST 13: duplicate members of the payload
--- tokens
user: malformed raw="{\"user_id\":1,\"user_id\":1,\"exp\":\"+60\"}" alg=RS256
other_user: malformed raw="{\"user_id\":1,\"exp\":\"+60\",\"user_id\":2}" alg=RS256
exp: malformed raw="{\"user_id\":1,\"exp\":\"+60\",\"exp\":\"+60\"}" alg=RS256
escaped: malformed raw="{\"user_id\":1,\"exp\":\"+60\",\"\\u0065xp\":9999999999}" alg=RS256
sub: malformed raw="{\"user_id\":1,\"exp\":\"+60\",\"sub\":\"a\",\"sub\":\"a\"}" alg=ES256
nested: malformed raw="{\"user_id\":1,\"exp\":\"+60\",\"x\":{\"y\":1,\"y\":1}}" alg=EdDSA
hs: malformed raw="{\"user_id\":1,\"user_id\":2,\"exp\":\"+60\"}"
hs_access: malformed raw="{\"user_id\":1,\"user_id\":2,\"exp\":\"+60\"}" header={"typ":"at+jwt"}



=== TEST 14: the same of HS256 tokens, of which libjwt would take some
--- tokens
nul_behind: malformed raw="{\"user_id\":1,\"exp\":\"+60\"}\0{}"
array: malformed raw="[1,2]"
depth_17: malformed raw="{\"user_id\":1,\"exp\":\"+60\",\"x\":[[[[[[[[[[[[[[[[0]]]]]]]]]]]]]]]]}"
text_behind: malformed raw="{\"user_id\":1,\"exp\":\"+60\"}x"
no_json: malformed raw="user_id=1"
text_behind_access: malformed raw="{\"user_id\":1,\"exp\":\"+60\"}x" header={"typ":"at+jwt"}



=== TEST 15: tokens out of time
--- tokens
expired: expired {"user_id":1,"exp":"-1"}
expired_now: expired {"user_id":1,"exp":"-0"}
expired_long_ago: expired {"user_id":1,"exp":0}
expired_real: expired {"user_id":1,"exp":"-0.5"} alg=RS256
not_yet: not_yet {"user_id":1,"exp":"+60","nbf":"+30"}
issued_later: not_yet {"user_id":1,"exp":"+60","iat":"+30"}
# it was expired before it began
both: expired {"user_id":1,"exp":"-60","nbf":"+30"}
# a forged token is no expired one
expired_forged: signature {"user_id":1,"exp":"-60"} forge=flip
expired_none: malformed {"user_id":1,"exp":"-60"} forge=none



=== TEST 16: "exp" is missing or no number
--- tokens
missing: claim {"user_id":1}
null: claim {"user_id":1,"exp":null}
string: claim {"user_id":1,"exp":"4102444800"}
string_rs: claim {"user_id":1,"exp":"4102444800"} alg=RS256
boolean: claim {"user_id":1,"exp":true}
array: claim {"user_id":1,"exp":[4102444800]}
object: claim {"user_id":1,"exp":{"x":4102444800}}
negative: claim {"user_id":1,"exp":-1}
over_2_53: claim {"user_id":1,"exp":9007199254740993}
over_2_53_real: claim {"user_id":1,"exp":9.1e15}
other_case: claim {"user_id":1,"EXP":4102444800}
empty_object: claim {}



=== TEST 17: required claims and the user claim
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_jwt_require iss=https://id.example aud=chat;
            messaging_jwt_require token_type=access;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
good: ok {"user_id":1,"exp":"+60","iss":"https://id.example","aud":"chat","token_type":"access"}
wrong_iss: claim {"user_id":1,"exp":"+60","iss":"https://evil.example","aud":"chat","token_type":"access"}
no_iss: claim {"user_id":1,"exp":"+60","aud":"chat","token_type":"access"}
wrong_aud: claim {"user_id":1,"exp":"+60","iss":"https://id.example","aud":"mail","token_type":"access"}
no_aud: claim {"user_id":1,"exp":"+60","iss":"https://id.example","token_type":"access"}
refresh_token: claim {"user_id":1,"exp":"+60","iss":"https://id.example","aud":"chat","token_type":"refresh"}
no_user: user {"exp":"+60","iss":"https://id.example","aud":"chat","token_type":"access"}
empty_user: user {"user_id":"","exp":"+60","iss":"https://id.example","aud":"chat","token_type":"access"}



=== TEST 18: no token at all is not an invalid one
--- websocket
none:  connect /ws/messaging/7/
none:  expect_close 4001 token missing
empty: connect /ws/messaging/7/?token=
empty: expect_close 4001 token missing
basic: header Authorization: Basic YTpi
basic: connect /ws/messaging/7/
basic: expect_close 4001 token missing
nginx: status refusals.token_missing 3
nginx: status refusals {"token_missing":3,"token_malformed":0,"...":0}
nginx: status accepted 0



=== TEST 19: nobody who is refused ever gets onto the channel
--- jwt
good: {"user_id":1,"exp":"+60"}
bad:  {"user_id":1,"exp":"+60"} forge=flip
old:  {"user_id":1,"exp":"-60"}
--- websocket
good:    connect /ws/messaging/7/?token=$jwt_good
backend: expect_subscribers 7 1
bad:     auto_close off
bad:     connect /ws/messaging/7/?token=$jwt_bad
old:     auto_close off
old:     connect /ws/messaging/7/?token=$jwt_old
none:    auto_close off
none:    connect /ws/messaging/8/
backend: expect_subscribers 7 1 8 0
backend: publish 7 {"type":"x"}
good:    recv {"type":"x"}
bad:     send {"type":"message","content":"x"}
bad:     expect_close 4001 token invalid
old:     expect_close 4001 token expired
none:    expect_close 4001 token missing
nginx:   status subscriptions 1
nginx:   status messages.in 0
good:    recv_none 50ms



=== TEST 20: "messaging_reject http" refuses with 401
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_access any;
            messaging_reject http;
        }
        location = /status {
            messaging_status on;
        }
--- jwt
bad:  {"user_id":1,"exp":"+60"} forge=flip
old:  {"user_id":1,"exp":"-60"}
good: {"user_id":1,"exp":"+60"}
--- websocket
bad:   refused 401 /ws/messaging/7/?token=$jwt_bad
bad:   expect_header WWW-Authenticate Bearer
old:   refused 401 /ws/messaging/7/?token=$jwt_old
old:   expect_header WWW-Authenticate Bearer
none:  refused 401 /ws/messaging/7/
none:  expect_header WWW-Authenticate Bearer
nginx: status refusals.token_signature 1
nginx: status refusals.token_expired 1
nginx: status refusals.token_missing 1
good:  connect /ws/messaging/7/?token=$jwt_good



=== TEST 21: a failed verification leaves nothing for TLS to stumble upon
--- jwt
good: {"user_id":1,"exp":"+60"} alg=RS256
bad:  {"user_id":1,"exp":"+60"} alg=RS256 forge=flip
zero: {"user_id":1,"exp":"+60"} alg=ES256 forge=zero
--- websocket
tls on
c1..c4: connect /ws/messaging/7/?token=$jwt_good
c5..c8: connect /ws/messaging/7/?token=$jwt_bad
c5..c8: expect_close 4001 token invalid
d1..d4: connect /ws/messaging/7/?token=$jwt_zero
d1..d4: expect_close 4001 token invalid
c1..c4: send {"type":"ping"}
c1..c4: recv {"type":"pong"}
nginx: no_log /stale global SSL error/



=== TEST 22: no token of them is in a log, whatever was wrong with it
--- jwt
bad:  {"user_id":1,"exp":"+60"} forge=flip
old:  {"user_id":1,"exp":"-60"}
none: {"user_id":1,"exp":"+60"} forge=none
--- log_level: info
--- websocket
bad:   connect /ws/messaging/7/?token=$jwt_bad
bad:   expect_close 4001 token invalid
old:   header Authorization: Bearer $jwt_old
old:   connect /ws/messaging/7/
old:   expect_close 4001 token expired
none:  connect /ws/messaging/7/?token=$jwt_none
none:  expect_close 4001 token invalid
nginx: status connections 0
nginx: expect_log /messaging handshake refused: token_signature/
nginx: expect_log /messaging handshake refused: token_expired/
nginx: expect_log /messaging handshake refused: token_malformed/
nginx: no_log $jwt_bad
nginx: no_log $jwt_old
nginx: no_log $jwt_none
nginx: no_access_log $jwt_bad
nginx: no_access_log $jwt_old
nginx: no_access_log $jwt_none
