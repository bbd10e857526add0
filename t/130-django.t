# examples/django, as a newcomer runs it: a login, two people, what is stored
# and what is not, who is let in and who is thrown out, and a backend that is
# killed: nothing is lost, nothing is twice in the database.
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

# NAME TOKEN METHOD PATH [BODY] => STATUS [ANSWER]: lines of a request by
# another client
sub api {
    my ($token, $request, $status, $answer) = @_;
    my ($method, $path, $body) = split ' ', $request, 3;

    return join "\n",
        ($token ne '' ? "api: header Authorization: Bearer $token" : ()),
        (defined $body ? 'api: header Content-Type: application/json' : ()),
        "api: http $method /api/$path" . (defined $body ? " $body" : ''),
        "api: expect_status $status",
        (defined $answer ? "api: expect_body $answer" : ()), '';
}

sub login {
    my ($name, $password) = @_;
    return api('', qq(POST token/ {"username":"$name","password":"$password"}),
               200)
           . "api: capture $name access\napi: capture refresh_$name refresh\n";
}

sub start {
    my (%env) = @_;
    return Test::Nginx::WebSocket::App->start(example => 'django',
        port => $port, process => qr/\Apython3\z/, socket => 'gunicorn.sock',
        env => \%env);
}

sub tree { return join ' ', sort split /\n/, `find examples` }

delete $ENV{REDIS};

my $tree = tree();
my $app = start();

like($app->{printed}, qr{http://127\.0\.0\.1:$port/api/token/},
     'it tells how to log in');

$app->scenario('login', api('',
        'POST token/ {"username":"ann","password":"wrong"}', 401)
    . login('ann', 'ann-secret') . login('bob', 'bob-secret')
    . login('eve', 'eve-secret')
    . api('', "GET conversations/", 401)
    . api('$eve', 'GET conversations/', 200,
          '[{"id":3,"title":"All","archived":false}]')
    . api('', 'POST token/refresh/ {"refresh":"$refresh_ann"}', 200));

my $message = '"id":"<int>","conversation_id":1,"image":null,'
              . '"is_read":false,"read_at":null,"created_at":"<now>",';

$app->scenario('two people', <<"EOS"
ann: connect /ws/messaging/1/?token=\$ann
bob: connect /ws/messaging/1/?token=\$bob
ann: send {"type":"typing"}
bob: recv {"type":"typing_indicator","user_id":1,"is_typing":true,"name":"Ann"}
ann: send {"type":"message","content":" hellö \\"you\\" ","client_id":"a1"}
bob: recv {"type":"new_message","client_id":"a1","message":{$message \\
    "sender":{"id":1,"name":"Ann"},"content":"hellö \\"you\\""}}
bob: capture id message.id
ann: recv_unordered \\
    {"type":"ack","client_id":"a1","id":\$id,"created_at":"<now>"} \\
    {"type":"new_message","client_id":"a1","message":{"id":\$id,"...":0}}
app: expect_sql 1 SELECT count(*) FROM chat_message
# again, as who has got no answer does
ann: send {"type":"message","content":"hello","client_id":"a1"}
ann: recv {"type":"ack","client_id":"a1","id":\$id,"created_at":"<now>"}
app: expect_sql 1 SELECT count(*) FROM chat_message
bob: send {"type":"message","content":"and me","client_id":"a1","reply_to":\$id}
ann: recv {"type":"new_message","client_id":"a1","message":{$message \\
    "sender":{"id":2,"name":"Bob"},"content":"and me","reply_to":\$id}}
bob: recv_unordered {"type":"ack","client_id":"a1","...":0} \\
    {"type":"new_message","...":0}
bob: send {"type":"message","content":"x","client_id":"b2","reply_to":99}
bob: recv {"type":"nack","client_id":"b2","code":"rejected","retry":false, \\
    "...":0}
app: expect_sql 2 SELECT count(*) FROM chat_message
# what was not said on a socket
EOS
    . api('$ann', 'POST conversations/1/messages/ {"content":"by HTTP"}', 201)
    . <<"EOS"
ann,bob: recv {"type":"new_message","message":{$message \\
    "sender":{"id":1,"name":"Ann"},"content":"by HTTP"}}
c: connect /ws/messaging/3/?token=\$ann
c: send {"type":"message","content":"hello","client_id":"a1"}
c: recv {"type":"nack","client_id":"a1","code":"rejected","retry":false, \\
    "...":0}
EOS
    . api('$bob', 'POST conversations/1/read/ {"message_id":$id}', 200,
          '{"read":1}')
    . api('$bob', 'POST conversations/1/read/ {"message_id":$id}', 200,
          '{"read":0}')
    . <<"EOS"
ann,bob: recv {"type":"read_receipt","reader_id":2,"read_at":"<now>", \\
    "message_id":\$id}
EOS
    . api('$bob', 'GET conversations/1/messages/', 200,
          '[{"id":$id,"content":"hellö \"you\"","is_read":true,'
          . '"read_at":"<now>","...":0},'
          . '{"content":"and me","is_read":false,"reply_to":$id,"...":0},'
          . '{"content":"by HTTP","is_read":false,"...":0}]')
    . api('$bob', 'GET conversations/1/messages/?after=$id', 200,
          '[{"content":"and me","...":0},{"content":"by HTTP","...":0}]')
    . "app: expect_sql 0 SELECT count(*) FROM chat_outgoing\n"
    . 'nginx: no_log /$ann/');

# both find nothing that is stored, and the unique key decides
$app->scenario('the same at the same time', <<'EOS');
ann: connect /ws/messaging/1/?token=$ann
c1: connect /ws/messaging/1/?token=$ann
bob: connect /ws/messaging/1/?token=$bob
app: hold
ann,c1: send {"type":"message","content":"once","client_id":"s1"}
app: expect_busy 2
wait 200ms
app: release
bob: recv {"type":"new_message","client_id":"s1","...":0}
bob: capture id message.id
ann,c1: recv_unordered \
    {"type":"ack","client_id":"s1","id":$id,"created_at":"<now>"} \
    {"type":"new_message","client_id":"s1","message":{"id":$id,"...":0}}
app: expect_sql 1 SELECT count(*) FROM chat_message WHERE client_id = 's1'
EOS

# each from an address of its own: who is refused again has to wait
$app->scenario('who may not', <<'EOS'
eve: from 127.0.0.2
eve: connect /ws/messaging/1/?token=$eve
eve: expect_close 4003 no access
c1: from 127.0.0.3
c1: connect /ws/messaging/99999999999999999999/?token=$eve
c1: expect_close 4003 no access
c2: from 127.0.0.4
c2: connect /ws/messaging/all/?token=$eve
c2: expect_close 4003 no access
# simplejwt's other token
c3: from 127.0.0.5
c3: connect /ws/messaging/3/?token=$refresh_eve
c3: expect_close 4001 token invalid
c4: connect /ws/messaging/?token=$eve
c4: send {"type":"subscribe","conversation_id":3}
c4: recv {"type":"subscribed","conversation_id":3}
c4: send {"type":"subscribe","conversation_id":1}
c4: recv {"type":"error","conversation_id":1,"code":"access_denied","...":0}
EOS
    . api('$eve', 'GET conversations/1/messages/', 403)
    . api('$eve', 'POST conversations/1/messages/ {"content":"x"}', 403)
    . api('$eve', 'POST conversations/1/read/ {"message_id":1}', 403)
    . api('$refresh_eve', 'GET conversations/', 401) . <<'EOS');
# what nginx asks nobody else may
api: http GET /access
api: expect_status 404
api: http GET /internal/access/
api: expect_status 404
api: http POST /control {"action":"disconnect","user_id":1}
api: expect_status 404
EOS

$app->scenario('archived', <<'EOS'
ann: connect /ws/messaging/2/?token=$ann
ann: send {"type":"message","content":"x","client_id":"o1"}
ann: recv_unordered \
    {"type":"nack","client_id":"o1","code":"access_denied","retry":false,"...":0} \
    {"type":"error","code":"access_denied","message":"read only"}
ann: send {"type":"typing"}
ann: recv {"type":"error","code":"access_denied","message":"read only"}
many: connect /ws/messaging/?token=$ann
many: send {"type":"subscribe","conversation_id":2}
many: recv {"type":"subscribed","conversation_id":2}
many: send {"type":"message","conversation_id":2,"content":"x","client_id":"o2"}
many: recv_unordered \
    {"type":"nack","conversation_id":2,"client_id":"o2","code":"access_denied","retry":false,"...":0} \
    {"type":"error","conversation_id":2,"code":"access_denied","...":0}
# while somebody is there
bob: connect /ws/messaging/3/?token=$bob
bob: send {"type":"message","content":"in time","client_id":"o3"}
bob: recv_unordered {"type":"ack","client_id":"o3","...":0} \
    {"type":"new_message","...":0}
EOS
    . api('$ann', 'POST conversations/2/messages/ {"content":"x"}', 403)
    . api('$bob', 'POST conversations/3/archive/', 403)
    . api('$ann', 'POST conversations/3/archive/', 204) . <<'EOS');
bob: recv {"type":"conversation_archived"}
bob: send {"type":"message","content":"too late","client_id":"o4"}
bob: recv {"type":"nack","client_id":"o4","code":"rejected","retry":false,"...":0}
bob: send {"type":"message","content":"in time","client_id":"o3"}
bob: recv {"type":"ack","client_id":"o3","...":0}
app: expect_sql 1 SELECT count(*) FROM chat_message WHERE client_id LIKE 'o%'
EOS

my $counted = q(SELECT count(*) FROM chat_message WHERE client_id =);

$app->scenario('the backend is away', <<"EOS");
ann: connect /ws/messaging/1/?token=\$ann
bob: connect /ws/messaging/1/?token=\$bob
app: kill
ann: send {"type":"message","content":"one","client_id":"k1"}
ann: recv {"type":"nack","client_id":"k1","code":"unknown","retry":true, \\
    "...":0}
ann: send {"type":"typing"}
bob: recv_some /"type":"typing_indicator","user_id":1,/
c1: connect /ws/messaging/1/?token=\$ann
c1: expect_close 1013
app: expect_sql 0 $counted 'k1'
app: start
ann: send {"type":"message","content":"one","client_id":"k1"}
bob: recv {"type":"new_message","client_id":"k1","...":0}
ann: recv_unordered {"type":"ack","client_id":"k1","...":0} \\
    {"type":"new_message","client_id":"k1","...":0}
app: expect_sql 1 $counted 'k1'
EOS

$app->scenario('it is killed before it has stored a message', <<"EOS");
ann: connect /ws/messaging/1/?token=\$ann
bob: connect /ws/messaging/1/?token=\$bob
app: hold
ann: send {"type":"message","content":"two","client_id":"k2"}
app: expect_busy 1
app: kill
ann: recv {"type":"nack","client_id":"k2","code":"unknown","retry":true, \\
    "...":0}
app: release
app: expect_sql 0 $counted 'k2'
app: start
ann: send {"type":"message","content":"two","client_id":"k2"}
bob: recv {"type":"new_message","client_id":"k2","...":0}
ann: recv_unordered {"type":"ack","client_id":"k2","...":0} \\
    {"type":"new_message","client_id":"k2","...":0}
app: expect_sql 1 $counted 'k2'
EOS

# nginx is stopped meanwhile, so that it neither hears of the message nor gets
# the answer before the backend is killed; the message may be told by what has
# been sent already, and is told by the backend that is started again

$app->scenario('it is killed when it has stored a message', <<"EOS");
ann: connect /ws/messaging/1/?token=\$ann
bob: connect /ws/messaging/1/?token=\$bob
app: hold
ann: send {"type":"message","content":"three","client_id":"k3"}
app: expect_busy 1
app: pause_nginx
app: release
app: expect_sql 1 $counted 'k3'
app: kill
app: expect_sql 1 SELECT count(*) FROM chat_outgoing
app: continue_nginx
ann: ignore /new_message/
ann: recv {"type":"nack","client_id":"k3","code":"unknown","retry":true, \\
    "...":0}
app: start
app: expect_sql 0 SELECT count(*) FROM chat_outgoing
ann: send {"type":"message","content":"three","client_id":"k3"}
ann: recv {"type":"ack","client_id":"k3","id":"<int>","created_at":"<now>"}
bob: recv_some /"type":"new_message".*"client_id":"k3"/
app: expect_sql 1 $counted 'k3'
EOS

# one that nginx will never take is in nobody's way

my $late = 'from chat.models import Outgoing as O;'
    . ' O.objects.create(target="1", body="no frame");'
    . ' O.objects.create(target="1", body="{\"type\":\"late\"}");'
    . ' O.objects.update(created_at="2026-01-01T00:00:00Z")';

$app->scenario('what was left behind is told by the next one', <<"EOS");
ann: connect /ws/messaging/1/?token=\$ann
bob: connect /ws/messaging/1/?token=\$bob
app: manage shell -c '$late'
app: expect_sql 2 SELECT count(*) FROM chat_outgoing
ann: send {"type":"message","content":"four","client_id":"l1"}
ann,bob: recv {"type":"late"}
bob: recv {"type":"new_message","client_id":"l1","...":0}
ann: recv_unordered {"type":"ack","client_id":"l1","...":0} \\
    {"type":"new_message","client_id":"l1","...":0}
app: expect_sql 0 SELECT count(*) FROM chat_outgoing
EOS

$app->scenario('nothing is lost', api('$bob',
    'GET conversations/1/messages/', 200,
    '[' . join(',', map { qq({"content":"$_","...":0}) }
                    'hellö \"you\"', 'and me', 'by HTTP', 'once', 'one', 'two',
                    'three', 'four') . ']'));

$app->scenario('who was taken out of a conversation', <<'EOS'
bob: from 127.0.0.6
bob: connect /ws/messaging/1/?token=$bob
many: connect /ws/messaging/?token=$bob
many: send {"type":"subscribe","conversation_id":1}
many: recv {"type":"subscribed","conversation_id":1}
ann: connect /ws/messaging/1/?token=$ann
EOS
    . api('$bob', 'DELETE conversations/1/members/1/', 403)
    . api('$ann', 'DELETE conversations/1/members/2/', 204) . <<'EOS');
bob: expect_close 4003 access withdrawn
many: recv {"type":"error","conversation_id":1,"code":"access_denied","...":0}
ann: send {"type":"message","content":"alone","client_id":"w1"}
ann: recv_unordered {"type":"ack","client_id":"w1","...":0} \
    {"type":"new_message","...":0}
c1: from 127.0.0.7
c1: connect /ws/messaging/1/?token=$bob
c1: expect_close 4003 no access
EOS

$app->scenario('who has a new password', <<'EOS'
eve: from 127.0.0.8
eve: connect /ws/messaging/3/?token=$eve
ann: connect /ws/messaging/3/?token=$ann
EOS
    . api('$eve', 'POST password/ {"old":"wrong","new":"correct horse"}', 401)
    . api('$eve', 'POST password/ {"old":"eve-secret","new":"correct horse"}',
          204) . <<'EOS'
eve: expect_close 4001 token revoked
c1: from 127.0.0.9
c1: connect /ws/messaging/3/?token=$eve
c1: expect_close 4001 token revoked
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
EOS
    . api('$eve', 'GET conversations/', 401)
    . api('', 'POST token/refresh/ {"refresh":"$refresh_eve"}', 401)
    # what is issued within the same second is void
    . "wait 1s\n" . login('eve', 'correct horse') . <<'EOS');
c2: connect /ws/messaging/3/?token=$eve
EOS

$app->scenario('who was deactivated', <<'EOS'
eve: from 127.0.0.10
eve: connect /ws/messaging/3/?token=$eve
app: manage deactivate eve
eve: expect_close 4001 token revoked
c1: from 127.0.0.11
c1: connect /ws/messaging/3/?token=$eve
c1: expect_close 4001 token revoked
EOS
    . api('$eve', 'GET conversations/', 401)
    . api('', 'POST token/refresh/ {"refresh":"$refresh_eve"}', 401)
    . api('', 'POST token/ {"username":"eve","password":"correct horse"}',
          401));

my $log = Test::Nginx::WebSocket::JWT::slurp("$app->{dir}/logs/error.log");
unlike($log, qr/\[(?:alert|emerg)\]/, 'no alerts');
is(scalar(() = Test::Nginx::WebSocket::JWT::slurp(
              "$app->{dir}/logs/django.log") =~ /^Traceback/gm),
   0, 'and no exceptions');

like($app->finish('INT'), qr/^stopped$/m, 'Ctrl-C stops it');
is(join(' ', $app->processes), '', 'and all that it started');
is(tree(), $tree, 'nothing is left in the tree');
undef $app;


# with Redis

$app = start(REDIS => 1);

$app->scenario('by Redis', login('ann', 'ann-secret')
    . login('bob', 'bob-secret') . <<"EOS");
ann: connect_retry /ws/messaging/1/?token=\$ann
bob: connect_retry /ws/messaging/1/?token=\$bob
ann: send {"type":"message","content":"hello","client_id":"a1"}
bob: recv {"type":"new_message","client_id":"a1","message":{$message \\
    "sender":{"id":1,"name":"Ann"},"content":"hello"}}
ann: recv_unordered {"type":"ack","client_id":"a1","...":0} \\
    {"type":"new_message","client_id":"a1","...":0}
nginx: status broker.kind "redis"
app: expect_sql 0 SELECT count(*) FROM chat_outgoing
bob: from 127.0.0.2
app: manage deactivate bob
bob: expect_close 4001 token revoked
bob: connect /ws/messaging/1/?token=\$bob
bob: expect_close 4001 token revoked
ann: send {"type":"ping"}
ann: recv {"type":"pong"}
EOS

like($app->finish('TERM'), qr/^stopped$/m, 'TERM stops it as well');
is(join(' ', $app->processes), '', 'and all that it started');
