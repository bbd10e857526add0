# Publishing over HTTP.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# a POST by "http", which has the connection closed
sub post {
    my ($client, $path, $body) = @_;
    return "$client: header Content-Type: application/json\n"
         . "$client: http POST $path $body\n";
}

# a request as it is on the wire; "head" are more lines
sub request {
    my ($path, $body, %with) = @_;
    my $head = $with{head} // 'Content-Length: ' . length $body;
    my $text = "POST $path HTTP/1.1\r\nHost: a\r\n"
             . 'Content-Type: ' . ($with{type} // 'application/json')
             . "\r\n$head\r\n\r\n$body";
    return quoted($text);
}

sub quoted {
    my ($text) = @_;
    my @pieces = unpack '(a30000)*', $text;

    s/([^ !#-\[\]-~])/sprintf '\\x%02x', ord $1/ge for @pieces;
    return lines(map { "\"$_\" " } @pieces);
}

sub lines { return join '', @_ }

# the lines for each of these, which stand for VALUE
sub each_of {
    my ($lines, @values) = @_;
    return lines(map { $lines =~ s/VALUE/$_/gr } @values);
}

sub chunked {
    my ($path, @chunks) = @_;
    my $body = join '', map { sprintf "%x\r\n%s\r\n", length, $_ } @chunks, '';
    return request($path, $body, head => 'Transfer-Encoding: chunked');
}

# a frame of this length
sub frame {
    my ($length) = @_;
    return '{"x":"' . 'y' x ($length - 8) . '"}';
}

our $Locations = <<'EOC';
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location = /ws/messaging/ {
            messaging on;
        }

        location = /ws/user/ {
            messaging on;
            messaging_channel user:$messaging_user;
        }

        location ~ ^/push/(?<conversation>[^/]+)$ {
            messaging_publish on;
            messaging_conversation $conversation;
            allow 127.0.0.1;
            deny all;
        }

        location = /push {
            messaging_publish on;
            messaging_channel user:$arg_user;
            allow 127.0.0.1;
            deny all;
        }

        location = /status {
            messaging_status on;
        }
EOC

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a frame reaches all who are there, verbatim, on all workers
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
many:  connect_apart ann /ws/messaging/?token=$jwt_bob
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
user:  connect /ws/user/?token=$jwt_bob
other: connect /ws/messaging/8/?token=$jwt_ann
back:  header Content-Type: application/json
back:  http POST /push/7 {"type":"message_edited",  "id" : 7,"text":"\u00e9\/ é 😀","n":1.0e2}
back:  expect_status 202
back:  expect_header Content-Type application/json
back:  expect_body {"id":"<int>"}
ann,bob: recv_raw {"type":"message_edited",  "id" : 7,"text":"\u00e9\/ é 😀","n":1.0e2}
many:  recv_raw {"conversation_id":7,"type":"message_edited",  "id" : 7,"text":"\u00e9\/ é 😀","n":1.0e2}
back:  header Content-Type: application/json
back:  http POST /push?user=2 {"type":"notice"}
back:  expect_status 202
user:  recv_raw {"type":"notice"}
ann,bob,many,other: recv_none 50ms
nginx: status broker.published 2
nginx: status posts.accepted 2
nginx: metric messaging_posts_total{result="accepted"} 2
nginx: metrics



=== TEST 2: ids grow, among those of messages
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann:  connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::post('back', '/push/7', '{}') . <<'EOS'
back: expect_status 202
back: capture one id
ann:  recv {}
ann:  send {"type":"message","content":"x","client_id":"c"}
ann:  recv_unordered {"type":"ack","...":0} {"type":"new_message","...":0}
EOS
. main::post('back', '/push/7', '{}') . <<'EOS'
back: expect_status 202
back: capture two id
ann:  recv {}
expect_numbers $one < $two
EOS



=== TEST 3: white space around the object goes, and only that
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<"EOS";
ann:  connect /ws/messaging/7/?token=\$jwt_ann
back: open
back: bytes @{[main::request('/push/7', qq( \r\n\t{ "a" : [ ] } \t\r\n))]}
back: expect_bytes /\\AHTTP.1\\.1 202 Accepted.*\\r\\n\\r\\n\\{"id":\\d+\\}\\n\\z/s
ann:  recv_raw { "a" : [ ] }
back: drop
EOS



=== TEST 4: anything but a POST: 405
--- log_level: info
--- config eval: $::Locations
--- websocket eval
main::each_of(<<'EOS', qw( GET HEAD PUT DELETE OPTIONS PATCH ))
back: header Content-Type: application/json
back: http VALUE /push/7
back: expect_status 405
back: expect_header Allow POST
EOS
. "nginx: status posts.method 6\n"
. "nginx: expect_log /\\[info\\] .* messaging publish refused: method, /\n"
. "nginx: status broker.published 0\n"



=== TEST 5: another type than application/json: 415
--- messaging_http
--- log_level: info
--- config eval: $::Locations
--- websocket eval
main::each_of(<<'EOS',
back: header VALUE
back: http POST /push/7 {}
back: expect_status 415
EOS
    '!Content-Type', map { "Content-Type: $_" } 'text/plain',
    'application/x-www-form-urlencoded', 'application/jsonx',
    'application/json-patch+json', 'application/jso', 'application/json, a/b',
    'application/json x')
. main::each_of(<<'EOS',
back: header Content-Type: VALUE
back: http POST /push/7 {}
back: expect_status 202
EOS
    'application/json', 'APPLICATION/JSON', 'application/json;charset=utf-8',
    'application/json ; charset=utf-8', "application/json\t;x")
. "nginx: status posts.type 8\n"
. "nginx: expect_log /\\[info\\] .* messaging publish refused: type, /\n"
. "nginx: status posts.accepted 5\n"



=== TEST 6: what is not a JSON object, or not UTF-8: 400, and nobody gets it
--- log_level: info
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $n = 0;
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::lines(map { $n++; <<"EOS" } map { main::request('/push/7', $_) }
back: open
back: bytes $_
back: expect_bytes /\\AHTTP.1\\.1 400 /
back: drop
EOS
    '', ' ', '{', '{}}', '{}{}', '{} x', '[]', '"{}"', '1', 'null', 'true',
    '@ x=1' . "\n{}", '{"a":}', '{"a":1,}', '{a:1}', "{'a':1}", '{"a":01}',
    '{"a":NaN}', '{"a":"' . "\n" . '"}', '{"a":1,"a":2}', '{"a":"\u0000"}',
    '{"a":"\ud800"}', '{"a":' . 1e400 . '}', "\xef\xbb\xbf{}",
    "{\"a\":\"\xff\"}", "{\"a\":\"\xc0\xaf\"}", "{\"a\":\"\xed\xa0\x80\"}",
    "{\"a\":\"\xf4\x90\x80\x80\"}", "{\"a\":\"\xe2\x82\"}", "{}\0", "\0{}",
    "{\"a\":\"\0\"}", '{"a":' . '[' x 16 . ']' x 16 . '}')
. <<"EOS" . main::post('back', '/push/7', '{"a":' . '[' x 15 . ']' x 15 . '}')
nginx: status posts.invalid $n
nginx: expect_log /\\[info\\] .* messaging publish refused: invalid, /
nginx: status broker.published 0
EOS
. "back: expect_status 202\nann: recv /\\[/\n"



=== TEST 7: as many values as a history has, and no more than 65536
--- config eval
"        messaging_max_message 256k;\n$::Locations"
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $most = '{"a":[' . '0,' x 65533 . '0' . ']}';
my $more = '{"a":[' . '0,' x 65534 . '0' . ']}';
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::post('back', '/push/7', $most)
. "back: expect_status 202\nann: recv_raw $most\n"
. main::post('back', '/push/7', $more) . "back: expect_status 400\n"



=== TEST 8: a target that is none: 404
--- messaging_http
--- log_level: info
--- config eval: $::Locations
--- websocket eval
main::lines(map { main::post('back', $_, '{}') . <<'EOS' }
back: expect_status 404
EOS
    '/push/a:b', '/push/a%20b', '/push/%D0%B6', '/push/' . 'a' x 129,
    '/push?user=a@b', '/push?user=' . 'a' x 508)
. main::post('back', '/push/' . 'a' x 128, '{}') . <<'EOS'
back: expect_status 202
EOS
. main::post('back', '/push?user=' . 'a' x 507, '{}') . <<'EOS'
back: expect_status 202
EOS
. main::post('back', '/push?user=a%40b', '{}') . <<'EOS'
back: expect_status 202
nginx: status posts.target 6
nginx: expect_log /\[info\] .* messaging publish refused: target, /
EOS



=== TEST 9: the longest frame, and one byte more: 413 before its body has come
--- log_level: info
--- config eval
"        messaging_max_message 1000;\n$::Locations"
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $most = main::frame(1000);
my $more = main::frame(1001);
<<"EOS";
ann:   connect /ws/messaging/7/?token=\$jwt_ann
back:  open
back:  bytes @{[main::request('/push/7', $most)]}
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_raw $most
back:  bytes @{[main::chunked('/push/7', map { substr $most, $_ * 100, 100 } 0 .. 9)]}
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_raw $most
back:  bytes @{[main::chunked('/push/7', $more)]}
back:  expect_bytes /\\AHTTP.1\\.1 413 /
back:  drop
back:  open
back:  bytes @{[main::request('/push/7', '', head => 'Content-Length: 1001')]}
back:  expect_bytes /\\AHTTP.1\\.1 413 /
back:  drop
nginx: status posts.too_large 2
nginx: expect_log /\\[info\\] .* messaging publish refused: too_large, /
nginx: status broker.published 2
EOS



=== TEST 10: a body that is in a file, by its length, in chunks, or always
--- not_in
embedded (a message is at most 960k long)
onebyte (three times a megabyte)
--- config eval
"        messaging_max_message 1m;
        client_body_buffer_size 1k;
$::Locations" . <<'EOC'
        location = /file {
            messaging_publish on;
            messaging_conversation 7;
            client_body_in_file_only clean;
            allow all;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $frame = main::frame(1048576);
<<"EOS";
ann:   connect /ws/messaging/7/?token=\$jwt_ann
back:  open
back:  bytes @{[main::request('/push/7', $frame)]}
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_raw $frame
nginx: expect_log /a client request body is buffered to a temporary file/
back:  bytes @{[main::chunked('/push/7', map { substr $frame, $_ * 65536, 65536 } 0 .. 15)]}
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_raw $frame
back:  bytes @{[main::request('/file', '{"a":1}')]}
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_raw {"a":1}
back:  bytes @{[main::chunked('/push/7', $frame, ' ')]}
back:  expect_bytes /\\AHTTP.1\\.1 413 /
back:  drop
EOS



=== TEST 11: a slow body, in single bytes
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<"EOS";
ann:   connect /ws/messaging/7/?token=\$jwt_ann
back:  open
back:  split 1
back:  bytes @{[main::request('/push/7', '{"a":"slow"}')]}
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_raw {"a":"slow"}
back:  bytes @{[main::chunked('/push/7', '{"a":', '"slow"}')]}
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_raw {"a":"slow"}
back:  drop
EOS



=== TEST 12: 100 Continue
--- not_in
onebyte (nginx gives up if it cannot send that at once)
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<"EOS";
ann:   connect /ws/messaging/7/?token=\$jwt_ann
back:  open
back:  bytes @{[main::request('/push/7', '', head => "Content-Length: 7\r\nExpect: 100-continue")]}
back:  expect_bytes /\\AHTTP.1\\.1 100 Continue\\r\\n\\r\\n\\z/
back:  bytes "{\\"a\\":"
ann:   recv_none 50ms
back:  bytes "1}"
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_raw {"a":1}
back:  drop
EOS



=== TEST 13: three on one connection, one after the other, and all at once
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my @r = map { main::request('/push/7', "{\"n\":$_}") } 0 .. 6;
<<"EOS";
ann:   connect /ws/messaging/7/?token=\$jwt_ann
back:  open
back:  bytes $r[1]
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
back:  bytes $r[2]
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
back:  bytes $r[3]
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann:   recv_series 1..3 {"n":%d}
back:  bytes $r[4] $r[5] $r[6]
back:  expect_bytes /\\AHTTP.1\\.1 202 [^{]*\\{"id":\\d+\\}\\n(?=H)/
back:  expect_bytes /\\AHTTP.1\\.1 202 [^{]*\\{"id":\\d+\\}\\n(?=H)/
back:  expect_bytes /\\AHTTP.1\\.1 202 [^{]*\\{"id":\\d+\\}\\n\\z/
ann:   recv_series 4..6 {"n":%d}
back:  drop
EOS



=== TEST 14: HTTP/1.0
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
back:  header Content-Type: application/json
back:  http POST /push/7 HTTP/1.0 {"a":1}
back:  expect_status 202
back:  expect_body {"id":"<int>"}
ann:   recv_raw {"a":1}



=== TEST 15: HTTP/2, two streams at a time
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_REDIS_PORT http2;

        location = /push {
            messaging_publish on;
            messaging_conversation 7;
            messaging_max_message 10;
            allow all;
        }
    }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:  connect /ws/messaging/7/?token=$jwt_ann
# at a port that Redis has not been told to use
back: tls off
back: port $TEST_NGINX_REDIS_PORT
back: open
# the preface, SETTINGS, two times HEADERS, the body of the second, of the first
back: bytes "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" 000000040000000000 \
    00001f 0104 00000001 83 86 04 05 "/push" 01 01 "a" 0f10 10 "application/json" \
    00001f 0104 00000003 83 86 04 05 "/push" 01 01 "a" 0f10 10 "application/json" \
    000007 0001 00000003 "{\"a\":3}"
back: expect_bytes /\x01\x04\0\0\0\x03\x20?\x48\x03202.*\{"id":\d+\}\n/s
ann:  recv_raw {"a":3}
back: bytes 000004 0000 00000001 "{\"a\"" 000003 0001 00000001 ":1}"
back: expect_bytes /\x01\x04\0\0\0\x01\x20?(?:\x48\x03202|\xbe|\xbf|\xc0|\xc1).*\{"id":\d+\}\n/s
ann:  recv_raw {"a":1}
# too long; and a stream that is reset before its end
back: bytes \
    00001f 0104 00000005 83 86 04 05 "/push" 01 01 "a" 0f10 10 "application/json" \
    00000b 0001 00000005 "{\"a\":56789}" \
    00001f 0104 00000007 83 86 04 05 "/push" 01 01 "a" 0f10 10 "application/json" \
    000004 0000 00000007 "{\"a\"" \
    000004 0300 00000007 00000008
back: expect_bytes /\x01\x04\0\0\0\x05\x20?\x48\x03413/s
nginx: status posts.too_large 1
nginx: status posts.accepted 2
back: drop



=== TEST 16: Redis is down: 503, and comes back
--- log_level: info
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<'EOS' . main::post('back', '/push/7', '{}') . <<'EOS'
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
nginx: status redis.ready $WORKERS
ann:   ignore /resync/
redis: stop
nginx: status redis.ready 0
EOS
back:  expect_status 503
back:  expect_header Retry-After /^[1-9][0-9]*$$/
nginx: status posts.unavailable 1
nginx: status broker.publish_failed 1
nginx: expect_log /\[info\] .* messaging publish refused: unavailable, /
redis: start
nginx: within 15s status redis.ready $WORKERS
EOS
. main::post('back', '/push/7', '{"n":1}') . <<'EOS'
back:  expect_status 202
ann:   recv_raw {"n":1}
EOS



=== TEST 17: Redis refuses: 503
--- fake_redis
--- config eval: $::Locations
--- websocket eval
"nginx: status redis.ready \$WORKERS\nfake: reply PUBLISH \"-OOM no memory\\r\\n\"\n"
. main::post('back', '/push/7', '{}') . <<'EOS'
back:  expect_status 503
back:  expect_header Retry-After /^[1-9][0-9]*$$/
nginx: status publish_failures.refused 1
nginx: status posts.unavailable 1
EOS



=== TEST 18: Redis says nothing: 503 in time, and nobody else waits
--- fake_redis
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<'EOS' . main::post('back', '/push/7', '{}') . <<'EOS'
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
nginx: status redis.ready $WORKERS
fake:  hang PUBLISH
EOS
fake:  expect_command PUBLISH messaging:7
ann:   recv {}
other: http GET /status
other: expect_status 200
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
back:  not_before 4s within 9s expect_status 503
back:  expect_header Retry-After /^[1-9][0-9]*$$/
nginx: status posts.unavailable 1
fake:  normal
EOS



=== TEST 19: clients that go before the answer, in many ways
--- fake_redis
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $r = main::request('/push/7', '{"n":1}');
<<"EOS";
ann:   connect_retry /ws/messaging/7/?token=\$jwt_ann
nginx: status redis.ready \$WORKERS
ann:   ignore /resync/
fake:  reply PUBLISH*4 ""
c1..c4: open
c1..c4: bytes $r
fake:  count PUBLISH 4
c1:    drop
c2:    reset
c3:    bytes "POST /push/7 HTTP/1.1\\r\\n"
c3:    drop
c4:    bytes $r
nginx: expect_access_log /"POST .push.7 HTTP.1.1" 499 .*\\n(?:.*\\n)*.*"POST .push.7 HTTP.1.1" 499 /
# the answers, to the first request that waits on each connection
fake:  drop
c4:    expect_bytes /\\AHTTP.1\\.1 503 /
nginx: within 15s status redis.ready \$WORKERS
nginx: status posts.accepted 0
c4:    drop
c5:    open
c5:    bytes $r
c5:    expect_bytes /\\AHTTP.1\\.1 202 /
ann:   recv {"n":1}
c5:    drop
EOS



=== TEST 20: a worker that leaves stays until the answer is there
--- fake_redis
--- config eval: $::Locations
--- websocket eval
<<'EOS' . main::post('back', '/push/7', '{}') . <<'EOS'
nginx: status redis.ready $WORKERS
fake:  hang PUBLISH
EOS
fake:  expect_command PUBLISH messaging:7
nginx: reload
back:  within 9s expect_status 503
nginx: within 15s expect_workers $WORKERS
EOS



=== TEST 21: a stop does not wait, and nothing is left behind
--- fake_redis
--- config eval: $::Locations
--- websocket eval
<<'EOS' . main::post('back', '/push/7', '{}') . <<'EOS'
nginx: status redis.ready $WORKERS
fake:  hang PUBLISH
EOS
fake:  expect_command PUBLISH messaging:7
nginx: stop
nginx: expect_exit
back:  expect_status 503
EOS



=== TEST 22: who may publish is nginx's business
--- messaging_http
--- http_config
    auth_basic_user_file $TEST_NGINX_SERVER_ROOT/conf/passwd;
--- config
        location = /deny {
            messaging_publish on;
            messaging_conversation 7;
            deny all;
        }
        location = /basic {
            messaging_publish on;
            messaging_conversation 7;
            auth_basic push;
        }
        location = /internal {
            internal;
            messaging_publish on;
            messaging_conversation 7;
        }
        location = /request {
            messaging_publish on;
            messaging_conversation 7;
            auth_request /no;
        }
        location = /no {
            return 403;
        }
        location = /status {
            messaging_status on;
        }
--- conf_files
>>> passwd
app:{PLAIN}secret
--- no_error_log
[warn]
--- websocket eval
main::post('back', '/deny', '{}') . "back: expect_status 403\n"
. main::post('back', '/basic', '{}') . "back: expect_status 401\n"
. "back: header Authorization: Basic YXBwOndyb25n\n"
. main::post('back', '/basic', '{}') . "back: expect_status 401\n"
. "back: header Authorization: Basic YXBwOnNlY3JldA==\n"
. main::post('back', '/basic', '{}') . "back: expect_status 202\n"
. main::post('back', '/internal', '{}') . "back: expect_status 404\n"
. main::post('back', '/request', '{}') . "back: expect_status 403\n"
. "nginx: status broker.published 1\n"



=== TEST 23: a location that anybody may publish to: a warning
--- messaging_http
--- config
        location = /open {
            messaging_publish on;
            messaging_conversation 7;
        }
        location = /closed {
            messaging_publish on;
            messaging_conversation 7;
            allow all;
        }
--- error_log eval
qr/\[warn\] .*: location "\/open" has "messaging_publish on" and nothing that says who may publish, such as .*nginx\.conf:\d+$/m
--- no_error_log
location "/closed"
--- websocket eval
main::post('back', '/open', '{}') . "back: expect_status 202\n"



=== TEST 24: rules that are switched off or are for others are none
--- messaging_http
--- http_config
    auth_basic_user_file /none;
    auth_basic push;

    server {
        listen 127.0.0.1:$TEST_NGINX_REDIS_PORT ssl;
        ssl_certificate $TEST_NGINX_KEYS/cert.pem;
        ssl_certificate_key $TEST_NGINX_KEYS/cert.key;
        ssl_client_certificate $TEST_NGINX_KEYS/cert.pem;
        ssl_verify_client optional;
        auth_basic off;

        location = /optional {
            messaging_publish on;
            messaging_conversation 7;
        }
    }
--- config
        location = /off {
            messaging_publish on;
            messaging_conversation 7;
            auth_basic off;
            auth_request off;
        }
        location = /except {
            messaging_publish on;
            messaging_conversation 7;
            auth_basic off;
            limit_except POST {
                deny all;
            }
        }
--- error_log eval
[map { qr{\[warn\] .*: location "/$_" has "messaging_publish on" and} }
 qw( optional off except )]
--- websocket eval
main::post('back', '/except', '{}') . "back: expect_status 202\n"



=== TEST 25: rules that come from anywhere are rules
--- messaging_http
--- http_config
    server {
        listen 127.0.0.1:$TEST_NGINX_REDIS_PORT ssl;
        ssl_certificate $TEST_NGINX_KEYS/cert.pem;
        ssl_certificate_key $TEST_NGINX_KEYS/cert.key;
        ssl_client_certificate $TEST_NGINX_KEYS/cert.pem;
        ssl_verify_client on;

        location = /push {
            messaging_publish on;
            messaging_conversation 7;
        }
    }

    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/push.sock;
        allow unix:;

        location = /push {
            messaging_publish on;
            messaging_conversation 7;
        }
    }

    server {
        listen unix:$TEST_NGINX_SERVER_ROOT/push6.sock;
        deny ::1;

        location = /push {
            messaging_publish on;
            messaging_conversation 7;
        }
    }
--- config
        location /outer/ {
            auth_request /yes;
            location /outer/inner {
                messaging_publish on;
                messaging_conversation 7;
            }
        }
        location = /yes {
            return 204;
        }
        location @named {
            messaging_publish on;
            messaging_conversation 7;
        }
        location = /off {
            messaging_publish off;
        }
        location = /except {
            messaging_publish on;
            messaging_conversation 7;
            limit_except GET {
                allow 127.0.0.2;
                deny all;
            }
        }
--- no_error_log
[warn]
--- websocket eval
main::post('back', '/outer/inner', '{}') . "back: expect_status 202\n"
. main::post('back', '/except', '{}') . "back: expect_status 403\n"
. "back: from 127.0.0.2\n"
. main::post('back', '/except', '{}') . "back: expect_status 202\n"



=== TEST 26: in an if, and in a subrequest with the body of its request
--- config
        location = /if {
            messaging_publish on;
            messaging_conversation $arg_id;
            messaging_max_message 8;
            allow all;
            if ($arg_x) {
                set $x 1;
            }
        }
        location = /api {
            mirror /mirror;
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/ok;
        }
        location = /mirror {
            internal;
            messaging_publish on;
            messaging_conversation 7;
        }
        location = /ok {
            return 200 ok;
        }
        location /ws/ {
            messaging on;
            messaging_conversation 7;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
        location = /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/?token=\$jwt_ann\n"
. main::post('back', '/if?id=7&x=1', '{"a":12}') . <<'EOS'
back: expect_status 202
ann:  recv_raw {"a":12}
EOS
. main::post('back', '/api', '{"a":2}') . <<'EOS'
back: expect_status 200
ann:  recv_raw {"a":2}
nginx: status posts.accepted 2
EOS
. main::post('back', '/api', '{"a":') . <<'EOS'
back: expect_status 200
nginx: status posts.invalid 1
EOS



=== TEST 27: many at once
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS'
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
c1..c50: header Content-Type: application/json
c1..c50: http POST /push/7 {"n":$N}
c1..c50: expect_status 202
EOS
. main::lines('ann,bob: recv_unordered', map { " {\"n\":$_}" } 1 .. 50) . <<'EOS'

nginx: status posts.accepted 50
EOS



=== TEST 28: neither of the targets
--- config
        location /push/ {
            messaging_publish on;
        }
--- must_die
--- error_log
location "/push/" has "messaging_publish on", but does not say where to: write "messaging_conversation" or "messaging_channel"



=== TEST 29: both of them
--- config
        location /push/ {
            messaging_publish on;
            messaging_conversation 1;
            messaging_channel a:b;
        }
--- must_die
--- error_log
location "/push/" has both "messaging_conversation" and "messaging_channel"



=== TEST 30: a conversation that is none
--- config
        location /push/ {
            messaging_publish on;
            messaging_conversation a:b;
        }
--- must_die
--- error_log
invalid conversation "a:b"



=== TEST 31: a channel that is none
--- config
        location /push/ {
            messaging_publish on;
            messaging_channel user;
        }
--- must_die
--- error_log
invalid channel "user"



=== TEST 32: both handlers in one location
--- config
        location /push/ {
            messaging on;
            messaging_publish on;
        }
--- must_die
--- error_log
"messaging_publish" directive comes after another handler of the location



=== TEST 33: another handler, later
--- config
        location /push/ {
            messaging_publish on;
            messaging_conversation 7;
            proxy_pass http://127.0.0.1:1;
        }
--- must_die
--- error_log
location "/push/" has "messaging_publish on" and another handler, such as "proxy_pass"



=== TEST 34: a limit over that of the relay
--- config
        location /push/ {
            messaging_publish on;
            messaging_conversation 7;
            messaging_max_message 5m;
        }
--- must_die
--- error_log
"messaging_max_message" must not be over 4m



=== TEST 35: a limit of nothing
--- config
        location /push/ {
            messaging_publish on;
            messaging_conversation 7;
            messaging_max_message 0;
        }
--- must_die
--- error_log
"messaging_max_message" must not be 0



=== TEST 36: without Redis, in the order of all others
--- messaging_http
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . main::each_of(main::post('a', '/push/7', '{"n":VALUE}') . <<'EOP', 1 .. 8);
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
EOS
a:       expect_status 202
ann,bob: recv_raw {"n":VALUE}
EOP



=== TEST 37: without Redis: a conversation and a channel, on all workers
--- messaging_http
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
many:  connect_apart ann /ws/messaging/?token=$jwt_bob
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
user:  connect /ws/user/?token=$jwt_bob
two:   connect_apart user /ws/user/?token=$jwt_bob
other: connect /ws/user/?token=$jwt_ann
back:  header Content-Type: application/json
back:  http POST /push/7 {"type":"notice",  "n":1.0e2}
back:  expect_status 202
back:  expect_body {"id":"<int>"}
back:  capture one id
ann,bob: recv_raw {"type":"notice",  "n":1.0e2}
many:  recv_raw {"conversation_id":7,"type":"notice",  "n":1.0e2}
ann:   send {"type":"message","content":"x"}
ann,bob,many: recv {"type":"new_message","...":0}
back:  header Content-Type: application/json
back:  http POST /push?user=2 {"type":"badge"}
back:  expect_status 202
back:  expect_body /\A\{"id":(?!$one\D)\d+\}\n\z/
user,two: recv_raw {"type":"badge"}
ann,bob,many,other: recv_none 50ms
nginx: status broker.published 3
nginx: status posts.accepted 2
nginx: status relay.skipped 0



=== TEST 38: without Redis: many publish at once, all get it in one order
--- messaging_http
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my @back = map { my $b = $_;
    "b$b: bytes " . main::lines(map {
        main::request('/push/7', "{\"b\":$b,\"n\":$_}") . ' ' } 1 .. 20) . "\n"
    } 1 .. 4;
main::lines(<<'EOS', @back, map { <<"EOF" } 1 .. 80)
c1..c8: connect /ws/messaging/7/?token=$jwt_ann
b1..b4: open
EOS
c1: recv {"b":"<int>","n":"<int>"}
c1: capture b$_ b
c1: capture n$_ n
c2..c8: recv {"b":\$b$_,"n":\$n$_}
EOF
. <<'EOS';
nginx: status posts.accepted 80
b1..b4: expect_bytes /(?:HTTP.1\.1 202 [^{]*\{"id":\d+\}\n){20}\z/
b1..b4: drop
EOS



=== TEST 39: without Redis: the longest frame there can be
--- not_in
onebyte (it is almost a megabyte)
--- messaging_http
--- http_config
messaging_zone large:103m;
--- config eval
"        messaging_max_message 960k;\n$::Locations"
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $most = main::frame(960 * 1024);
<<"EOS";
ann:   connect /ws/messaging/7/?token=\$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=\$jwt_ann
back:  open
back:  bytes @{[main::request('/push/7', $most)]}
back:  expect_bytes /\\AHTTP.1\\.1 202 .*\\}\\n/s
ann,bob: recv_raw $most
back:  bytes @{[main::request('/push/7', '', head => 'Content-Length: ' . (960 * 1024 + 1))]}
back:  expect_bytes /\\AHTTP.1\\.1 413 /
back:  drop
nginx: status posts.too_large 1
nginx: status relay.laps 0
EOS
