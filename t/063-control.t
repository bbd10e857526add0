
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



=== TEST 6: revoke the tokens of a user: now, and those that come later
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
