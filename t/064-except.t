# Frames of a backend that leave somebody out.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# a POST by "http", which has the connection closed, and is answered by 202;
# "head" are more fields
sub post {
    my ($path, $body, @head) = @_;
    return CORE::join '', map({ "back: header $_\n" }
                              'Content-Type: application/json', @head),
                          "back: http POST $path $body\n",
                          "back: expect_status 202\n",
                          map({ 'back: header !' . s/:.*//r . "\n" } @head);
}

sub refused {
    my ($fields, $path) = @_;
    my $text = "POST $path HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
             . "Content-Type: application/json\r\n$fields"
             . "Content-Length: 2\r\n\r\n{}";
    $text =~ s/([^ !#-\[\]-~])/sprintf '\\x%02x', ord $1/ge;
    return "back: open\nback: bytes \"$text\"\n"
         . "back: expect_bytes /\\AHTTP.1\\.1 400 /\nback: drop\n";
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

# all workers may publish
our $Ready = "nginx: status redis.ready \$WORKERS\n";

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: all connections of a user are left out, on all endpoints
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
mail: {"user_id":"a@b","exp":"+60"}
--- websocket eval
$::Ready .
<<'EOS'
ann:   connect /ws/messaging/7/?token=$jwt_ann
too:   connect_apart ann /ws/messaging/7/?token=$jwt_ann
many:  connect_apart ann /ws/messaging/?token=$jwt_ann
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
mail:  connect /ws/messaging/7/?token=$jwt_mail
EOS
. main::post('/push/7', '{"n":1}', 'Messaging-Except-User: 1') . <<'EOS'
bob,mail: recv_raw {"n":1}
EOS
. main::post('/push/7', '{"n":2}', 'messaging-except-user: a%40b') . <<'EOS'
ann,too,bob: recv_raw {"n":2}
many:  recv_raw {"conversation_id":7,"n":2}
EOS
. main::post('/push/7', '{"n":3}') . <<'EOS'
ann,too,bob,mail: recv_raw {"n":3}
many:  recv_raw {"conversation_id":7,"n":3}
nginx: status posts.accepted 3
EOS



=== TEST 2: one connection is left out, wherever it is
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
$::Ready .
<<'EOS'
one:   connect /ws/messaging/7/?token=$jwt_ann
one:   capture one header:X-Connection
two:   connect_apart one /ws/messaging/7/?token=$jwt_ann
two:   capture two header:X-Connection
three: connect /ws/messaging/7/?token=$jwt_ann
many:  connect_apart one /ws/messaging/?token=$jwt_bob
many:  capture many header:X-Connection
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
user:  connect /ws/user/?token=$jwt_bob
user:  capture user header:X-Connection
EOS
. main::post('/push/7', '{"n":1}', 'Messaging-Except-Connection: $one')
. <<'EOS'
two,three: recv_raw {"n":1}
many:  recv_raw {"conversation_id":7,"n":1}
EOS
. main::post('/push/7', '{"n":2}', 'Messaging-Except-Connection: $two')
. <<'EOS'
one,three: recv_raw {"n":2}
many:  recv_raw {"conversation_id":7,"n":2}
EOS
. main::post('/push/7', '{"n":3}', 'Messaging-Except-Connection: $many',
             'Messaging-Except-User: 9')
. <<'EOS'
one,two,three: recv_raw {"n":3}
EOS
. main::post('/push/7', '{"n":4}', 'Messaging-Except-Connection: $many',
             'Messaging-Except-User: 1')
. main::post('/push/7', '{"n":5}', 'Messaging-Except-Connection: ${one}0')
. <<'EOS'
one,two,three: recv_raw {"n":5}
many:  recv_raw {"conversation_id":7,"n":5}
EOS
. main::post('/push?user=2', '{"n":6}', 'Messaging-Except-Connection: $user')
. main::post('/push?user=2', '{"n":7}', 'Messaging-Except-Connection: $one')
. <<'EOS'
user:  recv_raw {"n":7}
nginx: status posts.accepted 7
EOS



=== TEST 3: a name of nobody, of another worker's form, of a great number
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
$::Ready .
<<'EOS'
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   capture id header:X-Connection
EOS
. main::post('/push/7', '{"n":1}', 'Messaging-Except-Connection: x')
. main::post('/push/7', '{"n":2}',
             'Messaging-Except-Connection: 0011223344556677-1')
. main::post('/push/7', '{"n":3}',
             'Messaging-Except-Connection: ${id}99999999999999999999')
. main::post('/push/7', '{"n":4}', 'Messaging-Except-Connection: ${id}x')
. main::post('/push/7', '{"n":5}', 'Messaging-Except-User: ' . 'u' x 384)
. <<'EOS'
ann:   recv_series 1..5 {"n":%d}
nginx: status posts.accepted 5
EOS



=== TEST 4: fields that are not of their form: 400, nobody gets the frame
--- log_level: info
--- config eval: $::Locations
--- websocket eval
$::Ready .
CORE::join('', map { main::refused("$_\r\n", '/push/7') }
    'Messaging-Except-User:', 'Messaging-Except-User: a@b',
    'Messaging-Except-User: %c3%a9', 'Messaging-Except-User: %41',
    'Messaging-Except-User: 1, 2', "Messaging-Except-User: \xc3\xa9",
    'Messaging-Except-User: ' . 'u' x 385,
    "Messaging-Except-User: 1\r\nMessaging-Except-User: 1",
    'Messaging-Except-Connection:', 'Messaging-Except-Connection: a b',
    "Messaging-Except-Connection: \x{e9}",
    'Messaging-Except-Connection: ' . 'c' x 65,
    "messaging-except-connection: a\r\nMessaging-Except-Connection: b")
. <<'EOS'
nginx: status posts.header 13
nginx: metric messaging_posts_total{result="header"} 13
nginx: status broker.published 0
nginx: expect_log /\[info\] .* bad header field "Messaging-Except-User"/
nginx: expect_log /\[info\] .* messaging publish refused: header, /
nginx: metrics
EOS



=== TEST 5: what leads a payload in Redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- config eval: $::Locations
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   capture ann header:X-Connection
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
redis: publish_raw messaging:7 "@ c=${ann}\n{\x22n\x22:1}"
bob:   recv_raw {"n":1}
redis: publish_raw messaging:7 "@ x=2 c=${ann} k=receipt\n{\x22n\x22:2}"
redis: publish_raw messaging:7 "@ c=1 c=2\n{\x22n\x22:3}"
redis: publish_raw messaging:7 "@ c=x\n{\x22n\x22:4}"
ann,bob: recv_raw {"n":4}
nginx: expect_log /payload for channel "7" dropped: not a frame/
