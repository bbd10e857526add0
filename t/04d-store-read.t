# Copyright (C) The ngx_http_messaging_module authors

# messaging_store_read: the backend stores what clients have read, once a
# second and connection at most.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::Application;
use Test::Nginx::Socket 'no_plan';

our $Backend = application_that_stores();

# where the backend stores at "uri" what was read
sub locations {
    my ($uri, $more) = @_;

    return endpoints(
        directives => 'messaging_access any; messaging_store_read /read;',
        internal => {'/read' => $uri}, more => $more);
}

# subscribes NAME to conversations FROM to TO
sub subscribe {
    my ($name, $from, $to) = @_;
    return join '', map {
        qq[$name: send {"type":"subscribe","conversation_id":$_}\n]
        . qq[$name: recv {"type":"subscribed","conversation_id":$_}\n]
    } $from .. $to;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the others know at once, the backend a little later
--- http_config eval: $::Backend
--- config eval: main::locations('/api/read/')
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"read","message_id":1}
ann,bob: recv {"type":"read_receipt","message_id":1,"...":0}
nginx: expect_access_log /stored POST \/api\/read\/ user=1 conversation=7 key= type=application\/json token=.{8} body=\{"conversation_id":7,"message_id":1,"message_ids":\[\],"all":false,"read_at":"20[^"]+Z"\};/
ann: send {"type":"read","message_ids":[1,2]}
ann: send {"type":"read","message_id":5,"message_ids":[2,"x"]}
ann: send {"type":"read","message_id":4}
ann,bob: recv {"type":"read_receipt","message_ids":[1,2],"...":0}
ann,bob: recv {"type":"read_receipt","message_id":5,"...":0}
ann,bob: recv {"type":"read_receipt","message_id":4,"...":0}
nginx: not_before 500ms expect_access_log /body=\{"conversation_id":7,"message_id":5,"message_ids":\[1,2,"x"\],"all":false,/
nginx: status reads.saved 2
nginx: status reads.merged 2
nginx: status stores.saved 0
nginx: no_access_log /"message_id":4/
ann: send {"type":"read","message_ids":[]}
ann: send {"type":"read","message_id":{}}
ann: recv_unordered {"type":"read_receipt","message_ids":[],"...":0} {"type":"error","code":"invalid_frame","...":0}
bob: recv {"type":"read_receipt","message_ids":[],"...":0}
ann: send {"type":"message","content":"relayed"}
ann,bob: recv {"type":"new_message","...":0}
nginx: status reads.saved 2
nginx: no_access_log /stored[\s\S]*stored[\s\S]*stored/



=== TEST 2: all there was, and what came behind it
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/x/?token=$jwt_ann
ann: ignore /read_receipt/
ann: send {"type":"read"}
nginx: expect_access_log /body=\{"conversation_id":"x","message_id":null,"message_ids":\[\],"all":true,/
ann: send {"type":"read","message_ids":[1]}
ann: send {"type":"read"}
ann: send {"type":"read","message_id":"b","message_ids":[2]}
nginx: expect_access_log /"message_id":"b","message_ids":\[2\],"all":true,/



=== TEST 3: what is refused is dropped
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ignore /read_receipt/
ann: send {"type":"read","message_id":"say-403"}
nginx: status reads.rejected 1
nginx: expect_log /\[info\] .*messaging read of user "1" for "7" was refused by the backend: status 403.*, client: /
ann: send {"type":"read","message_id":2}
nginx: expect_access_log /"message_id":2,/
nginx: status reads.saved 1
nginx: status reads.failed 0
nginx: metric messaging_read_stores_total{result="rejected"} 1



=== TEST 4: 401 drops all that waits, and closes
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/?token=\$jwt_ann\n" . main::subscribe('ann', 7, 8) . <<'EOS'
ann: ignore /read_receipt/
ann: cork
ann: send {"type":"read","conversation_id":7,"message_id":"say-401"}
ann: send {"type":"read","conversation_id":8,"message_id":2}
ann: uncork
ann: expect_close 4001 token refused
nginx: status reads.rejected 2
nginx: status connections 0
nginx: no_access_log /"message_id":2/
EOS



=== TEST 5: what failed is tried again, with what has come since
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ignore /read_receipt/
ann: send {"type":"read","message_id":"say-500","message_ids":[1]}
nginx: status reads.failed 1
nginx: expect_log /\[warn\] .*messaging read of user "1" for "7" may not have been stored: status 500/
nginx: expect_access_log /"message_id":"say-500"[\s\S]*"message_id":"say-500"/
nginx: status reads.failed 2
ann: send {"type":"read","message_id":"fine","message_ids":[2]}
nginx: not_before 1s expect_access_log /"message_id":"fine","message_ids":\[1,2\],"all":false/
nginx: status reads.saved 1
nginx: status reads.failed 2
ann: send {"type":"read","message_id":"say-429"}
nginx: status reads.failed 3
ann: send {"type":"read","message_id":"later"}
nginx: not_before 5s expect_access_log /"message_id":"later"/



=== TEST 6: no answer in time, and one at a time
--- http_config eval: $::Backend
--- config eval: main::locations('/stuck', 'messaging_store_timeout 3s;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- allow_log
messaging call timed out
--- websocket eval
"ann: connect /ws/messaging/?token=\$jwt_ann\n" . main::subscribe('ann', 7, 8) . <<'EOS'
ann: ignore /read_receipt/
ann: send {"type":"read","conversation_id":7,"message_id":1}
nginx: expect_access_log /conversation=7 .*"message_id":1,/
ann: send {"type":"read","conversation_id":7,"message_id":2}
ann: send {"type":"read","conversation_id":8,"message_id":3}
nginx: not_before 3s expect_access_log /conversation=8 .*"message_id":3,/
nginx: status reads.failed 1
nginx: status reads.saved 2
EOS



=== TEST 7: who has gone had read it all the same, and waits for nothing
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"nginx: remember_baseline\n"
. "ann: connect /ws/messaging/?token=\$jwt_ann\n" . main::subscribe('ann', 1, 9) . <<'EOS'
ann: cork
ann: send_series 1..9 {"type":"read","conversation_id":%d}
ann: uncork
ann: recv_series 1..9 {"type":"read_receipt","conversation_id":%d,"...":0}
ann: close
ann: expect_close none
nginx: within 4s status reads.saved 9
nginx: expect_access_log /conversation=9 .* token=.{8} body=\{"conversation_id":9,"message_id":null,"message_ids":\[\],"all":true/
nginx: expect_baseline
EOS



=== TEST 8: what cannot be stored for who has gone is given up
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
nginx: remember_baseline
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"read","message_id":"say-500"}
ann: recv {"type":"read_receipt","...":0}
ann: reset
nginx: status reads.dropped 1
nginx: status reads.failed 3
nginx: expect_log /\[info\] .*messaging read of user "1" for "7" is given up after 3 tries/
nginx: expect_baseline



=== TEST 9: a worker that leaves stores what has been read
--- http_config eval: $::Backend
--- config eval: main::locations('/')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/?token=\$jwt_ann\n" . main::subscribe('ann', 1, 5) . <<'EOS'
ann: cork
ann: send_series 1..5 {"type":"read","conversation_id":%d}
ann: uncork
ann: recv_series 1..5 {"type":"read_receipt","conversation_id":%d,"...":0}
nginx: reload
ann: expect_close 1012
nginx: expect_access_log /conversation=5 /
nginx: expect_workers $WORKERS
nginx: status reads.saved 5
EOS



=== TEST 10: a backend that is away holds no worker longer than the drain
--- http_config eval
$::Backend . "messaging_drain 1s;\n"
--- config eval: main::locations('/')
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/?token=\$jwt_ann\n" . main::subscribe('ann', 1, 5) . <<'EOS'
ann: ignore /read_receipt/
ann: send_series 1..5 {"type":"read","conversation_id":%d,"message_id":"say-500"}
ann: send {"type":"ping"}
ann: recv {"type":"pong","...":0}
nginx: reload
ann: expect_close 1012
nginx: within 6s expect_workers $WORKERS
nginx: status reads.dropped 5
nginx: expect_log /\[info\] .*messaging read of user "1" for "\d" is given up\b/
EOS



=== TEST 11: so many conversations may wait, and so many ids
--- http_config eval
$::Backend . "messaging_drain 1s;\n"
--- config eval
main::locations('/stuck', 'messaging_rate off; messaging_max_subscriptions 100; messaging_store_timeout 5s;')
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+600"}
--- websocket eval
my $ids = sub { CORE::join(',', $_[0] .. $_[1]) };
"ann: connect /ws/messaging/?token=\$jwt_ann\n" . main::subscribe('ann', 1, 66)
. "ann: ignore /read_receipt|unavailable/\n"
. qq[ann: send {"type":"read","conversation_id":1,"message_id":1}\n]
. qq[nginx: status reads.saved 1\n]
. qq[ann: send {"type":"read","conversation_id":2,"message_ids":[${\$ids->(1, 60)}]}\n]
. qq[ann: send {"type":"read","conversation_id":2,"message_ids":[${\$ids->(41, 120)}]}\n]
. <<'EOS'
ann: send {"type":"ping"}
ann: recv {"type":"pong","...":0}
nginx: status reads.overloaded 1
nginx: status reads.merged 1
nginx: expect_access_log /conversation=2 .*"message_ids":\[21,22,[0-9,]*,119,120\],"all":false/
ann: send {"type":"read","conversation_id":1,"message_id":2}
ann: wait 1500ms
ann: send_series 2..66 {"type":"read","conversation_id":%d,"message_id":2}
ann: send {"type":"ping"}
ann: recv {"type":"pong","...":0}
nginx: status reads.overloaded 2
nginx: status reads.merged 1
nginx: expect_log /\[info\] .*messaging read of "66" is not stored, or not all of it: too much waits.*, client: /
EOS



=== TEST 12: templates of URI and body, the token of "auth", and detached
--- http_config eval: $::Backend
--- config eval
main::locations('/', <<'EOC') =~ s{messaging_store_read /read;}{}r
        messaging_detach on;
        messaging_store_read /api/$messaging_conversation/read/?by=$messaging_user;
        messaging_store_read_body '[$messaging_message_id,$messaging_message_ids,$messaging_read_all,$messaging_read_at]';
        location /api/ {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/backend.sock;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
new: {"user_id":1,"exp":"+90"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ignore /read_receipt/
ann: send {"type":"read","message_id":5}
nginx: expect_access_log /stored POST \/api\/7\/read\/\?by=1 .* body=\[5,\[\],false,"20[^"]+Z"\];/
ann: send {"type":"auth","token":"$jwt_new"}
ann: recv {"type":"auth_ok","...":0}
ann: send {"type":"read","message_id":6}
ann: close
ann: expect_close none
nginx: expect_access_log /token=(.{8}) .*\[5,[\s\S]*by=1 .*token=(?!\1).{8} body=\[6,/



=== TEST 13: messages to one place, reads to another
--- http_config eval: $::Backend
--- config eval
main::locations('/read', 'messaging_store /store;') . <<'EOC'
        location = /store {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/backend.sock:/store;
        }
        location ~ ^/ws/off/(?<off>[^/]+)/$ {
            messaging on;
            messaging_conversation $off;
            messaging_store_read off;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/off/7/?token=$jwt_ann
ann: send {"type":"read","message_id":1}
ann: recv {"type":"read_receipt","...":0}
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv_unordered {"type":"ack","client_id":"a","id":812,"...":0} {"type":"new_message","...":0}
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: send {"type":"read","message_id":2}
ann,bob: recv {"type":"read_receipt","message_id":2,"...":0}
nginx: expect_access_log /\/store user=1 .*"content":"x"[\s\S]*\/read user=1 .*"message_id":2/
nginx: status reads.saved 1
nginx: status stores.saved 1



=== TEST 14: calls for a client of TLS say so, also when it has gone
--- http_config eval: $::Backend
--- config eval
main::locations('/', <<'EOC') =~ s{messaging_store_read /read;}{}r
        messaging_store_read /api/?by=$scheme,$https;
        location /api/ {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/backend.sock;
            proxy_set_header Idempotency-Key $scheme,$https;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
tls on
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ignore /read_receipt/
ann: send {"type":"read","message_id":5}
nginx: expect_access_log /\/api\/\?by=https,on user=1 conversation=7 key=https,on .*"message_id":5,/
ann: send {"type":"read","message_id":6}
ann: close
ann: expect_close none
nginx: expect_access_log /\/api\/\?by=https,on user=1 conversation=7 key=https,on .*"message_id":6,/
ann: tls off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"read","message_id":7}
nginx: expect_access_log /\/api\/\?by=http, user=1 conversation=7 key=http, .*"message_id":7,/



=== TEST 15: only a URI can store
--- config
        messaging_store_read stream=x;
--- must_die
--- error_log
invalid URI "stream=x": it must begin with a slash



=== TEST 16: a duplicate
--- config
        messaging_store_read off;
        messaging_store_read /read;
--- must_die
--- error_log
"messaging_store_read" directive is duplicate



=== TEST 17: what comes while a call is under way that fails goes with the next
--- http_config eval: $::Backend
--- config eval: main::locations('/slow')
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: ignore /read_receipt/
bob: ignore /read_receipt/
ann: send {"type":"read","message_id":1}
nginx: expect_access_log /user=1 .*"message_id":1,/
bob: send {"type":"read","message_id":2}
ann: send {"type":"read","message_id":"say-500","message_ids":[1]}
nginx: expect_access_log /user=2 .*"message_id":2,/
ann: send {"type":"read","message_id":"fine","message_ids":[2]}
nginx: expect_access_log /user=1 .*"message_id":"fine","message_ids":\[1,2\],"all":false/
nginx: status reads.failed 1
nginx: status reads.saved 3
