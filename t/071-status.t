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
The fields are those of the table, in its order.
--- websocket eval
open my $in, '<', 'src/ngx_messaging_shm.c' or die "shm.c: $!";
my $rows = do { local $/; readline $in };
my ($group, $json) = ('', '{"workers":"<int>"');
while ($rows =~ /^    \{ "(\w*)", "(\w+)", [01], ".+" \},$/gm) {
    my $zero = "$1.$2" eq 'redis.ready' ? '"<int>"' : 0;
    if ($1 eq $group) {
        $json .= ",\"$2\":$zero";
    } else {
        $json .= ($group eq '' ? '' : '}') . ",\"$1\":{"
                 . ($1 eq 'broker' ? '"kind":"redis",' : '') . "\"$2\":$zero";
        $group = $1;
    }
}
<<"EOS";
a:     http GET /status
a:     expect_status 200
a:     expect_header Content-Type application/json
a:     expect_body $json}}
nginx: status workers \$WORKERS
EOS



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
ann:     connect /ws/messaging/7/?token=$jwt_ann
ann:     send_text {"type":"ping"}
ann:     recv {"type":"pong"}
nginx:   status messages.in 1
nginx:   status messages.out 1
nginx:   status bytes.in 21
nginx:   status bytes.out 17
ann:     send {"type":"read"}
ann:     recv {"type":"read_receipt","reader_id":1,"read_at":"<time>"}
nginx:   status broker.published 1
nginx:   status broker.received 1
nginx:   status messages.out 2
backend: publish 7 {}
ann:     recv {}
nginx:   status broker.received 2
nginx:   status messages.out 3



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
redis: expect_subscribers messaging:@control $WORKERS
redis: kill_subscribers
nginx: status redis.lost $WORKERS
nginx: status redis.reconnects $WORKERS
nginx: status redis.ready $WORKERS
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status broker.resyncs 1
redis: stop
nginx: status redis.ready 0
redis: start
nginx: status redis.ready $WORKERS
ann:   recv {"type":"resync","within_ms":"<int>"}



=== TEST 7: who relays, and a line that says so
--- messaging_http
--- http_config
messaging_zone relay:16m;
--- websocket
nginx: status broker.kind "embedded"
nginx: metric messaging_broker{kind="embedded"} 1
nginx: metric messaging_broker{kind="redis"} 0
--- error_log
messaging relays through the zone "relay", in a ring of 8192k
--- no_error_log
messaging relays through Redis



=== TEST 8: Redis relays
--- websocket
nginx: status broker.kind "redis"
nginx: metric messaging_broker{kind="embedded"} 0
nginx: metric messaging_broker{kind="redis"} 1
--- error_log eval
"messaging relays through Redis at \"unix:$ENV{TEST_NGINX_REDIS_SOCKET}\""
--- no_error_log
messaging relays through the zone



=== TEST 9: the status alone: nobody relays, nothing is counted
--- not_in
hup (there is a zone)
embedded (there is, too)
--- messaging_http
--- config
        location /status {
            messaging_status on;
        }
--- websocket
a:     http GET /status
a:     expect_status 503
--- no_error_log
messaging relays
