
# Copyright (C) The ngx_http_messaging_module authors

# The relay on the one-conversation endpoint: frames of the clients in
# production, payloads of backends with and without a header line, order, and
# that nothing is lost or doubled.  Clients are on different workers.
#
# also: valgrind

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

# n messages: the order in which the first client gets them is that in which
# the others have to get them
sub in_one_order {
    my ($first, $others, $n) = @_;
    return "$first,$others: recv_all $n\n$others: expect_same $first\n";
}

# conversations with so many clients each, of two users and on all workers, in
# each of which all write at the same time
sub many_orders {
    my ($conversations, $clients, $n) = @_;
    my ($connect, $judge, @all) = ('', '');

    for my $id (1 .. $conversations) {
        my @names = map { "w${id}_$_" } 1 .. $clients;
        my $others = join ',', @names[1 .. $#names];

        for my $i (0 .. $#names) {
            my $user = $i % 2 ? 'bob' : 'ann';
            my $how = $i == 1 ? "connect_apart $names[0]" : 'connect';
            $connect .= "$names[$i]: $how /ws/messaging/$id/"
                      . "?token=\$jwt_$user\n";
        }
        $judge .= in_one_order($names[0], $others, $clients * $n);
        push @all, @names;
    }

    # one after another is told to write, before anybody is listened to
    return $connect . at_once($n, '{"type":"message","content":"%d"}', @all)
         . $judge;
}

# each client is a member of all of the conversations, and writes to each
sub mixed_orders {
    my ($conversations, $clients, $n) = @_;
    my @names = map { "w$_" } 1 .. $clients;
    my $all = join ',', @names;

    return "w1: connect /ws/messaging/?token=\$jwt_ann\n"
         . "w2: connect_apart w1 /ws/messaging/?token=\$jwt_bob\n"
         . "w3..w$clients: connect /ws/messaging/?token=\$jwt_ann\n"
         . "$all: send_series 1..$conversations"
         . " {\"type\":\"subscribe\",\"conversation_id\":%d}\n"
         . "$all: recv_series 1..$conversations"
         . " {\"type\":\"subscribed\",\"conversation_id\":%d}\n"
         . at_once($conversations, '{"type":"message","conversation_id":%d,'
                   . '"content":"$ACTOR"}', (@names) x $n)
         . in_one_order('w1', join(',', @names[1 .. $#names]),
                        $conversations * $clients * $n);
}

# nobody waits for an answer to what another one sends
sub at_once {
    my ($n, $text, @names) = @_;
    my $step = 25;

    return join '', map {
        my $some = join ',', splice @names, 0, $step;
        "$some: send_series 1..$n $text\n"
    } 0 .. $#names / $step;
}

__DATA__

=== TEST 1: the frames of the clients in production, both directions
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
bob:     send {"type":"typing"}
ann:     recv {"type":"typing_indicator","user_id":2,"is_typing":true}
bob:     send {"type":"read"}
ann,bob: recv {"type":"read_receipt","reader_id":2,"read_at":"<now>"}
ann:     send {"type":"message","content":"hello"}
ann,bob: recv {"type":"new_message","message":{"id":"<int>", \
    "conversation_id":7,"sender":{"id":1,"name":"Ann"},"content":"hello", \
    "image":null,"is_read":false,"read_at":null,"created_at":"<now>"}}
backend: publish 7 {"type": "new_message", "message": {"id": 12}}
ann,bob: recv_raw {"type": "new_message", "message": {"id": 12}}
backend: publish 7 {"type": "read_receipt", "reader_id": 1}
ann,bob: recv_raw {"type": "read_receipt", "reader_id": 1}
backend: publish 7 {"type": "presence", "user_id": 1, "is_online": true, "last_seen": null}
ann,bob: recv_raw {"type": "presence", "user_id": 1, "is_online": true, "last_seen": null}
bob:     close 1000
bob:     expect_close 1000
ann:     recv {"type":"typing_indicator","user_id":2,"is_typing":false}



=== TEST 2: typing reaches other users only, message and read everybody
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann,ann_b:            connect /ws/messaging/7/?token=$jwt_ann
ann_c:                connect_apart ann /ws/messaging/7/?token=$jwt_ann
bob:                  connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob_b:                connect /ws/messaging/7/?token=$jwt_bob
ann:                  send {"type":"typing"}
bob,bob_b:            recv {"type":"typing_indicator","user_id":1,"is_typing":true}
ann:                  send {"type":"typing","is_typing":0}
bob,bob_b:            recv {"type":"typing_indicator","user_id":1,"is_typing":false}
ann:                  send {"type":"read","message_id":3}
ann,ann_b,ann_c,bob,bob_b: recv {"type":"read_receipt","reader_id":1,"message_id":3,"...":0}
ann:                  send {"type":"message","content":"x"}
ann,ann_b,ann_c,bob,bob_b: recv {"type":"new_message","...":0}
ann,ann_b,ann_c,bob,bob_b: recv_none 100ms



=== TEST 3: a backend's payload comes byte by byte as it was published
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob

# order of members, spaces, escapes, forms of numbers, repeated members
backend: publish 7 { "z" : 1.50,"a":1E2 ,"u":"\u00e9\/","a":-0}
ann,bob: recv_raw { "z" : 1.50,"a":1E2 ,"u":"\u00e9\/","a":-0}
redis:   publish_raw messaging:7 "{\"u\":\"\xc3\xa9\xf0\x9f\x98\x80\"}"
ann,bob: recv_raw {"u":"é😀"}
backend: publish 7 {"id":12345678901234567890123}
ann,bob: recv_raw {"id":12345678901234567890123}
backend: publish 7 {"user_id":99,"conversation_id":8,"type":"typing_indicator"}
ann,bob: recv_raw {"user_id":99,"conversation_id":8,"type":"typing_indicator"}

# no type, nothing at all
backend: publish 7 {}
ann,bob: recv_raw {}



=== TEST 4: a header line is taken off, and its user is left out
--- jwt
ann:  {"user_id":42,"exp":"+60"}
same: {"user_id":"42","exp":"+60"}
bob:  {"user_id":2,"exp":"+60"}
--- websocket
ann:      connect /ws/messaging/7/?token=$jwt_ann
same:     connect /ws/messaging/7/?token=$jwt_same
bob:      connect_apart ann /ws/messaging/7/?token=$jwt_bob
redis:    publish_raw messaging:7 "@ x=42 k=typing\n{\"n\":1}"
bob:      recv_raw {"n":1}
redis:    publish_raw messaging:7 "@ k=typing x=42\n{\"n\":2}"
bob:      recv_raw {"n":2}
redis:    publish_raw messaging:7 "@ x=42\n{\"n\":3}"
bob:      recv_raw {"n":3}
redis:    publish_raw messaging:7 "@ x=2\n{\"n\":4}"
ann,same: recv_raw {"n":4}

# no user, or one who is not there, or another's prefix
redis:    publish_raw messaging:7 "@\n{\"n\":5}"
redis:    publish_raw messaging:7 "@ k=message\n{\"n\":6}"
redis:    publish_raw messaging:7 "@ k=receipt\n{\"n\":7}"
redis:    publish_raw messaging:7 "@ k=presence\n{\"n\":8}"
redis:    publish_raw messaging:7 "@ k=typing\n{\"n\":9}"
redis:    publish_raw messaging:7 "@ x=4\n{\"n\":10}"
redis:    publish_raw messaging:7 "@ x=422\n{\"n\":11}"

# a kind and fields of a newer release
redis:    publish_raw messaging:7 "@ k=poke\n{\"n\":12}"
redis:    publish_raw messaging:7 "@ q=1-2 xx=42 zz=~!\n{\"n\":13}"
ann,same,bob: recv_series 5..13 {"n":%d}

# JSON behind the line may hold one of its own
redis:    publish_raw messaging:7 "@ x=2 h=1\n{\n@ x=42\n}"
ann,same: recv /\A\{\n\@ x=42\n\}\z/
redis:    publish_raw messaging:7 "@ x=42 h=1\n{}"
bob:      recv_raw {}
ann,same,bob: recv_none 100ms



=== TEST 5: the user of a header line is percent-encoded, in upper case
--- jwt
odd:   {"user_id":"a b/\u00fc%","exp":"+60"}
plain: {"user_id":"A_z.9-","exp":"+60"}
enc:   {"user_id":"a%20b","exp":"+60"}
--- websocket
odd:       connect /ws/messaging/7/?token=$jwt_odd
plain:     connect_apart odd /ws/messaging/7/?token=$jwt_plain
enc:       connect /ws/messaging/7/?token=$jwt_enc
redis:     publish_raw messaging:7 "@ x=a%20b%2F%C3%BC%25\n{\"n\":1}"
plain,enc: recv_raw {"n":1}
redis:     publish_raw messaging:7 "@ x=a%20b%2f%c3%bc%25\n{\"n\":2}"
odd,plain,enc: recv_raw {"n":2}
redis:     publish_raw messaging:7 "@ x=A_z.9-\n{\"n\":3}"
odd,enc:   recv_raw {"n":3}
redis:     publish_raw messaging:7 "@ x=a%2520b\n{\"n\":4}"
odd,plain: recv_raw {"n":4}
redis:     publish_raw messaging:7 "@ x=a%20b\n{\"n\":5}"
odd,plain,enc: recv_raw {"n":5}



=== TEST 6: whatever is neither a frame nor one with a good header is dropped, counted, and logged once
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my @bad = (
    # not a header line
    '@{}', '@', '@\n', '@ ', '@ \n{}', '@x=2\n{}', '@  x=2\n{}',
    '@ x=2', '@ x=2{}', '@ x=2 \n{}', '@ x=2 {}', '@ x=2\t\n{}',
    '@ x=2  k=typing\n{}', '@ x=2\tk=typing\n{}', '@\r\n{}', '@ x=2\r\n{}',
    '@ x\n{}', '@ x=\n{}', '@ =2\n{}', '@ x= k=typing\n{}', '@ X=2\n{}',
    '@ x1=2\n{}', '@ x-y=2\n{}', '@ x=2\x01\n{}', '@ x=2\x7f\n{}',
    '@ x=\xc3\xbc\n{}', '@ x=2\0\n{}', '@ x=2 x=3\n{}',
    '@ k=typing k=typing\n{}', ' @ x=2\n{}', '@@ x=2\n{}',
    '@ x=' . 'a' x 385 . '\n{}', '@ z=' . 'a' x 1020 . '\n{}',

    # a good one, but no frame behind it
    '@ x=2\n', '@ x=2\n[]', '@ x=2\n {}', '@ x=2\n\n{}', '@ x=2\n@ x=3\n{}',

    # no frame
    '', ' ', ' {}', '\n{}', '\xef\xbb\xbf{}', '[]', '[{}]', '7', 'null',
    '\"{}\"', 'x', '\0{}',
);
my $n = @bad;
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"

. CORE::join('', map { "redis: publish_raw messaging:7 \"$_\"\n" } @bad)
. <<"EOS";
backend: publish 7 {"good":1}
ann:     recv_raw {"good":1}
nginx:   status broker.dropped $n

# as long as they may be
redis:   publish_raw messaging:7 "@ x=${\('a' x 384)}\\n{\\"good\\":2}"
redis:   publish_raw messaging:7 "@ z=${\('a' x 1019)}\\n{\\"good\\":3}"
ann:     recv_series 2..3 {"good":%d}
nginx:   status broker.dropped $n
EOS
--- grep_error_log eval: qr/\[error\] .*? messaging payload for .*? dropped since/
--- grep_error_log_out eval: qr/\A\[error\] \S+ messaging payload for channel "7" dropped: not a frame, 1 dropped since\n\z/



=== TEST 7: what is not UTF-8 is dropped and counted
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish_raw messaging:7 "{\"a\":\"\xff\"}"
redis: publish_raw messaging:7 "{\"a\":\"\x80\"}"
redis: publish_raw messaging:7 "{\"a\":\"\xc3\"}"
redis: publish_raw messaging:7 "{\"a\":\"\xc0\xaf\"}"
redis: publish_raw messaging:7 "{\"a\":\"\xe0\x80\xaf\"}"
redis: publish_raw messaging:7 "{\"a\":\"\xed\xa0\x80\"}"
redis: publish_raw messaging:7 "{\"a\":\"\xf4\x90\x80\x80\"}"
redis: publish_raw messaging:7 "{\"a\":\"\xf8\x88\x80\x80\x80\"}"
redis: publish_raw messaging:7 "{}\xf0\x9f\x98"
redis: publish_raw messaging:7 "@ x=2\n{\"a\":\"\xff\"}"
redis: publish_raw messaging:7 "{\"a\":\"\xf4\x8f\xbf\xbd\xed\x9f\xbf\xee\x80\x80\"}"
ann:   recv /\A\{"a":"\xf4\x8f\xbf\xbd\xed\x9f\xbf\xee\x80\x80"\}\z/
nginx: status broker.dropped 10
--- grep_error_log eval: qr/messaging payload for .*? dropped: [^,]+, \d+/
--- grep_error_log_out
messaging payload for channel "7" dropped: not UTF-8, 1



=== TEST 8: a payload longer than messaging_max_message is dropped and counted, its header not counted
--- not_in: onebyte (two million bytes take too long)
--- http_config
messaging_max_message 1k;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my ($fits, $long) = map { '{\"a\":\"' . 'x' x $_ . '\"}' } 1016, 1017;
my $most = '@ z=' . 'a' x 1019 . '\n';
<<"EOS";
ann:     connect /ws/messaging/7/?token=\$jwt_ann
redis:   publish_raw messaging:7 "$long"
redis:   publish_raw messaging:7 "$fits"
ann:     recv /\\A\\{"a":"x{1016}"\\}\\z/
redis:   publish_raw messaging:7 "\@ x=2\\n$long"
redis:   publish_raw messaging:7 "\@ x=2\\n$fits"
ann:     recv /\\A\\{"a":"x{1016}"\\}\\z/
redis:   publish_raw messaging:7 "$most$long"
redis:   publish_raw messaging:7 "$most$fits"
ann:     recv /\\A\\{"a":"x{1016}"\\}\\z/
redis:   command EVAL "redis.call('PUBLISH', 'messaging:7', '{' .. string.rep('x', 2000000))" 0
redis:   expect_reply null
nginx:   status broker.dropped 4
backend: publish 7 {}
ann:     recv_raw {}
EOS
--- grep_error_log eval: qr/messaging payload for .*? dropped: [^,]+, \d+/
--- grep_error_log_out
messaging payload for channel "7" dropped: too long, 1



=== TEST 9: frames of every form of length come whole
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
backend: publish 7 {"n":"%{117}"}
backend: publish 7 {"n":"%{118}"}
backend: publish 7 {"n":"%{119}"}
backend: publish 7 {"n":"%{65527}"}
backend: publish 7 {"n":"%{65528}"}
ann,bob: recv /\A\{"n":"x{117}"\}\z/
ann,bob: recv /\A\{"n":"x{118}"\}\z/
ann,bob: recv /\A\{"n":"x{119}"\}\z/
ann,bob: recv /\A\{"n":"x{65527}"\}\z/
ann,bob: recv /\A\{"n":"x{65528}"\}\z/



=== TEST 10: a burst from a backend: nothing is lost, doubled or out of order
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1..c3:  connect /ws/messaging/7/?token=$jwt_ann
c4:      connect_apart c1 /ws/messaging/7/?token=$jwt_bob
c5..c6:  connect /ws/messaging/7/?token=$jwt_bob
backend: publish_series 1..500 7 {"type":"tick","n":%d}
c1..c6:  recv_series 1..500 {"type":"tick","n":%d}
c1..c6:  recv_none 100ms



=== TEST 11: bursts from clients: everybody gets each message once and in its sender's order
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



=== TEST 12: messages of two workers come to all in one order
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
<<'EOS' . main::in_one_order('ann', 'ann_b,bob,bob_b', 80);
ann,ann_b: connect /ws/messaging/7/?token=$jwt_ann
bob:       connect_apart ann /ws/messaging/7/?token=$jwt_bob
bob_b:     connect /ws/messaging/7/?token=$jwt_bob
ann,bob:   cork
ann,bob:   send_series 1..40 {"type":"message","content":"%d"}
ann,bob:   uncork
EOS



=== TEST 13: a frame is for its own conversation only
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1:      connect /ws/messaging/7/?token=$jwt_ann
c2:      connect /ws/messaging/77/?token=$jwt_ann
c3:      connect /ws/messaging/07/?token=$jwt_ann
c4:      connect /ws/messaging/7.0/?token=$jwt_ann
c5:      connect /ws/messaging/a/?token=$jwt_ann
c6:      connect /ws/messaging/A/?token=$jwt_ann
c7:      connect_apart c1 /ws/messaging/7/?token=$jwt_bob
backend: publish 7 {"n":1}
c1,c7:   recv_raw {"n":1}
backend: publish 77 {"n":2}
c2:      recv_raw {"n":2}
backend: publish 07 {"n":3}
c3:      recv_raw {"n":3}
backend: publish a {"n":4}
c5:      recv_raw {"n":4}
backend: publish 70 {"n":5}
backend: publish user:7 {"n":6}
c7:      send {"type":"message","content":"x"}
c1,c7:   recv {"type":"new_message","message":{"conversation_id":7,"...":0}}
c6:      send {"type":"message","content":"x"}
c6:      recv {"type":"new_message","message":{"conversation_id":"A","...":0}}
c1..c7:  recv_none 100ms



=== TEST 14: messaging_prefix stands in front of the conversation, and separates
--- http_config
messaging_prefix chat/;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
redis:   expect_subscribers messaging:7 0
redis:   subscribe chat/7
redis:   publish messaging:7 {"n":1}
redis:   publish chat/7 {"n":2}
redis:   recv chat/7 {"n":2}
ann,bob: recv_raw {"n":2}
ann:     send {"type":"typing"}
bob:     recv {"type":"typing_indicator","user_id":1,"is_typing":true}
redis:   recv chat/7 /^\@ x=1 k=typing\n\{"type":"typing_indicator",/



=== TEST 15: what the module publishes: a frame, and a header where one is needed
--- jwt
ann: {"user_id":"a b","exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: subscribe messaging:7
ann:   send {"type":"typing"}
redis: recv messaging:7 /^\@ x=a%20b k=typing\n\{"type":"typing_indicator","user_id":"a b",.*\}$/
ann:   send {"type":"read","message_id":5}
ann:   recv {"type":"read_receipt","...":0}
redis: recv messaging:7 /^\@ k=receipt\n\{"type":"read_receipt",.*"message_id":5.*\}$/
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"new_message","...":0}
redis: recv messaging:7 /^\{"type":"new_message",.*\}$/
redis: recv_none 100ms



=== TEST 16: a closed connection gets nothing more, and the channel is left with the last one
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann,ann_b: connect /ws/messaging/7/?token=$jwt_ann
ann:       close 1000
ann:       expect_close 1000
backend:   expect_subscribers 7 1
backend:   publish 7 {"n":1}
ann_b:     recv_raw {"n":1}
ann_b:     reset
backend:   expect_subscribers 7 0
bob:       connect /ws/messaging/7/?token=$jwt_bob
backend:   expect_subscribers 7 1
backend:   publish 7 {"n":2}
bob:       recv_raw {"n":2}
nginx:     status connections 1
nginx:     status subscriptions 1
nginx:     status channels 1



=== TEST 17: what only a backend at Redis can publish: whatever begins with a brace
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob

# repeated members, a number that no parser takes
redis:   publish_raw messaging:7 "{\"a\":1 ,\"u\":\"\\u00e9\\/\",\"a\":-0}"
ann,bob: recv_raw {"a":1 ,"u":"\u00e9\/","a":-0}
redis:   publish messaging:7 {"id":12345678901234567890123}
ann,bob: recv_raw {"id":12345678901234567890123}

# white space inside and behind
redis:   publish_raw messaging:7 "{\n\t\"a\":1\r\n}\n "
ann,bob: recv /\A\{\n\t"a":1\r\n\}\n \z/

# no JSON
redis:   publish messaging:7 {what ever
ann,bob: recv_raw {what ever
redis:   publish messaging:7 {
ann,bob: recv_raw {



=== TEST 18: headers cost no order
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
c1:     connect /ws/messaging/7/?token=$jwt_ann
c2:     connect_apart c1 /ws/messaging/7/?token=$jwt_bob
redis:  command EVAL "for i = 1, 500 do redis.call('PUBLISH', 'messaging:7', (i % 2 == 0 and '@ x=9 k=typing\\n' or '') .. '{\"n\":' .. i .. '}') end" 0
redis:  expect_reply null
c1,c2:  recv_series 1..500 {"n":%d}
c1,c2:  recv_none 100ms



=== TEST 19: channels of Redis that are no conversation are nobody's
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging: {"n":1}
redis: publish messaging:* {"n":2}
redis: publish 7 {"n":3}
redis: publish other:7 {"n":4}
redis: publish messaging:7 {"n":5}
ann:   recv_raw {"n":5}
ann:   recv_none 100ms



=== TEST 20: many conversations, each with many writers: one order for all its members
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::many_orders(12, 8, 20)



=== TEST 21: the same on sockets of many conversations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::mixed_orders(6, 8, 10)
