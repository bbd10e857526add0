
# Copyright (C) The ngx_http_messaging_module authors

# "read": the receipt that everybody gets, and what is refused.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

# each frame with these members gives everybody a receipt with the same
sub taken {
    return join '', map {
        "ann: send_text {\"type\":\"read\",$_}\n"
        . "ann,bob: recv {\"type\":\"read_receipt\",\"reader_id\":1,"
        . "\"read_at\":\"<now>\",$_}\n"
    } @_;
}

# each frame with these members is answered by an error alone
sub refused {
    return join '', map {
        "ann: send_text {\"type\":\"read\",$_}\n"
        . "ann: recv {\"type\":\"error\",\"code\":\"invalid_frame\","
        . "\"message\":\"<string>\"}\n"
    } @_;
}

__DATA__

=== TEST 1: read_receipt to every connection, the reader's own included
--- jwt
ann: {"user_id":1,"name":"Ann","exp":"+60"}
bob: {"user_id":"b","exp":"+60"}
--- websocket
ann,ann_b: connect /ws/messaging/7/?token=$jwt_ann
bob:       connect_apart ann /ws/messaging/7/?token=$jwt_bob
other:     connect /ws/messaging/8/?token=$jwt_bob
ann:       send {"type":"read"}
ann,ann_b,bob: recv {"type":"read_receipt","reader_id":1,"read_at":"<now>"}
bob:       send {"type":"read","message_id":5}
ann,ann_b,bob: recv {"type":"read_receipt","reader_id":"b","read_at":"<now>","message_id":5}
bob:       send {"type":"read","message_ids":[5,"x"]}
ann,ann_b,bob: recv {"type":"read_receipt","reader_id":"b","read_at":"<now>","message_ids":[5,"x"]}
ann,ann_b,bob,other: recv_none 100ms



=== TEST 2: all get the same time, and it is the server's, as is the reader
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann:     connect /ws/messaging/7/?token=$jwt_ann
bob:     connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann:     send {"type":"read","reader_id":2,"user_id":2,"name":"Eve", \
    "read_at":"2020-01-01T00:00:00.000Z","conversation_id":8,"extra":{}}
ann:     recv {"type":"read_receipt","reader_id":1,"read_at":"<now>"}
ann:     capture at read_at
bob:     recv {"type":"read_receipt","reader_id":1,"read_at":"$at"}



=== TEST 3: ids are integers or strings of up to 64 bytes, each of its own type
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. main::taken((map {; "\"message_id\":$_", "\"message_ids\":[$_]" }
    '0', '7', '-7', '9007199254740993', '9223372036854775807', '"7"', '"a b"',
    '"f47ac10b-58cc-4372-a567-0e02b2c3d479"', '"\"\\\\\u00e9\ud83d\ude00"',
    '"' . 'x' x 64 . '"'),
    '"message_ids":[]', '"message_ids":[1,2,1]', '"message_ids":["1",1]',
    '"message_id":3,"message_ids":[1,2]',
    '"message_ids":[' . CORE::join(',', 1 .. 100) . ']')
. "ann,bob: recv_none 100ms\n";



=== TEST 4: null counts as missing
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"read","message_id":null,"message_ids":null}
ann: recv {"type":"read_receipt","reader_id":1,"read_at":"<now>"}
ann: send {"type":"read","message_id":null,"message_ids":[4]}
ann: recv {"type":"read_receipt","reader_id":1,"read_at":"<now>","message_ids":[4]}
ann: send {"type":"read","message_id":4,"message_ids":null}
ann: recv {"type":"read_receipt","reader_id":1,"read_at":"<now>","message_id":4}



=== TEST 5: anything else is refused, and the connection lives on
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
"ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
. "bob: connect_apart ann /ws/messaging/7/?token=\$jwt_bob\n"
. main::refused((map {; "\"message_id\":$_", "\"message_ids\":[$_]",
                       "\"message_ids\":[1,$_,2]" }
    '1.5', '1.0', '1e3', 'true', 'false', '""', '[]', '[1]', '{}',
    '{"id":1}', '"' . 'x' x 65 . '"', '"' . '\u00e9' x 33 . '"'),
    '"message_ids":[null]', '"message_ids":7', '"message_ids":"7"',
    '"message_ids":{"0":7}', '"message_ids":true',
    '"message_id":7,"message_ids":[true]', '"message_id":true,"message_ids":[7]',
    '"message_ids":[' . CORE::join(',', 1 .. 101) . ']')
. main::taken('"message_id":9')
. "ann,bob: recv_none 100ms\n";
