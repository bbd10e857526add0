
# Copyright (C) The ngx_http_messaging_module authors

# messaging_max_fragments: the frames that one message may come in.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

# a ping in so many frames, most of them empty
sub ping_in {
    my ($who, $frames) = @_;
    my @parts = ('{"ty', 'pe":"ping"}');

    return "$who: cork\n"
           . "$who: frame fin=0 text=$parts[0]\n"
           . "$who: frame op=cont fin=0\n" x ($frames - 2)
           . "$who: frame op=cont text=$parts[1]\n"
           . "$who: uncork\n";
}

__DATA__

=== TEST 1: the default is 256
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::ping_in('ann', 256)
. qq(ann: recv {"type":"pong"}\n)
. main::ping_in('ann', 257)
. "ann: expect_close 1008 too many fragments\n";



=== TEST 2: as many as the limit, of each message anew; empty ones count, control frames do not
--- http_config
messaging_max_fragments 3;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n" . <<'EOS' x 3
ann: frame fin=0
ann: ping 1
ann: pong
ann: frame op=cont fin=0 text={"ty
ann: ping 2
ann: ping 3
ann: ping 4
ann: frame op=cont text=pe":"ping"}
ann: recv_pong 1
ann: recv_pong 2
ann: recv_pong 3
ann: recv_pong 4
ann: recv {"type":"pong"}
ann: frame text={"type":"ping"}
ann: recv {"type":"pong"}
EOS
. <<'EOS';
ann: frame fin=0 text={"ty
ann: frame op=cont fin=0
ann: frame op=cont fin=0 text=pe":"ping"}
ann: ping 5
ann: recv_pong 5
nginx: status limits.fragments 0
ann: frame op=cont
ann: expect_close 1008 too many fragments
nginx: status limits.fragments 1
nginx: status closes.1008 1
nginx: status messages.in 6
nginx: status connections 0
nginx: expect_log /info\] .* messaging connection closed with 1008: too many fragments while exchanging messages, client: /
EOS



=== TEST 3: empty continuation frames without end
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "ann: cork\nann: frame fin=0\n"
. "ann: frame op=cont fin=0\n" x 3000
. "ann: uncork\n"
. "ann: expect_close 1008 too many fragments\n"
. "nginx: status limits.fragments 1\n"
. "nginx: status messages.in 0\n";



=== TEST 4: one byte in each frame
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "ann: cork\nann: frame fin=0 text={\n"
. "ann: frame op=cont fin=0 x=1\n" x 3000
. "ann: uncork\n"
. "ann: expect_close 1008 too many fragments\n"
. "nginx: status limits.fragments 1\n";



=== TEST 5: the header of the frame that is one too many is enough
--- http_config
messaging_max_fragments 2;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame fin=0 text={"ty
ann: frame op=cont fin=0 text=pe":"ping"}
ann: frame op=cont len=1000
ann: expect_close 1008 too many fragments
nginx: status limits.fragments 1
ann: reset
nginx: status connections 0

# byte by byte
bob: connect /ws/messaging/7/?token=$jwt_bob
bob: split 1
bob: frame fin=0 text={"ty
bob: frame op=cont fin=0 text=pe":"ping"}
bob: frame op=cont text=
bob: expect_close 1008 too many fragments
nginx: status limits.fragments 2



=== TEST 6: with a limit of 1 a message is one frame
--- http_config
messaging_max_fragments 1;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send_series 1..10 {"type":"ping"}
ann: recv_series 1..10 {"type":"pong"}
ann: frame fin=0 text={"type":"ping"}
ann: ping
ann: recv_pong
ann: frame op=cont
ann: expect_close 1008 too many fragments



=== TEST 7: nothing behind it is obeyed, but the Close of the client is heard
--- http_config
messaging_max_fragments 2;
messaging_close_timeout 60s;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: cork
ann: frame fin=0 text={"ty
ann: frame op=cont fin=0 text=pe":"ping"
ann: frame op=cont fin=0 text=}
ann: frame op=cont fin=0
ann: frame op=cont
ann: ping
ann: send {"type":"message","content":"x"}
ann: send {"type":"typing"}
ann: uncork
ann: expect_close 1008 too many fragments
ann: send {"type":"message","content":"y"}
ann: ping
ann: close 1008
ann: expect_eof
nginx: status connections 1
nginx: status limits.fragments 1
nginx: status messages.in 0
bob: recv_none 200ms



=== TEST 8: a message in many fragments is one for messaging_rate
--- http_config
messaging_max_fragments 2000;
messaging_rate 1r/m burst=2;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::ping_in('ann', 2000) x 2
. <<'EOS'
ann: recv_series 1..2 {"type":"pong"}
nginx: status limits.rate 0
EOS
. main::ping_in('ann', 2000)
. <<'EOS';
ann: recv {"type":"error","code":"rate_limited","message":"<string>"}
nginx: status limits.rate 1
nginx: status limits.fragments 0
EOS
