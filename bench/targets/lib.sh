# Copyright (C) The ngx_http_messaging_module authors

# What the targets share.  A target is a script:
#
#     NAME version    one line with the versions it is made of; or, with
#                     status 1, why it cannot be run here
#     NAME start      becomes the server, in the foreground
#
# with, in the environment of the second,
#
#     BENCH_DIR               an empty directory of its own
#     BENCH_PORT              where to listen on 127.0.0.1
#     BENCH_REDIS             host:port to relay through, or empty
#     BENCH_ALG               HS256 or RS256
#     BENCH_SECRET            of HS256
#     BENCH_PUBLIC_KEY        of RS256: a PEM file
#     BENCH_TLS               1: TLS, with BENCH_CERT and BENCH_CERT_KEY
#     BENCH_DEFLATE           1: permessage-deflate
#     BENCH_WORKERS           how many processes serve
#     BENCH_MAX_CONTENT       how long a message may be; 2000
#     BENCH_CONNECTIONS       how many connections each has room for
#     BENCH_LISTEN            more for nginx's "listen": reuseport, where as
#                             many connections as possible are to be spread

set -euo pipefail

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

root=$(cd "$(dirname "$0")/../.." && pwd -P)
targets=$root/bench/targets
peers=$root/build/bench/peers

absent() {
    echo "$*"
    exit 1
}

nginx_version() {
    nginx -v 2>&1 | sed 's/^nginx version: //; s|/| |; s/ (.*//'
}

package_version() {
    dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true
}

npm_version() {
    sed -n 's/^ *"version": *"\(.*\)".*/\1/p' \
        "$peers/node_modules/$1/package.json" 2> /dev/null | head -n 1
}

# node and bun look for packages beside the program
npm_program() {
    cp "$targets/protocol.mjs" "$targets/$1" "$BENCH_DIR/"
    ln -sfn "$peers/node_modules" "$BENCH_DIR/node_modules"
    echo "$BENCH_DIR/$1"
}

nginx_head() {
    local user=

    # root's own checkout may be closed to everybody else
    [ "$EUID" -ne 0 ] || user="user root root;"

    mkdir -p "$BENCH_DIR/logs"

    cat << END
$user
daemon off;
worker_processes $BENCH_WORKERS;
worker_rlimit_nofile $(ulimit -Hn);

pid nginx.pid;
lock_file nginx.lock;
error_log logs/error.log warn;

events {
    worker_connections $BENCH_CONNECTIONS;
}
END
}

nginx_http() {
    cat << END
    access_log off;
    server_tokens off;

    client_body_temp_path client_body_temp;
    proxy_temp_path proxy_temp;
    fastcgi_temp_path fastcgi_temp;
    uwsgi_temp_path uwsgi_temp;
    scgi_temp_path scgi_temp;
END
}

# nginx_listen [parameter]
nginx_listen() {
    local flags="backlog=4096${1:+ $1}${BENCH_LISTEN:+ $BENCH_LISTEN}"

    if [ "$BENCH_TLS" = 1 ]; then
        cat << END
        listen 127.0.0.1:$BENCH_PORT ssl $flags;
        ssl_certificate $BENCH_CERT;
        ssl_certificate_key $BENCH_CERT_KEY;
END
    else
        echo "        listen 127.0.0.1:$BENCH_PORT $flags;"
    fi
}

nginx_exec() {
    exec nginx -p "$BENCH_DIR/" -c nginx.conf -e logs/error.log
}
