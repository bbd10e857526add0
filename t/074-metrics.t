# The counters in Prometheus' text format, and what is made of them: the
# dashboard, the rules and the manual.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the text keeps to its format and has the numbers of the JSON
--- websocket
a:     http GET /status?format=prometheus
a:     expect_status 200
a:     expect_header Content-Type text/plain; version=0.0.4; charset=utf-8
a:     expect_header Vary Accept
a:     expect_body /\A# HELP messaging_workers .*\n# TYPE messaging_workers gauge\nmessaging_workers $WORKERS\n/
nginx: metric messaging_redis_ready_workers $WORKERS
nginx: metrics



=== TEST 2: what the dashboard, the rules and README use is there
--- websocket
nginx: metrics_of conf.d/grafana.json conf.d/alerts.yml README.md



=== TEST 3: the format by the argument
--- websocket
a:     http GET /status?format=json
a:     expect_status 200
a:     expect_header Content-Type application/json
a:     header Accept: text/plain
a:     http GET /status?format=json
a:     expect_status 200
a:     expect_header Content-Type application/json
a:     header Accept: application/json
a:     http GET /status?x=1&format=prometheus
a:     expect_status 200
a:     expect_header Content-Type /\Atext\/plain;/
a:     http GET /status?format=xml
a:     expect_status 400
a:     http GET /status?format=
a:     expect_status 400
a:     http GET /status?format=Prometheus
a:     expect_status 400
a:     http GET /status?format=prometheus2
a:     expect_status 400
a:     http HEAD /status?format=prometheus
a:     expect_status 200
a:     expect_header Content-Type /\Atext\/plain;/
a:     http POST /status?format=prometheus
a:     expect_status 405



=== TEST 4: the format by the Accept header
Scrapers of three generations get the text, browsers and scripts JSON.
--- websocket eval
my ($json, $text) = ('application/json', 'text/plain; version=0.0.4; charset=utf-8');
CORE::join '', map { my ($type, @accept) = @$_;
    CORE::join('', map { "a: header Accept: $_\n" } @accept)
    . "a: http GET /status\na: expect_status 200\na: expect_header Content-Type $type\n" }

    [$text, 'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1'],
    [$text, 'application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1'],
    [$text, 'application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,text/plain;version=0.0.4;q=0.3,*/*;q=0.1'],
    [$text, 'text/plain'],
    [$text, 'TEXT/Plain'],
    [$text, 'text/*'],
    [$text, 'text/plain, application/json;q=0.9'],
    [$text, " text/plain\t; Q=1.000 ,application/json ; q=0.999"],
    [$text, 'application/json;q=0, text/plain;q=0.001'],
    [$text, '*/*, application/json;q=0.9'],
    [$text, 'application/json;x="a,text/plain;q=0.1";q=0.2, text/plain;q=0.3'],
    [$text, ',,text/plain'],
    [$text, 'application/json;q=0.5', 'text/plain'],

    [$json, '*/*'],
    [$json, 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'],
    [$json, 'application/json'],
    [$json, 'application/json, text/plain, */*'],
    [$json, 'text/plain;q=0.5, application/json;q=0.501'],
    [$json, 'text/plain;q=0, */*'],
    [$json, 'text/*, text/plain;q=0.1, application/*;q=0.2'],
    [$json, 'text/plain;x="a,application/json;q=0.1";q=0.2, application/json;q=0.3'],
    [$json, 'text/plainer'],
    [$json, 'text'],
    [$json, 'image/png'],
    [$json, ';;text/plain'],
    [$json, 'image/png;x="text/plain, text/plain'],
    [$json, ''],
    [$json];



=== TEST 5: the numbers are what clients did
Four connections and six handshakes refused, two of them with a status; five
messages and a frame that was not taken.
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
old: {"user_id":1,"exp":"-60"}
bad: {"user_id":1,"exp":"+60"} forge=flip
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
cid:   connect /ws/messaging/?token=$jwt_ann
dan:   connect /ws/messaging/8/?token=$jwt_ann
e1..e2: connect /ws/messaging/7/?token=$jwt_old
e1..e2: expect_close 4001 token expired
e3:    connect /ws/messaging/7/?token=$jwt_bad
e3:    expect_close 4001 token invalid
e4:    connect /ws/messaging/7/
e4:    expect_close 4001 token missing
e5:    refused 404 /ws/messaging/a:b/?token=$jwt_ann
e6:    http POST /ws/messaging/7/
e6:    expect_status 405
nginx: metric messaging_connections 4
nginx: metric messaging_subscriptions 3
nginx: metric messaging_connections_accepted_total 4
nginx: metric messaging_refusals_total{reason="token_expired"} 2
nginx: metric messaging_refusals_total{reason="token_signature"} 1
nginx: metric messaging_refusals_total{reason="token_missing"} 1
nginx: metric messaging_refusals_total{reason="conversation"} 1
nginx: metric messaging_refusals_total{reason="method"} 1
nginx: metric messaging_closes_total{code="4001"} 4
nginx: metric messaging_connections_ended_total 0
ann:   send {"type":"typing"}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
bob:   send {"type":"read"}
ann,bob: recv {"type":"read_receipt","...":0}
cid:   send {"type":"ping"}
cid:   recv {"type":"pong","...":0}
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
ann:   send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","...":0}
nginx: metric messaging_messages_total{direction="in"} 5
nginx: metric messaging_messages_total{direction="out"} 7
nginx: metric messaging_broker_published_total 3
cid:   send {"type":"auth","token":"$jwt_old"}
cid:   expect_close 4001
dan:   close 1000
dan:   expect_close 1000
bob:   reset
nginx: metric messaging_connections 1
nginx: metric messaging_closes_total{code="1000"} 1
nginx: metric messaging_closes_total{code="1006"} 1
nginx: metric messaging_closes_total{code="4001"} 5
nginx: metric messaging_connections_ended_total 3
nginx: metrics
ann:   close 1001
ann:   expect_close 1001
nginx: metric messaging_closes_total{code="1001"} 1
nginx: metric messaging_connections_ended_total 4
nginx: metric messaging_connections 0
nginx: metric messaging_channels 0



=== TEST 6: the state of Redis, and a gap of one worker
A worker without subscriptions has no gap.
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: metric messaging_redis_ready_workers $WORKERS
redis: stop
nginx: metric messaging_redis_ready_workers 0
redis: start
nginx: status redis.ready $WORKERS
nginx: metric messaging_redis_gaps_total 0
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
redis: kill_subscribers
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: metric messaging_redis_gaps_total 1
nginx: metric messaging_resyncs_total 1
nginx: metrics
redis: stop
nginx: metric messaging_redis_ready_workers 0
nginx: metric messaging_redis_gaps_total 2
ann:   send {"type":"read"}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
nginx: metric messaging_publish_failures_total{reason="down"} 1
redis: start
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: metric messaging_redis_gaps_total 2
nginx: metric messaging_redis_ready_workers $WORKERS
nginx: metrics



=== TEST 7: unsubscribed by Redis: a gap
--- fake_redis
--- messaging_http
messaging_redis unix:$TEST_NGINX_FAKE_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
fake:  push "*3\r\n$$11\r\nunsubscribe\r\n$$11\r\nmessaging:7\r\n:0\r\n"
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: metric messaging_redis_gaps_total 1
nginx: metric messaging_redis_lost_total 0



=== TEST 8: drops and failures by reason
The message ids tell that messages have been received and obeyed.
--- fake_redis
reply PUBLISH*2 -ERR not now
--- messaging_http
messaging_redis unix:$TEST_NGINX_FAKE_SOCKET;
--- http_config
messaging_max_message 1k;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $long = 'x' x 2000;
<<"EOS"
ann:   connect_retry /ws/messaging/7/?token=\$jwt_ann
fake:  publish messaging:7 no frame
fake:  publish messaging:7 {"a":"$long"}
fake:  publish messaging:7 {"a":"$long"}
fake:  publish messaging:7 {"a":1}
ann:   recv {"a":1}
fake:  push "*3\\r\\n\$\$7\\r\\nmessage\\r\\n\$\$11\\r\\nmessaging:7\\r\\n\$\$3\\r\\n{\\xff}\\r\\n"
nginx: metric messaging_drops_total{reason="not_a_frame"} 1
nginx: metric messaging_drops_total{reason="too_long"} 2
nginx: metric messaging_drops_total{reason="not_utf8"} 1
nginx: status broker.dropped 4
ann:   send {"type":"read"}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   send {"type":"read"}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   send {"type":"read"}
ann:   recv {"type":"read_receipt","...":0}
nginx: metric messaging_publish_failures_total{reason="refused"} 2
nginx: status broker.publish_failed 2
nginx: status broker.published 1
nginx: metrics

# the one that was refused is not waited for as a sample
wait 110ms
ann:   send {"type":"read"}
ann:   recv {"type":"read_receipt","...":0}
a:     http GET /status
a:     expect_status 200
a:     expect_body /"count":[12],"lost":0\}/
EOS



=== TEST 9: more frames than may wait for Redis: overloaded, counted as clients see it
--- fake_redis
--- messaging_http
messaging_redis unix:$TEST_NGINX_FAKE_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
ann:   ignore /resync|new_message/
fake:  hang PUBLISH
ann:   cork
ann:   send_series 1..67 {"type":"message","content":"%d","client_id":"%d"}
ann:   uncork
ann:   recv_series 65..67 {"type":"nack","client_id":"%d","code":"unavailable","...":0}
nginx: metric messaging_publish_failures_total{reason="overloaded"} 3
nginx: metric messaging_publish_failures_total{reason="down"} 0
fake:  drop
ann:   recv_series 1..64 {"type":"nack","client_id":"%d","code":"unavailable","...":0}
nginx: metric messaging_publish_failures_total{reason="down"} 64
nginx: status broker.publish_failed 67
nginx: metrics



=== TEST 10: the lag of Redis: a slow one is in a bucket of its own
The first payload comes back at once, the second after 600 ms, one that was
refused and those of backends are none. Samples are 100 ms apart.
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
backend: publish 7 {"a":1}
ann:     recv {"a":1}
nginx:   metric messaging_redis_lag_seconds_count 0
ann:     send {"type":"read"}
ann:     recv {"type":"read_receipt","...":0}
nginx:   metric messaging_redis_lag_seconds_count 1
nginx:   metric messaging_redis_lag_seconds_bucket{le="+Inf"} 1
nginx:   status redis_lag.more 0
wait 110ms
redis:   pause
ann:     send {"type":"read"}
ann:     recv_none 600ms
redis:   continue
ann:     recv {"type":"read_receipt","...":0}
nginx:   metric messaging_redis_lag_seconds_count 2
nginx:   metric messaging_redis_lag_lost_total 0
nginx:   metrics
a:       http GET /status
a:       expect_status 200
a:       expect_body /"500ms":[01],"2s":[12],"more":0,"sum_us":(?!0,)\d{6,},"count":2,"lost":0\}/



=== TEST 11: not every payload is a sample, however fast they come
--- not_in: embedded (what is sampled is the delay of Redis)
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. CORE::join('', map { <<"EOS" } 1 .. 20)
ann: send {"type":"message","content":"$_"}
ann: recv {"type":"new_message","message":{"content":"$_","...":0}}
EOS
. <<'EOS';
nginx: status broker.published 20
a:     http GET /status
a:     expect_status 200
a:     expect_body /"count":(?:1?[1-9]|10),"lost":0\}/
EOS



=== TEST 12: what does not come back within 10 s is lost, what was lost with Redis is not
The fake Redis takes the first payload and does not give it to anybody.
--- fake_redis
reply PUBLISH*1 :1
--- messaging_http
messaging_redis unix:$TEST_NGINX_FAKE_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"read"}
nginx: metric messaging_broker_published_total 1
wait 10s
nginx: metric messaging_redis_lag_lost_total 0
ann:   send {"type":"read"}
ann:   recv {"type":"read_receipt","...":0}
nginx: metric messaging_redis_lag_lost_total 1
nginx: metric messaging_redis_lag_seconds_count 1
wait 110ms
fake:  reply PUBLISH*1 :1
ann:   send {"type":"read"}
nginx: metric messaging_broker_published_total 3
fake:  drop
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status redis.ready $WORKERS
wait 110ms
ann:   send {"type":"read"}
ann:   recv {"type":"read_receipt","...":0}
nginx: metric messaging_redis_lag_seconds_count 2
nginx: metric messaging_redis_lag_lost_total 1
nginx: metrics



=== TEST 13: a sample whose sender leaves the channel is forgotten
--- fake_redis
reply PUBLISH*1 :1
--- messaging_http
messaging_redis unix:$TEST_NGINX_FAKE_SOCKET;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
ann:   send {"type":"read","conversation_id":7}
nginx: metric messaging_broker_published_total 1
ann:   send {"type":"unsubscribe","conversation_id":7}
ann:   recv {"type":"unsubscribed","conversation_id":7}
ann:   send {"type":"subscribe","conversation_id":7}
ann:   recv {"type":"subscribed","conversation_id":7}
wait 110ms
ann:   send {"type":"read","conversation_id":7}
ann:   recv {"type":"read_receipt","...":0}
nginx: metric messaging_redis_lag_seconds_count 1



=== TEST 14: the text after a reload
--- messaging_http
messaging_redis unix:$TEST_NGINX_REDIS_SOCKET;
messaging_drain 100ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"read"}
ann:   recv {"type":"read_receipt","...":0}
nginx: metric messaging_redis_lag_seconds_count 1
nginx: reload
ann:   expect_close 1012
nginx: expect_workers $WORKERS
nginx: metric messaging_workers $WORKERS
nginx: metric messaging_connections 0
nginx: metric messaging_connections_ended_total 1
nginx: metric messaging_redis_lag_seconds_count 1
nginx: metrics



=== TEST 15: a charset of the site is not put behind that of the text
--- http_config
charset koi8-r;
charset_types text/plain application/json;
--- websocket
a:     http GET /status?format=prometheus
a:     expect_status 200
a:     expect_header Content-Type text/plain; version=0.0.4; charset=utf-8
