
# Copyright (C) The ngx_http_messaging_module authors

# The backend acts on live connections.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# a control action by "http", which has the connection closed
sub control {
    my ($body, $status) = @_;
    return "back: header Content-Type: application/json\n"
         . "back: http POST /control $body\n"
         . 'back: expect_status ' . ($status // 202) . "\n";
}

# the POST is made where this is said, in each line "control: JSON"
sub with_posts {
    my ($text) = @_;
    $text =~ s/^control: *(.*)\n/control($1)/gem;
    $text =~ s/^refuse: *(.*)\n/control($1, 400)/gem;
    return $text;
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

        location = /control {
            messaging_control on;
            allow 127.0.0.1;
            deny all;
        }

        location = /push {
            messaging_publish on;
            messaging_conversation 7;
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

=== TEST 1: disconnect by each target, and by several: all must match
--- config eval: $::Locations
--- log_level: info
--- jwt
ann: {"user_id":1,"jti":"a/1","exp":"+60"}
ann2: {"user_id":1,"jti":"a/2","exp":"+60"}
bob: {"user_id":"b b","exp":"+60"}
--- websocket eval
main::with_posts(<<'EOS')
redis: expect_subscribers messaging:@control $WORKERS
nginx: status redis.ready $WORKERS
ann1:  connect /ws/messaging/7/?token=$jwt_ann
ann2:  connect_apart ann1 /ws/messaging/7/?token=$jwt_ann2
ann3:  connect_apart ann1 /ws/messaging/8/?token=$jwt_ann2
ann4:  connect /ws/messaging/7/?token=$jwt_ann2
ann4:  capture four header:X-Connection
many:  connect /ws/messaging/?token=$jwt_ann
many:  send {"type":"subscribe","conversation_id":9}
many:  recv {"type":"subscribed","conversation_id":9}
user:  connect /ws/user/?token=$jwt_ann
bob:   connect_apart ann1 /ws/messaging/7/?token=$jwt_bob
bob2:  connect /ws/messaging/?token=$jwt_bob
control: {"action":"disconnect","user_id":1,"jti":"a/2","conversation_id":8,"code":4123,"reason":"go home"}
ann3:  expect_close 4123 go home
control: {"action":"disconnect","connection":"$four"}
ann4:  expect_close 4001 disconnected
control: {"action":"disconnect","jti":"a/2","code":1000}
ann2:  expect_close 1000 disconnected
control: {"action":"disconnect","user_id":"1","conversation_id":"user:1"}
user:  expect_close 4001 disconnected
control: {"action":"disconnect","conversation_id":"9"}
many:  expect_close 4001 disconnected
control: {"action":"disconnect","user_id":"b b"}
bob,bob2: expect_close 4001 disconnected
ann1:  recv_none 50ms
ann1:  send {"type":"ping"}
ann1:  recv {"type":"pong"}
nginx: expect_log /\[info\] .* messaging connection "[0-9a-f]{16}-\d+" of user "b%20b" is closed by a control action/
nginx: status control.closed 7
nginx: status closes.4001 5
nginx: status closes.other 1
nginx: metric messaging_control_effects_total{effect="closed"} 7
nginx: metrics
EOS



=== TEST 2: the same without Redis
--- messaging_http
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"jti":"a/1","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::with_posts(<<'EOS')
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
many:  connect_apart bob /ws/messaging/?token=$jwt_bob
many:  capture many header:X-Connection
control: {"action":"disconnect","user_id":1,"conversation_id":7,"code":4999,"reason":"x"}
ann:   expect_close 4999 x
control: {"action":"disconnect","connection":"$many"}
many:  expect_close 4001 disconnected
bob:   send {"type":"ping"}
bob:   recv {"type":"pong"}
nginx: status control.closed 2
nginx: status broker.published 2
EOS



=== TEST 3: withdraw, on a socket for one and on one for many
--- config eval: $::Locations
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::with_posts(<<'EOS')
redis: expect_subscribers messaging:@control $WORKERS
nginx: status redis.ready $WORKERS
one:   connect /ws/messaging/7/?token=$jwt_ann
eight: connect /ws/messaging/8/?token=$jwt_ann
many:  connect_apart one /ws/messaging/?token=$jwt_ann
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
many:  send {"type":"subscribe","conversation_id":8}
many:  recv {"type":"subscribed","conversation_id":8}
bob:   connect_apart one /ws/messaging/7/?token=$jwt_bob
many:  send {"type":"typing","conversation_id":7}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":true}
control: {"action":"withdraw","user_id":1,"conversation_id":7}
one:   expect_close 4003 access withdrawn
many:  recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":7}
bob:   recv {"type":"typing_indicator","user_id":1,"is_typing":false}
many:  send {"type":"message","content":"x","conversation_id":7}
many:  recv {"type":"error","code":"access_denied","...":0}
many:  send {"type":"message","content":"y","conversation_id":8}
many,eight: recv {"type":"new_message","...":0}
bob:   send {"type":"ping"}
bob:   recv {"type":"pong"}
nginx: status control.unsubscribed 1
nginx: status control.closed 1
nginx: status closes.4003 1
nginx: status subscriptions 3
nginx: expect_log /user "1" loses a conversation by a control action/
control: {"action":"withdraw","user_id":2,"conversation_id":7}
bob:   expect_close 4003 access withdrawn
EOS



=== TEST 4: withdraw without Redis
--- messaging_http
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::with_posts(<<'EOS')
one:   connect /ws/messaging/7/?token=$jwt_ann
many:  connect_apart one /ws/messaging/?token=$jwt_ann
many:  send {"type":"subscribe","conversation_id":7}
many:  recv {"type":"subscribed","conversation_id":7}
bob:   connect_apart many /ws/messaging/7/?token=$jwt_bob
control: {"action":"withdraw","user_id":1,"conversation_id":7}
one:   expect_close 4003 access withdrawn
many:  recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":7}
bob:   send {"type":"message","content":"x"}
bob:   recv {"type":"new_message","...":0}
many:  recv_none 50ms
EOS



=== TEST 5: revoke the tokens of a user: now, and those that come later
--- config eval: $::Locations
--- log_level: info
--- jwt
old: {"user_id":1,"iat":"-20","exp":"+60"}
new: {"user_id":1,"iat":"-5","exp":"+60"}
none: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"iat":"-20","exp":"+60"}
time: {"user_id":3,"iat":"-10","exp":"+60"}
--- websocket eval
main::with_posts(<<'EOS')
redis: expect_subscribers messaging:@control $WORKERS
nginx: status redis.ready $WORKERS
old:   connect /ws/messaging/7/?token=$jwt_old
none:  connect_apart old /ws/messaging/?token=$jwt_none
new:   connect_apart old /ws/messaging/7/?token=$jwt_new
bob:   connect /ws/messaging/7/?token=$jwt_bob
redis: command TIME
control: {"action":"revoke","user_id":1,"issued_before":$BEFORE}
old,none: expect_close 4001 token revoked
new,bob: send {"type":"ping"}
new,bob: recv {"type":"pong"}
back1: connect /ws/messaging/7/?token=$jwt_old
back1: expect_close 4001 token revoked
back2: connect_apart old /ws/messaging/7/?token=$jwt_none
back2: expect_close 4001 token revoked
back3: connect_apart new /ws/messaging/7/?token=$jwt_new
back4: connect_apart bob /ws/messaging/7/?token=$jwt_bob
new:   send {"type":"auth","token":"$jwt_old"}
new:   expect_close 4001 token revoked
back3: send {"type":"auth","token":"$jwt_new"}
back3: recv {"type":"auth_ok","...":0}
nginx: status refusals.token_revoked 2
nginx: status auth.failed 1
nginx: metric messaging_refusals_total{reason="token_revoked"} 2
nginx: expect_log /\[info\] .*messaging token of "auth" refused: revoked/
nginx: reload
again: connect_retry /ws/messaging/7/?token=$jwt_new
back5: connect /ws/messaging/7/?token=$jwt_old
back5: expect_close 4001 token revoked
back3,back4,bob: may_close
EOS
=~ s/\$BEFORE/time() - 10/er =~ s/^redis: command TIME\n//mr



=== TEST 6: revoke one token, by its id, through Redis; hosts to come learn of it
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"jti":"a b","iat":"-5","exp":"+60"}
late: {"user_id":1,"jti":"late","iat":"+0","exp":"+60"}
bob: {"user_id":1,"jti":"b","exp":"+60"}
--- websocket eval
my $hour = int(time() / 3600);
<<'EOS' =~ s/HOUR/$hour/gr
redis: expect_subscribers messaging:@control $WORKERS
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
redis: publish messaging:@control {"action":"revoke","jti":"a b"}
ann:   expect_close 4001 token revoked
again: connect_apart bob /ws/messaging/7/?token=$jwt_ann
again: expect_close 4001 token revoked
bob:   send {"type":"ping"}
bob:   recv {"type":"pong"}
redis: expect_answer EVAL "local t = redis.call('KEYS', 'messaging:@revoked:*') return redis.call('GET', t[1])" 0 => /\Aj \d+ \d+ a%20b\n\z/
redis: expect_answer EVAL "local t = redis.call('KEYS', 'messaging:@revoked:*') return redis.call('TTL', t[1]) > 86400" 0 => 1
late:  connect /ws/messaging/7/?token=$jwt_late
late:  close 1000
late:  expect_close 1000
redis: command APPEND messaging:@revoked:HOUR "garbage\nj 1\nx 1 2 3\nj 4611686018427387904 99999999999 late\nu 99999999999999999999 99999999999 1\nj 1 99999999999"
bob:   may_close
nginx: reload
new:   connect_retry /ws/messaging/7/?token=$jwt_bob
late:  connect /ws/messaging/7/?token=$jwt_late
late:  expect_close 4001 token revoked
EOS



=== TEST 7: a worker that was in a gap finds what was revoked meanwhile
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"iat":"-5","exp":"+60"}
bob: {"user_id":2,"iat":"-5","exp":"+60"}
--- websocket eval
my $hour = int(time() / 3600);
<<'EOS' =~ s/HOUR/$hour/gr
ann:   connect /ws/messaging/7/?token=$jwt_ann
many:  connect_apart ann /ws/messaging/?token=$jwt_ann
bob:   connect /ws/messaging/?token=$jwt_bob
# they look once more 2 s after they have begun
wait 2500ms
redis: command APPEND messaging:@revoked:HOUR "u 99999999999999 99999999999 1\n"
ann,many: recv_none 50ms
redis: kill_subscribers
ann:   ignore /resync/
ann,many: expect_close 4001 token revoked
bob:   send {"type":"ping"}
bob:   recv {"type":"pong","...":0}

# what others store a moment later is found as well
redis: command APPEND messaging:@revoked:HOUR "u 99999999999999 99999999999 2\n"
bob:   expect_close 4001 token revoked
EOS



=== TEST 8: more of them than one page of what is read
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"jti":"j2999","iat":"-5","exp":"+60"}
--- websocket eval
my $hour = int(time() / 3600);
<<'EOS' =~ s/HOUR/$hour/gr
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: command EVAL "for i = 1, 3000 do redis.call('APPEND', 'messaging:@revoked:HOUR', 'j 4611686018427387904 99999999999 ' .. (i == 1000 and ('x'):rep(70000) or 'j' .. i) .. '\\n') end" 0
redis: kill_subscribers
ann:   ignore /resync/
ann:   expect_close 4001 token revoked
EOS



=== TEST 9: without Redis a worker that was lapped finds what was revoked meanwhile
--- not_in
onebyte (a lap is written too slowly)
valgrind (a lap is written too slowly)
--- messaging_http
--- http_config
messaging_zone small:2m;
messaging_max_message 2k;
messaging_ping_interval 0;
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"iat":"-5","exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
main::workers() == 1 ? "ann: connect /ws/messaging/7/?token=\$jwt_ann\n" :
<<'EOS' . main::control('{"action":"revoke","user_id":1,"issued_before":99999999999}')
ann:   connect /ws/messaging/?token=$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=$jwt_bob
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
ann:   expect_close 4001 token revoked
EOS



=== TEST 10: said while the backend is asked: its yes comes too late
--- messaging_http
--- http_config
limit_req_zone $http_x_messaging_conversation zone=slow:64k rate=120r/m;
--- config eval
$::Locations =~ s{messaging_access any;}{messaging_access request=/ask;}r . <<'EOC'
        location = /ask {
            internal;
            proxy_pass http://127.0.0.1:$TEST_NGINX_SERVER_PORT/slow;
        }

        location = /slow {
            limit_req zone=slow burst=100;
            try_files /none @yes;
        }

        location @yes {
            return 200;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"iat":"-5","exp":"+60"}
zoe: {"user_id":3,"exp":"+60"}
--- websocket eval
my $ask = sub { <<"EOS" };
$_[0]: open
$_[0]: bytes "GET /ws/messaging/7/?token=\$jwt_$_[0] HTTP/1.1\\r\\nHost: localhost\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\nSec-WebSocket-Version: 13\\r\\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\\r\\n\\r\\n"
EOS
main::with_posts(<<'EOS' . CORE::join '', map { $ask->($_) } qw( ann bob zoe )) . main::with_posts(<<'EOS2')
first: connect /ws/messaging/7/?token=$jwt_ann
many:  connect /ws/messaging/?token=$jwt_zoe
EOS
many:  send {"type":"subscribe","conversation_id":7}
nginx: status connections 5
control: {"action":"disconnect","user_id":1,"conversation_id":7,"code":4444}
control: {"action":"revoke","user_id":2,"issued_before":99999999999}
control: {"action":"withdraw","user_id":3,"conversation_id":7}
first: expect_close 4444 disconnected
many:  recv {"type":"error","code":"access_denied","message":"access withdrawn","conversation_id":7}
ann:   expect_status 101
ann:   expect_close 4444 disconnected
bob:   expect_status 101
bob:   expect_close 4001 token revoked
zoe:   expect_status 101
zoe:   expect_close 4003 access withdrawn
many:  recv_none 3s
EOS2



=== TEST 11: what is no action is ignored, counted, and logged once; an unknown one is ignored
--- config eval: $::Locations
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $n = main::workers();
<<'EOS' =~ s/TIMES(\d+)/$1 * $n/ger
redis: expect_subscribers messaging:@control $WORKERS
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:@control {"action":"disconnect","user_id":1
redis: publish messaging:@control x
redis: publish messaging:@control {"action":"disconnect"}
redis: publish messaging:@control {"action":"disconnect","user_id":1,"usre":2}
redis: publish_raw messaging:@control "{\"action\":\"disconnect\",\"user_id\":\"\xff\"}"
redis: publish messaging:@control {"action":"promote","user_id":1}
redis: command EVAL "redis.call('PUBLISH', 'messaging:@control', '{\"action\":\"disconnect\",' .. (' '):rep(70000) .. '\"user_id\":1}')" 0
nginx: status control.unknown TIMES1
nginx: status control.invalid TIMES6
nginx: status control.closed 0
nginx: status broker.dropped 0
nginx: expect_log /\[info\] .*messaging control action is not known/
nginx: expect_log /\[warn\] .*messaging payload of the control channel is no control action, 1 such since the last such line/
nginx: no_log /control channel is no control action, [^1]/
ann:   send {"type":"ping"}
ann:   recv {"type":"pong"}
redis: publish messaging:@control {"action":"disconnect","user_id":1}
ann:   expect_close 4001 disconnected
nginx: status control.obeyed TIMES1
EOS



=== TEST 12: no client reaches the control channel
--- messaging_http
--- config eval
"$::Locations" . <<'EOC'
        location ~ ^/any/(?<name>.*)$ {
            messaging on;
            messaging_channel $name;
        }

        location ~ ^/pub/(?<name>.*)$ {
            messaging_publish on;
            messaging_conversation $name;
            allow all;
        }

        location ~ ^/chan/(?<name>.*)$ {
            messaging_publish on;
            messaging_channel $name;
            allow all;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
evil: {"user_id":"@control","exp":"+60"}
--- websocket eval
<<'EOS' . main::control('{"action":"disconnect","user_id":"@control"}') . <<'EOS2'
ann:   connect /ws/messaging/?token=$jwt_ann
c:     refused 404 /ws/messaging/@control/?token=$jwt_ann
c:     refused 404 /ws/messaging/%40control/?token=$jwt_ann
c:     refused 404 /any/@control?token=$jwt_ann
c:     refused 404 /any/x:@control?token=$jwt_ann
ann:   send {"type":"subscribe","conversation_id":"@control"}
ann:   recv {"type":"error","code":"invalid_frame","...":0}
ann:   send {"type":"message","conversation_id":"@control","content":"{}"}
ann:   recv {"type":"error","code":"invalid_frame","...":0}
back:  header Content-Type: application/json
back:  http POST /pub/@control {"action":"disconnect","user_id":1}
back:  expect_status 404
back:  header Content-Type: application/json
back:  http POST /chan/@control {"action":"disconnect","user_id":1}
back:  expect_status 404
evil:  connect /ws/user/?token=$jwt_evil
nginx: status control.obeyed 0
EOS
evil:  expect_close 4001 disconnected
ann:   send {"type":"ping"}
ann:   recv {"type":"pong","...":0}
EOS2



=== TEST 13: a POST is answered as one that publishes
--- messaging_http
--- log_level: info
--- config eval
"        messaging_max_message 1000;\n$::Locations"
--- websocket eval
main::with_posts(<<'EOS')
back: http GET /control
back: expect_status 405
back: expect_header Allow POST
back: header Content-Type: text/plain
back: http POST /control {"action":"disconnect","user_id":1}
back: expect_status 415
refuse: {"action":"promote"}
refuse: {"action":"disconnect"}
refuse: {"action":"withdraw","user_id":1}
refuse: {"action":"revoke","user_id":1}
refuse: {"action":"recheck"}
refuse: {"action":"recheck","jti":"a"}
refuse: [1]
control: {"action":"disconnect","user_id":1}
back: expect_body {"id":"<int>"}
EOS
. 'back: header Content-Type: application/json' . "\n"
. 'back: http POST /control {"action":"disconnect","jti":"' . 'x' x 1000 . "\"}\n"
. <<'EOS'
back: expect_status 413
nginx: status posts.invalid 7
nginx: status posts.accepted 1
nginx: expect_log /\[info\] .* messaging control refused: invalid, /
nginx: status control.invalid 0
EOS



=== TEST 14: a revocation that Redis does not store is no success
--- fake_redis
reply APPEND "-OOM command not allowed\r\n"
--- config eval: $::Locations
--- websocket eval
<<'EOS' . main::control('{"action":"revoke","user_id":1,"issued_before":1}', 503) . <<'EOS2'
nginx: status redis.ready $WORKERS
EOS
back: expect_header Retry-After 5
nginx: status control.not_stored 1
nginx: status posts.unavailable 1
nginx: expect_log /\[error\] .*messaging redis did not store a revocation: "OOM command not allowed"/
EOS2



=== TEST 15: one that is taken is stored once, and before it is told
--- fake_redis
--- config eval: $::Locations
--- websocket eval
<<'EOS' . main::control('{"action":"revoke","user_id":"a b","issued_before":1}') . <<'EOS2'
nginx: status redis.ready $WORKERS
EOS
nginx: status control.obeyed $WORKERS
fake: count APPEND 1
fake: expect_command /^APPEND messaging:\@revoked:\d+ u 1000 \d+ a%20b\n$$/
fake: expect_command /^EXPIRE messaging:\@revoked:\d+ 90000$$/
fake: expect_command /^PUBLISH messaging:\@control \@ x=stored\n\{"action"/
EOS2



=== TEST 16: Redis is down: 503
--- messaging_http
messaging_redis unix:$TEST_NGINX_SERVER_ROOT/none.sock;
--- allow_log
messaging redis
--- config eval: $::Locations
--- websocket eval
main::control('{"action":"disconnect","user_id":1}', 503)
. main::control('{"action":"revoke","user_id":1,"issued_before":1}', 503)
. "nginx: status posts.unavailable 2\n"



=== TEST 17: Redis does not tell what was revoked: clients are let in, and the log says so
--- fake_redis
reply GETRANGE "-NOPERM no\r\n"
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: status redis.ready $WORKERS
ann:   connect /ws/messaging/7/?token=$jwt_ann
--- error_log
messaging redis does not tell which tokens were revoked: "NOPERM no"



=== TEST 18: more connections than are looked at in one turn
--- messaging_http
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
main::with_posts(<<'EOS')
c1..c150: connect /ws/messaging/7/?token=$jwt_ann
bob:      connect /ws/messaging/7/?token=$jwt_bob
d1..d150: connect_apart bob /ws/messaging/7/?token=$jwt_ann
e1..e300: connect /ws/messaging/8/?token=$jwt_ann
control: {"action":"disconnect","user_id":1,"conversation_id":7}
control: {"action":"disconnect","user_id":1,"conversation_id":8,"code":1000}
c1..c150,d1..d150: expect_close 4001 disconnected
e1..e300: expect_close 1000 disconnected
bob:      send {"type":"ping"}
bob:      recv {"type":"pong"}
nginx: status control.closed 600
EOS



=== TEST 19: a thousand actions at once: none is left out
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":900,"exp":"+60"}
zoe: {"user_id":1001,"exp":"+60"}
--- websocket eval
my $n = 1000 * main::workers();
<<"EOS"
redis: expect_subscribers messaging:\@control \$WORKERS
ann:   connect /ws/messaging/7/?token=\$jwt_ann
bob:   connect_apart ann /ws/messaging/7/?token=\$jwt_bob
zoe:   connect /ws/messaging/7/?token=\$jwt_zoe
redis: command EVAL "for i = 1, 1000 do redis.call('PUBLISH', 'messaging:\@control', '{\\"action\\":\\"disconnect\\",\\"user_id\\":' .. i .. '}') end" 0
ann,bob: expect_close 4001 disconnected
zoe:   send {"type":"ping"}
zoe:   recv {"type":"pong"}
nginx: status control.obeyed $n
EOS



=== TEST 20: more revocations than there is room for
--- http_config
messaging_zone small:1m;
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"jti":"j1500","exp":"+60"}
--- websocket eval
my $n = 1500 * main::workers();
<<"EOS"
redis: expect_subscribers messaging:\@control \$WORKERS
nginx: status redis.ready \$WORKERS
redis: command EVAL "for i = 1, 1500 do redis.call('PUBLISH', 'messaging:\@control', '{\\"action\\":\\"revoke\\",\\"jti\\":\\"j' .. i .. '\\"}') end" 0
nginx: status control.obeyed $n
nginx: expect_log /\\[error\\] .*messaging zone has no room for more revocations, 1 of the oldest forgotten/
ann:   connect /ws/messaging/7/?token=\$jwt_ann
ann:   expect_close 4001 token revoked
EOS



=== TEST 21: a revocation ends after messaging_revoke_time
--- messaging_http
--- http_config
messaging_revoke_time 3s;
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::with_posts(<<'EOS')
control: {"action":"revoke","user_id":1,"issued_before":99999999999}
now:   connect /ws/messaging/7/?token=$jwt_ann
now:   expect_close 4001 token revoked
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
EOS



=== TEST 22: who may act is said, or warned of
--- messaging_http
--- config
        location /open {
            messaging_control on;
        }
        location /closed {
            messaging_control on;
            auth_basic a;
            auth_basic_user_file b;
        }
--- error_log eval
qr/\[warn\] .*: location "\/open" has "messaging_control on" and nothing that says who may publish, such as .*nginx\.conf:\d+$/m
--- no_error_log
location "/closed"
--- websocket
back: header Content-Type: application/json
back: http POST /open {"action":"disconnect","user_id":1}
back: expect_status 202
back: header Content-Type: application/json
back: http POST /closed {"action":"disconnect","user_id":1}
back: expect_status 401



=== TEST 23: it has no conversation
--- config
        location /control {
            messaging_control on;
            messaging_conversation 7;
        }
--- must_die
--- error_log
location "/control" has "messaging_control on" and "messaging_conversation" or "messaging_channel"



=== TEST 24: and no other handler
--- config
        location /control {
            proxy_pass http://127.0.0.1:1;
            messaging_control on;
        }
--- must_die
--- error_log
"messaging_control" directive comes after another handler of the location



=== TEST 25: another handler, later
--- config
        location /control {
            messaging_control on;
            proxy_pass http://127.0.0.1:1;
        }
--- must_die
--- error_log
location "/control" has "messaging_control on" and another handler



=== TEST 26: a body has room
--- config
        location /control {
            messaging_control on;
            messaging_max_message 0;
        }
--- must_die
--- error_log
"messaging_max_message" must not be 0



=== TEST 27: revocations last
--- http_config
messaging_revoke_time 0;
--- must_die
--- error_log
value must be between 1 and 7776000



=== TEST 28: and not for ever
--- http_config
messaging_revoke_time 91d;
--- must_die
--- error_log
value must be between 1 and 7776000
