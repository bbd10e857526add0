# How connections end, RFC 6455, sections 5.5.1 and 7: the close handshake
# begun by either side, and what happens where it is broken off.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# the lines once for each value, which stands for VALUE in them
sub each_of {
    my ($lines, @values) = @_;
    return join '', map { my $value = $_; $lines =~ s/VALUE/$value/gr } @values;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: an empty close is answered by an empty one
--- not_in: detach (the access log is written at the handshake)
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: close
ann: expect_close none
nginx: status closes.1005 1
nginx: status connections 0
nginx: expect_access_log / close=1005 /



=== TEST 2: the answer has the code of the client, and no reason
--- not_in: detach (the access log is written at the handshake)
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: close VALUE
ann: expect_close VALUE /\A\z/
nginx: expect_access_log / close=VALUE /
}, 1000 .. 1003, 1007 .. 1014, 3000, 3999, 4000, 4001, 4999)



=== TEST 3: a reason may have 123 bytes of UTF-8
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame op=close hex=03e8VALUE
ann: expect_close 1000 /\A\z/
}, '78' x 123, 'e282ac' x 41, 'f09f9880', '00')



=== TEST 4: a code that must not be sent is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: close VALUE
ann: expect_close 1002 protocol error
}, 0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1999, 2000, 2999, 5000, 65535)
. 'nginx: status closes.1002 13'



=== TEST 5: half a code is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame op=close hex=03
ann: expect_close 1002 protocol error



=== TEST 6: a reason that is not UTF-8
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame op=close hex=03e8VALUE
ann: expect_close 1007 invalid UTF-8
}, qw( ff c0 c3 e282 eda080 78f09f98 80 f4908080 ))



=== TEST 7: a Close frame that comes byte by byte
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: split 1
ann: close 4321 and a reason that is not repeated
ann: expect_close 4321 /\A\z/
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: split 1
bob: close
bob: expect_close none



=== TEST 8: frames before a Close are answered, frames behind it are ignored
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: cork
ann: send {"type":"ping"}
ann: ping first
ann: close 1000
ann: send {"type":"ping"}
ann: send {"type":"message","content":"too late"}
ann: ping second
ann: frame rsv=7 op=15 text=not even a frame
ann: uncork
ann: recv {"type":"pong"}
ann: recv_pong first
ann: expect_close 1000
bob: recv_none 100ms
nginx: status messages.in 1



=== TEST 9: the server begins, the client answers, TCP ends without a reset
--- jwt
ann: {"user_id":1,"exp":"+60"}
old: {"user_id":1,"exp":"-1"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_old
ann: expect_close 4001 token expired
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"auth","token":"bad"}
ann: expect_close 4001 token invalid
nginx: status closes.4001 2
nginx: status connections 0



=== TEST 10: the server waits for the answer, whatever its code is
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"auth","token":"bad"}
ann: expect_close 4001 token invalid
ann: recv_none 50ms
nginx: status connections 1
ann: close VALUE
ann: expect_eof
nginx: status connections 0
}, '', 1000, 3333, '4001 as you wish') . q{
nginx: status closes.4001 4
nginx: status closes.1000 0
nginx: no_access_log / close=1000 /
}



=== TEST 11: a bad answer ends the wait as well
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"auth","token":"bad"}
ann: expect_close 4001 token invalid
ann: frame VALUE
ann: expect_eof
}, 'op=close hex=03', 'op=close hex=0000', 'op=close hex=03e8ff',
   'mask=0 op=close', 'op=close fin=0', 'rsv=1 text=x')
. 'nginx: status closes.4001 6'



=== TEST 12: what comes between the server's Close and the answer is ignored
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"auth","token":"bad"}
ann: expect_close 4001 token invalid
ann: send {"type":"ping"}
ann: ping hello
ann: pong hello
ann: send {"type":"message","content":"too late"}
ann: frame fin=0 hex=ff
ann: ping among fragments
ann: frame op=cont x=65000
ann: close 4001
ann: expect_eof
bob: recv_none 100ms
nginx: status messages.in 1



=== TEST 13: both begin at the same time
--- jwt
ann: {"user_id":1,"exp":"-1"}
--- websocket
ann: cork
ann: close 1000
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: expect_close 4001 token expired
nginx: status closes.4001 1



=== TEST 14: a client that does not answer is cut after 5 s, even if it talks
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1..c4: auto_close off
c1..c4: connect /ws/messaging/7/?token=$jwt_ann
c1..c4: send {"type":"auth","token":"bad"}
c1..c4: expect_close 4001 token invalid
c2: send {"type":"ping"}
c3: frame fin=0 x=10
c4: frame len=100 x=99
wait 4s
nginx: status connections 4
c2: ping again
c3: frame op=cont fin=0 x=10
c4: bytes 00
c1: within 3s expect_gone
c2: within 1s expect_gone
c3: within 1s expect_gone
c4: within 1s expect_gone
nginx: status connections 0
nginx: status closes.4001 4
nginx: expect_log /messaging client did not complete the close handshake/
bob: connect /ws/messaging/7/?token=$jwt_bob



=== TEST 15: the channel is left with the Close, not with the end of TCP
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
backend: expect_subscribers 7 1
ann: send {"type":"auth","token":"bad"}
ann: expect_close 4001 token invalid
backend: expect_subscribers 7 0
backend: publish 7 {"type":"late"}
ann: recv_none 50ms
nginx: status connections 1
ann: close 4001
ann: expect_eof
nginx: status connections 0



=== TEST 16: nothing is delivered behind the answer to a client's Close
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
# both are read at once, and the message is published before the Close is seen
q{ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send {"type":"message","content":"of one who leaves","client_id":"1"}
ann: close 1000
ann: uncork
ann: expect_close 1000
backend: expect_subscribers 7 0
}



=== TEST 17: no reset where the client sends on behind our answer
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: stall
ann: close 1000
nginx: status connections 0
ann: frame x=10000
ann: expect_taken
ann: frame x=60000
ann: expect_taken
ann: resume
ann: expect_close 1000



=== TEST 18: no reset where the client sends on behind a Close for its error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: stall
ann: frame mask=0 x=10
nginx: status connections 0
ann: frame x=10000
ann: expect_taken
ann: frame x=60000
ann: expect_taken
ann: resume
ann: expect_close 1002
ann: expect_eof



=== TEST 19: no reset where more lies behind the error than is read at once
--- not_in: onebyte (three million bytes take too long)
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: frame op=binary x=0
ann: frame x=3000000
ann: uncork
ann: expect_close 1003
ann: expect_taken
ann: expect_eof



=== TEST 20: no reset behind the answer to the server's Close
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"auth","token":"bad"}
ann: expect_close 4001 token invalid
ann: close 4001
nginx: status connections 0
ann: frame x=1000
ann: expect_taken
ann: frame x=1000
ann: expect_taken
ann: expect_eof



=== TEST 21: what came in one packet with the end of TCP is answered
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: close 1000
ann: shutdown
ann: expect_close 1000
bob: auto_close off
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: cork
bob: frame op=binary x=0
bob: shutdown
bob: expect_close 1003 binary message
bob: expect_eof
eve: connect /ws/messaging/7/?token=$jwt_ann
eve: cork
eve: send {"type":"ping"}
eve: ping hello
eve: shutdown
eve: recv {"type":"pong"}
eve: recv_pong hello
eve: expect_eof
nginx: status connections 0
nginx: status closes.1000 1
nginx: status closes.1003 1
nginx: status closes.1006 1



=== TEST 22: a client that half-closes is left, at every stage
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: connect /ws/messaging/7/?token=$jwt_ann
VALUE
ann: shutdown
ann: expect_eof
}, '', 'ann: bytes 81', 'ann: bytes 81fe01', 'ann: bytes 818e3a91',
   'ann: bytes 898511223344', 'ann: frame len=14 hex=7b',
   "ann: frame fin=0 x=5000", 'ann: frame op=close len=2 hex=03')
. q{
nginx: status connections 0
nginx: status closes.1006 8
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"auth","token":"bad"}
ann: expect_close 4001 token invalid
ann: shutdown
ann: expect_eof
nginx: status connections 0
nginx: status closes.4001 1
nginx: status channels 0
nginx: no_log /\[(?:error|crit)\]/
}



=== TEST 23: a client that resets is left, at every stage
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: connect /ws/messaging/7/?token=$jwt_ann
VALUE
ann: reset
nginx: status connections 0
}, '', 'ann: bytes 81', 'ann: bytes 81fe01', 'ann: bytes 818e3a91',
   'ann: bytes 898511223344', 'ann: frame len=14 hex=7b',
   "ann: frame fin=0 x=5000", 'ann: frame op=close len=2 hex=03')
. q{
nginx: status closes.1006 8
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"auth","token":"bad"}
ann: expect_close 4001 token invalid
ann: reset
nginx: status connections 0
nginx: status closes.4001 1
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: close 1000
ann: reset
nginx: status connections 0
nginx: status channels 0
nginx: no_log /\[(?:error|crit)\]/
}



=== TEST 24: a client that resets with output waiting takes nobody with it
--- not_in: onebyte (six million bytes take too long)
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $text = 'x' x 50000;

q{ann: rcvbuf 2048
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect /ws/messaging/7/?token=$jwt_bob
ann: stall
} . main::each_of(qq{
backend: publish 7 {"n":VALUE,"text":"$text"}
bob: recv {"n":VALUE,"text":"$text"}
}, 1 .. 80) . q{
ann: reset
nginx: status connections 1
backend: publish 7 {"n":81}
bob: recv {"n":81}
nginx: no_log /\[(?:error|crit)\]/
}



=== TEST 25: a client that goes with FIN alone is left
--- not_in: detach (the access log is written at the handshake)
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: drop
nginx: status connections 1
nginx: status closes.1006 1
nginx: expect_access_log / close=1006 /
backend: publish 7 {"n":1}
bob: recv {"n":1}
