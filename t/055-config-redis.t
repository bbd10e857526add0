
# Copyright (C) The ngx_http_messaging_module authors

# What nginx -t refuses of messaging_redis, messaging_prefix and
# messaging_zone, and how it says so: never with a password.

use strict;
use warnings;

use lib 't/lib';
use Test::Nginx::WebSocket;
use Test::Nginx::Socket 'no_plan';

repeat_each(1);
no_shuffle();
run_tests();

__DATA__

=== TEST 1: no messaging_redis: the workers relay to each other
--- messaging_http
--- websocket
nginx: status workers $WORKERS



=== TEST 2: messaging_redis belongs into the http block
--- config
        messaging_redis redis://localhost;
--- must_die
--- error_log
"messaging_redis" directive is not allowed here



=== TEST 3: a duplicate
--- messaging_http
messaging_redis redis://:s3cret@127.0.0.1;
messaging_redis redis://:s3cret@127.0.0.1;
--- must_die
--- error_log
"messaging_redis" directive is duplicate
--- no_error_log
s3cret



=== TEST 4: two arguments
--- messaging_http
messaging_redis redis://:s3cret@127.0.0.1 redis://:s3cret@127.0.0.2;
--- must_die
--- error_log
invalid number of arguments in "messaging_redis" directive
--- no_error_log
s3cret



=== TEST 5: rediss:// is not there yet
--- messaging_http
messaging_redis rediss://:s3cret@redis.example:6380;
--- must_die
--- error_log
invalid URL of "messaging_redis": "rediss://" (TLS) is not supported yet
--- no_error_log
s3cret



=== TEST 6: another scheme
--- messaging_http
messaging_redis http://joe:s3cret@127.0.0.1:6379;
--- must_die
--- error_log
invalid URL of "messaging_redis": neither "redis://" nor "unix:"
--- no_error_log
s3cret



=== TEST 7: no scheme
--- messaging_http
messaging_redis 127.0.0.1:6379;
--- must_die
--- error_log
invalid URL of "messaging_redis": neither "redis://" nor "unix:"



=== TEST 8: no URL at all
--- messaging_http
messaging_redis "";
--- must_die
--- error_log
invalid URL of "messaging_redis": neither "redis://" nor "unix:"



=== TEST 9: no host
--- messaging_http
messaging_redis redis://:s3cret@:6379;
--- must_die
--- error_log
invalid URL of "messaging_redis": no host
--- no_error_log
s3cret



=== TEST 10: a host that is none
--- messaging_http
messaging_redis redis://:s3cret@a$b;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid host
--- no_error_log
s3cret



=== TEST 11: an address of IPv6 that does not end
--- messaging_http
messaging_redis redis://[::1:6379;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid host



=== TEST 12: an address of IPv6 that is none
--- messaging_http
messaging_redis redis://:s3cret@[::g]:6380;
--- must_die
--- error_log
"[::g]:6380": invalid IPv6 address in "messaging_redis"
--- no_error_log
s3cret



=== TEST 13: what cannot be part of one
--- messaging_http
messaging_redis redis://:s3cret@[::-1]:6380;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid host
--- no_error_log
s3cret



=== TEST 14: a port that is no number
--- messaging_http
messaging_redis redis://:s3cret@127.0.0.1:six;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid port
--- no_error_log
s3cret



=== TEST 15: port 0
--- messaging_http
messaging_redis redis://127.0.0.1:0;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid port



=== TEST 16: port 65536
--- messaging_http
messaging_redis redis://127.0.0.1:65536;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid port



=== TEST 17: no port behind the colon
--- messaging_http
messaging_redis redis://127.0.0.1:/1;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid port



=== TEST 18: a database that is no number
--- messaging_http
messaging_redis redis://:s3cret@127.0.0.1/chat;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid database number
--- no_error_log
s3cret



=== TEST 19: a negative database
--- messaging_http
messaging_redis redis://127.0.0.1/-1;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid database number



=== TEST 20: something behind the database
--- messaging_http
messaging_redis redis://127.0.0.1/1?timeout=5;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid database number



=== TEST 21: a huge database
--- messaging_http
messaging_redis redis://127.0.0.1/18446744073709551617;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid database number



=== TEST 22: a control character
--- messaging_http
messaging_redis "redis://:s3cret\n@127.0.0.1";
--- must_die
--- error_log
invalid URL of "messaging_redis": control character
--- no_error_log
s3cret



=== TEST 23: one that is encoded
--- messaging_http
messaging_redis redis://:s3cret%0d@127.0.0.1;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid password
--- no_error_log
s3cret



=== TEST 24: a zero byte
--- messaging_http
messaging_redis redis://joe%00:s3cret@127.0.0.1;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid user
--- no_error_log
s3cret



=== TEST 25: a percent sign that encodes nothing
--- messaging_http
messaging_redis redis://:100%s3cret@127.0.0.1;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid password
--- no_error_log
s3cret



=== TEST 26: a user without a password, or the other way round
--- messaging_http
messaging_redis redis://s3cret@127.0.0.1;
--- must_die
--- error_log
invalid URL of "messaging_redis": no ":" between user and password
--- no_error_log
s3cret



=== TEST 27: a slash in a password has to be encoded: nothing of it is taken for a host
--- messaging_http
messaging_redis redis://:s3cret/p@ss@127.0.0.1;
--- must_die
--- error_log
invalid URL of "messaging_redis": no host
--- no_error_log
s3cret
p@ss



=== TEST 28: no path of a unix socket
--- messaging_http
messaging_redis unix:?db=1;
--- must_die
--- error_log
invalid URL of "messaging_redis": no path of unix socket



=== TEST 29: a path that is too long for a unix socket
--- messaging_http eval
'messaging_redis unix:/' . 'x' x 107 . ';'
--- must_die
--- error_log
invalid URL of "messaging_redis": too long path of unix socket



=== TEST 30: an unknown argument of a unix socket
--- messaging_http
messaging_redis unix:/tmp/redis.sock?password=s3cret;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid argument, only "?db=" is known
--- no_error_log
s3cret



=== TEST 31: a bad database of a unix socket
--- messaging_http
messaging_redis unix:/tmp/redis.sock?db=;
--- must_die
--- error_log
invalid URL of "messaging_redis": invalid database number



=== TEST 32: without a messaging location messaging_redis is not looked at any closer
--- messaging_http
messaging_redis redis://redis.invalid;
--- config
        location /t {
            return 200 ok;
        }
--- request
GET /t
--- response_body: ok



=== TEST 33: a prefix of 129 characters
--- http_config eval
'messaging_prefix ' . 'x' x 129 . ';'
--- must_die
--- error_log
"messaging_prefix" directive is longer than 128 characters



=== TEST 34: a prefix with a space
--- http_config
messaging_prefix "chat ";
--- must_die
--- error_log
"messaging_prefix" directive has a space or a character that is not printable ASCII



=== TEST 35: a prefix that is not ASCII
--- http_config
messaging_prefix größe:;
--- must_die
--- error_log
"messaging_prefix" directive has a space or a character that is not printable ASCII



=== TEST 36: a second prefix
--- http_config
messaging_prefix a:;
messaging_prefix b:;
--- must_die
--- error_log
"messaging_prefix" directive is duplicate



=== TEST 37: messaging_prefix belongs into the http block
--- config
        messaging_prefix a:;
--- must_die
--- error_log
"messaging_prefix" directive is not allowed here



=== TEST 38: a zone without a size
--- http_config
messaging_zone messaging;
--- must_die
--- error_log
invalid zone "messaging", it must be name:size



=== TEST 39: a zone without a name
--- http_config
messaging_zone :1m;
--- must_die
--- error_log
invalid zone ":1m", it must be name:size



=== TEST 40: a size that is none
--- http_config
messaging_zone chat:big;
--- must_die
--- error_log
invalid zone size "chat:big"



=== TEST 41: a zone that is too small
--- http_config
messaging_zone chat:64k;
--- must_die
--- error_log eval
qr/zone "chat" is too small, it needs \d+ bytes/



=== TEST 42: a second zone
--- http_config
messaging_zone chat:1m;
messaging_zone chat:1m;
--- must_die
--- error_log
"messaging_zone" directive is duplicate



=== TEST 43: a zone that is another module's
--- http_config
limit_conn_zone $binary_remote_addr zone=chat:1m;
messaging_zone chat:1m;
--- must_die
--- error_log
the shared memory zone "chat" is already declared for a different use



=== TEST 44: messaging_zone belongs into the http block
--- config
        messaging_zone chat:1m;
--- must_die
--- error_log
"messaging_zone" directive is not allowed here



=== TEST 45: a zone of one megabyte will do, and so will the name of one's choice
--- http_config
messaging_zone chat:1m;
--- jwt
ann: {"user_id":1,"exp":"+60"}
--- websocket
ann:   connect /ws/messaging/7/?token=$jwt_ann
redis: publish messaging:7 {"n":1}
ann:   recv_raw {"n":1}
nginx: status connections 1
