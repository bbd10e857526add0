# A frame of a backend that comes twice is published once.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# a POST by "http", which has the connection closed
sub post {
    my ($client, $path, $body, $key, @more) = @_;
    return CORE::join '', map({ "$client: header $_\n" }
                     'Content-Type: application/json',
                     defined $key ? "Idempotency-Key: $key"
                                  : '!Idempotency-Key', @more),
         "$client: http POST $path $body\n",
         map { "$client: header !" . s/:.*//r . "\n" } @more;
}

sub fresh { return post(@_) . <<"EOS" }
$_[0]: expect_status 202
$_[0]: expect_header Idempotency-Replayed none
EOS

sub replayed { return post(@_) . <<"EOS" }
$_[0]: expect_status 202
$_[0]: expect_header Idempotency-Replayed true
EOS

sub batch {
    my ($status, @publications) = @_;
    return post('back', '/batch', '{"publications":['
                . (CORE::join ',', @publications) . ']}')
         . "back: expect_status $status\n";
}

our $Locations = <<'EOC';
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location ~ ^/push/(?<conversation>[^/]+)$ {
            messaging_publish on;
            messaging_conversation $conversation;
            allow 127.0.0.1;
            deny all;
        }

        location = /batch {
            messaging_publish batch;
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

=== TEST 1: the same again is answered as before, and not published again
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
$::Ready .
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "ann2: connect /ws/messaging/8/?token=\$jwt_ann\n"
. main::fresh('back', '/push/7', '{"n":1}', '"a-1"')
. "back: capture first id\n"
. CORE::join('', map {
    main::replayed("back$_", '/push/7', '{"n":1}', '"a-1"')
    . "back$_: expect_body {\"id\":\$first}\n" } 1 .. 8)
. main::replayed('back', '/push/7', ' {"n":1} ', '"a-1"')
. main::fresh('back', '/push/7', '{"n":2}', 'a-1')
. main::fresh('back', '/push/8', '{"n":3}', '"a-1"')
. main::fresh('back', '/push/7', '{"n":4}')
. main::fresh('back', '/push/7', '{"n":4}')
. main::fresh('back', '/push/7', '{"n":5}', 'k' x 128)
. main::replayed('back', '/push/7', '{"n":5}', 'k' x 128)
. <<'EOS'
ann:  recv_raw {"n":1}
ann:  recv_raw {"n":2}
ann:  recv_raw {"n":4}
ann:  recv_raw {"n":4}
ann:  recv_raw {"n":5}
ann2: recv_raw {"n":3}
nginx: status posts.accepted 6
nginx: status posts.replayed 10
nginx: status broker.published 6
nginx: metric messaging_posts_total{result="replayed"} 10
nginx: metrics
EOS



=== TEST 2: something else under the same key: 422
--- config eval: $::Locations
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
$::Ready .
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::fresh('back', '/push/7', '{"n":1}', 'a')
. main::post('back', '/push/7', '{"n":2}', 'a') . <<'EOS'
back: expect_status 422
back: expect_body {"error":"another frame had this idempotency key"}
EOS
. main::post('back', '/push/7', '{"n":1}', 'a', 'Messaging-Except-User: 1')
. "back: expect_status 422\n"
. main::post('back', '/push/7', '{"n":1}', 'a',
             'Messaging-Except-Connection: 1')
. "back: expect_status 422\n"
. main::replayed('back', '/push/7', '{"n":1}', 'a') . <<'EOS'
ann:  recv_raw {"n":1}
nginx: status posts.mismatch 3
nginx: status broker.published 1
nginx: expect_log /\[info\] .* messaging publish: another frame had this idempotency key, /
nginx: expect_log /\[info\] .* messaging publish refused: mismatch, /
EOS



=== TEST 3: keys that are none: 400
--- config eval: $::Locations
--- websocket eval
$::Ready .
CORE::join('', map { main::post('back', '/push/7', '{}', $_)
                     . "back: expect_status 400\n" }
           'a b', 'k' x 129, '')
. main::post('back', '/batch',
             '{"publications":[{"conversation_id":7,"frame":{}}]}', 'k')
. <<'EOS'
back: expect_status 400
nginx: status posts.header 4
nginx: status broker.published 0
EOS



=== TEST 4: while the first one is under way: 409; one that failed is forgotten
--- fake_redis
--- config eval: $::Locations
--- log_level: info
--- websocket eval
"nginx: status redis.ready \$WORKERS\nfake: hang PUBLISH\n"
. "slow: open\n"
. "slow: bytes \"POST /push/7 HTTP/1.1\\r\\nHost: a\\r\\nContent-Type: application/json\\r\\nIdempotency-Key: a\\r\\nContent-Length: 2\\r\\n\\r\\n{}\"\n"
. "fake: expect_command /PUBLISH messaging:7/\n"
. main::post('back', '/push/7', '{}', 'a') . <<'EOS'
back: expect_status 409
back: expect_header Retry-After 1
back: expect_body {"error":"under way"}
EOS
. main::batch(409, '{"conversation_id":8,"idempotency_key":"b","frame":{}}',
              '{"conversation_id":7,"idempotency_key":"a","frame":{}}')
. <<'EOS'
back: expect_body {"error":"under way","index":1}
slow: within 20s expect_bytes /\AHTTP.1\.1 503 /
slow: drop
fake: normal
nginx: status redis.ready $WORKERS
EOS
. main::fresh('back', '/push/7', '{}', 'a')
. main::fresh('back', '/push/8', '{}', 'b')
. main::replayed('back', '/push/7', '{}', 'a') . <<'EOS'
nginx: status posts.conflict 2
nginx: expect_log /\[info\] .* messaging publish refused: conflict, /
EOS
--- timeout: 30



=== TEST 5: Redis refuses: it is not remembered
--- fake_redis
--- config eval: $::Locations
--- websocket eval
"nginx: status redis.ready \$WORKERS\n"
. "fake: reply PUBLISH*1 \"-OOM no memory\\r\\n\"\n"
. main::post('back', '/push/7', '{}', 'a') . "back: expect_status 503\n"
. main::fresh('back', '/push/7', '{}', 'a')
. "fake: reply PUBLISH*1 \"-OOM no memory\\r\\n\"\n"
. main::batch(503, map { "{\"conversation_ids\":[7,8],\"frame\":{}"
                         . ",\"idempotency_key\":\"$_\"}" } 'x', 'y')
. "back: expect_body {\"ids\":[null,\"<int>\"]}\nback: capture y ids.1\n"
. main::batch(202, map { "{\"conversation_ids\":[7,8],\"frame\":{}"
                         . ",\"idempotency_key\":\"$_\"}" } 'x', 'y')
. <<'EOS'
back: expect_body {"ids":["<int>",$y]}
back: expect_header Idempotency-Replayed none
nginx: status publish_failures.refused 2
nginx: status broker.published 6
EOS



=== TEST 6: in a batch each has a key of its own, or none
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my @all = ('{"conversation_id":7,"idempotency_key":"a","frame":{"n":1}}',
           '{"conversation_id":7,"frame":{"n":2}}',
           '{"conversation_id":7,"idempotency_key":"b","frame":{"n":3}}');
$::Ready .
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::fresh('back', '/push/7', '{"n":1}', 'a')
. "back: capture a id\n"
. main::batch(202, @all) . <<'EOS'
back: expect_body {"ids":[$a,"<int>","<int>"]}
back: expect_header Idempotency-Replayed none
back: capture b ids.2
EOS
. main::batch(202, @all[2, 0]) . <<'EOS'
back: expect_body {"ids":[$b,$a]}
back: expect_header Idempotency-Replayed true
ann:  recv_series 1..3 {"n":%d}
EOS
. main::batch(422, '{"conversation_id":7,"idempotency_key":"c","frame":{}}',
              '{"conversation_id":7,"idempotency_key":"a","frame":{}}')
. <<'EOS'
back: expect_body {"error":"another frame had this idempotency key","index":1}
EOS
. main::batch(409, ('{"conversation_id":7,"idempotency_key":"d","frame":{}}')
                   x 2)
. "back: expect_body {\"error\":\"under way\",\"index\":1}\n"
. main::fresh('back', '/push/7', '{"n":"c"}', 'c')
. main::fresh('back', '/push/7', '{"n":"d"}', 'd') . <<'EOS'
ann:  recv_raw {"n":"c"}
ann:  recv_raw {"n":"d"}
nginx: status posts.accepted 4
nginx: status posts.replayed 1
nginx: status broker.published 5
EOS



=== TEST 7: keys are remembered for a time, then it is another one
--- messaging_http
    messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
    messaging_publish_idempotency 1s;
--- config eval: $::Locations
--- websocket eval
"nginx: status redis.ready \$WORKERS\n"
. main::fresh('back', '/push/7', '{"n":1}', 'a')
. "wait 1100ms\n"
. main::fresh('back', '/push/7', '{"n":2}', 'a')
. "nginx: status broker.published 2\n"



=== TEST 8: a zone has room for so many, the oldest is forgotten
--- not_in: embedded (a ring needs a larger zone)
--- messaging_http
    messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
    messaging_zone small:512k;
--- config eval: $::Locations
--- log_level: info
--- websocket eval
my @all = map { "{\"conversation_id\":7,\"idempotency_key\":\"$_\",\"frame\":{}}" }
          1 .. 256;
"nginx: status redis.ready \$WORKERS\n"
. main::batch(202, @all)
. "nginx: status limits.idempotency 0\n"
. main::replayed('back', '/push/7', '{}', '1')
. main::fresh('back', '/push/7', '{}', 'x')
. main::fresh('back', '/push/7', '{}', '1')
. main::replayed('back', '/push/7', '{}', '3') . <<'EOS'
nginx: status limits.idempotency 2
nginx: metric messaging_limits_total{limit="idempotency"} 2
nginx: expect_log /\[info\] .* messaging zone has no room for more idempotency keys, 1 of the oldest forgotten/
EOS



=== TEST 9: a reload forgets nothing
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
$::Ready .
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. main::fresh('back', '/push/7', '{}', 'a')
. "back: capture id id\nann,bob: recv {}\nann,bob: drop\nnginx: reload\n"
. main::replayed('back', '/push/7', '{}', 'a')
. "back: expect_body {\"id\":\$id}\n"



=== TEST 10: no time at all
--- http_config
    messaging_publish_idempotency 0;
--- config
--- must_die
--- error_log
value must be between 1 and 86400



=== TEST 11: more than a day
--- http_config
    messaging_publish_idempotency 86401s;
--- config
--- must_die
--- error_log
value must be between 1 and 86400
