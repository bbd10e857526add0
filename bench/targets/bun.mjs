// Copyright (C) The ngx_http_messaging_module authors

// The peer on Bun, with what comes with it: Bun.serve, whose WebSocket server
// is uWebSockets, its topics, and Bun's own Redis client.

import {
    conversationId, envelope, obey, open, parseTarget, tokenChecker, userOf,
} from "./protocol.mjs";

const env = process.env;
const workers = Number(env.BENCH_WORKERS ?? 1);
const tls = env.BENCH_TLS === "1";

if (workers > 1 && env.BENCH_CHILD === undefined) {
    // several processes share the port
    const children = Array.from({ length: workers }, () => Bun.spawn({
        cmd: [process.execPath, import.meta.path],
        env: { ...env, BENCH_CHILD: "1" },
        stdout: "inherit",
        stderr: "inherit",
    }));

    process.on("SIGTERM", () => {
        children.forEach((child) => child.kill());
        process.exit(0);
    });

} else {
    await serve();
}

async function serve() {
    const mac = new Bun.CryptoHasher("sha256", env.BENCH_SECRET);

    const check = tokenChecker({
        alg: env.BENCH_ALG,
        publicKey: env.BENCH_PUBLIC_KEY
                   && await Bun.file(env.BENCH_PUBLIC_KEY).text(),
        hmac: (text) => mac.copy().update(text).digest(),
    });

    // Topics do all of it in one process.  With Redis the rooms say what to
    // subscribe to, and who is left out of typing.
    const rooms = new Map();
    const redis = env.BENCH_REDIS ? await relayBy(env.BENCH_REDIS) : null;

    async function relayBy(address) {
        const publisher = new Bun.RedisClient(`redis://${address}`);

        await publisher.connect();

        const subscriber = await publisher.duplicate();

        return { publisher, subscriber };
    }

    function onPayload(payload, channel) {
        const conversation = channel.slice(channel.indexOf(":") + 1);
        const { skip, frame } = open(payload);

        if (skip === null) {
            server.publish(conversation, frame, true);
            return;
        }

        for (const ws of rooms.get(conversation)?.members ?? []) {
            if (ws.data.user.key !== skip) {
                ws.send(frame, true);
            }
        }
    }

    async function enter(conversation) {
        let room = rooms.get(conversation);

        if (room === undefined) {
            room = { members: new Set(), users: 0, ready: null };
            rooms.set(conversation, room);
            room.ready = redis.subscriber.subscribe(
                `messaging:${conversation}`, onPayload);
        }

        room.users++;

        await room.ready;

        return room;
    }

    function leave(conversation, room) {
        if (--room.users === 0) {
            rooms.delete(conversation);
            redis.subscriber.unsubscribe(`messaging:${conversation}`);
        }
    }

    function upgrade(request, bun, data) {
        if (!bun.upgrade(request, { data })) {
            if (data.room) {
                leave(data.conversation, data.room);
            }

            return new Response("Upgrade Required", { status: 426 });
        }
    }

    function onRequest(request, bun) {
        const at = request.url.indexOf("/", 8);
        const target = parseTarget(request.url.slice(at));

        if (target === null) {
            return new Response("Not Found", { status: 404 });
        }

        const claims = check(target.token);
        const { conversation } = target;

        if (claims === null) {
            return upgrade(request, bun, { user: null });
        }

        const data = {
            user: userOf(claims),
            conversation,
            id: conversationId(conversation),
            room: null,
        };

        if (redis === null) {
            return upgrade(request, bun, data);
        }

        return enter(conversation).then((room) => {
            data.room = room;
            return upgrade(request, bun, data);
        });
    }

    const server = Bun.serve({
        port: Number(env.BENCH_PORT),
        hostname: "127.0.0.1",
        reusePort: workers > 1,
        tls: tls ? {
            cert: Bun.file(env.BENCH_CERT),
            key: Bun.file(env.BENCH_CERT_KEY),
        } : undefined,

        fetch: onRequest,

        websocket: {
            // a ping is sent 8 s before
            idleTimeout: 40,
            sendPings: true,
            maxPayloadLength: 65536,
            perMessageDeflate: env.BENCH_DEFLATE === "1",

            open(ws) {
                const { user, conversation, room } = ws.data;

                if (user === null) {
                    ws.close(4001, "invalid token");
                    return;
                }

                ws.subscribe(conversation);

                if (room !== null) {
                    room.members.add(ws);
                }
            },

            message(ws, text) {
                const { user, conversation, id } = ws.data;

                if (typeof text !== "string") {
                    ws.close(1003, "binary message");
                    return;
                }

                const todo = obey(text, user, id);

                if (todo.reply !== undefined) {
                    ws.send(todo.reply);
                    return;
                }

                if (redis !== null) {
                    redis.publisher
                        .publish(`messaging:${conversation}`,
                                 envelope(todo, user))
                        .then(() => { if (todo.ack) { ws.send(todo.ack); } })
                        .catch(() => {});
                    return;
                }

                if (todo.others) {
                    // all but this connection
                    ws.publish(conversation, todo.relay, true);
                    return;
                }

                server.publish(conversation, todo.relay, true);

                if (todo.ack) {
                    ws.send(todo.ack);
                }
            },

            close(ws) {
                const { conversation, room } = ws.data;

                if (room) {
                    room.members.delete(ws);
                    leave(conversation, room);
                }
            },
        },
    });

    if (workers === 1) {
        process.on("SIGTERM", () => process.exit(0));
    }
}
