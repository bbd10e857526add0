
# Copyright (C) The ngx_http_messaging_module authors

# Without messaging_redis the workers relay to each other by the zone.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the frames of the clients in production, both directions
--- messaging_http
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"ping"}
ann:     recv_raw {"type":"pong"}
ann:     send {"type":"typing","is_typing":true}
bob:     recv {"type":"typing_indicator","user_id":1,"name":"Ann","is_typing":true}
ann:     send {"type":"typing","is_typing":false}
bob:     recv {"type":"typing_indicator","user_id":1,"name":"Ann","is_typing":false}
bob:     send {"type":"read"}
ann,bob: recv {"type":"read_receipt","reader_id":2,"read_at":"<now>"}
ann:     send {"type":"message","content":"hello","client_id":"c1"}
ann:     recv_unordered {"type":"ack","client_id":"c1","...":0} \
    {"type":"new_message","client_id":"c1","...":0}
bob:     recv {"type":"new_message","client_id":"c1","message":{"id":"<int>", \
    "conversation_id":7,"sender":{"id":1,"name":"Ann"},"content":"hello", \
    "image":null,"is_read":false,"read_at":null,"created_at":"<now>"}}
bob:     send {"type":"typing"}
ann:     recv {"type":"typing_indicator","user_id":2,"is_typing":true}
bob:     close 1000
bob:     expect_close 1000
ann:     recv {"type":"typing_indicator","user_id":2,"is_typing":false}
nginx:   status broker.published 6
nginx:   status broker.publish_failed 0
nginx:   status relay.laps 0
nginx:   status relay.lost 0
nginx:   status relay.skipped 0
nginx:   metrics



=== TEST 2: only the conversation's own members get a message
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1: connect /ws/messaging/7/?token=$jwt_ann
c2: connect /ws/messaging/77/?token=$jwt_ann
c3: connect_apart c1 /ws/messaging/07/?token=$jwt_ann
c4: connect_apart c1 /ws/messaging/7/?token=$jwt_bob
c1: send {"type":"message","content":"x"}
c1,c4: recv {"type":"new_message","message":{"conversation_id":7,"...":0}}
c3: send {"type":"message","content":"y"}
c3: recv {"type":"new_message","message":{"conversation_id":"07","...":0}}
c1..c4: recv_none 100ms



=== TEST 3: many conversations on one socket, left and entered again
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/?token=$jwt_bob
ann,bob: send {"type":"subscribe","conversation_id":7}
ann,bob: recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":8}
ann: recv {"type":"subscribed","conversation_id":8}
bob: send {"type":"message","conversation_id":7,"content":"a"}
ann,bob: recv {"type":"new_message","conversation_id":7,"message":{"content":"a","...":0}}
ann: send {"type":"unsubscribe","conversation_id":7}
ann: recv {"type":"unsubscribed","conversation_id":7}
bob: send {"type":"message","conversation_id":7,"content":"b"}
bob: recv {"type":"new_message","conversation_id":7,"message":{"content":"b","...":0}}
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
bob: send {"type":"message","conversation_id":7,"content":"c"}
ann,bob: recv {"type":"new_message","conversation_id":7,"message":{"content":"c","...":0}}
ann,bob: recv_none 100ms



=== TEST 4: bursts: everybody gets each message once and in its sender's order
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann,ann_b: connect /ws/messaging/7/?token=$jwt_ann
bob:       connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:       cork
ann:       send_series 1..60 {"type":"message","content":"%d"}
ann:       uncork
ann,ann_b,bob: recv_series 1..60 {"type":"new_message","message":{"content":"%d","...":0}}
bob:       cork
bob:       send_series 1..60 {"type":"read","message_id":%d}
bob:       uncork
ann,ann_b,bob: recv_series 1..60 {"type":"read_receipt","reader_id":2,"read_at":"<now>","message_id":%d}



=== TEST 5: many write at once: all get their messages in one order
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
c1..c8: connect /ws/messaging/7/?token=$jwt_ann
c1..c8: cork
c1..c8: send_series 1..30 {"type":"message","content":"%d"}
c1..c8: uncork
c1..c8: recv_all 240
c2..c8: expect_same c1



=== TEST 6: messages of all lengths
--- messaging_http
--- http_config
messaging_max_content 60000;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. CORE::join '', map {
    my $text = 'x' x $_;
    "ann: send {\"type\":\"message\",\"content\":\"$text\"}\n"
    . "ann,bob: recv /\"content\":\"x{$_}\"/\n"
} 1, 20 .. 60, 200 .. 320, 1000, 30000, 60000;



=== TEST 7: a killed worker loses only its own connections
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect /ws/messaging/7/?token=$jwt_bob
nginx: kill_worker_of ann
ann,bob: may_close
nginx: expect_workers $WORKERS
cid:   connect /ws/messaging/7/?token=$jwt_ann
dan:   connect_apart cid /ws/messaging/7/?token=$jwt_bob
bob:   ignore /new_message/
cid:   send {"type":"message","content":"a"}
cid,dan: recv {"type":"new_message","message":{"content":"a","...":0}}
dan:   send {"type":"message","content":"b"}
cid,dan: recv {"type":"new_message","message":{"content":"b","...":0}}



=== TEST 8: workers are killed again and again while all talk
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
cid: {"user_id":3,"exp":"+300"}
dan: {"user_id":4,"exp":"+300"}
--- websocket eval
<<'EOS'
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
cid: connect /ws/messaging/7/?token=$jwt_cid
dan: connect_apart cid /ws/messaging/7/?token=$jwt_dan
ann,bob,cid,dan: talk every=3ms
EOS
. <<'EOS' x 10
ann: expect_talked 20
nginx: kill_worker_of ann
bob: expect_talked 20
nginx: expect_workers $WORKERS
nginx: kill_worker_of bob
nginx: expect_workers $WORKERS
EOS
. <<'EOS';
ann,bob,cid,dan: expect_talked 20
ann,bob,cid,dan: hush
ann,bob,cid,dan: expect_heard
EOS



=== TEST 9: old and new workers relay to each other
--- messaging_http
messaging_drain 60s;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket
ann1..ann40: connect /ws/messaging/7/?token=$jwt_ann
ann1..ann40: may_close
ann1..ann39: ignore /new_message/
nginx: reload
bob:   connect /ws/messaging/7/?token=$jwt_bob
bob:   send {"type":"message","content":"new to old"}
ann40: recv {"type":"new_message","message":{"content":"new to old","...":0}}
bob:   recv {"type":"new_message","message":{"content":"new to old","...":0}}
ann40: send {"type":"message","content":"old to new"}
bob:   recv {"type":"new_message","message":{"content":"old to new","...":0}}
ann40: recv {"type":"new_message","message":{"content":"old to new","...":0}}



=== TEST 10: reloads while all talk
--- messaging_http
messaging_drain 200ms;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
cid: {"user_id":3,"exp":"+300"}
--- websocket eval
<<'EOS'
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
cid: connect /ws/messaging/7/?token=$jwt_cid
ann,bob,cid: talk every=3ms
EOS
. <<'EOS' x 6
ann: expect_talked 20
nginx: reload
EOS
. <<'EOS';
ann,bob,cid: expect_talked 20
ann,bob,cid: hush
ann,bob,cid: expect_heard
nginx: expect_workers $WORKERS
EOS



=== TEST 11: a worker that was stopped for a lap tells its members to resync
--- messaging_http
--- http_config
messaging_zone small:2m;
messaging_max_message 2k;
messaging_ping_interval 0;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
main::workers() == 1 ? "ann: connect /ws/messaging/7/?token=\$jwt_ann\n" :
<<'EOS'
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob:   send {"type":"message","content":"before"}
ann,bob: recv {"type":"new_message","message":{"content":"before","...":0}}
nginx: pause_worker_of ann
EOS
. CORE::join('', map { <<"EOS" } 1 .. 100)
bob:   cork
bob:   send_series 1..50 {"type":"read","message_id":%d}
bob:   uncork
bob:   recv_series 1..50 {"type":"read_receipt","message_id":%d,"...":0}
EOS
. <<'EOS';
nginx: continue_worker_of ann
ann:   recv {"type":"resync","within_ms":"<int>"}
nginx: status relay.laps 1
nginx: status broker.resyncs 1
nginx: expect_log /\[warn\] .*messaging worker has missed messages, members of 1 channels were told to resync: lapped 1 times, 0 messages lost/
bob:   send {"type":"message","content":"after"}
ann,bob: recv {"type":"new_message","message":{"content":"after","...":0}}
EOS



=== TEST 12: a zone that is too small says what it needs
--- messaging_http
--- http_config
messaging_zone small:1m;
--- must_die
--- error_log
zone "small" is too small to relay messages of "messaging_max_message" without Redis: write "messaging_zone small:13m;"



=== TEST 13: a message may not be longer than a record
--- messaging_http
--- http_config
messaging_zone large:512m;
messaging_max_message 961k;
--- must_die
--- error_log
"messaging_max_message" must not be over 960k without "messaging_redis"



=== TEST 14: workers without members of a channel sleep
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_idle
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","...":0}
nginx: status broker.received 1
nginx: expect_idle



=== TEST 15: channels of messaging_channel
--- messaging_http
--- config
        location /ws/feed/ {
            messaging on;
            messaging_channel user:$messaging_user;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
        }
        location /status {
            messaging_status on;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann,bob: connect /ws/feed/?token=$jwt_ann
ann,bob: drop
nginx: status channels 0



=== TEST 16: who comes later gets nothing that was said before
Nobody has woken his worker for it: it is still in front of the reader.
--- messaging_http
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/8/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob: send_series 1..9 {"type":"read","message_id":%d}
bob: recv_series 1..9 {"type":"read_receipt","message_id":%d,"...":0}
cid: connect_apart bob /ws/messaging/7/?token=$jwt_ann
bob: send {"type":"read","message_id":10}
bob,cid: recv {"type":"read_receipt","message_id":10,"...":0}
ann,cid: recv_none 100ms



=== TEST 17: a worker that sleeps while others talk a lap long misses nothing
--- messaging_http
--- http_config
messaging_zone small:2m;
messaging_max_message 2k;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS'
ann: connect /ws/messaging/8/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
cid: connect /ws/messaging/8/?token=$jwt_bob
EOS
. CORE::join('', map { <<"EOS" } 1 .. 100)
bob: cork
bob: send_series 1..50 {"type":"read","message_id":%d}
bob: uncork
bob: recv_series 1..50 {"type":"read_receipt","message_id":%d,"...":0}
EOS
. <<'EOS';
cid: send {"type":"message","content":"x"}
ann,cid: recv {"type":"new_message","message":{"content":"x","...":0}}
nginx: status relay.laps 0
nginx: status broker.resyncs 0
EOS



=== TEST 18: a zone of another size: its workers are woken by their own
--- not_in: hup (the zone is the harness's there)
--- messaging_http
--- http_config
messaging_drain 60s;
include zone.conf;
--- conf_files
>>> zone.conf
messaging_zone chat:16m;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
old1..old20: connect /ws/messaging/7/?token=$jwt_ann
old1..old20: may_close
old1..old20: ignore /resync/
nginx: write_file zone.conf messaging_zone chat:17m;
nginx: reload
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob:   send {"type":"message","content":"x"}
ann,bob: recv {"type":"new_message","message":{"content":"x","...":0}}
ann:   send {"type":"message","content":"y"}
ann,bob: recv {"type":"new_message","message":{"content":"y","...":0}}
old20: recv_none 100ms
nginx: expect_idle
