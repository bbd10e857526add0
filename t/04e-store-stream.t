# Copyright (C) The ngx_http_messaging_module authors

# not in: embedded (a stream is in Redis)

# messaging_store stream=: a consumer of a Redis stream stores what clients
# have sent.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

sub locations {
    my ($stream, $more) = @_;
    return <<'EOC' . "messaging_store stream=$stream;\n" . ($more // '');
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location = /ws/messaging/ {
            messaging on;
        }

        location = /status {
            messaging_status on;
        }

EOC
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: a message is in the stream when it is acknowledged, and nobody gets it
--- config eval: main::locations('in1')
--- jwt
ann: {"user_id":"a b","jti":"j-1","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"message","content":" h\"i ","client_id":"c 1","reply_to":5}
ann: recv {"type":"ack","client_id":"c 1","status":"queued"}
redis: command XRANGE in1 - +
redis: expect_reply [["<string>",["type","message","user","a%20b","conversation","7","client_id","c 1","idempotency_key","a%20b:c%201","jti","j-1","ip","127.0.0.1","time","<now>","body","{\"conversation_id\":7,\"content\":\"h\\\"i\",\"image\":null,\"reply_to\":5,\"client_id\":\"c 1\"}"]]]
redis: command DEL in1
bob: send {"type":"message","content":"x"}
redis: expect_answer XRANGE in1 - + => [["<string>",["type","message","user","2","conversation","7","ip","127.0.0.1","time","<now>","body","{\"conversation_id\":7,\"content\":\"x\",\"image\":null,\"reply_to\":null,\"client_id\":null}"]]]
bob: send {"type":"message","content":""}
bob: recv {"type":"error","code":"invalid_frame","...":0}
ann,bob: recv_none 100ms
nginx: status stores.queued 2
nginx: status broker.published 0
nginx: metric messaging_stores_total{result="queued"} 2



=== TEST 2: the order of a connection is that of the stream
--- config eval: main::locations('in2', 'messaging_rate off;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send_series 1..60 {"type":"message","content":"n%d","client_id":"%d"}
ann: uncork
ann: recv_series 1..60 {"type":"ack","client_id":"%d","status":"queued"}
redis: command EVAL "local t={} for i,e in ipairs(redis.call('XRANGE','in2','-','+')) do t[i]=e[2][8] end return table.concat(t,',')" 0
redis: expect_reply /\A1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33,34,35,36,37,38,39,40,41,42,43,44,45,46,47,48,49,50,51,52,53,54,55,56,57,58,59,60\z/
nginx: status stores.queued 60



=== TEST 3: a key and a body of variables, and many conversations
--- config eval: main::locations('in3:$messaging_conversation:$messaging_user', q[messaging_store_body '{"text":$messaging_content,"key":$messaging_client_id}';])
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/?token=$jwt_ann
ann: send {"type":"subscribe","conversation_id":7}
ann: recv {"type":"subscribed","conversation_id":7}
ann: send {"type":"subscribe","conversation_id":"x"}
ann: recv {"type":"subscribed","conversation_id":"x"}
ann: send {"type":"message","conversation_id":7,"content":"seven","client_id":"a"}
ann: recv {"type":"ack","conversation_id":7,"client_id":"a","status":"queued"}
ann: send {"type":"message","conversation_id":"x","content":"ex","client_id":"b"}
ann: recv {"type":"ack","conversation_id":"x","client_id":"b","status":"queued"}
redis: command XRANGE in3:7:1 - +
redis: expect_reply /"body","\{\\"text\\":\\"seven\\",\\"key\\":\\"a\\"\}"/
redis: command XRANGE in3:x:1 - +
redis: expect_reply /"conversation","x".*"body","\{\\"text\\":\\"ex\\",\\"key\\":\\"b\\"\}"/



=== TEST 4: a stream is not made longer than messaging_store_stream_limit, and never trimmed
--- config eval: main::locations('in4', 'messaging_store_stream_limit 3;')
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send_series 1..3 {"type":"message","content":"n%d","client_id":"%d"}
ann: recv_series 1..3 {"type":"ack","client_id":"%d","status":"queued"}
bob: send {"type":"message","content":"x","client_id":"a"}
bob: recv {"type":"nack","client_id":"a","code":"overloaded","retry":true,"retry_after_ms":1000}
bob: send {"type":"message","content":"x"}
bob: recv {"type":"error","code":"overloaded","message":"try again later"}
redis: command XLEN in4
redis: expect_reply 3
nginx: status stores.stream_full 2
nginx: status stores.queued 3
nginx: expect_log /\[info\] .*messaging message refused: the stream has reached messaging_store_stream_limit.*, client: /
redis: command XTRIM in4 MAXLEN 2
bob: send {"type":"message","content":"x","client_id":"a"}
bob: recv {"type":"ack","client_id":"a","status":"queued"}
redis: command XLEN in4
redis: expect_reply 3



=== TEST 5: Redis refuses, with any error
--- config eval: main::locations('in5')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
redis: command SET in5 text
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv {"type":"nack","client_id":"a","code":"unavailable","retry":true,"retry_after_ms":1000}
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv {"type":"nack","client_id":"a","code":"unavailable","retry":true,"retry_after_ms":1000}
nginx: expect_log /\[error\] .*messaging redis adds nothing to the stream of messaging_store: "\S*WRONGTYPE /
nginx: no_log /adds nothing[\s\S]*adds nothing/
nginx: status stores.failed 2
redis: command DEL in5
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv {"type":"ack","client_id":"a","status":"queued"}



=== TEST 6: Redis is lost before it has answered, and is down
--- config eval: main::locations('in6')
--- log_level: info
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- allow_log
messaging redis
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
fake: hang EVAL
ann: send {"type":"message","content":"x","client_id":"a"}
fake: expect_command /^EVAL .*"content":"x"/
fake: refuse
fake: drop
ann: recv_unordered {"type":"nack","client_id":"a","code":"unknown","retry":true,"retry_after_ms":1000}
ann: send {"type":"message","content":"x","client_id":"b"}
ann: recv {"type":"nack","client_id":"b","code":"unavailable","retry":true,"retry_after_ms":1000}
nginx: status stores.failed 2
nginx: expect_log /\[info\] .*messaging message may not be in the stream: redis was lost.*, client: /
nginx: expect_log /\[info\] .*messaging message refused: not taken by redis/
fake: normal
fake: reply EVAL "$5\r\n1-123\r\n"
fake: accept
ann: within 20s recv {"type":"resync","...":0}
nginx: within 20s metric messaging_redis_ready_workers $WORKERS
ann: send {"type":"message","content":"x","client_id":"c"}
ann: recv {"type":"ack","client_id":"c","status":"queued"}



=== TEST 7: who sends faster than Redis stores is not read
--- not_in: onebyte (what is sent at once is not read at once)
--- config eval: main::locations('in7', 'messaging_rate off;')
--- log_level: info
--- fake_redis
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- allow_log
messaging redis
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
fake: hang EVAL
ann: cork
ann: send_series 1..70 {"type":"message","content":"x%d","client_id":"%d"}
ann: uncork
ann: recv_series 65..70 {"type":"nack","client_id":"%d","code":"overloaded","retry":true,"retry_after_ms":1000}
ann: send {"type":"ping"}
ann: recv_none 200ms
bob: send {"type":"ping"}
bob: recv {"type":"pong"}
nginx: expect_log /\[info\] .*messaging message refused: 64 wait to be stored/
fake: drop
fake: normal
ann: ignore /resync/
bob: ignore /resync/
ann: recv_series 1..64 {"type":"nack","client_id":"%d","code":"unknown","...":0}
ann: recv {"type":"pong"}
nginx: status stores.overloaded 6
nginx: status stores.failed 64



=== TEST 8: what was taken is in the stream when its sender has left, and its worker
--- config eval: main::locations('in8', 'messaging_rate off;')
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
nginx: remember_baseline
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: cork
ann: send_series 1..50 {"type":"message","content":"n%d"}
ann: uncork
redis: expect_answer XLEN in8 => /\A[1-9]/
ann: reset
redis: expect_answer XLEN in8 => 50
nginx: expect_baseline
bob: connect /ws/messaging/7/?token=$jwt_bob
redis: pause
bob: send_series 1..10 {"type":"message","content":"n%d"}
bob: send {"type":"ping"}
bob: recv {"type":"pong"}
nginx: reload
bob: expect_close 1012
wait 500ms
redis: continue
redis: expect_answer XLEN in8 => 60
nginx: status stores.queued 60
nginx: expect_workers $WORKERS



=== TEST 9: after "auth" the jti is the new one's
--- config eval: main::locations('in9')
--- jwt
ann: {"user_id":1,"exp":"+60"}
new: {"user_id":1,"jti":"second","exp":"+90"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"auth","token":"$jwt_new"}
ann: recv {"type":"auth_ok","...":0}
ann: send {"type":"message","content":"two","client_id":"b"}
ann: recv {"type":"ack","client_id":"b","status":"queued"}
redis: command XRANGE in9 - +
redis: expect_reply /"jti","second"/



=== TEST 10: reads go to the stream, of each conversation what has come since
--- config eval: main::locations('in10')
--- jwt
ann: {"user_id":1,"jti":"j","exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
ann: send {"type":"read"}
ann,bob: recv {"type":"read_receipt","reader_id":1,"read_at":"<now>"}
redis: expect_answer XRANGE in10 - + => [["<string>",["type","read","user","1","conversation","7","jti","j","ip","127.0.0.1","time","<now>","body","<string>"]]]
redis: expect_reply /"body","\{\\"conversation_id\\":7,\\"message_id\\":null,\\"message_ids\\":\[\],\\"all\\":true,\\"read_at\\":\\"20/
ann: send {"type":"read","message_id":11}
ann: send {"type":"read","message_id":12,"message_ids":[3,"b"]}
ann: send {"type":"read","message_id":10,"message_ids":["b",4]}
bob: recv {"type":"read_receipt","message_id":11,"...":0}
bob: recv {"type":"read_receipt","message_id":12,"...":0}
bob: recv {"type":"read_receipt","message_id":10,"...":0}
ann: recv {"type":"read_receipt","message_id":11,"...":0}
ann: recv {"type":"read_receipt","message_id":12,"...":0}
ann: recv {"type":"read_receipt","message_id":10,"...":0}
redis: command XLEN in10
redis: expect_reply 1
redis: expect_answer XLEN in10 => 2
redis: command XREVRANGE in10 + - COUNT 1
redis: expect_reply /\\"message_id\\":12,\\"message_ids\\":\[3,\\"b\\",4\],\\"all\\":false/
nginx: status reads.saved 2
nginx: status reads.merged 2



=== TEST 11: reads that could not be added are tried again
--- config eval: main::locations('in11')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
redis: command SET in11 text
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: ignore /read_receipt/
ann: send {"type":"read","message_id":11}
nginx: status reads.failed 1
ann: send {"type":"read","message_ids":[5]}
redis: command DEL in11
redis: expect_answer XLEN in11 => 1
redis: command XRANGE in11 - +
redis: expect_reply /\\"message_id\\":11,\\"message_ids\\":\[5\],\\"all\\":false/
nginx: status reads.saved 1
nginx: expect_log /\[error\] .*messaging redis adds nothing to the stream/



=== TEST 12: a key that turns out empty
--- config eval: main::locations('$arg_key', '')
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv {"type":"nack","client_id":"a","code":"unavailable","retry":true,"retry_after_ms":1000}
nginx: expect_log /\[error\] .*messaging redis adds nothing to the stream of messaging_store: "the key is empty"/
ann: send {"type":"ping"}
ann: recv {"type":"pong"}



=== TEST 13: without Redis
--- messaging_http
--- config eval: main::locations('in')
--- must_die
--- error_log
has "messaging_store stream=", but there is no "messaging_redis"



=== TEST 14: a limit of 0
--- config eval: main::locations('in', 'messaging_store_stream_limit 0;')
--- must_die
--- error_log
"messaging_store_stream_limit" must not be 0



=== TEST 15: a stream without a name
--- config eval: main::locations('')
--- must_die
--- error_log
invalid URI "stream=": it must begin with a slash



=== TEST 16: a URI and a stream
--- config eval: main::locations('in', 'messaging_store /store;')
--- must_die
--- error_log
"messaging_store" directive is duplicate



=== TEST 17: "off" takes a stream back, and a location may have another one
--- config eval
main::locations('in16') . <<'EOC'
        location ~ ^/ws/off/(?<off>[^/]+)/$ {
            messaging on;
            messaging_conversation $off;
            messaging_store off;
        }
        location ~ ^/ws/other/(?<other>[^/]+)/$ {
            messaging on;
            messaging_conversation $other;
            messaging_store stream=other16;
            messaging_store_read off;
        }
EOC
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/off/7/?token=$jwt_ann
ann: send {"type":"message","content":"x","client_id":"a"}
ann: recv_unordered {"type":"ack","client_id":"a","id":"<int>","created_at":"<now>"} {"type":"new_message","...":0}
c1: connect /ws/other/7/?token=$jwt_ann
c1: send {"type":"read","message_id":5}
ann: recv {"type":"read_receipt","...":0}
c1: recv {"type":"read_receipt","...":0}
c1: send {"type":"message","content":"x","client_id":"a"}
c1: recv {"type":"ack","client_id":"a","status":"queued"}
redis: command XLEN other16
redis: expect_reply 1
redis: command EXISTS in16
redis: expect_reply 0
