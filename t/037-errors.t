
# Copyright (C) The ngx_http_messaging_module authors

# What a client sends wrong is answered by "error", and the connection lives
# on: no JSON, no object, no type, an unknown one, too deep, too many values.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

# each text is answered by an error of this code and by nothing else
sub error {
    my ($code, @texts) = @_;
    return join '', map {
        "ann: frame text=\"" . s/(["\\])/\\$1/gr =~ s/([^\x20-\x7e])/sprintf
            '\\x%02x', ord $1/ger . "\"\n"
        . "ann: recv {\"type\":\"error\",\"code\":\"$code\","
        . "\"message\":\"<string>\"}\n"
    } @texts;
}

# each text is a ping
sub pong {
    return join '', map {
        "ann: frame text=\"" . s/(["\\])/\\$1/gr . "\"\n"
        . "ann: recv_raw {\"type\":\"pong\"}\n"
    } @_;
}

sub connected {
    return "ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
           . "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n";
}

# the connection is as it was before, and nobody else has got anything
sub lives_on {
    return "ann: send {\"type\":\"message\",\"content\":\"still here\"}\n"
           . "ann,bob: recv {\"type\":\"new_message\",\"message\":"
           . "{\"content\":\"still here\",\"...\":0}}\n"
           . "ann,bob: recv_none 100ms\n";
}

__DATA__

=== TEST 1: invalid_json: what is not JSON
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected() . main::error('invalid_json',
    '', ' ', "\n", 'x', '{', '}', '{"type"', '{"type":', '{"type":"ping"',
    '{"type":"ping",}', '{"type":"ping"}}', '{"type":"ping"}{}',
    '{"type":"ping"} x', '{"type":"ping"},', ',{"type":"ping"}',
    '{type:"ping"}', "{'type':'ping'}", '{"type":ping}', '{"type":"ping" "a":1}',
    '{"type" "ping"}', '{"type"="ping"}', '{"type":"ping","a"}',
    '{"type":"ping","a":}', '{"type":"ping",1:2}', '{"type":"ping",null:2}',
    '{"type":"ping"/**/}', "{\"type\":\"ping\"}//\n", '#{"type":"ping"}',
    '{"type":"ping","a":[1,]}', '{"type":"ping","a":[1 2]}',
    '{"type":"ping","a":[1}', '{"type":"ping","a":{]}', '{"type":"ping","a":[}]',
    '{"type":"ping","a":True}', '{"type":"ping","a":nul}',
    '{"type":"ping","a":undefined}', '{"type":"ping","a":NaN}',
    '{"type":"ping","a":Infinity}', '{"type":"ping","a":-Infinity}',
    '{"type":"ping","a":01}', '{"type":"ping","a":+1}', '{"type":"ping","a":.5}',
    '{"type":"ping","a":1.}', '{"type":"ping","a":1e}', '{"type":"ping","a":0x1}',
    '{"type":"ping","a":-}', '{"type":"ping","a":1_0}',
    '{"type":"ping","a":"\x"}', '{"type":"ping","a":"\u12"}',
    '{"type":"ping","a":"\u12g4"}', '{"type":"ping","a":"\"}',
    '{"type":"ping","a":"' . "\n" . '"}', '{"type":"ping","a":"' . "\t" . '"}',
    '{"type":"ping","a":"' . "\x01" . '"}', "{\"type\":\"ping\"}\0",
    "\0{\"type\":\"ping\"}", "{\"type\":\0\"ping\"}",
    "\xef\xbb\xbf{\"type\":\"ping\"}", "\xc2\xa0{\"type\":\"ping\"}",
    "{\"type\":\"ping\"}\xe2\x80\xa8", "\x0b{\"type\":\"ping\"}",
    "\f{\"type\":\"ping\"}")
. main::lives_on();



=== TEST 2: invalid_json: what is no object
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected() . main::error('invalid_json', '[]', '[{"type":"ping"}]',
    '"ping"', '"{\"type\":\"ping\"}"', '7', '-0.5', 'true', 'false', 'null')
. main::lives_on();



=== TEST 3: invalid_json: a member that is given twice, anywhere
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected() . main::error('invalid_json',
    '{"type":"ping","type":"ping"}', '{"type":"ping","a":1,"a":1}',
    '{"type":"ping","\u0074ype":"ping"}', '{"type":"ping","a":{"b":1,"b":2}}',
    '{"type":"ping","a":[0,{"b":1,"c":2,"b":3}]}', '{"type":"ping","":1,"":1}')
. main::pong('{"type":"ping","a":{"type":"x"},"b":{"type":"x"},"A":1}')
. main::lives_on();



=== TEST 4: invalid_json: NUL and lone surrogates, however they are escaped
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected() . main::error('invalid_json',
    '{"type":"ping\u0000"}', '{"type":"ping","a":"\u0000"}',
    '{"type":"message","content":"a\u0000b"}', '{"type":"ping","a\u0000":1}',
    '{"type\u0000x":"ping"}', '{"type":"ping","a":"\ud800"}',
    '{"type":"ping","a":"\udfff"}', '{"type":"ping","a":"\ud83d"}',
    '{"type":"ping","a":"\ude00\ud83d"}', '{"type":"ping","a":"\ud83d\ud83d"}',
    '{"type":"ping","a":"\ud83dx"}', '{"type":"ping","a":"\ud83d\u0041"}',
    '{"type":"ping","\udc00":1}', '{"type":"message","content":"\ud83d"}')
. main::pong('{"type":"ping","a":"\ud83d\ude00\u0001\uffff\ud7ff\ue000"}')
. main::lives_on();



=== TEST 5: invalid_json: more than 16 levels
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my ($a, $o) = ('[' x 15 . ']' x 15, '{"a":' x 15 . '1' . '}' x 15);
main::connected()
. main::pong("{\"type\":\"ping\",\"a\":$a}", "{\"type\":\"ping\",\"a\":$o}",
             "{\"type\":\"ping\",\"a\":$a,\"b\":$o,\"c\":$a}",
             '{"a":"' . '[' x 40 . '{' x 40 . '","type":"ping"}',
             '{"a":"\"' . '[' x 40 . '\\\\","type":"ping"}')
. main::error('invalid_json', "{\"type\":\"ping\",\"a\":[$a]}",
              "{\"type\":\"ping\",\"a\":{\"a\":$o}}",
              "{\"type\":\"ping\",\"a\":[$o]}", "{\"a\":{\"b\":$a},\"type\":\"ping\"}",
              "{\"type\":\"ping\",\"a\":1,\"b\":[[],[],[$a]]}",
              '[' x 17, '[' x 60000, '{"a":' x 12000, '[{"a":' x 10000,
              '{"type":"message","content":"x","a":' . '[' x 2000 . ']' x 2000
              . '}')
. main::lives_on();



=== TEST 6: invalid_json: more than 512 values, names not counted
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $list = sub { CORE::join ',', ($_[0]) x $_[1] };
my $members = sub { CORE::join ',', map { "\"m$_\":1" } 1 .. $_[0] };

# the object, its "ping" and the array are three of them
main::connected()
. main::pong('{"type":"ping","a":[' . $list->(1, 509) . ']}',
             '{"type":"ping","a":[' . $list->('"x"', 509) . ']}',
             '{"type":"ping","a":[' . $list->('null', 509) . ']}',
             '{"type":"ping","a":[' . $list->('[]', 509) . ']}',
             '{"type":"ping","a":[' . $list->('{"n":1}', 254) . ']}',
             '{"type":"ping",' . $members->(510) . '}',
             '{"type":"ping","a":"' . '1,' x 1000 . '"}')
. main::error('invalid_json', '{"type":"ping","a":[' . $list->(1, 510) . ']}',
             '{"type":"ping","a":[' . $list->('"x"', 510) . ']}',
             '{"type":"ping","a":[' . $list->('false', 510) . ']}',
             '{"type":"ping","a":[' . $list->('[]', 510) . ']}',
             '{"type":"ping","a":[' . $list->('{"n":1}', 255) . ']}',
             '{"type":"ping",' . $members->(511) . '}',
             '{"a":[' . $list->('{}', 21000) . '],"type":"ping"}',
             '{"type":"read","message_ids":[' . $list->(1, 30000) . ']}')
. main::lives_on();



=== TEST 7: numbers of any size do no harm
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected()
. main::pong(map { "{\"type\":\"ping\",\"a\":$_}" } '9223372036854775807',
             '-9223372036854775808', '1e308', '-1.5e-300', '1e-400',
             '0.' . '0' x 1000 . '1', '1.' . '9' x 1000)

# more than an integer or a double can hold
. main::error('invalid_json', map { "{\"type\":\"ping\",\"a\":$_}" }
              '9223372036854775808', '-9223372036854775809', '9' x 5000,
              '1e309', '-1e999', '1' x 400 . '.0')
. main::error('invalid_frame',
              map { "{\"type\":\"message\",\"content\":\"x\",\"reply_to\":$_}" }
              '1e2', '1e308', '9223372036854775807.0')
. main::lives_on();



=== TEST 8: invalid_frame: no type, or one that is no string
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected() . main::error('invalid_frame', '{}', '{ }', '{"a":1}',
    '{"Type":"ping"}', '{"TYPE":"ping"}', '{"type ":"ping"}', '{"":"ping"}',
    '{"type":null}', '{"type":5}', '{"type":true}', '{"type":["ping"]}',
    '{"type":{"type":"ping"}}', '{"data":{"type":"ping"}}')
. main::lives_on();



=== TEST 9: unknown_type
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected() . main::error('unknown_type', map { "{\"type\":\"$_\"}" }
    '', ' ', 'pin', 'pingx', 'Ping', 'PING', ' ping', 'ping ', 'pong', 'hello',
    'new_message', 'typing_indicator', 'read_receipt', 'presence', 'ack', 'nack',
    'subscribed', 'resync', 'error', 'auth_ok', '@control', 'x' x 60000,
    '\u0070ong', '\"}', '\\\\', '\n', '%s%n', '\u00e9')

# only where there are many conversations
. main::error('unknown_type', '{"type":"subscribe","conversation_id":7}',
              '{"type":"unsubscribe","conversation_id":7}')
. main::lives_on();



=== TEST 10: an error has these members and no others, whatever the frame held
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send_text {"type":"x\"y\\z\n","client_id":"c\"","conversation_id":"a\"b"}
ann: recv_raw {"type":"error","code":"unknown_type","message":"this type is not known here"}
ann: send_text {"no":"type"}
ann: recv_raw {"type":"error","code":"invalid_frame","message":"\"type\" is missing"}
ann: send_text "\"
ann: recv_raw {"type":"error","code":"invalid_json","message":"a JSON object within the limits is expected"}
ann: send_text {"type":"message","content":"\" \\ \n"}
ann: recv {"type":"new_message","...":0}
ann: send_text {"type":"message","content":["\""]}
ann: recv_raw {"type":"error","code":"invalid_frame","message":"bad content"}



=== TEST 11: on the many-conversation endpoint an error names its conversation, if there is one
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: send {"type":"subscribe","conversation_id":"a-b"}
ann: recv {"type":"subscribed","conversation_id":"a-b"}
ann: send_text {"type":
ann: recv {"type":"error","code":"invalid_json","message":"<string>"}
ann: send {"conversation_id":"a-b"}
ann: recv {"type":"error","code":"invalid_frame","message":"<string>"}
ann: send {"type":"oops","conversation_id":"a-b"}
ann: recv {"type":"error","code":"unknown_type","message":"<string>"}
ann: send {"type":"message","conversation_id":"a-b"}
ann: recv {"type":"error","code":"invalid_frame","message":"<string>","conversation_id":"a-b"}
ann: send {"type":"read","message_id":1.5,"conversation_id":"a-b"}
ann: recv {"type":"error","code":"invalid_frame","message":"<string>","conversation_id":"a-b"}
ann: send {"type":"message","content":"x","conversation_id":7}
ann: recv {"type":"error","code":"access_denied","message":"<string>","conversation_id":7}
ann: send {"type":"ping"}
ann: recv {"type":"pong","timestamp":"<now>"}



=== TEST 12: wrong frames in one go are answered one by one, in their order
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected()
. "ann: cork\n"
. CORE::join('', map { "ann: send_text $_\n" } ('{', '{}', '{"type":"x"}') x 100)
. "ann: uncork\n"
. CORE::join('', map {
    "ann: recv {\"type\":\"error\",\"code\":\"$_\",\"message\":\"<string>\"}\n"
} ('invalid_json', 'invalid_frame', 'unknown_type') x 100)
. main::lives_on();



=== TEST 13: frames of a client are no payloads of a backend
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::connected()
. main::error('invalid_json', "@\n{\"type\":\"ping\"}",
              "@ x=2\n{\"type\":\"message\",\"content\":\"x\"}")
. main::error('unknown_type', '{"type":"new_message","message":{"id":1}}',
              '{"type":"typing_indicator","user_id":2,"is_typing":true}')
. main::lives_on();
