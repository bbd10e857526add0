
# Copyright (C) The ngx_http_messaging_module authors

# JWK sets: which of their keys are used, and what happens when the file
# changes.  A worker looks at it every 2 seconds: hence the time this takes.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::JWT;
use Test::Nginx::WebSocket::Tokens;
use Test::Nginx::Socket 'no_plan';

sub jwk { return Test::Nginx::WebSocket::JWT::jwk(@_) }

# a key without some of its members, and with others
sub but {
    my ($name, %change) = @_;
    my %jwk = (%{jwk($name)}, %change);
    delete @jwk{grep { !defined $jwk{$_} } keys %jwk};
    return \%jwk;
}

my %set = (
    hs        => [map { jwk($_) } qw( hs hs-two )],
    unnamed   => [map { but($_, kid => undef) } qw( rsa ec256 ed25519 hs )],
    pinned    => [but('rsa', alg => 'RS256'),
                  but('rsa-other', alg => 'PS512'),
                  but('ec256', alg => undef), but('hs', alg => 'HS512')],
    odd       => [jwk('rsa'),
                  but('rsa-enc', use => 'enc'),
                  but('rsa-sign', use => undef, key_ops => ['sign']),
                  but('rsa-1024'),
                  but('rsa-alg', alg => 'RS1'),
                  but('rsa-kid', kid => 7),
                  but('rsa-private', d => 'AQAB'),
                  but('ec256-curve', crv => 'P-192'),
                  but('ec256-alg', alg => 'ES384'),
                  but('ec256-short', x => 'AAAA'),
                  but('ec256-point', x => 'A' x 43),
                  but('ed25519-x', crv => 'X25519'),
                  but('hs-alg', alg => undef),
                  but('hs-weak', k => 'c2hvcnQ'),
                  but('hs-kty', kty => 'OCT'),
                  {kty => 'unknown', kid => 'x'}, {}, 'text', undef,
                  but('rsa-ops', use => undef, key_ops => ['verify'])],
    aa        => [jwk('hs-aa')],
    bb        => [jwk('hs-bb')],
    aa_bb     => [map { jwk($_) } qw( hs-aa hs-bb )],
    bb_cc_rsa => [map { jwk($_) } qw( hs-bb hs-cc rsa )],
    none      => [but('rsa', use => 'enc')],
    twice     => [jwk('hs-bb'), but('hs-cc', kid => 'hs-bb')],
);
my %json = map { $_ => JSON::PP->new->canonical->encode({keys => $set{$_}}) }
           keys %set;

for my $name (keys %json) {
    Test::Nginx::WebSocket::JWT::spew("$ENV{TEST_NGINX_KEYS}/$name.json",
                                      "$json{$name}\n");
}

Test::Nginx::WebSocket::JWT::spew("$ENV{TEST_NGINX_KEYS}/large.json",
                                  $json{bb} . ' ' x 262144);

# the section "sets": files in conf/ and which set they have at the start
add_block_preprocessor(sub {
    my ($block) = @_;
    my %file = split ' ', $block->sets // return;

    $block->set_value('conf_files',
                      join "\n", map { ">>> $_\n$json{$file{$_}}" } keys %file);
});

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: each type of key, found by its kid
--- config
        location = /jwks {
            messaging on;
            messaging_jwt_jwks $TEST_NGINX_KEYS/jwks.json;
            messaging_access any;
        }
        location = /hs {
            messaging on;
            messaging_jwt_jwks $TEST_NGINX_KEYS/hs.json;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
rs: ok /jwks {"user_id":1,"exp":"+60"} key=rsa kid=rsa
ps: ok /jwks {"user_id":1,"exp":"+60"} alg=PS384 kid=rsa
es256: ok /jwks {"user_id":1,"exp":"+60"} key=ec256 kid=ec256
es384: ok /jwks {"user_id":1,"exp":"+60"} key=ec384 kid=ec384
es512: ok /jwks {"user_id":1,"exp":"+60"} key=ec521 kid=ec521
eddsa: ok /jwks {"user_id":1,"exp":"+60"} key=ed25519 kid=ed25519
hs: ok /hs {"user_id":1,"exp":"+60"} kid=hs
hs_two: ok /hs {"user_id":1,"exp":"+60"} key=hs-two kid=hs-two
no_kid: ok /jwks {"user_id":1,"exp":"+60"} key=ec384
no_kid_second: ok /hs {"user_id":1,"exp":"+60"} key=hs-two
other_kid: algorithm /jwks {"user_id":1,"exp":"+60"} key=ec256 kid=ec384
unknown_kid: key /jwks {"user_id":1,"exp":"+60"} key=rsa kid=x
other_key: signature /jwks {"user_id":1,"exp":"+60"} key=rsa-other kid=rsa
swapped_kids: signature /hs {"user_id":1,"exp":"+60"} key=hs-two kid=hs
hs_at_public_keys: algorithm /jwks {"user_id":1,"exp":"+60"}



=== TEST 2: keys without a kid
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_jwks $TEST_NGINX_KEYS/unnamed.json;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
rs: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa
ps: ok /ws/messaging/ {"user_id":1,"exp":"+60"} alg=PS512
es: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=ec256
ed: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=ed25519
hs: ok /ws/messaging/ {"user_id":1,"exp":"+60"}
named: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa kid=rsa
empty: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa header={"kid":""}



=== TEST 3: "alg" pins the algorithm, else the type of the key does
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_jwks $TEST_NGINX_KEYS/pinned.json;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
rs256: ok /ws/messaging/ {"user_id":1,"exp":"+60"} alg=RS256 kid=rsa
rs512: algorithm /ws/messaging/ {"user_id":1,"exp":"+60"} alg=RS512 kid=rsa
ps256: algorithm /ws/messaging/ {"user_id":1,"exp":"+60"} alg=PS256 kid=rsa
ps512: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-other alg=PS512 kid=rsa-other
rs256_of_ps512: algorithm /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-other alg=RS256 kid=rsa-other
es256: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=ec256 kid=ec256
hs512: ok /ws/messaging/ {"user_id":1,"exp":"+60"} alg=HS512 kid=hs
hs256: algorithm /ws/messaging/ {"user_id":1,"exp":"+60"} alg=HS256 kid=hs



=== TEST 4: keys that cannot be used are skipped, with a warning
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_jwks $TEST_NGINX_KEYS/odd.json;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- error_log eval
qr/\[warn\] .* 18 keys of JWK set "[^"]+\/odd\.json" are not usable and were skipped/
--- tokens
good: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa kid=rsa
last: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-ops kid=rsa-ops
encryption: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-enc kid=rsa-enc
signing: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-sign kid=rsa-sign
short: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-1024 kid=rsa-1024
private: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-private kid=rsa-private
no_alg: key /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-alg kid=hs-alg
weak: key /ws/messaging/ {"user_id":1,"exp":"+60"} secret=short kid=hs-weak
unnamed_1024: signature /ws/messaging/ {"user_id":1,"exp":"+60"} key=rsa-1024
unnamed_hs: algorithm /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-alg



=== TEST 5: a set and single keys side by side
--- config
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs-one.key kid=one;
            messaging_jwt_jwks $TEST_NGINX_KEYS/hs.json;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- tokens
key: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-one
key_by_kid: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-one kid=one
set: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-two
set_by_kid: ok /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-two kid=hs-two
neither: signature /ws/messaging/ {"user_id":1,"exp":"+60"} key=hs-three



=== TEST 6: a new file is read: its keys count, those it lacks do not any more
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_jwks keys.json;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- sets: keys.json aa_bb
--- jwt
aa: {"user_id":1,"exp":"+60"} key=hs-aa kid=hs-aa
bb: {"user_id":2,"exp":"+60"} key=hs-bb kid=hs-bb
cc: {"user_id":3,"exp":"+60"} key=hs-cc kid=hs-cc
--- websocket
old:   connect /ws/messaging/7/?token=$jwt_aa
c:     connect /ws/messaging/7/?token=$jwt_cc
c:     expect_close 4001 token invalid
nginx: copy_file $TEST_NGINX_KEYS/bb_cc_rsa.json keys.json
nginx: expect_log /(?:JWK set "[^"]+\/keys.json" was read again, 3 keys, 0 skipped.*?){$WORKERS}/s
b1:    connect_apart old /ws/messaging/7/?token=$jwt_bb
b2:    connect_apart b1 /ws/messaging/7/?token=$jwt_bb
c1:    connect_apart old /ws/messaging/7/?token=$jwt_cc
c2:    connect_apart c1 /ws/messaging/7/?token=$jwt_cc
a1:    connect_apart old /ws/messaging/7/?token=$jwt_aa
a1:    expect_close 4001 token invalid
a2:    connect_apart c1 /ws/messaging/7/?token=$jwt_aa
a2:    expect_close 4001 token invalid
nginx: status refusals.token_key 3
# who was let in before stays
old:   send {"type":"ping"}
old:   recv {"type":"pong"}
# but does not come back with the old key
old:   send {"type":"auth","token":"$jwt_aa"}
old:   expect_close 4001 token invalid
nginx: no_log /\[error\]/



=== TEST 7: a file written in place, of the same size, in the same second
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_jwks keys.json;
            messaging_access any;
        }
--- sets: keys.json aa
--- jwt
aa: {"user_id":1,"exp":"+60"} key=hs-aa
bb: {"user_id":2,"exp":"+60"} key=hs-bb
--- websocket
a:     connect /ws/messaging/7/?token=$jwt_aa
nginx: overwrite_file $TEST_NGINX_KEYS/bb.json keys.json
nginx: expect_log /(?:JWK set "[^"]+\/keys.json" was read again, 1 keys, 0 skipped.*?){$WORKERS}/s
b1:    connect_apart a /ws/messaging/7/?token=$jwt_bb
b2:    connect_apart b1 /ws/messaging/7/?token=$jwt_bb
a1:    connect_apart a /ws/messaging/7/?token=$jwt_aa
a1:    expect_close 4001 token invalid
a2:    connect_apart b1 /ws/messaging/7/?token=$jwt_aa
a2:    expect_close 4001 token invalid



=== TEST 8: a broken or vanished file leaves the keys in force, and is told once
--- config
        messaging_access any;

        location = /broken {
            messaging on;
            messaging_jwt_jwks broken.json;
        }
        location = /none {
            messaging on;
            messaging_jwt_jwks none.json;
        }
        location = /twice {
            messaging on;
            messaging_jwt_jwks twice.json;
        }
        location = /vanished {
            messaging on;
            messaging_jwt_jwks vanished.json;
        }
        location = /large {
            messaging on;
            messaging_jwt_jwks large.json;
        }
        location = /other {
            messaging on;
            messaging_jwt_jwks other.json;
        }
        location = /status {
            messaging_status on;
        }
--- sets: broken.json aa none.json aa twice.json aa vanished.json aa large.json aa other.json aa
--- jwt
aa: {"user_id":1,"exp":"+60"} key=hs-aa
bb: {"user_id":2,"exp":"+60"} key=hs-bb
--- websocket
nginx: status accepted 0
# in the second in which they are read: they have to be read once more
wait 1400ms
nginx: write_file broken.json {"keys":[{"kty":"oct"
nginx: copy_file $TEST_NGINX_KEYS/none.json none.json
nginx: copy_file $TEST_NGINX_KEYS/twice.json twice.json
nginx: remove_file vanished.json
nginx: copy_file $TEST_NGINX_KEYS/large.json large.json
nginx: expect_log /(?:\[error\] \d+#\d+: invalid JWK set "[^"]+\/broken\.json": JWK set is not a JSON object, the keys read before stay in force.*?){$WORKERS}/s
nginx: expect_log /(?:\[error\] \d+#\d+: invalid JWK set "[^"]+\/none\.json": JWK set has no usable key, the keys read before stay in force.*?){$WORKERS}/s
nginx: expect_log /(?:\[error\] \d+#\d+: invalid JWK set "[^"]+\/twice\.json": kid is repeated, the keys read before stay in force.*?){$WORKERS}/s
nginx: expect_log /(?:\[error\] \d+#\d+: stat\(\) "[^"]+\/vanished\.json" failed, the keys read before stay in force \(2: .*?){$WORKERS}/s
nginx: expect_log /(?:\[error\] \d+#\d+: "[^"]+\/large\.json" is not a file or too large.*?){$WORKERS}/s
b1:    connect /broken?token=$jwt_aa
b2:    connect_apart b1 /broken?token=$jwt_aa
n1:    connect /none?token=$jwt_aa
n2:    connect_apart n1 /none?token=$jwt_aa
t1:    connect /twice?token=$jwt_aa
t2:    connect_apart t1 /twice?token=$jwt_aa
v1:    connect /vanished?token=$jwt_aa
v2:    connect_apart v1 /vanished?token=$jwt_aa
l1:    connect /large?token=$jwt_aa
l2:    connect_apart l1 /large?token=$jwt_aa
# nothing of a set that is wrong as a whole
t3:    connect /twice?token=$jwt_bb
t3:    expect_close 4001 token invalid
# another look at all the files
nginx: copy_file $TEST_NGINX_KEYS/bb_cc_rsa.json other.json
nginx: expect_log /(?:JWK set "[^"]+\/other\.json" was read again, 3 keys.*?){$WORKERS}/s
# the log as a whole has no second line of any worker
nginx: expect_log /\A(?!.*\[error\] (\d+)#[^\n]*\/broken\.json".*\[error\] \1#[^\n]*\/broken\.json").*\n/s
nginx: expect_log /\A(?!.*\[error\] (\d+)#[^\n]*\/none\.json".*\[error\] \1#[^\n]*\/none\.json").*\n/s
nginx: expect_log /\A(?!.*\[error\] (\d+)#[^\n]*\/twice\.json".*\[error\] \1#[^\n]*\/twice\.json").*\n/s
nginx: expect_log /\A(?!.*\[error\] (\d+)#[^\n]*\/vanished\.json".*\[error\] \1#[^\n]*\/vanished\.json").*\n/s
nginx: expect_log /\A(?!.*\[error\] (\d+)#[^\n]*\/large\.json".*\[error\] \1#[^\n]*\/large\.json").*\n/s
# all is well again
nginx: copy_file $TEST_NGINX_KEYS/bb.json broken.json
nginx: copy_file $TEST_NGINX_KEYS/bb.json vanished.json
nginx: copy_file $TEST_NGINX_KEYS/bb.json large.json
nginx: expect_log /(?:JWK set "[^"]+\/broken\.json" was read again, 1 keys.*?){$WORKERS}/s
nginx: expect_log /(?:JWK set "[^"]+\/vanished\.json" was read again, 1 keys.*?){$WORKERS}/s
nginx: expect_log /(?:JWK set "[^"]+\/large\.json" was read again, 1 keys.*?){$WORKERS}/s
b3:    connect_apart b1 /broken?token=$jwt_bb
b4:    connect_apart b3 /broken?token=$jwt_bb
v3:    connect_apart v1 /vanished?token=$jwt_bb
v4:    connect_apart v3 /vanished?token=$jwt_bb
l3:    connect_apart l1 /large?token=$jwt_bb
l4:    connect_apart l3 /large?token=$jwt_bb
v5:    connect /vanished?token=$jwt_aa
v5:    expect_close 4001 token invalid
nginx: no_log /\[(?:crit|alert)\]/



=== TEST 9: a worker that is started again has the keys of the file, too
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_jwks keys.json;
            messaging_access any;
        }
--- sets: keys.json aa
--- jwt
aa: {"user_id":1,"exp":"+60"} key=hs-aa
bb: {"user_id":2,"exp":"+60"} key=hs-bb
--- websocket
a:     connect /ws/messaging/7/?token=$jwt_aa
nginx: copy_file $TEST_NGINX_KEYS/bb_cc_rsa.json keys.json
nginx: kill_worker_of a
a:     expect_gone
nginx: within 1500ms expect_log /exited on signal 9.*: JWK set "[^"]+\/keys\.json" was read again/s
b:     connect_retry /ws/messaging/7/?token=$jwt_bb



=== TEST 10: a reload of nginx reads the file at once
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_jwks keys.json;
            messaging_access any;
        }
--- sets: keys.json aa
--- jwt
bb: {"user_id":2,"exp":"+60"} key=hs-bb
--- websocket
nginx: copy_file $TEST_NGINX_KEYS/bb_cc_rsa.json keys.json
nginx: reload
b1:    connect_retry /ws/messaging/7/?token=$jwt_bb
b2:    connect_apart b1 /ws/messaging/7/?token=$jwt_bb
