
# Copyright (C) The ngx_http_messaging_module authors

# messaging_send_buffer: a client that does not read is closed, loudly; who
# reads gets everything, however much comes at once.
#
# not in: onebyte (megabytes take too long)

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

# more than the buffers of the kernel and messaging_send_buffer together, no
# faster than these clients read
sub flood {
    my ($clients) = @_;
    return join '', map {
        my ($first, $last) = (20 * $_ + 1, 20 * $_ + 20);
        "backend: publish_series $first..$last 7 {\"n\":%d,\"x\":\"%{8000}\"}\n"
        . "$clients: recv_series $first..$last /^\\{\"n\":%d,\"x\":\"x{8000}\"\\}\$/\n"
    } 0 .. 39;
}

__DATA__

=== TEST 1: who does not read is closed with 1013 and misses nothing before that; the others get everything
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . main::flood('ann,bob') . <<'EOS';
slow:    rcvbuf 4096
slow:    connect /ws/messaging/7/?token=$jwt_ann
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
slow:    stall

EOS
nginx:   expect_log /messaging connection closed with 1013: slow consumer/
slow:    resume
slow:    recv_series 1.. /^\{"n":%d,"x":"x{8000}"\}$/
slow:    expect_close 1013 slow consumer
nginx:   status closes.1013 1
nginx:   status connections 2

# who comes back has a new buffer
slow:    connect /ws/messaging/7/?token=$jwt_ann
slow:    resume
backend: publish 7 {"n":1}
slow,ann,bob: recv_raw {"n":1}
ann,bob: recv_none 100ms
EOS



=== TEST 2: who never reads again is cut off 5 s later
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
<<'EOS' . main::flood('ann') . <<'EOS';
slow:  rcvbuf 4096
slow:  connect /ws/messaging/7/?token=$jwt_ann
ann:   connect /ws/messaging/7/?token=$jwt_ann
slow:  stall
EOS
nginx: expect_log /messaging connection closed with 1013: slow consumer/
nginx: status connections 2
nginx: not_before 4s within 8s status connections 1
nginx: status closes.1013 1
slow:  reset
EOS



=== TEST 3: a burst longer than the buffer closes nobody who reads
--- http_config
messaging_send_buffer 32k;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1..c2:  connect /ws/messaging/7/?token=$jwt_ann
c3:      connect_apart c1 /ws/messaging/7/?token=$jwt_bob
c4:      connect /ws/messaging/7/?token=$jwt_bob
backend: publish_series 1..1500 7 {"n":%d,"x":"%{1000}"}
c1..c4:  recv_series 1..1500 /^\{"n":%d,"x":"x{1000}"\}$/
c1..c4:  recv_none 100ms



=== TEST 4: a small messaging_send_buffer holds up nobody who reads, and a single frame may be longer
--- http_config
messaging_send_buffer 1k;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:  connect /ws/messaging/7/?token=$jwt_ann
bob:  connect_apart ann /ws/messaging/7/?token=$jwt_bob
many: connect /ws/messaging/?token=$jwt_ann
many: send {"type":"subscribe","conversation_id":7}
many: recv {"type":"subscribed","conversation_id":7}
backend: publish 7 {"n":1,"x":"%{60000}"}
ann,bob: recv /^\{"n":1,"x":"x{60000}"\}$/
many:  recv /^\{"conversation_id":7,"n":1,"x":"x{60000}"\}$/
backend: publish_series 1..300 7 {"n":%d,"x":"%{400}"}
ann,bob: recv_series 1..300 /^\{"n":%d,"x":"x{400}"\}$/
many:  recv_series 1..300 /^\{"conversation_id":7,"n":%d,"x":"x{400}"\}$/
ann:   cork
ann:   send_series 1..200 {"type":"ping","n":%d}
ann:   uncork
ann:   recv_series 1..200 {"type":"pong"}
ann,bob,many: recv_none 100ms



=== TEST 5: answers that nobody reads count, too
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:  rcvbuf 4096
ann:  connect /ws/messaging/?token=$jwt_ann
bob:  connect_apart ann /ws/messaging/?token=$jwt_bob
ann:  stall
ann:  send_series 1..30000 {"type":"read","conversation_id":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx%d"}
nginx: expect_log /messaging connection closed with 1013: slow consumer/
bob:  send {"type":"ping"}
bob:  recv {"type":"pong","timestamp":"<now>"}
ann:  resume
ann:  recv_series 1.. /"conversation_id":"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx%d","code":"access_denied"/
ann:  expect_close 1013 slow consumer
bob:  recv_none 100ms



=== TEST 6: who reads again before the buffer is full gets everything
--- http_config
messaging_send_buffer 16m;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
slow:    rcvbuf 4096
slow:    connect /ws/messaging/7/?token=$jwt_ann
slow:    stall
backend: publish_series 1..1200 7 {"n":%d,"x":"%{8000}"}
nginx:   status broker.received 1200
slow:    resume
slow:    recv_series 1..1200 /^\{"n":%d,"x":"x{8000}"\}$/
slow:    send {"type":"ping"}
slow:    recv {"type":"pong"}



=== TEST 7: the same over TLS
--- http_config
messaging_send_buffer 16m;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
tls on
slow:    rcvbuf 4096
slow:    connect /ws/messaging/7/?token=$jwt_ann
slow:    stall
backend: publish_series 1..1200 7 {"n":%d,"x":"%{8000}"}
nginx:   status broker.received 1200
slow:    resume
slow:    recv_series 1..1200 /^\{"n":%d,"x":"x{8000}"\}$/
slow:    send {"type":"ping"}
slow:    recv {"type":"pong"}



=== TEST 8: over TLS, too, a Close is the last that a slow client gets
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . main::flood('ann,bob') . <<'EOS';
tls on
slow:  rcvbuf 4096
slow:  connect /ws/messaging/7/?token=$jwt_ann
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
slow:  stall
EOS
nginx: expect_log /messaging connection closed with 1013: slow consumer/
slow:  resume
slow:  recv_series 1.. /^\{"n":%d,"x":"x{8000}"\}$/
slow:  expect_close 1013 slow consumer
EOS



=== TEST 9: over TLS, too, a burst longer than the buffer closes nobody who reads
--- http_config
messaging_send_buffer 64k;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
tls on
c1..c2:  connect /ws/messaging/7/?token=$jwt_ann
c3:      connect_apart c1 /ws/messaging/7/?token=$jwt_bob
backend: publish_series 1..500 7 {"n":%d,"x":"%{1000}"}
c1..c3:  recv_series 1..500 /^\{"n":%d,"x":"x{1000}"\}$/
c1..c3:  recv_none 100ms
