# Copyright (C) The ngx_http_messaging_module authors

# The backend learns who comes and who leaves.

use strict;
use warnings;

use File::Temp ();

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

# the backend: other servers of the same nginx; it refuses while conf/down is
# there.  The second one writes the log: who answers by himself has done so
# before the next batch can come.
our $Backend = <<'EOC';
log_format events escape=none
    'events $status $request_method $http_x_uri type=$content_type '
    '$http_x_body;';

server {
    listen unix:$TEST_NGINX_SERVER_ROOT/backend.sock;
    access_log off;
    client_body_buffer_size 1m;
    client_max_body_size 1m;
    proxy_set_header X-Uri $request_uri;
    proxy_set_header X-Body $request_body;

    location / {
        if (-f $TEST_NGINX_SERVER_ROOT/conf/down) {
            rewrite ^ /down;
        }
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/answer.sock;
    }

    location /down {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/answer.sock:/503/;
    }
}

server {
    listen unix:$TEST_NGINX_SERVER_ROOT/answer.sock;
    access_log logs/messaging.log events;

    location / {
        return 204;
    }

    location /503/ {
        return 503;
    }
}

messaging_events_delay 500ms;
messaging_events_interval 100ms;
messaging_events_lease 2s;
EOC

our $Locations = <<'EOC';
        messaging_jwt_key HS256 data:$TEST_NGINX_JWT_SECRET;
        messaging_access any;

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/$ {
            messaging on;
            messaging_conversation $conversation;
        }

        location = /ws/messaging/ {
            messaging on;
        }

        location = /ws/user/ {
            messaging on;
            messaging_channel user:$messaging_user;
        }

        location = /status {
            messaging_status on;
        }
EOC

our $Post = $Locations . <<'EOC';
        messaging_events /events;

        location = /events {
            internal;
            proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/backend.sock:/api/events/;
        }
EOC

# what the backend is told, as a regular expression
sub event {
    my ($event, $user, $conversation) = @_;
    return qq({"event":"$event","user_id":$user)
         . (defined $conversation ? qq(,"conversation_id":$conversation) : '')
         . qq(,"at":"20..-..-..T..:..:..\\....Z"});
}

# a second nginx, as on another host: with a zone of its own, on the port of
# the fake Redis; "nginx: kill_second" is SIGKILL

my ($second_dir, $second_pid);

my $run = $Test::Nginx::Util::RunTestHelper;

$Test::Nginx::Util::RunTestHelper = sub {
    my ($block, $dry_run) = @_;
    start_second($block->second) if defined $block->second && !$dry_run;
    $run->(@_);
};

add_test_cleanup_handler(sub {
    my ($block) = @_;
    my $pid = $second_pid or return;

    undef $second_pid;
    ok(Test::Nginx::WebSocket::Process::finish($pid, 'QUIT', 20),
       $block->name . ' - the second nginx stopped');

    my $log = Test::Nginx::WebSocket::JWT::slurp("$second_dir/error.log");
    unlike($log, qr/\[(?:alert|emerg|crit|error)\]/,
           $block->name . ' - no errors in its log');
});

sub Test::Nginx::WebSocket::Nginx::do_kill_second {
    kill 'KILL', $second_pid;
    waitpid $second_pid, 0;
    undef $second_pid;
}

sub start_second {
    my ($config) = @_;
    my $module = $ENV{TEST_NGINX_MODULE};
    my $load = $module ? "load_module $module;" : '';
    my $locations = "$Locations\n$config";

    $locations =~ s/\$(TEST_NGINX_\w+)/$ENV{$1}/g;

    $second_dir = File::Temp->newdir(TMPDIR => 1);
    Test::Nginx::WebSocket::JWT::spew("$second_dir/nginx.conf", <<"EOC");
$load
daemon off;
master_process off;
pid $second_dir/nginx.pid;
error_log $second_dir/error.log;

events {
    worker_connections 64;
}

http {
    access_log off;
    client_body_temp_path $second_dir/client_body_temp;
    proxy_temp_path $second_dir/proxy_temp;
    fastcgi_temp_path $second_dir/fastcgi_temp;
    uwsgi_temp_path $second_dir/uwsgi_temp;
    scgi_temp_path $second_dir/scgi_temp;

    messaging_redis unix:$ENV{TEST_NGINX_REDIS_SOCKET};
    messaging_events_delay 500ms;
    messaging_events_interval 100ms;
    messaging_events_lease 2s;

    server {
        listen 127.0.0.1:$ENV{TEST_NGINX_FAKE_PORT};
        $locations
    }
}
EOC

    $second_pid = Test::Nginx::WebSocket::Process::spawn(sub {
        exec $ENV{TEST_NGINX_BINARY} || 'nginx', '-p', $second_dir,
             '-e', "$second_dir/error.log", '-c', "$second_dir/nginx.conf";
        die "cannot run nginx: $!\n";
    });
}

# "told: EVENT USER [CONVERSATION]" in a scenario: the backend has taken it,
# "untold:": it has not
sub with_events {
    my ($text) = @_;
    my $line = sub {
        my ($verb, @words) = @_;
        return "nginx: $verb /events 204 [^;]*" . event(@words) . "/\n";
    };
    $text =~ s/^told: (.*)\n/$line->('expect_access_log', split ' ', $1)/gem;
    $text =~ s/^untold: (.*)\n/$line->('no_access_log', split ' ', $1)/gem;
    return $text;
}

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: the first and the last connection of a user, and in a conversation
--- messaging_http
--- http_config eval: $::Backend
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":"b\"ö","exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
ann1: connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_access_log /events 204 POST \/api\/events\/ type=application\/json \{"events":\[/
told: user_connected 1
told: joined 1 7
ann2: connect_apart ann1 /ws/messaging/?token=$jwt_ann
ann2: send {"type":"subscribe","conversation_id":7}
ann2: send {"type":"subscribe","conversation_id":"x"}
ann2: recv {"type":"subscribed","conversation_id":7}
ann2: recv {"type":"subscribed","conversation_id":"x"}
told: joined 1 "x"
bob:  connect /ws/user/?token=$jwt_bob
told: user_connected "b\\"ö"
ann1: close
ann1: expect_close none
ann2: send {"type":"unsubscribe","conversation_id":"x"}
ann2: recv {"type":"unsubscribed","conversation_id":"x"}
told: left 1 "x"
untold: left 1 7
untold: user_disconnected 1
ann2: send {"type":"unsubscribe","conversation_id":7}
ann2: recv {"type":"unsubscribed","conversation_id":7}
told: left 1 7
ann2: close
ann2: expect_close none
told: user_disconnected 1
bob: close
bob: expect_close none
told: user_disconnected "b\\"ö"
nginx: status events.sent 8
nginx: metric messaging_events_total{result="sent"} 8
nginx: status events.failed 0
nginx: status events.dropped 0
nginx: metrics
EOS



=== TEST 2: who is back within the delay has not left; who was there for a moment only was not there
--- messaging_http
--- http_config eval: $::Backend =~ s/500ms/1500ms/r
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
ann1: connect /ws/messaging/7/?token=$jwt_ann
told: joined 1 7
ann1: close
ann1: expect_close none
wait 200ms
ann2: connect /ws/messaging/7/?token=$jwt_ann
wait 1800ms
untold: left 1 7
untold: user_disconnected 1
ann2: close
ann2: expect_close none
nginx: not_before 1400ms expect_access_log /"event":"user_disconnected","user_id":1,/
told: left 1 7
nginx: status events.sent 4
EOS



=== TEST 3: workers that were killed: who comes back within the delay has not left
--- messaging_http
--- http_config eval: $::Backend =~ s/500ms/2s/r
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect_apart ann /ws/messaging/7/?token=$jwt_bob
told: joined 1 7
told: joined 2 7
nginx: kill_all_workers
ann,bob: expect_gone
bob2: connect_retry /ws/messaging/7/?token=$jwt_bob
told: left 1 7
told: user_disconnected 1
untold: left 2 7
untold: user_disconnected 2
bob2: close
bob2: expect_close none
told: user_disconnected 2
EOS



=== TEST 4: a worker that was killed beside others
--- messaging_http
--- http_config eval: $::Backend
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::workers() == 1 ? "ann: connect /ws/messaging/7/?token=\$jwt_ann\n"
                     : main::with_events(<<'EOS')
ann:  connect /ws/messaging/7/?token=$jwt_ann
ann2: connect_apart ann /ws/messaging/8/?token=$jwt_ann
told: joined 1 7
told: joined 1 8
nginx: kill_worker_of ann
ann: expect_gone
told: left 1 7
wait 300ms
untold: user_disconnected 1
untold: left 1 8
ann2: close
ann2: expect_close none
told: user_disconnected 1
nginx: status events.dropped 0
EOS



=== TEST 5: a backend that refuses gets them again, in order, and of what happened meanwhile the end
--- messaging_http
--- http_config eval: "$::Backend\nmessaging_events_batch 1;"
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
cid: {"user_id":3,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
nginx: write_file down "x"
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_log /\[error\] .*messaging events were not taken by the backend, status 503, they are sent again/
nginx: status events.sent 0
bob: connect /ws/messaging/7/?token=$jwt_bob
bob: close
bob: expect_close none
cid: connect /ws/messaging/7/?token=$jwt_cid
ann: close
ann: expect_close none
nginx: remove_file down
told: user_connected 1
told: user_disconnected 1
told: joined 3 7
told: user_connected 3
untold: user_connected 2
untold: joined 2 7
untold: joined 1 7
nginx: status events.sent 4
nginx: expect_access_log /(?s)204 [^;]*"user_connected","user_id":1,.*"user_connected","user_id":3,.*"joined","user_id":3,.*"user_disconnected","user_id":1,/
nginx: metrics
EOS



=== TEST 6: messaging_events_max: who is left out, and then not
--- messaging_http
--- http_config eval: "$::Backend\nmessaging_events_max 2;"
--- config eval: $::Post
--- log_level: info
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
ann: connect /ws/messaging/7/?token=$jwt_ann
told: joined 1 7
bob: connect /ws/messaging/7/?token=$jwt_bob
nginx: status events.dropped 2
nginx: expect_log /\[info\] .*messaging events leave out user "2": messaging_events_max is reached/
nginx: expect_log /\[info\] .*messaging events leave out user "2" in a conversation: /
ann,bob: close
ann,bob: expect_close none
told: user_disconnected 1
bob: connect /ws/messaging/8/?token=$jwt_bob
told: user_connected 2
told: joined 2 8
untold: user_disconnected 2
nginx: status events.dropped 2
EOS



=== TEST 7: ids that are too long together
--- messaging_http
--- http_config eval: $::Backend
--- config eval: $::Post
--- log_level: info
--- jwt eval
'ann: {"user_id":"' . 'u' x 120 . '","exp":"+60"}'
--- websocket eval
my ($user, $fits, $over) = ('u' x 120, 'c' x 56, 'c' x 57);
main::with_events(<<"EOS")
ann: connect /ws/messaging/?token=\$jwt_ann
ann: send {"type":"subscribe","conversation_id":"$fits"}
ann: recv {"type":"subscribed","conversation_id":"$fits"}
ann: send {"type":"subscribe","conversation_id":"$over"}
ann: recv {"type":"subscribed","conversation_id":"$over"}
told: user_connected "$user"
told: joined "$user" "$fits"
nginx: status events.dropped 1
nginx: expect_log /messaging events leave out user "u+" in a conversation: messaging_events_max is reached, or the id is too long/
untold: joined "$user" "$over"
EOS



=== TEST 8: a reload: old and new workers count together
--- messaging_http
--- http_config eval: $::Backend =~ s/500ms/1500ms/r . "messaging_drain 100ms;\n"
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
ann: connect /ws/messaging/7/?token=$jwt_ann
bob: connect /ws/messaging/7/?token=$jwt_bob
told: joined 1 7
told: joined 2 7
nginx: reload
ann,bob: expect_close 1012
ann: connect_retry /ws/messaging/7/?token=$jwt_ann
nginx: expect_workers $WORKERS
told: left 2 7
told: user_disconnected 2
untold: left 1 7
untold: user_disconnected 1
ann: close
ann: expect_close none
told: left 1 7
told: user_disconnected 1
nginx: status events.sent 8
EOS



=== TEST 9: a stream in Redis
--- http_config eval: "$::Backend\nmessaging_events stream=app:events maxlen=1000;"
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":"b \"ö","exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
ann2: connect_apart ann /ws/messaging/7/?token=$jwt_ann
redis: expect_answer XRANGE app:events - + => /^\[\["\d+-\d+",\["event","user_connected","user_id","1","at","20..-..-..T..:..:..\....Z"\]\],\["\d+-\d+",\["event","joined","user_id","1","conversation_id","7","at","20[^"]*Z"\]\]\]$/
ann: close
ann: expect_close none
bob: connect /ws/user/?token=$jwt_bob
redis: expect_answer XREVRANGE app:events + - COUNT 1 => /"user_connected","user_id","b \\"\xc3\xb6","at"/
ann2: close
ann2: expect_close none
redis: expect_answer XLEN app:events => 5
redis: expect_answer XREVRANGE app:events + - COUNT 2 => /"user_disconnected","user_id","1".*"left","user_id","1","conversation_id","7"/
nginx: status events.sent 5
redis: expect_answer EXISTS messaging:@events:queue => 0



=== TEST 10: through Redis to a backend that refuses for a while
--- http_config eval: "$::Backend\nmessaging_events_batch 2;"
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":"b","exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
nginx: write_file down "x"
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_log /messaging events were not taken by the backend, status 503/
redis: expect_answer LLEN messaging:@events:queue => 2
bob: connect /ws/messaging/x/?token=$jwt_bob
redis: expect_answer LLEN messaging:@events:queue => 4
ann: close
ann: expect_close none
redis: expect_answer LLEN messaging:@events:queue => 6
nginx: status events.sent 0
nginx: remove_file down
told: user_connected 1
told: joined 1 7
told: user_connected "b"
told: joined "b" "x"
told: left 1 7
told: user_disconnected 1
nginx: expect_access_log /(?s)204 [^;]*"user_connected","user_id":1,.*"joined","user_id":"b".*"user_disconnected","user_id":1,/
nginx: status events.sent 6
redis: expect_answer LLEN messaging:@events:queue => 0
redis: expect_answer GET messaging:@events:head => 6
EOS



=== TEST 11: two hosts are one: an event for the first and for the last of both
--- second
messaging_events stream=app:events;
--- http_config eval: "$::Backend\nmessaging_events stream=app:events;"
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
far: tls off
far: port $TEST_NGINX_FAKE_PORT
far: connect_retry /ws/messaging/7/?token=$jwt_ann
redis: expect_answer XLEN app:events => 2
near: connect /ws/messaging/7/?token=$jwt_ann
redis: expect_answer HLEN "messaging:@events:at:1\n7" => 2
far: close
far: expect_close none
redis: expect_answer HLEN "messaging:@events:at:1\n7" => 1
redis: expect_answer HLEN "messaging:@events:at:1\n" => 1
far: connect /ws/messaging/8/?token=$jwt_ann
redis: expect_answer XLEN app:events => 3
near: close
near: expect_close none
redis: expect_answer XREVRANGE app:events + - COUNT 1 => /"left","user_id","1","conversation_id","7"/
redis: expect_answer XLEN app:events => 4
far: close
far: expect_close none
redis: expect_answer XLEN app:events => 6
redis: expect_answer XREVRANGE app:events + - COUNT 1 => /"user_disconnected","user_id","1","at"/



=== TEST 12: a host that died: another one tells that its users have left, when its lease ends
--- second
messaging_events stream=app:events;
--- http_config eval: "$::Backend\nmessaging_events stream=app:events;"
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket
far: tls off
far: port $TEST_NGINX_FAKE_PORT
far: connect_retry /ws/messaging/7/?token=$jwt_ann
far2: tls off
far2: port $TEST_NGINX_FAKE_PORT
far2: connect /ws/messaging/8/?token=$jwt_bob
near: connect /ws/messaging/8/?token=$jwt_bob
redis: expect_answer HLEN "messaging:@events:at:2\n8" => 2
redis: expect_answer XLEN app:events => 4
nginx: kill_second
far,far2: expect_gone
redis: not_before 1s expect_answer XLEN app:events => 6
redis: expect_answer XRANGE app:events - + => /"left","user_id","1","conversation_id","7"/
redis: expect_answer XRANGE app:events - + => /"user_disconnected","user_id","1","at"/
redis: expect_answer HLEN "messaging:@events:at:2\n8" => 1
redis: expect_answer ZCARD messaging:@events:hosts => 1
redis: expect_answer EXISTS messaging:@events:dead => 0
near: close
near: expect_close none
redis: expect_answer XLEN app:events => 8



=== TEST 13: Redis that has lost all is told again
--- http_config eval: "$::Backend\nmessaging_events stream=app:events;"
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann: connect /ws/messaging/7/?token=$jwt_ann
redis: expect_answer XLEN app:events => 2
redis: command FLUSHALL
redis: expect_answer XLEN app:events => 2
redis: expect_answer HLEN "messaging:@events:at:1\n7" => 1
redis: restart
ann: recv {"type":"resync","...":0}
redis: expect_answer XLEN app:events => 2
ann: close
ann: expect_close none
redis: expect_answer XLEN app:events => 4



=== TEST 14: a stream that is none
--- http_config eval: "$::Backend\nmessaging_events stream=app:events;"
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
redis: command SET app:events x
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_log /\[error\] .*messaging redis does not take events: ".*WRONGTYPE app:events is no stream/
redis: command DEL app:events
redis: expect_answer XLEN app:events => 2



=== TEST 15: detached sessions
--- messaging_http
--- http_config eval: $::Backend . "messaging_detach on;\n"
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
ann: connect /ws/messaging/7/?token=$jwt_ann
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
told: joined 1 7
ann: close
ann: expect_close none
told: left 1 7
told: user_disconnected 1
nginx: status events.sent 4
EOS



=== TEST 16: a user of Redis who may do no more than is needed
--- redis_args: --port $TEST_NGINX_REDIS_PORT --user chat on >s3cret ~messaging:@host:* ~messaging:@revoked:* ~messaging:@events:* ~app:events &messaging:* -@all +select +client|setname +ping +subscribe +unsubscribe +publish +set +get +expire +append +getrange +eval +type +time +exists +incrby +zadd +zscore +zrangebyscore +zrem +sadd +srem +spop +srandmember +hget +hset +hdel +hlen +xadd
--- messaging_http
messaging_redis redis://chat:s3cret@127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- http_config eval: "$::Backend\nmessaging_events stream=app:events;"
--- config eval: $::Locations
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
# a host that is dead
redis: command ZADD messaging:@events:hosts 1 x
redis: command SADD messaging:@events:of:x "9\n"
redis: command HSET "messaging:@events:at:9\n" x "9\n"
redis: command HSET "messaging:@events:at:8\n" x "8\n" y "8\n"
redis: command SADD messaging:@events:of:x "8\n"
ann: connect /ws/messaging/7/?token=$jwt_ann
redis: expect_answer XLEN app:events => 3
redis: expect_answer XRANGE app:events - + => /"user_disconnected","user_id","9"/
redis: expect_answer HLEN "messaging:@events:at:8\n" => 1
ann: close
ann: expect_close none
redis: expect_answer XLEN app:events => 5
nginx: status events.failed 0


=== TEST 17: the worker that sends is killed: another one tells what nobody knows to have been told
--- messaging_http
--- http_config eval: $::Backend
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":2,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
bob: connect /ws/messaging/7/?token=$jwt_bob
told: joined 2 7
nginx: write_file down "x"
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_log /messaging events were not taken by the backend, status 503/
nginx: kill_all_workers
ann,bob: expect_gone
ann: connect_retry /ws/messaging/8/?token=$jwt_ann
nginx: remove_file down
told: user_connected 1
told: joined 1 8
told: left 1 7
told: user_disconnected 2
untold: joined 1 7
untold: user_disconnected 1
EOS



=== TEST 18: duplicate
--- config eval: $::Post . "messaging_events off;"
--- must_die
--- error_log
"messaging_events" directive is duplicate



=== TEST 19: a URI is of a server
--- http_config
messaging_events /events;
--- must_die
--- error_log
"messaging_events /events" must be in a server: the URI is of a location there



=== TEST 20: not a URI
--- config eval: $::Locations . "messaging_events events;"
--- must_die
--- error_log
invalid URI "events": it must begin with a slash



=== TEST 21: a stream without Redis
--- messaging_http
--- http_config
messaging_events stream=x;
--- must_die
--- error_log
"messaging_events stream=x" needs "messaging_redis"



=== TEST 22: a stream without a name
--- http_config
messaging_events stream=;
--- must_die
--- error_log
"stream=" must name a key



=== TEST 23: a stream that keeps nothing
--- http_config
messaging_events stream=x maxlen=0;
--- must_die
--- error_log
invalid parameter "maxlen=0"



=== TEST 24: a parameter of streams
--- config eval: $::Locations . "messaging_events /events maxlen=5;"
--- must_die
--- error_log
invalid parameter "maxlen=5"



=== TEST 25: the interval
--- http_config
messaging_events_interval 99ms;
--- config eval: $::Post
--- must_die
--- error_log
"messaging_events_interval" must not be under 100ms



=== TEST 26: the lease
--- http_config
messaging_events_lease 2900ms;
--- config eval: $::Post
--- must_die
--- error_log
"messaging_events_lease" must be at least three times "messaging_events_interval"



=== TEST 27: a batch
--- http_config
messaging_events_batch 1001;
--- must_die
--- error_log
value must be between 1 and 1000



=== TEST 28: a zone that is too small
--- messaging_http
--- http_config
messaging_zone small:13m;
--- config eval: $::Post
--- must_die
--- error_log
zone "small" is too small for "messaging_events_max 16384": write "messaging_zone small:14m;"



=== TEST 29: more wait in Redis than may wait
--- http_config eval: $::Backend
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
nginx: write_file down "x"
redis: command EVAL "for i = 1, 65535 do redis.call('RPUSH', 'messaging:@events:queue', '{}') end" 0
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: status events.dropped 1
nginx: expect_log /\[error\] .*messaging events wait for the backend in Redis, 1 more were dropped/
redis: expect_answer LINDEX messaging:@events:queue -1 => /user_connected/
redis: expect_answer LLEN messaging:@events:queue => 65536
nginx: remove_file down
EOS



=== TEST 30: Redis loses all while the backend refuses: what is told again is not taken for what was posted
--- http_config eval: "$::Backend\nmessaging_events_batch 2;"
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
bob: {"user_id":"b","exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
nginx: write_file down "x"
ann: connect /ws/messaging/7/?token=$jwt_ann
nginx: expect_log /messaging events were not taken by the backend, status 503/
bob: connect /ws/messaging/x/?token=$jwt_bob
redis: expect_answer LLEN messaging:@events:queue => 4
ann: close
ann: expect_close none
redis: expect_answer LLEN messaging:@events:queue => 6
redis: command FLUSHALL
redis: expect_answer LLEN messaging:@events:queue => 2
redis: expect_answer LINDEX messaging:@events:queue 0 => /user_connected/
nginx: remove_file down
told: user_connected 1
told: joined 1 7
told: user_connected "b"
told: joined "b" "x"
nginx: status events.sent 4
redis: expect_answer LLEN messaging:@events:queue => 0
EOS



=== TEST 31: the same with a backend: the queue is under the prefix, and nothing else is touched
--- redis_args: --port $TEST_NGINX_REDIS_PORT --user chat on >s3cret ~messaging:@host:* ~messaging:@revoked:* ~messaging:@events:* &messaging:* -@all +select +client|setname +ping +subscribe +unsubscribe +publish +set +get +expire +append +getrange +eval +type +time +exists +incrby +zadd +zscore +zrangebyscore +zrem +sadd +srem +spop +srandmember +hget +hset +hdel +hlen +llen +lrange +rpush +ltrim
--- messaging_http
messaging_redis redis://chat:s3cret@127.0.0.1:$TEST_NGINX_REDIS_PORT;
--- http_config eval: $::Backend
--- config eval: $::Post
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket eval
main::with_events(<<'EOS')
ann: connect /ws/messaging/7/?token=$jwt_ann
told: user_connected 1
told: joined 1 7
ann: close
ann: expect_close none
told: left 1 7
told: user_disconnected 1
redis: expect_answer LLEN messaging:@events:queue => 0
nginx: status events.failed 0
EOS
