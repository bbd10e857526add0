# Debian's nginx with the module.
#
#     docker build -t nginx-messaging .
#     openssl rand -hex 32 > jwt.key
#     docker run --network host \
#         -v "$PWD/jwt.key:/etc/nginx/messaging/jwt.key:ro" nginx-messaging
#
# runs /etc/nginx/messaging/minimal.conf, which needs nothing else.  It lets
# this host alone publish and ask for the status: with "-p 8080:8080" in place
# of the host's network that is nobody outside of the container.  The image
# holds no key: mount one, or a configuration of your own over that file; the
# other files want Redis on port 6379 of the same host.
#
# t/util/docker-steps runs these steps where there is no docker.

FROM debian:bookworm-slim AS build

WORKDIR /src

COPY t/util t/util
RUN t/util/setup build

COPY Makefile config ngx_http_messaging_module.c ./
COPY src src
RUN make

FROM debian:bookworm-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends \
        nginx libjansson4 libjwt0 libssl3 \
    && rm -rf /var/lib/apt/lists/* \
    && ln -sf /dev/stdout /var/log/nginx/access.log \
    && ln -sf /dev/stderr /var/log/nginx/error.log

COPY --from=build /src/build/ngx_http_messaging_module.so \
    /usr/lib/nginx/modules/
COPY conf.d/minimal.conf conf.d/tls.conf conf.d/jwks.conf conf.d/proxy.conf \
    /etc/nginx/messaging/

EXPOSE 8080

STOPSIGNAL SIGQUIT

CMD ["nginx", "-c", "/etc/nginx/messaging/minimal.conf", "-g", "daemon off;"]
