# Many frames of a backend in one request.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# a POST by "http", which has the connection closed
sub post {
    my ($publications, $status, $path) = @_;
    return "back: header Content-Type: application/json\n"
         . 'back: http POST ' . ($path // '/publish')
         . " {\"publications\":[$publications]}\n"
         . 'back: expect_status ' . ($status // 202) . "\n";
}

# each of these is refused: "index: publications => error"
sub refused {
    my ($status, @tests) = @_;
    my $text = '';
    while (my ($index, $publications, $error) = splice @tests, 0, 3) {
        $text .= post($publications, $status)
               . "back: expect_body {\"error\":\"$error\""
               . (defined $index ? ",\"index\":$index" : '') . "}\n";
    }
    return $text;
}

sub body {
    my ($status, $body, $error) = @_;
    return "back: header Content-Type: application/json\n"
         . "back: http POST /publish $body\n"
         . "back: expect_status $status\n"
         . "back: expect_body {\"error\":\"$error\"}\n";
}

our $Locations = <<'EOC';
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;
        add_header X-Connection $messaging_connection always;

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

        location = /publish {
            messaging_publish batch;
            client_max_body_size 20m;
            allow 127.0.0.1;
            deny all;
        }

        location = /small {
            messaging_publish batch;
            messaging_max_message 20;
            allow 127.0.0.1;
            deny all;
        }

        location = /status {
            messaging_status on;
        }
EOC

# all workers may publish
our $Ready = "nginx: status redis.ready \$WORKERS\n";

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: conversations, users and channels, one or many, some left out
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
mail: {"user_id":"a@b","exp":"+60"}
--- websocket eval
$::Ready .
<<'EOS'
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   capture ann header:X-Connection
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
eight: connect /ws/messaging/room-8/?token=$jwt_bob
user1: connect /ws/user/?token=$jwt_ann
user2: connect_apart user1 /ws/user/?token=$jwt_bob
mail:  connect /ws/user/?token=$jwt_mail
many:  connect_apart ann /ws/messaging/?token=$jwt_mail
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
EOS
. main::post(CORE::join ',', map { "{$_}" }
    '"conversation_id":7,"frame":{"n":1}',
    '"frame":{"n":2},"conversation_id":"7","except_user":2',
    '"conversation_id":7,"except_connection":"$ann","frame":{"n":3}',
    '"conversation_ids":[7,"room-8"],"except_user":"a@b","frame":{"n":4}',
    '"user_id":2,"frame":{"n":5}',
    '"user_ids":["1",2,"a@b"],"frame":{"n":6},"idempotency_key":"k"',
    '"channel":"user:a%40b","frame":{"n":7}') . <<'EOS'
back:  expect_header Content-Type application/json
back:  expect_body {"ids":["<int>","<int>","<int>","<int>","<int>","<int>","<int>"]}
back:  capture one ids.0
back:  capture two ids.1
back:  capture last ids.6
expect_numbers $one < $two
expect_numbers $two < $last
ann:   recv_raw {"n":1}
ann:   recv_raw {"n":2}
ann:   recv_raw {"n":4}
bob:   recv_raw {"n":1}
bob:   recv_raw {"n":3}
bob:   recv_raw {"n":4}
eight: recv_raw {"n":4}
user1: recv_raw {"n":6}
user2: recv_raw {"n":5}
user2: recv_raw {"n":6}
mail:  recv_raw {"n":6}
mail:  recv_raw {"n":7}
many:  recv_raw {"conversation_id":7,"n":1}
many:  recv_raw {"conversation_id":7,"n":2}
many:  recv_raw {"conversation_id":7,"n":3}
nginx: status broker.published 10
nginx: status posts.accepted 1
EOS



=== TEST 2: frames are what was written, to the byte
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
$::Ready .
"ann:   connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::post(CORE::join ' , ', map { "{\"conversation_id\":7,$_}" }
    ' "frame" : { "n" : 1.0e2,"id":9007199254740993,"x":-0.10 } ',
    '"frame":{"frame":{"frame":"\"}]"},"é":"\u00e9\/ é 😀\\\\"}',
    '"frame":{}', '"frame":{"publications":[{"frame":[[[[]]]]}]}  ')
. <<'EOS'
ann:   recv_raw { "n" : 1.0e2,"id":9007199254740993,"x":-0.10 }
ann:   recv_raw {"frame":{"frame":"\"}]"},"é":"\u00e9\/ é 😀\\"}
ann:   recv_raw {}
ann:   recv_raw {"publications":[{"frame":[[[[]]]]}]}
EOS



=== TEST 3: one that is wrong, and nothing of the batch is sent
--- log_level: info
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $good = '{"conversation_id":7,"frame":{}}';
$::Ready .
"ann:   connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::refused(400,
    0, '[]', 'not an object',
    1, "$good,{\"conversation_id\":7}", 'no frame',
    2, "$good,$good,{\"frame\":{}},$good", 'no target',
    1, "$good,{\"conversation_id\":7,\"user_id\":1,\"frame\":{}}",
       'more than one kind of target',
    map {; 1, "$good,$_->[0]", $_->[1] }
    map { ["{\"frame\":{},$_->[0]}", $_->[1]] }
    ['"conversation_id":"user:5"', 'conversation_id'],
    ['"conversation_id":""', 'conversation_id'],
    ['"conversation_id":1.5', 'conversation_id'],
    ['"conversation_id":[7]', 'conversation_id'],
    ['"conversation_id":9007199254740993', 'conversation_id'],
    ['"conversation_ids":7', 'conversation_ids'],
    ['"conversation_ids":[]', 'conversation_ids'],
    ['"conversation_ids":[7,null]', 'conversation_ids'],
    ['"user_id":null', 'user_id'],
    ['"user_id":"' . 'u' x 129 . '"', 'user_id'],
    ['"user_ids":[true]', 'user_ids'],
    ['"channel":"7"', 'channel'],
    ['"channel":5', 'channel'],
    ['"conversation_id":7,"except_user":null', 'except_user'],
    ['"conversation_id":7,"except_connection":"a b"', 'except_connection'],
    ['"conversation_id":7,"except_connection":""', 'except_connection'],
    ['"conversation_id":7,"except_connection":"' . 'c' x 65 . '"',
     'except_connection'],
    ['"conversation_id":7,"idempotency_key":""', 'idempotency_key'],
    ['"conversation_id":7,"idempotency_key":"' . 'k' x 129 . '"',
     'idempotency_key'],
    ['"conversation_id":7,"exept_user":1', 'a member is not known'],
)
. main::refused(400, 1, "$good,{\"conversation_id\":7,\"frame\":[]}", 'frame',
    0, "{\"conversation_id\":7,\"fr\\u0061me\":{}}",
       'a name is written with escapes',
    undef, '', 'no publications, or too many')
. main::body(400, '[]', 'not a JSON object')
. main::body(400, '{"publications":[{"conversation_id":7,"frame":{}}]',
    'not a JSON object')
. main::body(400, '{"publications":{}}',
    'no array of publications, or more than that')
. main::body(400, '{"publications":[' . $good . '],"except_user":1}',
    'no array of publications, or more than that')
. main::body(400, '{"public\u0061tions":[' . $good . ']}',
    'a name is written with escapes')
. <<'EOS'
nginx: status posts.invalid 32
nginx: status posts.accepted 0
nginx: status broker.published 0
nginx: expect_log /\[info\] .* messaging publish: user_id, publication 1, /
nginx: expect_log /\[info\] .* messaging publish: not a JSON object, /
nginx: expect_log /\[info\] .* messaging publish refused: invalid, /
EOS



=== TEST 4: header fields have no place here
--- config eval: $::Locations
--- websocket eval
CORE::join '', map { "back: header $_: 1\n"
                     . main::post('{"conversation_id":7,"frame":{}}', 400)
                     . "back: header !$_\n" }
               'Messaging-Except-User', 'Messaging-Except-Connection';



=== TEST 5: how many, how deep, how long
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $good = '{"conversation_id":7,"frame":{}}';
my $many = CORE::join ',', map { "{\"conversation_id\":7,\"frame\":{\"n\":$_}}" }
                           1 .. 1000;
my $eight = CORE::join ',', (8) x 5000;
my $x = 'x' x 12;
$::Ready .
"ann:   connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::post($many)
. "ann:   recv_series 1..1000 {\"n\":%d}\n"
. main::refused(400, undef, "$many,$good", 'no publications, or too many')
. main::post("{\"conversation_ids\":[$eight],\"frame\":{}},"
             . "{\"conversation_ids\":[$eight],\"frame\":{}}")
. main::refused(400, 2, "{\"conversation_ids\":[$eight],\"frame\":{}},"
                        . "{\"conversation_ids\":[$eight],\"frame\":{}},$good",
                'too many targets')
. "nginx: status broker.published 11000\n"
. main::post('{"conversation_id":7,"frame":{"a":' . '[' x 15 . ']' x 15 . '}}')
. 'ann:   recv_raw {"a":' . '[' x 15 . ']' x 15 . "}\n"
. main::refused(400, undef,
                '{"conversation_id":7,"frame":{"a":' . '[' x 16 . ']' x 16
                . '}}', 'too many values, or nested too deep')
. main::post("{\"conversation_id\":7,\"frame\":{\"a\":\"$x\"}}", 202, '/small')
. "ann:   recv_raw {\"a\":\"$x\"}\n"
. main::post("$good,{\"conversation_id\":7,\"frame\":{\"a\":\"y$x\"}}", 413,
             '/small')
. <<'EOS'
back:  expect_body {"error":"the frame is too long","index":1}
nginx: status posts.too_large 1
nginx: status posts.accepted 4
EOS



=== TEST 6: a body over 16m, announced or not, and one of many pieces
--- config eval: $::Locations
--- timeout: 20
--- websocket eval
my $text = "POST /publish HTTP/1.1\\r\\nHost: a\\r\\n"
         . "Content-Type: application/json\\r\\n";
$::Ready .
<<"EOS"
back: open
back: bytes "${text}Content-Length: 16777217\\r\\n\\r\\n"
back: expect_bytes /\\AHTTP.1\\.1 413 /
back: drop
part: open
part: split 7
part: bytes "${text}Connection: close\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n" "11\\r\\n{\\"publications\\":\\r\\n" "22\\r\\n[{\\"conversation_id\\":7,\\"frame\\":{}}\\r\\n2\\r\\n]}\\r\\n0\\r\\n\\r\\n"
part: expect_bytes /\\AHTTP.1\\.1 202 .*\\{"ids":\\[\\d+\\]\\}\\n/s
part: drop
nginx: status posts.too_large 1
nginx: status posts.accepted 1
EOS



=== TEST 7: a client that has gone leaves nothing half done
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $many = CORE::join ',', map { "{\"conversation_id\":7,\"frame\":{\"n\":$_}}" }
                           1 .. 900;
my $body = "{\"publications\":[$many]}";
my $length = length $body;
$body =~ s/"/\\"/g;
my @pieces = unpack '(a30000)*', $body;
$::Ready .
<<"EOS"
ann:   connect /ws/messaging/7/?token=\$jwt_ann
back:  open
back:  bytes "POST /publish HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nContent-Length: $length\\r\\n\\r\\n" @{[map { "\"$_\" " } @pieces]}
back:  reset
ann:   recv_series 1..900 {"n":%d}
nginx: status broker.published 900
EOS



=== TEST 8: Redis goes: those that were not taken are null
--- config eval: $::Locations
--- websocket eval
"redis: kill\nnginx: status redis.ready 0\n"
. main::post('{"conversation_id":7,"frame":{}},{"user_id":7,"frame":{}}', 503)
. <<'EOS'
back:  expect_header Retry-After 5
back:  expect_body {"ids":[null,null]}
nginx: status posts.unavailable 1
EOS



=== TEST 9: some are taken and some are not
--- fake_redis
--- log_level: info
--- config eval: $::Locations
--- websocket eval
"nginx: status redis.ready \$WORKERS\n"
. "fake: reply PUBLISH*1 \"-OOM no memory\\r\\n\"\n"
. main::post('{"conversation_ids":[7,8],"frame":{}},'
             . '{"conversation_ids":[7,8],"frame":{}}', 503)
. <<'EOS'
back:  expect_body {"ids":[null,"<int>"]}
nginx: status broker.published 3
nginx: status publish_failures.refused 1
nginx: status posts.unavailable 1
nginx: expect_log /\[info\] .* messaging publish refused: unavailable/
EOS



=== TEST 10: the body says where to
--- config
    location = /publish {
        messaging_publish batch;
        messaging_conversation 7;
        allow all;
    }
--- must_die
--- error_log
location "/publish" has "messaging_publish batch", where the body says where to, and "messaging_conversation" or "messaging_channel"



=== TEST 11: another value
--- config
    location = /publish {
        messaging_publish many;
        allow all;
    }
--- must_die
--- error_log
invalid value "many"



=== TEST 12: a location that anybody may use
--- config
    location = /publish {
        messaging_publish batch;
    }
--- request
GET /publish
--- error_code: 405
--- error_log
location "/publish" has "messaging_publish batch" and nothing that says who may publish



=== TEST 13: without Redis, too, others have their turn meanwhile
--- messaging_http
messaging_zone large:64m;
--- config eval
$::Locations . <<'EOC'
        location = /large {
            messaging_publish batch;
            messaging_max_message 130000;
            client_max_body_size 20m;
            allow 127.0.0.1;
            deny all;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $body = '{"publications":[{"conversation_id":7,"frame":{"n":1}},'
           . '{"conversation_ids":[' . (CORE::join ',', 1001 .. 10998)
           . '],"frame":{"x":"' . 'x' x 120000 . '"}},'
           . '{"conversation_id":7,"frame":{"n":3}}]}';
my $length = length $body;
$body =~ s/"/\\"/g;
my @pieces = unpack '(a30000)*', $body;
<<"EOS" . main::post('{"conversation_id":7,"frame":{"n":2}}') . <<'EOS'
nginx: workers 1
nginx: reload
nginx: expect_workers 1
ann:   connect /ws/messaging/7/?token=\$jwt_ann
large: open
large: bytes "POST /large HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nContent-Length: $length\\r\\n\\r\\n" @{[map { "\"$_\" " } @pieces]}
ann:   recv_raw {"n":1}
EOS
ann:   recv_raw {"n":2}
ann:   recv_raw {"n":3}
nginx: status broker.published 10001
nginx: status broker.publish_failed 0
EOS
