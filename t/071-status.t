# The counters of all workers.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: every field is there, and 0 at first
--- websocket
a:     http GET /status
a:     expect_status 200
a:     expect_header Content-Type application/json
a:     expect_body {"workers":"<int>","connections":0,"subscriptions":0,"channels":0,"accepted":0,"messages":{"in":0,"out":0},"bytes":{"in":0,"out":0},"broker":{"published":0,"publish_failed":0,"received":0,"dropped":0,"resyncs":0},"refusals":{"method":0,"upgrade":0,"request":0,"version":0,"key":0,"origin":0,"conversation":0,"connections":0,"token_missing":0,"token_malformed":0,"token_algorithm":0,"token_key":0,"token_signature":0,"token_expired":0,"token_not_yet":0,"token_claim":0,"token_user":0,"token_internal":0,"access":0,"broker":0},"closes":{"1000":0,"1001":0,"1002":0,"1003":0,"1005":0,"1006":0,"1007":0,"1008":0,"1009":0,"1011":0,"1012":0,"1013":0,"4000":0,"4001":0,"4003":0,"other":0},"redis":{"ready":"<int>","reconnects":0,"lost":0}}
nginx: status workers $WORKERS



=== TEST 2: connections, subscriptions and channels of all workers
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/?token=$jwt_ann
bob:   send {"type":"subscribe","conversation_id":8}
bob:   recv {"type":"subscribed","conversation_id":8}
bob:   send {"type":"subscribe","conversation_id":9}
bob:   recv {"type":"subscribed","conversation_id":9}
nginx: status connections 2
nginx: status subscriptions 3
nginx: status channels 3
bob:   send {"type":"unsubscribe","conversation_id":9}
bob:   recv {"type":"unsubscribed","conversation_id":9}
nginx: status subscriptions 2
nginx: status channels 2
bob:   drop
nginx: status connections 1
nginx: status channels 1
ann:   close 1000
ann:   expect_close 1000
nginx: status connections 0
nginx: status subscriptions 0
nginx: status channels 0
nginx: status closes.1000 1
nginx: status closes.1006 1



=== TEST 3: messages and bytes
One frame of 15 bytes behind a masked header of 6, one of 15 behind 2.
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   send_text {"type":"ping"}
ann:   recv {"type":"pong"}
nginx: status messages.in 1
nginx: status messages.out 1
nginx: status bytes.in 21
nginx: status bytes.out 17
redis: publish messaging:7 {}
ann:   recv {}
nginx: status broker.received 1
nginx: status messages.out 2
ann:   send {"type":"read"}
ann:   recv {"type":"read_receipt","reader_id":1,"read_at":"<time>"}
nginx: status broker.published 1
nginx: status broker.received 2



=== TEST 4: what was counted survives a reload
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
ann:   close 1000
ann:   expect_close 1000
nginx: status closes.1000 1
nginx: reload
nginx: expect_workers $WORKERS
nginx: status closes.1000 1
nginx: status accepted 1
nginx: status connections 0



=== TEST 5: GET and HEAD only
--- websocket
a:     http HEAD /status
a:     expect_status 200
a:     http POST /status
a:     expect_status 405
a:     http DELETE /status
a:     expect_status 405



=== TEST 6: the state of Redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: kill_subscribers
nginx: status redis.lost 1
nginx: status redis.reconnects 1
nginx: status redis.ready $WORKERS
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status broker.resyncs 1
redis: stop
nginx: status redis.ready 0
redis: start
nginx: status redis.ready $WORKERS
ann:   recv {"type":"resync","within_ms":"<int>"}
