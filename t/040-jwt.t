
# Copyright (C) The ngx_http_messaging_module authors

# Tokens that are good: every algorithm, keys from files and in place, kid,
# several keys, and which keys are in force where.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Tokens;
use Test::Nginx::Socket 'no_plan';

my $secret = Test::Nginx::WebSocket::JWT::SECRET;

# a public key between quotes in the configuration
$ENV{'TEST_NGINX_PEM_' . uc $_} = Test::Nginx::WebSocket::JWT::slurp(
    Test::Nginx::WebSocket::JWT::make_file("$_.pub.pem"))
    for qw( rsa ec256 ec384 ec521 ed25519 );

my %file = (plain => '', lf => "\n", crlf => "\r\n", lflf => "\n\n",
            space => ' ', front => "\n");
for my $name (keys %file) {
    Test::Nginx::WebSocket::JWT::spew("$ENV{TEST_NGINX_KEYS}/$name.key",
        $name eq 'front' ? "\n$secret" : $secret . $file{$name});
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: every algorithm, with a key in a file
--- config
        messaging_access any;

        location = /hs256 {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
        }
        location = /hs384 {
            messaging on;
            messaging_jwt_key HS384 $TEST_NGINX_KEYS/hs.key;
        }
        location = /hs512 {
            messaging on;
            messaging_jwt_key HS512 $TEST_NGINX_KEYS/hs.key;
        }
        location = /rs256 {
            messaging on;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem;
        }
        location = /rs384 {
            messaging on;
            messaging_jwt_key RS384 $TEST_NGINX_KEYS/rsa.pub.pem;
        }
        location = /rs512 {
            messaging on;
            messaging_jwt_key RS512 $TEST_NGINX_KEYS/rsa.pub.pem;
        }
        location = /es256 {
            messaging on;
            messaging_jwt_key ES256 $TEST_NGINX_KEYS/ec256.pub.pem;
        }
        location = /es384 {
            messaging on;
            messaging_jwt_key ES384 $TEST_NGINX_KEYS/ec384.pub.pem;
        }
        location = /es512 {
            messaging on;
            messaging_jwt_key ES512 $TEST_NGINX_KEYS/ec521.pub.pem;
        }
        location = /ps256 {
            messaging on;
            messaging_jwt_key PS256 $TEST_NGINX_KEYS/rsa.pub.pem;
        }
        location = /ps384 {
            messaging on;
            messaging_jwt_key PS384 $TEST_NGINX_KEYS/rsa.pub.pem;
        }
        location = /ps512 {
            messaging on;
            messaging_jwt_key PS512 $TEST_NGINX_KEYS/rsa.pub.pem;
        }
        location = /eddsa {
            messaging on;
            messaging_jwt_key EdDSA $TEST_NGINX_KEYS/ed25519.pub.pem;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
hs256: ok /hs256 {"user_id":1,"exp":"+60"} alg=HS256
hs384: ok /hs384 {"user_id":1,"exp":"+60"} alg=HS384
hs512: ok /hs512 {"user_id":1,"exp":"+60"} alg=HS512
rs256: ok /rs256 {"user_id":1,"exp":"+60"} alg=RS256
rs384: ok /rs384 {"user_id":1,"exp":"+60"} alg=RS384
rs512: ok /rs512 {"user_id":1,"exp":"+60"} alg=RS512
es256: ok /es256 {"user_id":1,"exp":"+60"} alg=ES256
es384: ok /es384 {"user_id":1,"exp":"+60"} alg=ES384
es512: ok /es512 {"user_id":1,"exp":"+60"} alg=ES512
ps256: ok /ps256 {"user_id":1,"exp":"+60"} alg=PS256
ps384: ok /ps384 {"user_id":1,"exp":"+60"} alg=PS384
ps512: ok /ps512 {"user_id":1,"exp":"+60"} alg=PS512
eddsa: ok /eddsa {"user_id":1,"exp":"+60"} alg=EdDSA
# the same keys, and other algorithms than theirs
hs384_at_hs256: algorithm /hs256 {"user_id":1,"exp":"+60"} alg=HS384
hs512_at_hs256: algorithm /hs256 {"user_id":1,"exp":"+60"} alg=HS512
hs256_at_hs384: algorithm /hs384 {"user_id":1,"exp":"+60"} alg=HS256
hs512_at_hs384: algorithm /hs384 {"user_id":1,"exp":"+60"} alg=HS512
hs256_at_hs512: algorithm /hs512 {"user_id":1,"exp":"+60"} alg=HS256
rs384_at_rs256: algorithm /rs256 {"user_id":1,"exp":"+60"} alg=RS384
ps256_at_rs256: algorithm /rs256 {"user_id":1,"exp":"+60"} alg=PS256
rs256_at_rs384: algorithm /rs384 {"user_id":1,"exp":"+60"} alg=RS256
rs256_at_rs512: algorithm /rs512 {"user_id":1,"exp":"+60"} alg=RS256
rs256_at_ps256: algorithm /ps256 {"user_id":1,"exp":"+60"} alg=RS256
ps512_at_ps256: algorithm /ps256 {"user_id":1,"exp":"+60"} alg=PS512
ps256_at_ps384: algorithm /ps384 {"user_id":1,"exp":"+60"} alg=PS256
ps256_at_ps512: algorithm /ps512 {"user_id":1,"exp":"+60"} alg=PS256
es384_at_es256: algorithm /es256 {"user_id":1,"exp":"+60"} alg=ES384
es256_at_es384: algorithm /es384 {"user_id":1,"exp":"+60"} alg=ES256
es256_at_es512: algorithm /es512 {"user_id":1,"exp":"+60"} alg=ES256
es256_at_eddsa: algorithm /eddsa {"user_id":1,"exp":"+60"} alg=ES256



=== TEST 2: every algorithm, with a key that stands in the configuration
--- config
        messaging_access any;

        location = /hs256 {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        }
        location = /hs384 {
            messaging on;
            messaging_jwt_key HS384 data:$TEST_NGINX_JWT_SECRET;
        }
        location = /hs512 {
            messaging on;
            messaging_jwt_key HS512 data:$TEST_NGINX_JWT_SECRET;
        }
        location = /rsa {
            messaging on;
            messaging_jwt_key RS256 "data:$TEST_NGINX_PEM_RSA" kid=1;
            messaging_jwt_key RS384 "data:$TEST_NGINX_PEM_RSA" kid=2;
            messaging_jwt_key RS512 "data:$TEST_NGINX_PEM_RSA" kid=3;
            messaging_jwt_key PS256 "data:$TEST_NGINX_PEM_RSA" kid=4;
            messaging_jwt_key PS384 "data:$TEST_NGINX_PEM_RSA" kid=5;
            messaging_jwt_key PS512 "data:$TEST_NGINX_PEM_RSA" kid=6;
        }
        location = /ec {
            messaging on;
            messaging_jwt_key ES256 "data:$TEST_NGINX_PEM_EC256";
            messaging_jwt_key ES384 "data:$TEST_NGINX_PEM_EC384";
            messaging_jwt_key ES512 "data:$TEST_NGINX_PEM_EC521";
            messaging_jwt_key EdDSA "data:$TEST_NGINX_PEM_ED25519";
        }
        location = /status {
            messaging_status on;
        }
--- tokens
hs256: ok /hs256 {"user_id":1,"exp":"+60"} alg=HS256
hs384: ok /hs384 {"user_id":1,"exp":"+60"} alg=HS384
hs512: ok /hs512 {"user_id":1,"exp":"+60"} alg=HS512
rs256: ok /rsa {"user_id":1,"exp":"+60"} alg=RS256
rs384: ok /rsa {"user_id":1,"exp":"+60"} alg=RS384
rs512: ok /rsa {"user_id":1,"exp":"+60"} alg=RS512
ps256: ok /rsa {"user_id":1,"exp":"+60"} alg=PS256
ps384: ok /rsa {"user_id":1,"exp":"+60"} alg=PS384
ps512: ok /rsa {"user_id":1,"exp":"+60"} alg=PS512
es256: ok /ec {"user_id":1,"exp":"+60"} alg=ES256
es384: ok /ec {"user_id":1,"exp":"+60"} alg=ES384
es512: ok /ec {"user_id":1,"exp":"+60"} alg=ES512
eddsa: ok /ec {"user_id":1,"exp":"+60"} alg=EdDSA
rs384_with_kid_of_rs256: algorithm /rsa {"user_id":1,"exp":"+60"} alg=RS384 kid=1
ps512_with_its_kid: ok /rsa {"user_id":1,"exp":"+60"} alg=PS512 kid=6



=== TEST 3: a token is good at every worker
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_access any;
        }
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"} alg=RS256
bob: {"user_id":2,"name":"Bob","exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_ann
bob:   close 1000
bob:   expect_close 1000
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true,"name":"Ann"}
bob:   send {"type":"typing"}
ann:   recv {"type":"typing_indicator","user_id":2,"is_typing":true,"name":"Bob"}



=== TEST 4: the key of a certificate
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key ES256 $TEST_NGINX_KEYS/cert.pem;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
issuer: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=$TEST_NGINX_KEYS/cert.key alg=ES256
other: signature /ws/messaging/ {"user_id":1,"exp":"+60"} alg=ES256



=== TEST 5: "typ" is absent, "JWT" or "at+jwt", in any case
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
absent: ok /ws/messaging/ {"user_id":1,"exp":"+60"} header={"typ":null}
lower: ok /ws/messaging/ {"user_id":1,"exp":"+60"} header={"typ":"jwt"}
access: ok /ws/messaging/ {"user_id":1,"exp":"+60"} header={"typ":"at+jwt"}
upper_access: ok /ws/messaging/ {"user_id":1,"exp":"+60"} header={"typ":"AT+JWT"}
rs_absent: ok /ws/messaging/ {"user_id":1,"exp":"+60"} alg=RS256 header={"typ":null}
rs_access: ok /ws/messaging/ {"user_id":1,"exp":"+60"} alg=RS256 header={"typ":"at+jwt"}
access_of_other: signature /ws/messaging/ {"user_id":1,"exp":"+60"} key=other header={"typ":"at+jwt"}
application: malformed /ws/messaging/ {"user_id":1,"exp":"+60"} header={"typ":"application/jwt"}
logout: malformed /ws/messaging/ {"user_id":1,"exp":"+60"} alg=RS256 header={"typ":"logout+jwt"}



=== TEST 6: a kid chooses its key, and only that one
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-a.key kid=a;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-b.key kid=b;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem kid=R;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-c.key;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
a: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-a kid=a
b: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-b kid=b
r: ok /ws/messaging/ {"user_id":1,"exp":"+60"} alg=RS256 kid=R
b_as_a: signature /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-b kid=a
a_as_r: algorithm /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-a kid=R
lower_case: key /ws/messaging/ {"user_id":1,"exp":"+60"} alg=RS256 kid=r
beginning: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-a kid=aa
unknown: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-a kid=z
empty: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-c header={"kid":""}
unnamed_key: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-c kid=c



=== TEST 7: a token without kid is tried with every key of its algorithm
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-a.key kid=a;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem kid=r;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-b.key;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa-other.pub.pem;
            messaging_jwt_key HS384 $TEST_NGINX_KEYS/hs-c.key kid=c;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
first: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-a
second: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-b
first_rsa: ok /ws/messaging/ {"user_id":1,"exp":"+60"} alg=RS256
second_rsa: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-other
hs384: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-c alg=HS384
key_of_hs384: signature /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-c
none_of_them: signature /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-d



=== TEST 8: but not with more than eight; a kid finds each
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k1.key kid=k1;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k2.key kid=k2;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem kid=r;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k3.key kid=k3;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k4.key kid=k4;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k5.key kid=k5;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k6.key kid=k6;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k7.key kid=k7;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k8.key kid=k8;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-k9.key kid=k9;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
eighth: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-k8
ninth: signature /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-k9
ninth_named: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-k9 kid=k9



=== TEST 9: keys are inherited, and those of a location replace them
--- http_config
    messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-http.key;
--- config
        messaging_access any;

        location = /inherits {
            messaging on;
        }
        location = /replaces {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-location.key;
        }
        location = /jwks {
            messaging on;
            messaging_jwt_jwks $TEST_NGINX_KEYS/jwks.json;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
inherits: ok /inherits {"user_id":1,"exp":"+60"} key=hs-http
not_yet_there: signature /inherits {"user_id":1,"exp":"+60"} key=hs-location
replaces: ok /replaces {"user_id":1,"exp":"+60"} key=hs-location
replaced: signature /replaces {"user_id":1,"exp":"+60"} key=hs-http
jwks: ok /jwks {"user_id":1,"exp":"+60"} key=rsa
replaced_by_jwks: algorithm /jwks {"user_id":1,"exp":"+60"} key=hs-http



=== TEST 10: keys of a server replace those of http, nested locations inherit
--- http_config
    messaging_access any;
    messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-http.key;
    messaging_jwt_jwks $TEST_NGINX_KEYS/jwks.json;
--- config
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-server.key;

        location = /server {
            messaging on;
        }
        location /outer {
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-outer.key;

            location /outer/inner {
                messaging on;
            }
        }
        location = /status {
            messaging_status on;
        }
--- tokens
server: ok /server {"user_id":1,"exp":"+60"} key=hs-server
http: signature /server {"user_id":1,"exp":"+60"} key=hs-http
jwks_of_http: algorithm /server {"user_id":1,"exp":"+60"} key=rsa
outer: ok /outer/inner {"user_id":1,"exp":"+60"} key=hs-outer
not_server: signature /outer/inner {"user_id":1,"exp":"+60"} key=hs-server



=== TEST 11: one newline at the end of an HS file does not count
--- config
        messaging_access any;

        location = /plain {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/plain.key;
        }
        location = /lf {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/lf.key;
        }
        location = /crlf {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/crlf.key;
        }
        location = /lflf {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/lflf.key;
        }
        location = /space {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/space.key;
        }
        location = /front {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/front.key;
        }
        location = /data {
            messaging on;
            messaging_jwt_key HS256 "data:$TEST_NGINX_JWT_SECRET\n";
        }
        location = /status {
            messaging_status on;
        }
--- tokens
plain: ok /plain {"user_id":1,"exp":"+60"}
lf: ok /lf {"user_id":1,"exp":"+60"}
crlf: ok /crlf {"user_id":1,"exp":"+60"}
lf_that_counts: signature /lf {"user_id":1,"exp":"+60"} secret="$TEST_NGINX_JWT_SECRET\n"
lflf: signature /lflf {"user_id":1,"exp":"+60"}
lflf_but_one: ok /lflf {"user_id":1,"exp":"+60"} secret="$TEST_NGINX_JWT_SECRET\n"
space: signature /space {"user_id":1,"exp":"+60"}
space_that_counts: ok /space {"user_id":1,"exp":"+60"} secret="$TEST_NGINX_JWT_SECRET "
front: ok /front {"user_id":1,"exp":"+60"} secret="\n$TEST_NGINX_JWT_SECRET"
data: signature /data {"user_id":1,"exp":"+60"}
data_that_counts: ok /data {"user_id":1,"exp":"+60"} secret="$TEST_NGINX_JWT_SECRET\n"
