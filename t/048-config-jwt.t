
# Copyright (C) The ngx_http_messaging_module authors

# Keys, tokens and access in the configuration: what is refused, and by which
# words.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::JWT;
use Test::Nginx::Socket 'no_plan';

my $dir = $ENV{TEST_NGINX_KEYS};
my $json = JSON::PP->new->canonical;

sub spew { Test::Nginx::WebSocket::JWT::spew("$dir/$_[0]", $_[1]) }
sub slurp {
    return Test::Nginx::WebSocket::JWT::slurp(
        Test::Nginx::WebSocket::JWT::make_file($_[0]));
}

# what stands in the files the blocks name
my $pem = slurp('rsa.pub.pem');
my $encrypted = Test::Nginx::WebSocket::JWT::openssl('pkey', '-aes128',
    '-passout', 'pass:x', '-in', slurp('rsa.pem') && "$dir/rsa.pem");
my $legacy = Test::Nginx::WebSocket::JWT::openssl('rsa', '-traditional',
    '-aes128', '-passout', 'pass:x', '-in', "$dir/rsa.pem");
my $k256 = Test::Nginx::WebSocket::JWT::openssl('genpkey', '-algorithm', 'EC',
    '-pkeyopt', 'ec_paramgen_curve:secp256k1');
spew('k256.pem', $k256);
my $jwk = Test::Nginx::WebSocket::JWT::jwk('hs');

spew(@$_) for ['empty.key', ''], ['newline.key', "\n"], ['crlf.key', "\r\n"],
    ['length31.key', 'x' x 31], ['length32.key', 'x' x 32],
    ['length32lf.key', ('x' x 31) . "\n"],
    ['length47.key', 'x' x 47], ['length63.key', 'x' x 63],
    ['length4096.key', 'x' x 4096], ['length4097.key', 'x' x 4097],
    ['inside.key', "# the key\n$pem"],
    ['text.pub.pem', "no key at all\n"], ['empty.pub.pem', ''],
    ['broken.pub.pem', $pem =~ s/\n[^\n]{20}/\nAAAAAAAAAAAAAAAAAAAA/r],
    ['two.pub.pem', $pem . slurp('rsa-other.pub.pem')],
    ['encrypted.pem', $encrypted], ['legacy.pem', $legacy],
    ['k256.pub.pem', Test::Nginx::WebSocket::JWT::openssl('pkey', '-pubout',
                         '-in', "$dir/k256.pem")],
    ['crl.pem', "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n"],
    ['text.json', 'keys'], ['array.json', '[]'], ['nokeys.json', '{}'],
    ['string.json', '{"keys":"x"}'], ['zero.json', '{"keys":[]}'],
    ['unusable.json', $json->encode({keys => [{%$jwk, use => 'enc'}]})],
    ['twice.json', $json->encode({keys => [$jwk, $jwk]})],
    ['many.json', $json->encode(
                      {keys => [map { {%$jwk, kid => "$_"} } 1 .. 65]})],
    ['members.json', '{"keys":[],"keys":[]}'],
    ['behind.json', $json->encode({keys => [$jwk]}) . 'x'],
    ['large.json', $json->encode({keys => [$jwk]}) . ' ' x 262144];

# "with": directives of a messaging location that has "messaging_access any";
# "in_key": parameters of its only key; both are refused
add_block_preprocessor(sub {
    my ($block) = @_;
    my $with = $block->with;

    if (defined $block->in_key) {
        my $in_key = $block->in_key;
        chomp $in_key;
        $with = "messaging_jwt_key $in_key;";
    }
    if (defined $with) {
        $block->set_value('config', <<"EOC");
        location = /ws/messaging/ {
            messaging on;
            messaging_access any;
            $with
        }
EOC
    }
    return if defined $block->websocket;

    $block->set_value('must_die', '');
    my $log = $block->error_log;
    $block->set_value('error_log',
                      ['[emerg]', ref $log ? $log : split /\n/, $log]);
});

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: an algorithm that there is not
--- in_key: HS1 data:$TEST_NGINX_JWT_SECRET
--- error_log
invalid algorithm "HS1", it must be one of HS256, HS384, HS512, RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512, EdDSA



=== TEST 2: "none" is no algorithm
--- in_key: none data:$TEST_NGINX_JWT_SECRET
--- error_log
invalid algorithm "none", it must be one of



=== TEST 3: an algorithm in lower case
--- in_key: hs256 data:$TEST_NGINX_JWT_SECRET
--- error_log
invalid algorithm "hs256", it must be one of



=== TEST 4: a public key as a secret
--- in_key: HS256 $TEST_NGINX_KEYS/rsa.pub.pem
--- error_log
invalid key of "messaging_jwt_key": secret is a PEM key or certificate



=== TEST 5: a private key as a secret
--- in_key: HS256 $TEST_NGINX_KEYS/ec256.pem
--- error_log
invalid key of "messaging_jwt_key": secret is a PEM key or certificate



=== TEST 6: a certificate as a secret
--- in_key: HS512 $TEST_NGINX_KEYS/cert.pem
--- error_log
invalid key of "messaging_jwt_key": secret is a PEM key or certificate



=== TEST 7: a secret with a PEM key somewhere in it
--- in_key: HS256 $TEST_NGINX_KEYS/inside.key
--- error_log
invalid key of "messaging_jwt_key": secret is a PEM key or certificate



=== TEST 8: an empty secret file
--- in_key: HS256 $TEST_NGINX_KEYS/empty.key
--- error_log
invalid key of "messaging_jwt_key": secret is empty



=== TEST 9: a secret file with but a newline
--- in_key: HS256 $TEST_NGINX_KEYS/newline.key
--- error_log
invalid key of "messaging_jwt_key": secret is empty



=== TEST 10: or with a newline of two characters
--- in_key: HS256 $TEST_NGINX_KEYS/crlf.key
--- error_log
invalid key of "messaging_jwt_key": secret is empty



=== TEST 11: an empty secret in the configuration
--- in_key: HS256 data:
--- error_log
invalid key of "messaging_jwt_key": secret is empty



=== TEST 12: a secret of over 4096 bytes
--- in_key: HS256 $TEST_NGINX_KEYS/length4097.key
--- error_log
invalid key of "messaging_jwt_key": secret is longer than 4096 bytes



=== TEST 13: a private RSA key
--- in_key: RS256 $TEST_NGINX_KEYS/rsa.pem
--- error_log
invalid key of "messaging_jwt_key": key is private; a public key is needed



=== TEST 14: a private EC key
--- in_key: ES256 $TEST_NGINX_KEYS/ec256.pem
--- error_log
invalid key of "messaging_jwt_key": key is private; a public key is needed



=== TEST 15: an encrypted key, and nobody is asked for the password
--- in_key: RS256 $TEST_NGINX_KEYS/encrypted.pem
--- error_log
invalid key of "messaging_jwt_key": key is encrypted; a public key is needed



=== TEST 16: one encrypted in the old form
--- in_key: RS256 $TEST_NGINX_KEYS/legacy.pem
--- error_log
invalid key of "messaging_jwt_key": key is encrypted; a public key is needed



=== TEST 17: an RSA key of 1024 bits
--- in_key: RS256 $TEST_NGINX_KEYS/rsa-1024.pub.pem
--- error_log
invalid key of "messaging_jwt_key": RSA key is shorter than 2048 bits



=== TEST 18: P-384 for ES256
--- in_key: ES256 $TEST_NGINX_KEYS/ec384.pub.pem
--- error_log
invalid key of "messaging_jwt_key": key is of another type or curve than its algorithm



=== TEST 19: P-256 for ES512
--- in_key: ES512 $TEST_NGINX_KEYS/ec256.pub.pem
--- error_log
invalid key of "messaging_jwt_key": key is of another type or curve than its algorithm



=== TEST 20: secp256k1 for ES256
--- in_key: ES256 $TEST_NGINX_KEYS/k256.pub.pem
--- error_log
invalid key of "messaging_jwt_key": key is of an unsupported type or curve



=== TEST 21: an EC key for RS256
--- in_key: RS256 $TEST_NGINX_KEYS/ec256.pub.pem
--- error_log
invalid key of "messaging_jwt_key": key is of another type or curve than its algorithm



=== TEST 22: an RSA key for ES256
--- in_key: ES256 $TEST_NGINX_KEYS/rsa.pub.pem
--- error_log
invalid key of "messaging_jwt_key": key is of another type or curve than its algorithm



=== TEST 23: an RSA key for EdDSA
--- in_key: EdDSA $TEST_NGINX_KEYS/rsa.pub.pem
--- error_log
invalid key of "messaging_jwt_key": key is of another type or curve than its algorithm



=== TEST 24: an Ed25519 key for PS256
--- in_key: PS256 $TEST_NGINX_KEYS/ed25519.pub.pem
--- error_log
invalid key of "messaging_jwt_key": key is of another type or curve than its algorithm



=== TEST 25: a secret for RS256
--- in_key: RS256 data:$TEST_NGINX_JWT_SECRET
--- error_log
invalid key of "messaging_jwt_key": not a PEM key



=== TEST 26: no PEM in the file
--- in_key: RS256 $TEST_NGINX_KEYS/text.pub.pem
--- error_log
invalid key of "messaging_jwt_key": not a PEM key



=== TEST 27: nothing in the file
--- in_key: RS256 $TEST_NGINX_KEYS/empty.pub.pem
--- error_log
invalid key of "messaging_jwt_key": not a PEM key



=== TEST 28: a damaged key
--- in_key: RS256 $TEST_NGINX_KEYS/broken.pub.pem
--- error_log
invalid key of "messaging_jwt_key": PEM key is malformed or of an unknown type



=== TEST 29: two keys in a file
--- in_key: RS256 $TEST_NGINX_KEYS/two.pub.pem
--- error_log
invalid key of "messaging_jwt_key": something stands behind the PEM key



=== TEST 30: something else in PEM
--- in_key: RS256 $TEST_NGINX_KEYS/crl.pem
--- error_log
invalid key of "messaging_jwt_key": PEM block is neither a public key nor a certificate



=== TEST 31: a key file that is missing
--- in_key: RS256 missing.pem
--- error_log eval
qr/open\(\) "[^"]+\/conf\/missing\.pem" failed \(2: No such file or directory\)/



=== TEST 32: a key file that is a directory
--- in_key: HS256 $TEST_NGINX_KEYS
--- error_log eval
qr/"[^"]+\/keys" is not a file or too large/



=== TEST 33: the fourth word is not "kid="
--- in_key: HS256 data:$TEST_NGINX_JWT_SECRET id=a
--- error_log
invalid parameter "id=a"



=== TEST 34: an empty kid
--- in_key: HS256 data:$TEST_NGINX_JWT_SECRET kid=
--- error_log
invalid parameter "kid="



=== TEST 35: a kid of over 256 bytes
--- in_key eval: 'HS256 data:$TEST_NGINX_JWT_SECRET kid=' . 'x' x 257
--- error_log
invalid key of "messaging_jwt_key": kid is longer than 256 bytes



=== TEST 36: the same kid twice
--- with
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET kid=a;
            messaging_jwt_key RS256 $TEST_NGINX_KEYS/rsa.pub.pem kid=a;
--- error_log
invalid key of "messaging_jwt_key": kid is repeated



=== TEST 37: too few words
--- in_key: HS256
--- error_log
invalid number of arguments in "messaging_jwt_key" directive



=== TEST 38: a location without a key
--- config
        location = /ws/chat/ {
            messaging on;
            messaging_access any;
        }
--- error_log
location "/ws/chat/" has "messaging on", but no key to verify tokens with: write for example "messaging_jwt_key HS256 /etc/nginx/jwt.key;" or "messaging_jwt_jwks <file>;"



=== TEST 39: a location without access
--- config
        location = /ws/chat/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        }
--- error_log
location "/ws/chat/" has "messaging on", but does not say who may enter: write "messaging_access claim=<name>;", or "messaging_access any;" to let in everybody with a valid token



=== TEST 40: "messaging_access redis=" without Redis
--- messaging_http
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access redis=members:$arg_id;
        }
--- error_log
"messaging_access redis=" needs "messaging_redis"



=== TEST 41: a request to nowhere
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access request=;
        }
--- error_log
invalid access "request=", it must be "any", "claim=<name>", "request=<uri>" or "redis=<key>"



=== TEST 42: an access there is not
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_access all;
        }
--- error_log
invalid access "all", it must be "any", "claim=<name>", "request=<uri>" or "redis=<key>"



=== TEST 43: a claim without a name
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_access claim=;
        }
--- error_log
invalid access "claim=", it must be "any", "claim=<name>", "request=<uri>" or "redis=<key>"



=== TEST 44: access twice
--- with: messaging_access claim=rooms;
--- error_log
"messaging_access" directive is duplicate



=== TEST 45: a requirement without a value
--- with: messaging_jwt_require iss;
--- error_log
invalid requirement "iss", it must be claim=value



=== TEST 46: a requirement without a name
--- with: messaging_jwt_require aud=chat =x;
--- error_log
invalid requirement "=x", it must be claim=value



=== TEST 47: a source there is not
--- with: messaging_jwt_from header body;
--- error_log
invalid source "body", it must be "header", "query=name", "cookie=name" or "subprotocol"



=== TEST 48: an argument without a name
--- with: messaging_jwt_from query=;
--- error_log
invalid source "query=", it must be



=== TEST 49: a cookie without a name
--- with: messaging_jwt_from cookie=;
--- error_log
invalid source "cookie=", it must be



=== TEST 50: an argument without "="
--- with: messaging_jwt_from query;
--- error_log
invalid source "query", it must be



=== TEST 51: sources twice
--- with
            messaging_jwt_from header;
            messaging_jwt_from query=token;
--- error_log
"messaging_jwt_from" directive is duplicate



=== TEST 52: no source at all
--- with: messaging_jwt_from;
--- error_log
invalid number of arguments in "messaging_jwt_from" directive



=== TEST 53: a leeway that is no time
--- with: messaging_jwt_leeway soon;
--- error_log
"messaging_jwt_leeway" directive invalid value



=== TEST 54: a negative leeway
--- with: messaging_jwt_leeway -1s;
--- error_log
"messaging_jwt_leeway" directive invalid value



=== TEST 55: the user claim twice
--- with
            messaging_jwt_user_claim a;
            messaging_jwt_user_claim b;
--- error_log
"messaging_jwt_user_claim" directive is duplicate



=== TEST 56: the name claim twice
--- with
            messaging_jwt_name_claim a;
            messaging_jwt_name_claim b;
--- error_log
"messaging_jwt_name_claim" directive is duplicate



=== TEST 57: a JWK set that is missing
--- with: messaging_jwt_jwks missing.json;
--- error_log eval
qr/open\(\) "[^"]+\/conf\/missing\.json" failed \(2: No such file or directory\)/



=== TEST 58: a JWK set that is no JSON
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/text.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/text\.json": JWK set is not a JSON object/



=== TEST 59: an array
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/array.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/array\.json": JWK set is not a JSON object/



=== TEST 60: something behind it
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/behind.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/behind\.json": JWK set is not a JSON object/



=== TEST 61: duplicate members
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/members.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/members\.json": JWK set is not a JSON object/



=== TEST 62: no "keys"
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/nokeys.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/nokeys\.json": JWK set has no array "keys"/



=== TEST 63: "keys" that are no array
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/string.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/string\.json": JWK set has no array "keys"/



=== TEST 64: no key in it
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/zero.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/zero\.json": JWK set has no usable key/



=== TEST 65: no usable key in it
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/unusable.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/unusable\.json": JWK set has no usable key/



=== TEST 66: a kid twice
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/twice.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/twice\.json": kid is repeated/



=== TEST 67: over 64 keys
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/many.json;
--- error_log eval
qr/invalid JWK set "[^"]+\/many\.json": more than 64 keys/



=== TEST 68: over 256 KB
--- with: messaging_jwt_jwks $TEST_NGINX_KEYS/large.json;
--- error_log eval
qr/"[^"]+\/large\.json" is not a file or too large/



=== TEST 69: two JWK sets
--- with
            messaging_jwt_jwks $TEST_NGINX_KEYS/jwks.json;
            messaging_jwt_jwks $TEST_NGINX_KEYS/rsa.jwks.json;
--- error_log
"messaging_jwt_jwks" directive is duplicate



=== TEST 70: a wrong key is refused where no location uses it
--- http_config
    messaging_jwt_key HS256 data:;
--- config
        location = / {
            return 204;
        }
--- error_log
invalid key of "messaging_jwt_key": secret is empty



=== TEST 71: secrets shorter than the digest are warned of
--- config
        messaging_access any;

        location = /hs256 {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/length31.key;
        }
        location = /hs256lf {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/length32lf.key;
        }
        location = /hs384 {
            messaging on;
            messaging_jwt_key HS384 $TEST_NGINX_KEYS/length47.key;
        }
        location = /hs512 {
            messaging on;
            messaging_jwt_key HS512 $TEST_NGINX_KEYS/length63.key;
        }
        location = /data {
            messaging on;
            messaging_jwt_key HS256 data:short;
        }
--- grep_error_log eval
qr/\[warn\] .*the secret of "messaging_jwt_key" is shorter than the digest of its algorithm, RFC 7518, section 3.2/
--- grep_error_log_out eval
qr/\A(?:\[warn\] [^\n]+\n){5}\z/
--- jwt
ann: {"user_id":1,"exp":"+60"} secret=short
--- websocket
ann:   connect /data?token=$jwt_ann



=== TEST 72: and others are not
--- config
        messaging_access any;

        location = /hs256 {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/length32.key;
        }
        location = /hs512 {
            messaging on;
            messaging_jwt_key HS512 data:$TEST_NGINX_JWT_SECRET;
        }
        location = /longest {
            messaging on;
            messaging_jwt_key HS512 $TEST_NGINX_KEYS/length4096.key;
        }
--- no_error_log
[warn]
[error]
--- jwt
ann: {"user_id":1,"exp":"+60"} alg=HS512
--- websocket
ann:   connect /hs512?token=$jwt_ann



=== TEST 73: a secret is in no message, whatever is wrong: its algorithm
--- in_key: RS256 data:$TEST_NGINX_JWT_SECRET
--- error_log
invalid key of "messaging_jwt_key": not a PEM key
--- no_error_log eval
"$ENV{TEST_NGINX_JWT_SECRET}"



=== TEST 74: the order of the words
--- in_key: data:$TEST_NGINX_JWT_SECRET HS256
--- error_log
invalid algorithm "data:***", it must be one of
--- no_error_log eval
"$ENV{TEST_NGINX_JWT_SECRET}"



=== TEST 75: the order of the last two
--- in_key: HS256 $TEST_NGINX_KEYS/hs.key data:$TEST_NGINX_JWT_SECRET
--- error_log
invalid parameter "data:***"
--- no_error_log eval
"$ENV{TEST_NGINX_JWT_SECRET}"
