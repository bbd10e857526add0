# Copyright (C) The ngx_http_messaging_module authors

package Test::Nginx::WebSocket::Application;

# The application behind the module: servers of the same nginx, on sockets of
# their own, and the locations that ask them.
#
# application() is an http_config: a server that writes what it is asked to
# messaging.log, as "log" and "escape" say, and has the locations "server"; "http" stands
# beside it.  The zones "slow" and "stuck" of limit_req let requests about the
# same conversation wait, for two seconds and for a minute.
#
# application_that_stores() is one whose answer depends on the body it gets:
# "say-500" in it is a status, "say-nothing" and others below an answer.
# Below /slow and /stuck it takes its time.
#
# endpoints() is a config: a location for one conversation, one for many, the
# status, and internal ones, NAME => URI, that ask the application; after
# "directives", and before "more".  "proxy" is for all internal ones.

use strict;
use warnings;

use Exporter qw(import);

our @EXPORT = qw(application application_that_stores endpoints);

sub application {
    my (%o) = @_;

    return <<'EOC' . <<EOC;
limit_req_zone $http_x_messaging_conversation zone=slow:64k rate=30r/m;
limit_req_zone $http_x_messaging_conversation zone=stuck:64k rate=1r/m;
EOC
log_format application escape=@{[$o{escape} // 'default']} '$o{log}';
$o{http}
server {
    listen unix:\$TEST_NGINX_SERVER_ROOT/backend.sock;
    access_log logs/messaging.log application;
    $o{server}
}
EOC
}

sub application_that_stores {
    return application(
        log => 'stored $request_method $request_uri '
               . 'user=$http_x_messaging_user '
               . 'conversation=$http_x_messaging_conversation '
               . 'key=$http_idempotency_key type=$content_type '
               . 'token=$token_of body=$request_body;',
        escape => 'none',
        http => <<'EOC', server => <<'EOC');
# the end of the token that came, and nothing if it is no Bearer
map $http_authorization $token_of {
    "~^Bearer .*(?<end>.{8})$"  $end;
}

map $request_body $status_of {
    default                   201;
    ~"say-(?<code>[0-9]+)"    $code;
}

map $request_body $answer_of {
    default
        '{"id":812,"content":"stored","created_at":"2026-01-02T03:04:05.678Z"}';
    ~say-nothing    '';
    ~say-text       'fine';
    ~say-array      '[1]';
    ~say-string     '{"id":"a-1","extra":{"x":[1,2]}}';
    ~"say-number-(?<number>[0-9]+)"  '{"id":$number}';
}

# $request_body is known when a request is passed on
server {
    listen unix:$TEST_NGINX_SERVER_ROOT/answer.sock;
    access_log off;

    location / {
        client_body_buffer_size 64k;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/return.sock;
        proxy_set_header X-Status $status_of;
        proxy_set_header X-Answer $answer_of;
    }
}

map $http_x_status $retry_after {
    429     7;
}

server {
    listen unix:$TEST_NGINX_SERVER_ROOT/return.sock;
    access_log off;
    default_type application/json;
    add_header Retry-After $retry_after always;

    location / {
        if ($http_x_status = 201) { return 201 $http_x_answer; }
        if ($http_x_status = 204) { return 204; }
        if ($http_x_status = 400) { return 400 '{"content":["bad"]}'; }
        if ($http_x_status = 401) { return 401; }
        if ($http_x_status = 403) { return 403; }
        if ($http_x_status = 409) { return 409; }
        if ($http_x_status = 413) { return 413; }
        if ($http_x_status = 429) { return 429; }
        if ($http_x_status = 302) { return 302 /login; }
        return 500;
    }
}
EOC
    client_body_buffer_size 64k;
    client_max_body_size 64k;

    location / {
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/answer.sock;
    }

    location /slow {
        limit_req zone=slow burst=100;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/answer.sock:/;
    }

    location /stuck {
        limit_req zone=stuck burst=100;
        proxy_pass http://unix:$TEST_NGINX_SERVER_ROOT/answer.sock:/;
    }
EOC
}

sub endpoints {
    my (%o) = @_;
    my $calls = '';

    for my $name (sort keys %{$o{internal}}) {
        $calls .= <<EOC;
        location = $name {
            internal;
            proxy_pass http://unix:\$TEST_NGINX_SERVER_ROOT/backend.sock:$o{internal}{$name};
            @{[$o{proxy} // '']}
        }
EOC
    }

    return <<EOC . ($o{more} // '') . $calls;
        messaging_jwt_key HS256 data:\$TEST_NGINX_JWT_SECRET;
        $o{directives}

        location ~ ^/ws/messaging/(?<conversation>[^/]+)/\$ {
            messaging on;
            messaging_conversation \$conversation;
        }

        location = /ws/messaging/ {
            messaging on;
        }

        location = /status {
            messaging_status on;
        }

EOC
}

1;
