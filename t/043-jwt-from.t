
# Copyright (C) The ngx_http_messaging_module authors

# Where a token is looked for, in which order, and that it is not sent back.
#
# also: valgrind

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# one location, to which a block adds directives by its section "from"
add_block_preprocessor(sub {
    my ($block) = @_;
    my $from = $block->from // '';

    $block->set_value('config', <<"EOC") unless defined $block->config;
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/\$ {
            messaging on;
            messaging_conversation \$conversation;
            messaging_jwt_key HS256 \$TEST_NGINX_KEYS/hs.key;
            messaging_access any;
            $from
        }

        location = /status {
            messaging_status on;
        }
EOC
    $block->set_value('jwt', <<'EOJ') unless defined $block->jwt;
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
bad: {"user_id":1,"exp":"+60"} forge=flip
EOJ
});

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: by default the header, then the argument "token"
--- websocket
a:     header Authorization: Bearer $jwt_ann
a:     connect /ws/messaging/7/
b:     connect /ws/messaging/7/?token=$jwt_bob
a:     send {"type":"typing"}
b:     recv {"type":"typing_indicator","user_id":1,"is_typing":true}
c:     header Authorization: Bearer $jwt_ann
c:     connect /ws/messaging/8/?token=$jwt_bob
c:     send {"type":"read"}
c:     recv {"type":"read_receipt","reader_id":1,"read_at":"<now>"}
d:     header Cookie: token=$jwt_ann
d:     connect /ws/messaging/7/
d:     expect_close 4001 token missing
e:     header Sec-WebSocket-Protocol: bearer.$jwt_ann
e:     connect /ws/messaging/7/
e:     expect_close 4001 token missing
nginx: status refusals.token_missing 2
nginx: status accepted 3



=== TEST 2: the first source that is present decides, even if it is bad
--- websocket
a:     header Authorization: Bearer $jwt_bad
a:     connect /ws/messaging/7/?token=$jwt_ann
a:     expect_close 4001 token invalid
b:     header Authorization: Bearer x
b:     connect /ws/messaging/7/?token=$jwt_ann
b:     expect_close 4001 token invalid
c:     header Authorization: Bearer $jwt_ann
c:     connect /ws/messaging/7/?token=$jwt_bad
nginx: status refusals.token_signature 1
nginx: status refusals.token_malformed 1
nginx: status accepted 1



=== TEST 3: the order is that of the directive
--- not_in: tls (over TLS the page has to be of https)
--- from: messaging_jwt_from query=token cookie=jwt subprotocol header;
--- websocket
a:     header Authorization: Bearer $jwt_bad
a:     header Cookie: jwt=$jwt_bad
a:     header Sec-WebSocket-Protocol: bearer.$jwt_bad
a:     connect /ws/messaging/7/?token=$jwt_ann
b:     header Authorization: Bearer $jwt_bad
b:     header Cookie: jwt=$jwt_ann
b:     header Origin: http://localhost
b:     header Sec-WebSocket-Protocol: bearer.$jwt_bad
b:     connect /ws/messaging/7/
c:     header Authorization: Bearer $jwt_bad
c:     header Sec-WebSocket-Protocol: bearer.$jwt_ann
c:     connect /ws/messaging/7/
d:     header Authorization: Bearer $jwt_ann
d:     connect /ws/messaging/7/
nginx: status accepted 4
e:     header Authorization: Bearer $jwt_ann
e:     header Cookie: jwt=$jwt_ann
e:     header Sec-WebSocket-Protocol: bearer.$jwt_ann
e:     connect /ws/messaging/7/?token=$jwt_bad
e:     expect_close 4001 token invalid
f:     header Authorization: Bearer $jwt_ann
f:     header Cookie: jwt=$jwt_bad
f:     header Origin: http://localhost
f:     header Sec-WebSocket-Protocol: bearer.$jwt_ann
f:     connect /ws/messaging/7/
f:     expect_close 4001 token invalid
g:     header Authorization: Bearer $jwt_ann
g:     header Sec-WebSocket-Protocol: bearer.$jwt_bad
g:     connect /ws/messaging/7/
g:     expect_close 4001 token invalid
nginx: status refusals.token_signature 3
nginx: status accepted 4



=== TEST 4: only the sources that are named
--- from: messaging_jwt_from header;
--- websocket
a:     connect /ws/messaging/7/?token=$jwt_ann
a:     expect_close 4001 token missing
b:     header Cookie: token=$jwt_ann; jwt=$jwt_ann
b:     connect /ws/messaging/7/
b:     expect_close 4001 token missing
c:     header Sec-WebSocket-Protocol: bearer.$jwt_ann
c:     connect /ws/messaging/7/
c:     expect_close 4001 token missing
d:     header Authorization: Bearer $jwt_ann
d:     connect /ws/messaging/7/?token=$jwt_bad
nginx: status refusals.token_missing 3
nginx: status accepted 1



=== TEST 5: several arguments may be named, in their order
--- from: messaging_jwt_from query=access_token query=t;
--- websocket
a:     connect /ws/messaging/7/?t=$jwt_ann
b:     connect /ws/messaging/7/?t=$jwt_bad&access_token=$jwt_ann
c:     connect /ws/messaging/7/?t=$jwt_ann&access_token=$jwt_bad
c:     expect_close 4001 token invalid
d:     connect /ws/messaging/7/?token=$jwt_ann
d:     expect_close 4001 token missing
# an empty one is there, too
e:     connect /ws/messaging/7/?access_token=&t=$jwt_ann
e:     expect_close 4001 token missing
nginx: status accepted 2



=== TEST 6: an argument is found by its whole name, in any case
--- not_in: detach (the access log is written at the handshake)
--- websocket
a:     connect /ws/messaging/7/?x=1&token=$jwt_ann&y=2
b:     connect /ws/messaging/7/?xtoken=$jwt_bad&token=$jwt_ann
c:     connect /ws/messaging/7/?tokenx=$jwt_bad&token=$jwt_ann
d:     connect /ws/messaging/7/?TOKEN=$jwt_ann
nginx: status accepted 4
e:     connect /ws/messaging/7/?xtoken=$jwt_ann
e:     expect_close 4001 token missing
f:     connect /ws/messaging/7/?token
f:     expect_close 4001 token missing
g:     connect /ws/messaging/7/?x=token=$jwt_ann
g:     expect_close 4001 token missing
h:     connect /ws/messaging/7/?%74oken=$jwt_ann
h:     expect_close 4001 token missing
i:     connect /ws/messaging/7/?
i:     expect_close 4001 token missing
nginx: status refusals.token_missing 5
nginx: no_access_log $jwt_bad



=== TEST 7: the first of two arguments counts
--- websocket
a:     connect /ws/messaging/7/?token=$jwt_ann&token=$jwt_bad
b:     connect /ws/messaging/7/?token=$jwt_bad&token=$jwt_ann
b:     expect_close 4001 token invalid
c:     connect /ws/messaging/7/?token=&token=$jwt_ann
c:     expect_close 4001 token missing
nginx: status accepted 1



=== TEST 8: an argument is taken as it is, without percent-decoding
--- websocket
a:     connect /ws/messaging/7/?token=%65$jwt_ann
a:     expect_close 4001 token invalid
b:     connect /ws/messaging/7/?token=$jwt_ann%20
b:     expect_close 4001 token invalid
nginx: status refusals.token_malformed 2



=== TEST 9: a Basic or other Authorization is no token
--- websocket
a:     header Authorization: Basic YW5uOnNlY3JldA==
a:     connect /ws/messaging/7/?token=$jwt_ann
b:     header Authorization: Digest username="ann"
b:     connect /ws/messaging/7/?token=$jwt_ann
c:     header Authorization: $jwt_bad
c:     connect /ws/messaging/7/?token=$jwt_ann
d:     header Authorization: Bearer$jwt_bad
d:     connect /ws/messaging/7/?token=$jwt_ann
e:     header Authorization: Bearerx $jwt_bad
e:     connect /ws/messaging/7/?token=$jwt_ann
nginx: status accepted 5
f:     header Authorization: Basic $jwt_ann
f:     connect /ws/messaging/7/
f:     expect_close 4001 token missing
g:     header Authorization: $jwt_ann
g:     connect /ws/messaging/7/
g:     expect_close 4001 token missing
nginx: status refusals.token_missing 2



=== TEST 10: the scheme is known in any case, more spaces do no harm
--- websocket
a:     header Authorization: bearer $jwt_ann
a:     connect /ws/messaging/7/
b:     header Authorization: BEARER   $jwt_ann
b:     connect /ws/messaging/7/
nginx: status accepted 2
c:     header Authorization: Bearer $jwt_ann x
c:     connect /ws/messaging/7/
c:     expect_close 4001 token invalid
d:     header Authorization: Bearer $jwt_ann, Bearer $jwt_ann
d:     connect /ws/messaging/7/
d:     expect_close 4001 token invalid
nginx: status refusals.token_malformed 2



=== TEST 11: a cookie is found by its whole name among others
--- not_in: tls (over TLS the page has to be of https)
--- from: messaging_jwt_from cookie=jwt;
--- websocket
a,b,c,d,e,f: header Origin: http://localhost
a:     header Cookie: jwt=$jwt_ann
a:     connect /ws/messaging/7/
b:     header Cookie: a=b; jwt=$jwt_ann; c=d
b:     connect /ws/messaging/7/
c:     header Cookie: xjwt=$jwt_bad; jwtx=$jwt_bad; jwt=$jwt_ann
c:     connect /ws/messaging/7/
nginx: status accepted 3
d:     header Cookie: xjwt=$jwt_ann
d:     connect /ws/messaging/7/
d:     expect_close 4001 token missing
e:     header Cookie: jwt=
e:     connect /ws/messaging/7/
e:     expect_close 4001 token missing
f:     header Cookie: a=jwt=$jwt_ann
f:     connect /ws/messaging/7/
f:     expect_close 4001 token missing
nginx: status refusals.token_missing 3



=== TEST 12: a subprotocol "bearer.<JWT>", alone or among others
--- from: messaging_jwt_from subprotocol;
--- websocket
a:     header Sec-WebSocket-Protocol: bearer.$jwt_ann
a:     connect /ws/messaging/7/
a:     expect_header Sec-WebSocket-Protocol none
b:     header Sec-WebSocket-Protocol: messaging.v1, bearer.$jwt_ann
b:     connect /ws/messaging/7/
b:     expect_header Sec-WebSocket-Protocol messaging.v1
c:     header Sec-WebSocket-Protocol: bearer.$jwt_ann,messaging.v1
c:     connect /ws/messaging/7/
c:     expect_header Sec-WebSocket-Protocol messaging.v1
d:     header Sec-WebSocket-Protocol: x, messaging.v2, bearer.$jwt_ann, y
d:     connect /ws/messaging/7/
d:     expect_header Sec-WebSocket-Protocol none
nginx: status accepted 4
e:     header Sec-WebSocket-Protocol: messaging.v1
e:     connect /ws/messaging/7/
e:     expect_header Sec-WebSocket-Protocol messaging.v1
e:     expect_close 4001 token missing
f:     header Sec-WebSocket-Protocol: bearer., messaging.v1
f:     connect /ws/messaging/7/
f:     expect_close 4001 token missing
g:     header Sec-WebSocket-Protocol: Bearer.$jwt_ann
g:     connect /ws/messaging/7/
g:     expect_close 4001 token missing
h:     header Sec-WebSocket-Protocol: bearer.$jwt_bad, messaging.v1
h:     connect /ws/messaging/7/
h:     expect_header Sec-WebSocket-Protocol messaging.v1
h:     expect_close 4001 token invalid
i:     header Sec-WebSocket-Protocol: bearer.$jwt_bad, bearer.$jwt_ann
i:     connect /ws/messaging/7/
i:     expect_close 4001 token invalid
nginx: status refusals.token_missing 3
nginx: status refusals.token_signature 2



=== TEST 13: subprotocols in two header lines
--- from: messaging_jwt_from subprotocol;
--- websocket
a:     open
a:     bytes "GET /ws/messaging/7/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: messaging.v1\r\nSec-WebSocket-Protocol: bearer.$jwt_ann\r\n\r\n"
a:     expect_bytes /\AHTTP\/1\.1 101 (?:(?!$jwt_ann)[\x00-\xff])*?\r\n\r\n/
nginx: status accepted 1



=== TEST 14: "messaging.v1" is selected wherever the token comes from
--- websocket
a:     header Sec-WebSocket-Protocol: messaging.v1
a:     connect /ws/messaging/7/?token=$jwt_ann
a:     expect_header Sec-WebSocket-Protocol messaging.v1
b:     header Sec-WebSocket-Protocol: Messaging.v1, messaging.v10
b:     connect /ws/messaging/7/?token=$jwt_ann
b:     expect_header Sec-WebSocket-Protocol none
c:     connect /ws/messaging/7/?token=$jwt_ann
c:     expect_header Sec-WebSocket-Protocol none



=== TEST 15: no answer has the token in it
--- from
            messaging_jwt_from header query=token cookie=jwt subprotocol;
            messaging_allowed_origins *;
--- websocket
a:     open
a:     bytes "GET /ws/messaging/7/?token=$jwt_ann HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
a:     expect_bytes /\AHTTP\/1\.1 101 (?:(?!$jwt_ann)[\x00-\xff])*?\r\n\r\n/
b:     open
b:     bytes "GET /ws/messaging/7/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nAuthorization: Bearer $jwt_ann\r\n\r\n"
b:     expect_bytes /\AHTTP\/1\.1 101 (?:(?!$jwt_ann)[\x00-\xff])*?\r\n\r\n/
c:     open
c:     bytes "GET /ws/messaging/7/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCookie: jwt=$jwt_ann\r\n\r\n"
c:     expect_bytes /\AHTTP\/1\.1 101 (?:(?!$jwt_ann)[\x00-\xff])*?\r\n\r\n/
d:     open
d:     bytes "GET /ws/messaging/7/ HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: bearer.$jwt_ann, messaging.v1\r\n\r\n"
d:     expect_bytes /\AHTTP\/1\.1 101 (?:(?!$jwt_ann)[\x00-\xff])*?\r\n\r\n/
nginx: status accepted 4
# a refusal: the 101 and the Close frame
e:     open
e:     bytes "GET /ws/messaging/7/?token=$jwt_bad HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: bearer.$jwt_bad\r\n\r\n"
e:     expect_bytes /\AHTTP\/1\.1 101 (?:(?!$jwt_bad)[\x00-\xff])*?\r\n\r\n\x88\x0f\x0f\xa1token invalid\z/
# and one with a status
f:     http GET /ws/messaging/7/?token=$jwt_ann
f:     expect_status 426
f:     expect_body /\A(?:(?!$jwt_ann)[\x00-\xff])*\z/



=== TEST 16: "messaging_jwt_from" is inherited and can be changed below
--- http_config
    messaging_jwt_from query=t;
--- config
        messaging_jwt_key HS256 $TEST_NGINX_KEYS/hs.key;
        messaging_access any;

        location = /inherits {
            messaging on;
        }
        location = /replaces {
            messaging on;
            messaging_jwt_from header;
        }
        location = /status {
            messaging_status on;
        }
--- websocket
a:     connect /inherits?t=$jwt_ann
b:     header Authorization: Bearer $jwt_bad
b:     connect /inherits?t=$jwt_ann
c:     header Authorization: Bearer $jwt_ann
c:     connect /replaces?t=$jwt_bad
nginx: status accepted 3
d:     header Authorization: Bearer $jwt_ann
d:     connect /inherits?token=$jwt_ann
d:     expect_close 4001 token missing
e:     connect /replaces?t=$jwt_ann
e:     expect_close 4001 token missing



=== TEST 17: a cookie is sent by whatever page asks, so the origin must be ours
--- not_in: tls (over TLS the page has to be of https)
--- from: messaging_jwt_from cookie=jwt query=token;
--- websocket
a:     header Cookie: jwt=$jwt_ann
a:     header Origin: https://evil.example
a:     refused 403 /ws/messaging/7/
b:     header Cookie: jwt=$jwt_ann
b:     refused 403 /ws/messaging/7/
c:     header Cookie: jwt=$jwt_ann
c:     header Origin: https://evil.example
c:     refused 403 /ws/messaging/7/?token=$jwt_ann
nginx: status refusals.origin 3
d:     header Origin: https://other.example
d:     connect /ws/messaging/7/?token=$jwt_ann
e:     header Cookie: other=1
e:     connect /ws/messaging/7/?token=$jwt_ann
f:     header Cookie: jwt=$jwt_ann
f:     header Origin: http://localhost
f:     connect /ws/messaging/7/
nginx: status accepted 3



=== TEST 18: masked in the log is each source of a URL, in any case
--- from: messaging_jwt_from query=access_token;
--- websocket
a:     connect /ws/messaging/7/?Access_Token=$jwt_ann&x=1
a:     close 1000
a:     expect_close 1000
b:     connect /ws/messaging/7/?access_token=$jwt_bad
b:     expect_close 4001 token invalid
nginx: expect_access_log /Access_Token=\*+&x=1/
nginx: expect_access_log /access_token=\*+ /
nginx: no_access_log $jwt_ann
nginx: no_access_log $jwt_bad
