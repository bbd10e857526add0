# examples/node, as a newcomer runs it: who enters, what is stored, what Node
# says by itself; and Node is killed: nothing is lost, nothing is stored twice.
#
# needs: stock nginx
# not in: workers-1 (it has a configuration of its own)
# not in: workers-4 (it has a configuration of its own)

use strict;
use warnings;

use lib 't/lib';

BEGIN { $ENV{TEST_NGINX_MODULE} = 'none' }

use Test::More 'no_plan';

use Test::Nginx::WebSocket;
use Test::Nginx::WebSocket::App;

my $port = ($ENV{TEST_NGINX_SERVER_PORT} =~ /(\d+)\z/)[0] + 3;

delete $ENV{REDIS};

my $app = Test::Nginx::WebSocket::App->start(example => 'node',
    port => $port, process => qr/\A(?:node|MainThread)\z/,
    socket => 'node.sock');

my @lines = split /\n/,
            Test::Nginx::WebSocket::JWT::slurp('examples/node/server.js');
cmp_ok(scalar @lines, '<=', 60, 'it is short');

@{$app->{vars}}{qw( ann bob )} =
    $app->{printed} =~ m{^ +ws://127\.0\.0\.1:$port/\S+=([\w.-]+)$}mg;
ok($app->{vars}{bob}, 'tokens are printed');

$app->scenario('two people', <<'EOS');
ann: connect /ws/messaging/1/?token=$ann
bob: connect /ws/messaging/1/?token=$bob
ann: send {"type":"typing"}
bob: recv_some /"type":"typing_indicator","user_id":1,/
ann: send {"type":"message","content":"hellö","client_id":"a1"}
bob: recv {"type":"new_message","client_id":"a1","message":{"id":1, \
    "conversation_id":1,"sender":{"id":1},"content":"hellö","image":null, \
    "is_read":false,"read_at":null,"created_at":"<now>"}}
ann: recv_unordered \
    {"type":"ack","client_id":"a1","id":1,"created_at":"<now>"} \
    {"type":"new_message","client_id":"a1","message":{"id":1,"...":0}}
# again, as who has got no answer does; it may be told again, too
ann: send {"type":"message","content":"hello","client_id":"a1"}
ann: recv_unordered \
    {"type":"ack","client_id":"a1","id":1,"created_at":"<now>"} \
    {"type":"new_message","client_id":"a1","message":{"id":1,"...":0}}
bob: recv {"type":"new_message","client_id":"a1","message":{"id":1,"...":0}}
bob: send {"type":"message","content":"and me","client_id":"a1"}
bob: recv_unordered {"type":"ack","client_id":"a1","id":2,"...":0} \
    {"type":"new_message","message":{"id":2,"...":0},"...":0}
ann: recv {"type":"new_message","client_id":"a1","message":{"id":2,"...":0}}
app: expect_lines 2 messages.jsonl /./
# nobody said this on a socket
api: http POST /notice lunch
api: expect_status 202
ann,bob: recv {"type":"notice","text":"lunch"}
api: http POST /store {"content":"x"}
api: expect_status 404
api: http GET /access
api: expect_status 404
EOS

my $secret = Test::Nginx::WebSocket::JWT::slurp("$app->{dir}/jwt.key")
             =~ s/\n//r;

$app->scenario('who may not', <<"EOS");
jwt: eve {"user_id":3,"exp":"+60"} secret=$secret
eve: from 127.0.0.2
eve: connect /ws/messaging/1/?token=\$jwt_eve
eve: expect_close 4003 no access
c1: from 127.0.0.3
c1: connect /ws/messaging/7/?token=\$jwt_eve
c1: expect_close 4003 no access
c2: from 127.0.0.4
c2: connect /ws/messaging/2/?token=x\$jwt_eve
c2: expect_close 4001 token invalid
c3: connect /ws/messaging/2/?token=\$jwt_eve
EOS

$app->scenario('Node is killed', <<'EOS');
ann: connect /ws/messaging/1/?token=$ann
bob: connect /ws/messaging/1/?token=$bob
app: kill
ann: send {"type":"message","content":"three","client_id":"a3"}
ann: recv {"type":"nack","client_id":"a3","code":"unknown","retry":true, \
    "...":0}
app: expect_lines 0 messages.jsonl /three/
app: start
ann: send {"type":"message","content":"three","client_id":"a3"}
bob: recv {"type":"new_message","client_id":"a3","message":{"id":3,"...":0}}
ann: recv_unordered {"type":"ack","client_id":"a3","id":3,"...":0} \
    {"type":"new_message","client_id":"a3","...":0}
# what was stored before is known
ann: send {"type":"message","content":"hello","client_id":"a1"}
ann: recv_unordered {"type":"ack","client_id":"a1","id":1,"...":0} \
    {"type":"new_message","client_id":"a1","message":{"id":1,"...":0}}
bob: recv {"type":"new_message","client_id":"a1","message":{"id":1,"...":0}}
app: expect_lines 3 messages.jsonl /./
app: expect_lines 1 messages.jsonl /three/
EOS

unlike(Test::Nginx::WebSocket::JWT::slurp("$app->{dir}/logs/error.log"),
       qr/\[(?:alert|emerg)\]/, 'no alerts');

like($app->finish('INT'), qr/^stopped$/m, 'Ctrl-C stops it');
is(join(' ', $app->processes), '', 'and all that it started');
