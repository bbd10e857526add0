
# Copyright (C) The ngx_http_messaging_module authors

# "message": what the others get, what is refused, ack and nack, ids.
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

# lines of a scenario: each frame with these members is answered by an error
# of this code, and by nothing else
sub refused {
    my ($code, @members) = @_;
    return join '', map {
        "ann: send_text {\"type\":\"message\",$_}\n"
        . "ann: recv {\"type\":\"error\",\"code\":\"$code\","
        . "\"message\":\"<string>\"}\n"
    } @members;
}

# each frame with these members comes back with the content, as JSON
sub taken {
    my ($content, @members) = @_;
    return join '', map {
        "ann: send_text {\"type\":\"message\",$_}\n"
        . "ann: recv {\"type\":\"new_message\","
        . "\"message\":{\"content\":$content,\"...\":0}}\n"
    } @members;
}

__DATA__

=== TEST 1: new_message has these members and no others
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":"2","exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"message","content":"hello"}
ann,bob: recv {"type":"new_message","message":{"id":"<int>", \
    "conversation_id":7,"sender":{"id":1,"name":"Ann"},"content":"hello", \
    "image":null,"is_read":false,"read_at":null,"created_at":"<now>"}}
bob:     send {"type":"message","content":"x","image":"/a.png","reply_to":12,"client_id":"c-1"}
ann:     recv {"type":"new_message","client_id":"c-1","message":{"id":"<int>", \
    "conversation_id":7,"sender":{"id":"2"},"content":"x", \
    "image":"/a.png","reply_to":12,"is_read":false,"read_at":null, \
    "created_at":"<now>"}}
ann:     capture id message.id
ann:     capture created message.created_at
bob:     recv_unordered \
    {"type":"new_message","client_id":"c-1","message":{"id":$id, \
    "conversation_id":7,"sender":{"id":"2"},"content":"x", \
    "image":"/a.png","reply_to":12,"is_read":false,"read_at":null, \
    "created_at":"$created"}} \
    {"type":"ack","client_id":"c-1","id":$id,"created_at":"$created"}
ann,bob: recv_none 100ms



=== TEST 2: identity, ids and times are the server's, unknown members are dropped
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"message","content":"hello","id":5,"user_id":2, \
    "sender":{"id":2,"name":"Bob"},"name":"Bob","conversation_id":8, \
    "is_read":true,"read_at":"2020-01-01T00:00:00.000Z","extra":[{"a":1}], \
    "created_at":"2020-01-01T00:00:00.000Z","message":{"id":5},"is_typing":1}
ann,bob: recv {"type":"new_message","message":{"id":"<int>", \
    "conversation_id":7,"sender":{"id":1,"name":"Ann"},"content":"hello", \
    "image":null,"is_read":false,"read_at":null,"created_at":"<now>"}}
ann:     capture id message.id
expect_numbers 5 < $id



=== TEST 3: a user id keeps its type, and a name that is none is left out
--- jwt
a1: {"user_id":42,"name":"A \"B\" \u00fc\n\ud83d\ude00","exp":"+60"}
a2: {"user_id":"42","name":"","exp":"+60"}
a3: {"user_id":0,"name":7,"exp":"+60"}
a4: {"user_id":9007199254740991,"name":null,"exp":"+60"}
a5: {"user_id":-3,"name":["x"],"exp":"+60"}
a6: {"user_id":"0190-ab \"c\"/é","exp":"+60"}
--- websocket
a1: connect /ws/messaging/7/?token=$jwt_a1
a2: connect /ws/messaging/7/?token=$jwt_a2
a3: connect /ws/messaging/7/?token=$jwt_a3
a4: connect /ws/messaging/7/?token=$jwt_a4
a5: connect /ws/messaging/7/?token=$jwt_a5
a6: connect_apart a1 /ws/messaging/7/?token=$jwt_a6
a1: send {"type":"message","content":"x"}
a1..a6: recv {"type":"new_message","message":{"sender":{"id":42,"name":"A \"B\" ü\n😀"},"...":0}}
a2: send {"type":"message","content":"x"}
a1..a6: recv {"type":"new_message","message":{"sender":{"id":"42","name":""},"...":0}}
a3: send {"type":"message","content":"x"}
a1..a6: recv {"type":"new_message","message":{"sender":{"id":0},"...":0}}
a4: send {"type":"message","content":"x"}
a1..a6: recv {"type":"new_message","message":{"sender":{"id":9007199254740991},"...":0}}
a5: send {"type":"message","content":"x"}
a1..a6: recv {"type":"new_message","message":{"sender":{"id":-3},"...":0}}
a6: send {"type":"message","content":"x"}
a1..a6: recv {"type":"new_message","message":{"sender":{"id":"0190-ab \"c\"/é"},"...":0}}



=== TEST 4: a conversation id is a number if it is a canonical decimal up to 2^53 - 1
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my $n = 0;
CORE::join '', map {
    my ($id, $json) = @$_;
    $n++;
    "c$n: connect /ws/messaging/$id/?token=\$jwt_ann\n"
    . "c$n: send {\"type\":\"message\",\"content\":\"x\"}\n"
    . "c$n: recv /\"conversation_id\":$json,/\n"
    . "c$n: close 1000\nc$n: expect_close 1000\n"
} (['0', '0'], ['7', '7'], ['9007199254740990', '9007199254740990'],
   ['9007199254740991', '9007199254740991'],
   (map { [$_, "\"$_\""] }
        '9007199254740992', '9999999999999999', '10000000000000000',
        '00', '007', '-1', '7.0', '1e3', '0x7', 'abc', '7a', '_', '12-34',
        'f47ac10b-58cc-4372-a567-0e02b2c3d479', '9' x 128));



=== TEST 5: content is trimmed of ASCII white space, at both ends only
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::taken('"a b"', '"content":"a b"', '"content":"  a b   "',
              '"content":"\t\n\u000b\f\ra b\t\n\u000b\f\r"',
              '"content":"\u0020a\u0020b\u0009"')
. main::taken('"a \n\t b"', '"content":" a \n\t b "')

# nothing else is white space
. main::taken('"\u00a0a\u2003"', '"content":"\u00a0a\u2003"')
. main::taken('"\u0085a\u3000"', '"content":" \u0085a\u3000 "')
. main::taken('"\u001ca\u001f"', '"content":"\u001ca\u001f"')
. main::taken('"\ufeffa\u200b"', '"content":"\ufeffa\u200b"')
. main::taken('"\u00a0"', '"content":" \u00a0 "')
. main::taken('"\u0008"', '"content":"\u0008"')
. main::taken('"\u000e"', '"content":"\u000e"');



=== TEST 6: any text comes as it was sent
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"message","content":"\"quoted\" back\\slash / \/ {\"type\":\"x\"}"}
ann,bob: recv {"type":"new_message","message":{"content":"\"quoted\" back\\slash / / {\"type\":\"x\"}","...":0}}
ann:     send {"type":"message","content":"a\u0001\b\u001f\u007f\u0080b"}
ann,bob: recv {"type":"new_message","message":{"content":"a\u0001\b\u001f\u007f\u0080b","...":0}}
ann:     send {"type":"message","content":"é ü 漢字 😀 \u00e9 \ud83d\ude00 \u2028\u2029 \uffff \udbff\udfff"}
ann,bob: recv {"type":"new_message","message":{"content":"é ü 漢字 😀 é 😀 \u2028\u2029 \uffff \udbff\udfff","...":0}}
ann:     send {"type":"message","content":"</script><b>&amp;'%00%s $$x @ x=1\n{}"}
ann,bob: recv {"type":"new_message","message":{"content":"</script><b>&amp;'%00%s $$x @ x=1\n{}","...":0}}



=== TEST 7: content that is empty or no string is refused, and the connection lives on
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. main::refused('invalid_frame', '"content":""', '"content":"   "',
                '"content":"\t\n\u000b\f\r "', '"content":null',
                '"content":5', '"content":0', '"content":true',
                '"content":["a"]', '"content":{"a":"b"}', '"Content":"a"')
. <<'EOS';
ann: send {"type":"message"}
ann: recv {"type":"error","code":"invalid_frame","message":"<string>"}
ann: send {"type":"message","content":"ok"}
ann,bob: recv {"type":"new_message","message":{"content":"ok","...":0}}
ann,bob: recv_none 100ms
EOS



=== TEST 8: content has up to 2000 code points, however it is escaped
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my @one = ('a', 'é', '漢', '😀', '\u0061', '\u00e9', '\ud83d\ude00', '\\\\', '\"',
           '\u0001');
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. CORE::join('', map {
    my $most = $_ x 2000;
    main::taken("\"$most\"", "\"content\":\"$most\"")
    . main::taken("\"$most\"", "\"content\":\"  $most\\n \"")
    . main::refused('too_large', "\"content\":\"$most$_\"")
} @one)

# inner white space counts
. main::refused('too_large', '"content":"a' . ' ' x 1999 . 'a"')
. main::taken('"a' . ' ' x 1998 . 'a"', '"content":" a' . ' ' x 1998 . 'a "');



=== TEST 9: messaging_max_content moves the limit
--- http_config
messaging_max_content 5;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::taken('"12345"', '"content":"12345"', '"content":" 12345 "')
. main::taken('"éé\ud83d\ude00éé"', '"content":"éé\ud83d\ude00éé"')
. main::refused('too_large', '"content":"123456"', '"content":"1    6"',
                '"content":"éé\ud83d\ude00ééé"',
                '"content":"123456","image":"/a"');



=== TEST 10: image: an http(s) URL or a path, and then content may be missing
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
my @good = ('https://cdn.example.com/a.png?x=1&y=%20#z', 'http://a/', 'HTTPS://a',
            'hTTp://a', '/', '/media/a.png', '/m\u00e9dia/\ud83d\ude00',
            '/' . 'x' x 2047, 'https://' . 'x' x 2040);
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. CORE::join('', map {
    "ann: send {\"type\":\"message\",\"content\":\"x\",\"image\":\"$_\"}\n"
    . "ann: recv {\"type\":\"new_message\",\"message\":"
    . "{\"content\":\"x\",\"image\":\"$_\",\"...\":0}}\n"
} @good)
. CORE::join('', map {
    "ann: send {\"type\":\"message\",$_\"image\":\"/a\"}\n"
    . "ann: recv {\"type\":\"new_message\",\"message\":"
    . "{\"content\":\"\",\"image\":\"/a\",\"...\":0}}\n"
} '', '"content":"",', '"content":" \n",', '"content":null,')
. CORE::join('', map { main::refused('invalid_frame', "\"content\":\"x\",\"image\":$_",
                               "\"image\":$_") }
    '""', '"a.png"', '"javascript:alert(1)"', '"JavaScript:alert(1)"',
    '"data:image/png;base64,AA"', '"ftp://a/b"', '"//evil.example/a"',
    '"blob:https://a/b"', '"file:///etc/passwd"', '"http:"', '"http://"',
    '"https://"', '"http:/a"', '"https:a"', '" https://a/"',
    '"https://a/ b"', '"https://a/\n"', '"\thttps://a"', '"https://a/\u007f"',
    '"/\\\\evil.example"', '"https://a\\\\b"', '"\\\\a"', '5', 'true',
    'false', '["/a"]', '{"url":"/a"}', '"/' . 'x' x 2048 . '"',
    '"https://' . 'x' x 2041 . '"')
. main::refused('invalid_frame', '"image":null', '"content":"","image":null',
                '"content":5,"image":"/a"', '"content":["a"],"image":"/a"',
                '"content":false,"image":"/a"')
. main::taken('"x"', '"content":"x","image":null')
. "ann: send {\"type\":\"message\",\"content\":\"x\",\"image\":null}\n"
. "ann: recv {\"type\":\"new_message\",\"message\":{\"image\":null,\"...\":0}}\n";



=== TEST 11: reply_to: an integer or a string, of its own type
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. CORE::join('', map {
    "ann: send {\"type\":\"message\",\"content\":\"x\",\"reply_to\":$_}\n"
    . "ann: recv {\"type\":\"new_message\",\"message\":"
    . "{\"reply_to\":$_,\"...\":0}}\n"
} '12', '0', '-1', '"12"', '9007199254740993', '9223372036854775807',
  '"f47ac10b-58cc-4372-a567-0e02b2c3d479"', '"\"\u00e9"',
  '"' . 'x' x 64 . '"', '"' . '\u00e9' x 32 . '"')
. main::refused('invalid_frame', map { "\"content\":\"x\",\"reply_to\":$_" }
    '1.5', '1.0', '1e2', 'true', 'false', '""', '[1]', '{"id":1}', '[]',
    '"' . 'x' x 65 . '"', '"' . '\u00e9' x 33 . '"')

# null is none
. <<'EOS';
ann: send {"type":"message","content":"x","reply_to":null}
ann: recv {"type":"new_message","message":{"id":"<int>","conversation_id":7, \
    "sender":{"id":1},"content":"x","image":null,"is_read":false, \
    "read_at":null,"created_at":"<now>"}}
EOS



=== TEST 12: client_id: a string of 1 to 64 code points, else an error and no nack
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. CORE::join('', map {
    "ann: send {\"type\":\"message\",\"content\":\"x\",\"client_id\":\"$_\"}\n"
    . "bob: recv {\"type\":\"new_message\",\"client_id\":\"$_\",\"message\":"
    . "{\"content\":\"x\",\"...\":0}}\n"
    . "ann: recv_unordered {\"type\":\"new_message\",\"client_id\":\"$_\","
    . "\"message\":{\"content\":\"x\",\"...\":0}} "
    . "{\"type\":\"ack\",\"client_id\":\"$_\",\"id\":\"<int>\","
    . "\"created_at\":\"<now>\"}\n"
} 'a', '0', ' ', '\"\\\\', '\n\u0001', 'x' x 64, '\ud83d\ude00' x 64, 'é' x 64,
  '\u00e9' x 64)
. main::refused('invalid_frame', map { "\"content\":\"x\",\"client_id\":$_" }
    '""', '5', 'true', '["a"]', '{}', '"' . 'x' x 65 . '"',
    '"' . '\u00e9' x 65 . '"', '"' . '😀' x 65 . '"')
. main::refused('invalid_frame', '"client_id":5', '"content":"","client_id":5')

# null is none
. main::taken('"x"', '"content":"x","client_id":null')
. "bob: recv {\"type\":\"new_message\",\"message\":{\"content\":\"x\",\"...\":0}}\n"
. "ann,bob: recv_none 100ms\n";



=== TEST 13: ack: to the sender's connection only, with the id and time of the message
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann,ann_b: connect /ws/messaging/7/?token=$jwt_ann
bob:       connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:       send {"type":"message","content":"x","client_id":"c1"}
bob:       recv {"type":"new_message","client_id":"c1","...":0}
bob:       capture id message.id
bob:       capture created message.created_at
ann:       recv_unordered {"type":"ack","client_id":"c1","id":$id,"created_at":"$created"} \
    {"type":"new_message","client_id":"c1","message":{"id":$id,"created_at":"$created","...":0}}
ann_b:     recv {"type":"new_message","client_id":"c1","message":{"id":$id,"...":0}}

# none without a client_id
ann:       send {"type":"message","content":"x"}
ann,ann_b,bob: recv {"type":"new_message","...":0}
ann,ann_b,bob: recv_none 100ms



=== TEST 14: an invalid message with a client_id gets its error and a nack, not to be repeated
--- http_config
messaging_max_content 5;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann,ann_b: connect /ws/messaging/7/?token=$jwt_ann
bob:       connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:       send {"type":"message","content":"","client_id":"c\"1é"}
ann:       recv_unordered {"type":"error","code":"invalid_frame","message":"<string>"} \
    {"type":"nack","client_id":"c\"1é","code":"invalid_frame","retry":false,"retry_after_ms":0}
ann:       send {"type":"message","client_id":"c2"}
ann:       recv_unordered {"type":"error","code":"invalid_frame","message":"<string>"} \
    {"type":"nack","client_id":"c2","code":"invalid_frame","retry":false,"retry_after_ms":0}
ann:       send {"type":"message","content":5,"client_id":"c3"}
ann:       recv_unordered {"type":"error","code":"invalid_frame","message":"<string>"} \
    {"type":"nack","client_id":"c3","code":"invalid_frame","retry":false,"retry_after_ms":0}
ann:       send {"type":"message","content":"x","image":"data:x","client_id":"c4"}
ann:       recv_unordered {"type":"error","code":"invalid_frame","message":"<string>"} \
    {"type":"nack","client_id":"c4","code":"invalid_frame","retry":false,"retry_after_ms":0}
ann:       send {"type":"message","content":"x","reply_to":[],"client_id":"c5"}
ann:       recv_unordered {"type":"error","code":"invalid_frame","message":"<string>"} \
    {"type":"nack","client_id":"c5","code":"invalid_frame","retry":false,"retry_after_ms":0}
ann:       send {"type":"message","content":"123456","client_id":"c6"}
ann:       recv_unordered {"type":"error","code":"too_large","message":"<string>"} \
    {"type":"nack","client_id":"c6","code":"too_large","retry":false,"retry_after_ms":0}

# what has no object has no client_id either
ann:       send_text {"type":"message","client_id":"c7","content":"x"
ann:       recv {"type":"error","code":"invalid_json","message":"<string>"}
ann:       send {"type":"massage","content":"x","client_id":"c8"}
ann:       recv {"type":"error","code":"unknown_type","message":"<string>"}
ann,ann_b,bob: recv_none 100ms



=== TEST 15: what Redis does not take gets a nack to be repeated, or an error
--- fake_redis
reply PUBLISH*4 -ERR not now
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect_retry /ws/messaging/7/?token=$jwt_ann
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
ann:   send {"type":"message","content":"x"}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   send {"type":"read"}
ann:   recv {"type":"error","code":"unavailable","message":"<string>"}
ann:   send {"type":"typing"}
fake:  expect_command /^PUBLISH .*typing_indicator/s
ann:   send {"type":"message","content":"x","client_id":"c1"}
ann:   recv_unordered {"type":"ack","client_id":"c1","...":0} \
    {"type":"new_message","client_id":"c1","...":0}
ann:   recv_none 100ms
nginx: status broker.publish_failed 4
nginx: status broker.published 1



=== TEST 16: one connection may have 64 frames that wait for Redis; the 65th is refused at once
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
redis:   pause
ann:     send_series 1..64 {"type":"message","content":"%d"}
ann:     recv_none 50ms
ann:     send {"type":"message","content":"x","client_id":"c1"}
ann:     recv {"type":"nack","client_id":"c1","code":"unavailable","retry":true,"retry_after_ms":"<int>"}
ann:     send {"type":"read"}
ann:     recv {"type":"error","code":"unavailable","message":"<string>"}
redis:   continue
ann,bob: recv_series 1..64 {"type":"new_message","message":{"content":"%d","...":0}}
ann:     send {"type":"message","content":"y"}
ann,bob: recv {"type":"new_message","message":{"content":"y","...":0}}
ann,bob: recv_none 100ms



=== TEST 17: ids are integers below 2^53, and of two messages of two workers the later has the greater
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. CORE::join('', map {
    my $who = $_ % 2 ? 'ann' : 'bob';
    "$who: send {\"type\":\"message\",\"content\":\"$_\"}\n"
    . "ann,bob: recv /\"id\":[1-9]\\d{0,15},/\n"
    . "ann: capture m$_ message.id\n"
} 1 .. 30)
. 'expect_numbers ' . CORE::join(' < ', map({ "\$m$_" } 1 .. 30), '9007199254740992');



=== TEST 18: ids are unique in a burst from two workers, and grow for each sender
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. "carl: connect /ws/messaging/8/?token=\$jwt_bob\n"
. "ann,bob,carl: cork\n"
. "ann,bob,carl: send_series 1..60 {\"type\":\"message\",\"content\":\"%d\"}\n"
. "ann,bob,carl: uncork\n"
. "carl: recv_series 1..60 {\"type\":\"new_message\",\"...\":%d}\n"
. "ann,bob: recv_all 120\n"
. "ann,bob: expect_growing\n"
. "bob: expect_same ann\n";



=== TEST 19: a message that has grown over messaging_max_message by escapes is refused, not lost
--- http_config
messaging_max_message 1k;
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
my $control = "\x7f" x 300;
my $long = 'x' x 950;
<<"EOS";
ann:     connect /ws/messaging/7/?token=\$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=\$jwt_bob
ann:     send {"type":"message","content":"$long"}
ann:     recv {"type":"error","code":"too_large","message":"<string>"}
ann:     send {"type":"message","client_id":"c1","content":"$long"}
ann:     recv_unordered {"type":"error","code":"too_large","message":"<string>"} \\
    {"type":"nack","client_id":"c1","code":"too_large","retry":false,"retry_after_ms":0}
ann:     send {"type":"message","content":"$control"}
ann,bob: recv {"type":"new_message","message":{"content":"$control","...":0}}
ann,bob: recv_none 100ms
EOS



=== TEST 20: a member that is given twice makes the whole frame invalid
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. main::refused('invalid_json', '"content":"a","content":"b"',
                '"content":"a","content":"a"', '"content":"a","x":1,"x":1',
                '"content":"a","type":"message"',
                '"content":"a","\u0063ontent":"b"',
                '"content":"a","client_id":"c","client_id":"c"',
                '"content":"a","x":{"y":1,"y":2}',
                '"content":"a","x":[{"y":1,"y":2}]')
. main::taken('"a"', '"content":"a","x":{"content":"b"},"y":[{"x":1},{"x":2}]');
