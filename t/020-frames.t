# The framing of RFC 6455, section 5, through a running worker.  A client that
# breaks it gets a Close frame and the end of TCP, and is not waited for.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# a ping message of so many bytes
sub ping_of {
    my ($size) = @_;
    return '{"type":"ping"' . ' ' x ($size - 15) . '}';
}

# text of so many bytes in which no part is like another
sub text_of {
    my ($size) = @_;
    return substr join('', map { "$_." } 1 .. $size / 2), 0, $size;
}

# the lines once for each value, which stands for VALUE in them
sub each_of {
    my ($lines, @values) = @_;
    return join '', map { my $value = $_; $lines =~ s/VALUE/$value/gr } @values;
}

# a frame in hex, cut in two lines within its header, in all ways
sub cut_header {
    my ($payload) = @_;
    my $length = length $payload;
    my $mask = pack 'N', 0x3a91_5cf7;
    my $head = pack('C', 0x81)
        . ($length < 126 ? pack 'C', 0x80 | $length
           : $length < 65536 ? pack 'Cn', 0xfe, $length
                             : pack 'CQ>', 0xff, $length) . $mask;

    $payload ^= substr $mask x (1 + $length / 4), 0, $length;
    $payload = join ' ', unpack '(H1000)*', $payload;
    return map { unpack('H*', substr $head, 0, $_) . "\nann: bytes "
                 . unpack('H*', substr $head, $_) . " $payload" }
           1 .. length($head) - 1;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a text message in one frame is handled
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame text={"type":"ping"}
ann: recv_raw {"type":"pong"}
nginx: status messages.in 1
nginx: status messages.out 1



=== TEST 2: a message in fragments is one message
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame fin=0 text={"ty
ann: frame op=cont fin=0 text=pe":"pi
ann: frame op=cont text=ng"}
ann: recv {"type":"pong"}
ann: frame text={"type":"ping"}
ann: recv {"type":"pong"}
nginx: status messages.in 2



=== TEST 3: fragments may be empty, wherever they stand
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame fin=0
ann: frame op=cont fin=0 text={"type":
ann: frame op=cont fin=0
ann: frame op=cont fin=0 text= "ping"}
ann: frame op=cont
ann: recv {"type":"pong"}
ann: frame fin=0
ann: frame op=cont
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
nginx: status messages.in 2



=== TEST 4: an empty message is a message that is no JSON
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame x=0
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
ann: frame text={"type":"ping"}
ann: recv {"type":"pong"}
nginx: status messages.in 2



=== TEST 5: control frames among fragments are handled at once
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame fin=0 text={"type"
ann: ping one
ann: recv_pong one
ann: pong nobody asked
ann: frame op=cont fin=0 text=:"p
ann: ping
ann: recv_pong
ann: ping three
ann: recv_pong three
ann: recv_none 50ms
ann: frame op=cont text=ing"}
ann: recv {"type":"pong"}



=== TEST 6: a Close frame may stand among fragments
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame fin=0 text={"type"
ann: close 1000
ann: expect_close 1000
nginx: status messages.in 0



=== TEST 7: a Ping is echoed byte by byte, up to 125 bytes
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $bytes = pack 'C*', 0 .. 8, 14 .. 31, 128 .. 224, 255;
q{ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame op=ping
ann: recv_pong
ann: ping hello
ann: recv_pong hello
ann: frame op=ping x=124
ann: recv_pong } . 'x' x 124 . q{
ann: frame op=ping hex=} . unpack('H*', $bytes) . qq{
ann: recv_pong $bytes
ann: recv_none 20ms
nginx: status messages.in 0
}



=== TEST 8: a Pong is ignored
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: pong
ann: pong nobody asked
ann: frame op=pong x=125
ann: frame op=pong hex=fffe00
ann: recv_none 50ms
ann: frame text={"type":"ping"}
ann: recv {"type":"pong"}



=== TEST 9: a message of each class of length comes through unchanged
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_max_message 128k;
            messaging_max_content 100000;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
q{ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
} . main::each_of(q{
ann: frame text={"type":"message","content":"VALUE"}
bob: recv {"type":"new_message","message":{"content":"VALUE","...":0}}
ann: recv {"type":"new_message","message":{"content":"VALUE","...":0}}
}, map { main::text_of($_ - 32) }       # 32 bytes surround the content
   125, 126, 127, 128, 255, 256, 65535, 65536, 65537, 100000)



=== TEST 10: each class of length over TLS
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_max_message 128k;
            messaging_max_content 100000;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
q{tls on
ann: connect /ws/messaging/7/?token=$jwt_ann
} . main::each_of(q{
ann: frame text={"type":"message","content":"VALUE"}
ann: recv {"type":"new_message","message":{"content":"VALUE","...":0}}
}, map { main::text_of($_ - 32) } 125, 126, 16384, 65535, 65536, 100000)



=== TEST 11: the worker writes each class of length in its shortest form
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
q{ann: connect /ws/messaging/7/?token=$jwt_ann
} . main::each_of(q{
backend: publish 7 {"text":"VALUE"}
ann: recv_raw {"text":"VALUE"}
}, map { main::text_of($_ - 11) } 11, 125, 126, 127, 65534, 65535, 65536)



=== TEST 12: a message larger than the receive buffer, whole and in fragments
--- not_in
embedded (a message is at most 960k long)
onebyte (Redis is not sent that much within 5 s)
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_max_message 1m;
            messaging_max_content 1000000;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $text = main::text_of(300_000);
my $json = qq({"type":"message","content":"$text"});
my @parts = unpack '(a70001)*', $json;
my $want = qq({"type":"new_message","message":{"content":"$text","...":0}});

q{ann: connect /ws/messaging/7/?token=$jwt_ann
} . "ann: frame text=$json
ann: recv $want
ann: frame fin=0 text=$parts[0]
" . main::each_of("ann: frame op=cont fin=0 text=VALUE\n", @parts[1 .. $#parts])
. "ann: frame op=cont
ann: recv $want
"



=== TEST 13: a length not in its shortest form is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame VALUE
ann: expect_close 1002 protocol error
ann: expect_eof
}, 'len=16:0', 'len=16:14 text={"type":"ping"}', 'len=16:125',
   'len=64:0', 'len=64:14', 'len=64:126', 'len=64:65535',
   'op=ping len=16:3 text=abc')



=== TEST 14: the top bit of a length of 64 bits is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: auto_close off
ann: bytes 81ff 80
ann: expect_close 1002 protocol error
ann: expect_eof
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: auto_close off
bob: bytes 81ff ffffffffffffffff
bob: expect_close 1002 protocol error
bob: expect_eof



=== TEST 15: a message of just messaging_max_message is let through
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
q{ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame text=} . main::ping_of(65536) . q{
ann: recv {"type":"pong"}
ann: frame fin=0 text=} . substr(main::ping_of(65536), 0, 60000) . q{
ann: frame op=cont fin=0
ann: ping among them
ann: recv_pong among them
ann: frame op=cont text=} . substr(main::ping_of(65536), 60000) . q{
ann: recv {"type":"pong"}
}



=== TEST 16: a message over messaging_max_message is refused by its header
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: auto_close off
ann: frame len=65537
ann: expect_close 1009 message too big
ann: expect_eof
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: auto_close off
bob: bytes 81ff 7fffffffffffffff
bob: expect_close 1009 message too big
bob: expect_eof
eve: connect /ws/messaging/7/?token=$jwt_ann
eve: auto_close off
eve: bytes 81ff 0000000100000000
eve: expect_close 1009 message too big
eve: expect_eof
nginx: status closes.1009 3



=== TEST 17: messaging_max_message limits the sum of fragments
--- config
        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
            messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
            messaging_access any;
            messaging_max_message 100;
        }
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: auto_close off
ann: frame x=100
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
ann: frame fin=0 x=60
ann: ping the next is allowed
ann: recv_pong the next is allowed
ann: frame op=cont x=40
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
ann: frame fin=0 x=60
ann: frame op=cont fin=0 x=40
ann: ping the next is not
ann: recv_pong the next is not
ann: frame op=cont len=1
ann: expect_close 1009 message too big
ann: expect_eof
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: auto_close off
bob: bytes 81e5
bob: expect_close 1009 message too big
bob: expect_eof



=== TEST 18: a frame that is not masked is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame VALUE
ann: expect_close 1002 protocol error
ann: expect_eof
}, 'mask=0 text={"type":"ping"}', 'mask=0 x=0', 'mask=0 x=300',
   'mask=0 op=ping text=x', 'mask=0 op=close hex=03e8',
   "fin=0 text={\"type\"\nann: frame op=cont mask=0 text=:\"ping\"}")



=== TEST 19: it is one as soon as the second byte has come
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: auto_close off
ann: bytes 81 0e
ann: expect_close 1002 protocol error
ann: expect_eof



=== TEST 20: any mask will do
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame mask=00000000 text={"type":"ping"}
ann: recv {"type":"pong"}
ann: frame mask=ffffffff text={"type":"ping"}
ann: recv {"type":"pong"}
ann: frame mask=01020380 text={"type": "ping" }
ann: recv {"type":"pong"}



=== TEST 21: a reserved bit is a protocol error as soon as it has come
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: bytes VALUE
ann: expect_close 1002 protocol error
ann: expect_eof
}, qw( 91 a1 c1 f1 c2 11 41 99 a9 c9 9a ca 98 c8 ))



=== TEST 22: a reserved bit in a continuation is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame fin=0 text={"type"
ann: frame op=cont rsv=VALUE text=:"ping"}
ann: expect_close 1002 protocol error
ann: expect_eof
}, 1, 2, 4)



=== TEST 23: a reserved opcode is a protocol error as soon as it has come
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: bytes 8VALUE
ann: expect_close 1002 protocol error
ann: expect_eof
}, 3 .. 7, 'b' .. 'f')



=== TEST 24: a control frame in fragments is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: bytes 0VALUE
ann: expect_close 1002 protocol error
ann: expect_eof
}, 8 .. 9, 'a')



=== TEST 25: a control frame of more than 125 bytes is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: bytes VALUE
ann: expect_close 1002 protocol error
ann: expect_eof
}, qw( 88fe 89fe 8afe 88ff 89ff 8aff ))



=== TEST 26: a continuation of nothing is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: auto_close off
ann: bytes 80
ann: expect_close 1002 protocol error
ann: expect_eof
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: auto_close off
bob: bytes 00
bob: expect_close 1002 protocol error
bob: expect_eof
eve: connect /ws/messaging/7/?token=$jwt_ann
eve: auto_close off
eve: frame fin=0 text={"type":
eve: frame op=cont text="{\"type\":\"ping\"}"
eve: recv {"type":"error","code":"invalid_json","message":"<string>"}
eve: frame op=cont text={"type":"ping"}
eve: expect_close 1002 protocol error
eve: expect_eof



=== TEST 27: a message that begins within another one is a protocol error
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: auto_close off
ann: frame fin=0 text={"type"
ann: frame text={"type":"ping"}
ann: expect_close 1002 protocol error
ann: expect_eof
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: auto_close off
bob: frame fin=0 text={"type"
bob: frame op=cont fin=0
bob: frame fin=0 x=0
bob: expect_close 1002 protocol error
bob: expect_eof
eve: connect /ws/messaging/7/?token=$jwt_ann
eve: auto_close off
eve: frame fin=0 x=0
eve: frame op=binary x=0
eve: expect_close 1002 protocol error
eve: expect_eof



=== TEST 28: a binary message is not accepted, whole or in fragments
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: auto_close off
ann: frame op=binary text={"type":"ping"}
ann: expect_close 1003 binary message
ann: expect_eof
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: auto_close off
bob: frame op=binary fin=0 x=1
bob: expect_close 1003 binary message
bob: expect_eof
eve: connect /ws/messaging/7/?token=$jwt_ann
eve: auto_close off
eve: frame op=binary len=1000
eve: expect_close 1003 binary message
eve: expect_eof
dan: connect /ws/messaging/7/?token=$jwt_ann
dan: auto_close off
dan: frame op=binary x=0
dan: expect_close 1003 binary message
dan: expect_eof
nginx: status closes.1003 4



=== TEST 29: input that comes byte by byte
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
q{ann: connect /ws/messaging/7/?token=$jwt_ann
ann: split 1
ann: frame text={"type":"ping"}
ann: recv {"type":"pong"}
ann: ping one by one
ann: recv_pong one by one
ann: frame fin=0 text={"type"
ann: ping among
ann: frame op=cont fin=0
ann: frame op=cont text=:"ping"}
ann: recv_pong among
ann: recv {"type":"pong"}
ann: frame text=} . main::ping_of(200) . q{
ann: recv {"type":"pong"}
ann: close 3210 good bye
ann: expect_close 3210
}



=== TEST 30: a header that is cut after any of its bytes
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
# what is sent at once is read alone
q{ann: connect /ws/messaging/7/?token=$jwt_ann
ann: split 1000000
} . main::each_of(q{ann: bytes VALUE
ann: recv {"type":"pong"}
}, map { main::cut_header(main::ping_of($_)) } 20, 126, 65536)



=== TEST 31: many frames in one packet are answered in their order
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
q{ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
} . main::each_of(q{ann: ping VALUE
ann: send {"type":"ping"}
ann: send_text VALUE
}, 1 .. 100) . q{ann: uncork
} . main::each_of(q{ann: recv_pong VALUE
ann: recv {"type":"pong"}
ann: recv {"type":"error","code":"invalid_json","...":0}
}, 1 .. 100)



=== TEST 32: frames before a bad one are answered, frames behind it are not
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: auto_close off
ann: cork
ann: send {"type":"ping"}
ann: frame rsv=2 text={"type":"ping"}
ann: send {"type":"ping"}
ann: ping hello
ann: uncork
ann: recv {"type":"pong"}
ann: expect_close 1002 protocol error
ann: expect_eof
nginx: status messages.in 1



=== TEST 33: a client that breaks the rules takes nobody else with it
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
eve: connect /ws/messaging/7/?token=$jwt_bob
ann: frame fin=0 text={"type":"typing",
eve: auto_close off
eve: frame mask=0 text={"type":"ping"}
eve: expect_close 1002 protocol error
eve: expect_eof
ann: frame op=cont text="\"is_typing\":true}"
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true}
