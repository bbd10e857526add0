# Text has to be UTF-8, RFC 6455, section 8.1 and RFC 3629: what is not ends
# the connection with 1007 at the byte that cannot be right.

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

# the lines behind a connection each, which ends with 1007
sub each_fails {
    my ($lines, @values) = @_;
    return each_of(q{
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
} . $lines . q{
ann: expect_close 1007 invalid UTF-8
ann: expect_eof
}, @values);
}

# bytes in hex as two and three fragments, cut in all ways
sub in_fragments {
    my @byte = unpack '(H2)*', pack 'H*', shift;
    my @all;

    for my $i (1 .. $#byte) {
        push @all, fragments(join('', @byte[0 .. $i - 1]),
                             join('', @byte[$i .. $#byte]));
        push @all, fragments(join('', @byte[0 .. $i - 1]), $byte[$i],
                             join('', @byte[$i + 1 .. $#byte]))
            if $i < $#byte;
    }
    return @all;
}

sub fragments {
    my ($first, @more) = @_;
    my $last = pop @more;
    return join "\nann: ", "frame fin=0 hex=$first",
                (map { "frame op=cont fin=0 hex=$_" } @more),
                "frame op=cont hex=$last";
}

sub message {
    my ($content) = @_;
    return unpack 'H*', qq({"type":"message","content":"$content"});
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the first and the last character of each length come through
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my %json = qw( 7f \u007f c280 \u0080 dfbf \u07ff e0a080 \u0800 ed9fbf \ud7ff
               ee8080 \ue000 efbbbf \ufeff efbfbe \ufffe efbfbf \uffff
               f0908080 \ud800\udc00 f48fbfbf \udbff\udfff );

q{ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
} . main::each_of('
ann: frame hex=VALUE"...":0}}
', map { main::message(pack 'H*', $_) . '
ann,bob: recv {"type":"new_message","message":{"content":"' . "$json{$_}\"," }
   sort keys %json)



=== TEST 2: characters may be cut by packets
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: split 1
ann: frame text="{\"type\":\"message\",\"content\":\"" c3a4e282acf09f9880 "\"}"
ann: recv {"type":"new_message","message": \
    {"content":"\u00e4\u20ac\ud83d\ude00","...":0}}



=== TEST 3: characters may be cut by fragments
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
q{ann: connect /ws/messaging/7/?token=$jwt_ann
} . main::each_of(q{
ann: VALUE
ann: recv {"type":"new_message","message": \
    {"content":"\u00e4\u20ac\ud83d\ude00","...":0}}
}, main::in_fragments(main::message(pack 'H*', 'c3a4e282acf09f9880')))



=== TEST 4: a control frame may stand in the middle of a character
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame fin=0 text="{\"type\":\"message\",\"content\":\"\xe2"
ann: ping one
ann: frame op=cont fin=0 hex=82
ann: frame op=pong hex=ff
ann: frame op=cont fin=0
ann: frame op=cont hex=ac227d
ann: recv_pong one
ann: recv {"type":"new_message","message":{"content":"\u20ac","...":0}}



=== TEST 5: what is not UTF-8
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
# continuations alone, long forms, surrogates, over U+10FFFF, never used
main::each_fails('ann: frame hex=VALUE', qw( 80 bf 4180 c3a480 c080 c1bf e08080
    e09fbf eda080 edafbf edb080 edbfbf eda080edb080 f0808080 f08fbfbf f4908080
    f5808080 f7bfbfbf f888808080 fbbfbfbfbf fc8480808080 fe ff
    c241 c2c2a4 e241 e28241 e282e2 e2c282 f041 f09041 f0908041 f09f98f0 ))



=== TEST 6: a character without its end is not UTF-8
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_fails('ann: frame hex=VALUE', qw( c2 41c3 e2 e282 f0 f09f f09f98 ))



=== TEST 7: it fails before the frame has come whole, at the first wrong byte
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_fails('ann: frame len=100 hex=VALUE', qw( 80 c0 c1 f5 fe ff
    c241 e041 e080 e09f eda0 edbf f041 f080 f08f f490 f4bf e28241 f09f9841 ))



=== TEST 8: it fails before the message has come whole
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_fails('ann: frame fin=0 hex=VALUE', qw( 80 7b22ff eda0 f490 ))



=== TEST 9: it fails where the wrong byte is in a later fragment
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::each_fails(q{
ann: frame fin=0 hex=VALUE
}, map { s/\|/\nann: frame op=cont fin=0 hex=/gr }
   qw( e2|28 e2|82|28 f0|9f|98|28 ed|a0 e0|9f f4|90 f0|8f c3||41 e2|c3 41|80
       c3a4|80 ))



=== TEST 10: it fails where the last character ends with the last fragment
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame fin=0 hex=e282
ann: frame op=cont
ann: expect_close 1007 invalid UTF-8
ann: expect_eof
bob: auto_close off
bob: connect /ws/messaging/7/?token=$jwt_ann
bob: frame fin=0 x=1
bob: frame op=cont hex=f09f98
bob: expect_close 1007 invalid UTF-8
bob: expect_eof
nginx: status closes.1007 2
nginx: status messages.in 0



=== TEST 11: each message begins anew
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: frame text="{\"type\":\"message\",\"content\":\"" c3a4 "\"}"
ann: recv {"type":"new_message","message":{"content":"\u00e4","...":0}}
ann: frame hex=c3a4
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
ann: frame hex=a4
ann: expect_close 1007 invalid UTF-8
ann: expect_eof



=== TEST 12: the payload of a Ping or Pong is any bytes
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
qq{ann: connect /ws/messaging/7/?token=\$jwt_ann
ann: frame op=ping hex=ffc0
ann: recv_pong \xff\xc0
ann: frame op=pong hex=ffc0
ann: recv_none 20ms
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
}



=== TEST 13: UTF-8 is looked at before JSON, and a frame before it is answered
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: auto_close off
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: cork
ann: send {"type":"ping"}
ann: frame text="{\"type\":\"message\",\"content\":\"\xff\"}"
ann: send {"type":"ping"}
ann: uncork
ann: recv {"type":"pong"}
ann: expect_close 1007 invalid UTF-8
ann: expect_eof
bob: recv_none 100ms
