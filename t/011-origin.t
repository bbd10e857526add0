# messaging_allowed_origins: a page of another site must not be able to use
# the cookies of its visitor, RFC 6455, section 10.2.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

sub config {
    my ($directives) = @_;
    return qq(
        location = /ws/messaging/ {
            messaging on;
            messaging_jwt_key HS256 data:\$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            $directives
        }

        location = /status {
            messaging_status on;
        }
    );
}

# a request for each value, which is one header line or several of them
sub allows {
    my (@headers) = @_;
    return requests(q{ann: connect /ws/messaging/?token=$jwt_ann
ann: close 1000
ann: expect_close 1000
}, @headers);
}

sub forbids {
    my (@headers) = @_;
    return requests(q{ann: refused 403 /ws/messaging/?token=$jwt_ann
}, @headers) . 'nginx: status refusals.origin ' . @headers . "\n";
}

sub requests {
    my ($lines, @headers) = @_;
    return CORE::join '', map {
        CORE::join('', map { "ann: header $_\n" } split /\n/) . $lines;
    } @headers;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a token in the URL, no origins configured: any origin may enter
--- config eval: main::config('')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::allows('', 'Origin: http://localhost', 'Origin: https://evil.example',
             'Origin: null', 'Origin: file://', 'Origin:')



=== TEST 2: a token in the header, no origins configured: the same
--- config eval: main::config('')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Authorization: Bearer $jwt_ann
ann: header Origin: https://evil.example
ann: connect /ws/messaging/
bob: header Authorization: Bearer $jwt_ann
bob: connect /ws/messaging/



=== TEST 3: a token in the subprotocol, no origins configured: the same
--- config eval: main::config('messaging_jwt_from subprotocol cookie=t;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Sec-WebSocket-Protocol: messaging.v1, bearer.$jwt_ann
ann: header Origin: https://evil.example
ann: connect /ws/messaging/



=== TEST 4: no token at all: the origin is not what is wrong
--- config eval: main::config('messaging_jwt_from cookie=t;')
--- websocket
ann: header Origin: https://evil.example
ann: connect /ws/messaging/
ann: expect_close 4001 token missing



=== TEST 5: a token in a cookie, no origins configured: only the same origin
--- not_in: tls (over TLS the page has to be of https)
--- config eval: main::config('messaging_jwt_from cookie=t query=token;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Cookie: t=$jwt_ann
ann: header Origin: http://localhost
ann: connect /ws/messaging/
bob: header Cookie: a=b; t=$jwt_ann
bob: header Origin: https://evil.example
bob: refused 403 /ws/messaging/
bob: expect_header Sec-WebSocket-Accept none
bob: header Cookie: t=$jwt_ann
bob: refused 403 /ws/messaging/
bob: header Cookie: t=$jwt_ann
bob: header Origin: null
bob: refused 403 /ws/messaging/
bob: header Cookie: t=$jwt_ann
bob: header Origin:
bob: refused 403 /ws/messaging/
nginx: status refusals.origin 4



=== TEST 6: the source that is used decides, not those behind it
--- config eval: main::config('messaging_jwt_from cookie=t query=token;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Cookie: t=$jwt_ann
ann: header Origin: https://evil.example
ann: refused 403 /ws/messaging/?token=$jwt_ann
bob: header Cookie: u=$jwt_ann
bob: header Origin: https://evil.example
bob: connect /ws/messaging/?token=$jwt_ann



=== TEST 7: a bad token in a cookie is not what a foreign page is told
--- not_in: tls (over TLS the page has to be of https)
--- config eval: main::config('messaging_jwt_from cookie=t;')
--- jwt
old: {"user_id":1,"exp":"-1"}
--- websocket
ann: header Cookie: t=$jwt_old
ann: header Origin: https://evil.example
ann: refused 403 /ws/messaging/
ann: header Cookie: t=$jwt_old
ann: header Origin: http://localhost
ann: connect /ws/messaging/
ann: expect_close 4001 token expired



=== TEST 8: a list: these, and who sends no Origin with an explicit token
--- config eval
main::config('messaging_allowed_origins https://a.example http://b.example:81 '
             . 'http://[::1]:8080;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::allows('', 'Origin: https://a.example', 'Origin: http://b.example:81',
             'Origin: HTTPS://A.Example', 'Origin: http://[::1]:8080')



=== TEST 9: a list: nobody else, not even of the same host
--- config eval
main::config('messaging_allowed_origins https://a.example http://b.example:81;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::forbids(map { "Origin: $_" } qw( http://localhost http://a.example
    https://a.example:8443 https://a.example:443 http://b.example
    http://b.example:8 http://b.example:811 https://a.example.evil.example
    https://evil.example/https://a.example https://xa.example
    https://a.example/ https://a.exampl https://sub.a.example null a.example
    https:// ), '', 'https://a.example https://b.example')



=== TEST 10: a list and a cookie: without an Origin nobody enters
--- config eval
main::config('messaging_jwt_from cookie=t; '
             . 'messaging_allowed_origins https://a.example;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Cookie: t=$jwt_ann
ann: header Origin: https://a.example
ann: connect /ws/messaging/
bob: header Cookie: t=$jwt_ann
bob: refused 403 /ws/messaging/
bob: header Cookie: t=$jwt_ann
bob: header Origin: http://localhost
bob: refused 403 /ws/messaging/



=== TEST 11: "same": the host and port that were asked for
--- not_in: tls (over TLS the page has to be of https)
--- config eval: main::config('messaging_allowed_origins same;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::allows("", "Host: a.example\nOrigin: http://a.example",
    "Host: a.example\nOrigin: https://a.example",
    "Host: A.example\nOrigin: http://a.Example",
    "Host: a.example:80\nOrigin: http://a.example",
    "Host: a.example\nOrigin: http://a.example:80",
    "Host: a.example:443\nOrigin: https://a.example",
    "Host: a.example\nOrigin: https://a.example:443",
    "Host: a.example:8080\nOrigin: http://a.example:8080",
    "Host: a.example:8080\nOrigin: https://a.example:8080",
    "Host: [::1]:8080\nOrigin: http://[::1]:8080")



=== TEST 12: "same": no other host, no other port
--- config eval: main::config('messaging_allowed_origins same;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::forbids("Host: a.example\nOrigin: http://b.example",
    "Host: a.example\nOrigin: http://a.example:8080",
    "Host: a.example:8080\nOrigin: http://a.example",
    "Host: a.example:8080\nOrigin: http://a.example:8081",
    "Host: a.example:443\nOrigin: http://a.example",
    "Host: a.example:80\nOrigin: https://a.example",
    "Host: a.example\nOrigin: http://a.example:443",
    "Host: a.example\nOrigin: http://sub.a.example",
    "Host: sub.a.example\nOrigin: http://a.example",
    "Host: a.example\nOrigin: http://a.example.evil.example",
    "Host: a.example\nOrigin: http://evil.example/a.example",
    "Host: a.example\nOrigin: http://evil.example\@a.example",
    "Host: a.example\nOrigin: a.example",
    "Host: a.example\nOrigin: //a.example",
    "Host: a.example\nOrigin: ftp://a.example",
    "Host: a.example\nOrigin: null",
    "Host: a.example\nOrigin: http://",
    "Host: a.example\nOrigin:",
    "Host: null\nOrigin: null")



=== TEST 13: "same" and a list
--- not_in: tls (over TLS the page has to be of https)
--- config eval
main::config('messaging_allowed_origins https://a.example same;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::allows('', 'Origin: http://localhost', 'Origin: https://a.example')
. main::forbids('Origin: https://b.example', 'Origin: null')



=== TEST 14: "*": everybody, even with a cookie and without an Origin
--- config eval
main::config('messaging_allowed_origins *; '
             . 'messaging_jwt_from cookie=t query=token;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::allows('', 'Origin: null', 'Origin: https://evil.example') . q{
ann: header Cookie: t=$jwt_ann
ann: connect /ws/messaging/
bob: header Cookie: t=$jwt_ann
bob: header Origin: null
bob: connect /ws/messaging/
}



=== TEST 15: two Origin headers are forbidden, whatever they say
--- config eval: main::config('messaging_allowed_origins *;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::forbids("Origin: https://a.example\nOrigin: https://a.example",
              "Origin: https://a.example\nOrigin: https://b.example",
              "Origin:\nOrigin: https://a.example")



=== TEST 16: a location has its own origins, else those around it
--- http_config
    messaging_allowed_origins https://a.example;
--- config
        location = /ws/inherits/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }

        location = /ws/own/ {
            messaging on;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_allowed_origins https://b.example;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: header Origin: https://a.example
ann: connect /ws/inherits/?token=$jwt_ann
ben: header Origin: https://b.example
ben: connect /ws/own/?token=$jwt_ann
bob: header Origin: https://a.example
bob: refused 403 /ws/own/?token=$jwt_ann
bob: header Origin: https://b.example
bob: refused 403 /ws/inherits/?token=$jwt_ann



=== TEST 17: the origin is looked at before id and token, behind the rest
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_allowed_origins https://a.example;
        }
--- websocket
ann: header Origin: https://b.example
ann: refused 403 /ws/messaging/a:b/
ann: header Origin: https://b.example
ann: refused 403 /ws/messaging/7/
ann: header Origin: https://b.example
ann: header !Sec-WebSocket-Key
ann: refused 400 /ws/messaging/7/



=== TEST 18: an origin without a scheme is no origin: nginx does not start
--- config eval: main::config('messaging_allowed_origins * a.example;')
--- must_die
--- error_log
invalid origin "a.example", it must be scheme://host[:port], "same" or "*"



=== TEST 19: an origin with a path is no origin: nginx does not start
--- config eval: main::config('messaging_allowed_origins * https://a.example/chat;')
--- must_die
--- error_log
invalid origin "https://a.example/chat", it must be scheme://host[:port], "same" or "*"



=== TEST 20: an origin without a host is no origin: nginx does not start
--- config eval: main::config('messaging_allowed_origins * https://;')
--- must_die
--- error_log
invalid origin "https://", it must be scheme://host[:port], "same" or "*"



=== TEST 21: "same" over TLS: not a page that came without it
--- config eval: main::config('messaging_allowed_origins same;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
tls on
ann:   header Host: a.example
ann:   header Origin: http://a.example
ann:   refused 403 /ws/messaging/?token=$jwt_ann
ann:   header Host: a.example
ann:   header Origin: http://a.example:443
ann:   refused 403 /ws/messaging/?token=$jwt_ann
ann:   header Host: a.example
ann:   header Origin: https://a.example
ann:   connect /ws/messaging/?token=$jwt_ann
