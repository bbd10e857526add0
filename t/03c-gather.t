
# Copyright (C) The ngx_http_messaging_module authors

# What is sent to many at once waits for one more look at who else has sent
# something.  It has to leave after that, in order, and in time.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

# all of them on one worker, so that it has many to send to
sub together {
    my ($names, $path) = @_;
    my @others = map { "w$_" } 1 .. workers() - 1;
    my $text = '';

    for my $i (0 .. $#others) {
        my $before = CORE::join ',', @others[0 .. $i - 1];
        $text .= "$others[$i]: connect" . ($i ? "_apart $before" : '')
               . " /ws/messaging/other/?token=\$jwt_ann\n";
    }
    my $apart = @others ? '_apart ' . CORE::join ',', @others : '';
    return "$text$names: connect$apart $path\n";
}

__DATA__

=== TEST 1: a message to many arrives, though nothing else comes
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
main::together('c1..c140', '/ws/messaging/7/?token=$jwt_ann') . <<'EOS'
backend: publish 7 {"n":1}
c1..c140: recv {"n":1}
bob:     connect /ws/messaging/7/?token=$jwt_bob
bob:     send {"type":"message","content":"hello"}
c1..c140: recv /"content":"hello"/
bob:     recv /hello/
c1..c140: send {"type":"ping"}
c1..c140: recv {"type":"pong"}
c1..c140: recv_none 50ms
EOS



=== TEST 2: several send at the same time, one of them more than is read in a turn
--- not_in: onebyte (megabytes take too long)
--- http_config
messaging_rate off;
messaging_max_content 5000;
--- jwt
ann: {"user_id":1,"exp":"+300"}
bob: {"user_id":2,"exp":"+300"}
--- websocket eval
my $long = 'x' x 4900;
main::together('c1..c140', '/ws/messaging/7/?token=$jwt_ann') . <<"EOS" . <<'EOS'
c1,c2,c3: cork
c1:      send_series 1..20 {"type":"message","content":"$long %d"}
c2,c3:   send_series 1..5 {"type":"message","content":"\$ACTOR %d"}
nginx:   pause_worker_of c1
c1,c2,c3: uncork
c140:    reset
c4:      send {"type":"ping"}
c4:      ignore /pong/
nginx:   continue_worker_of c1
EOS
c1..c139: recv_all 30
c2..c139: expect_same c1
c1..c139: recv_none 50ms
nginx:   status limits.send_buffer 0
EOS



=== TEST 3: messaging_max_queued is reached meanwhile: it leaves before anybody is closed
--- not_in: onebyte (byte by byte nothing leaves at once)
--- http_config
messaging_max_queued 64k;
messaging_max_content 12000;
--- jwt
ann: {"user_id":1,"exp":"+300"}
--- websocket eval
my $long = 'x' x 12000;
main::together('c1..c130', '/ws/messaging/7/?token=$jwt_ann') . <<"EOS" . <<'EOS'
nginx:   pause_worker_of c1
c1..c8:  send {"type":"message","content":"$long"}
nginx:   continue_worker_of c1
EOS
c1..c130: recv_all 8
c2..c130: expect_same c1
nginx:   status limits.queued 0
nginx:   status queued_bytes 0
EOS
