// Copyright (C) The ngx_http_messaging_module authors

// The peer on Node: ws for WebSocket, ioredis for the relay.

import cluster from "node:cluster";
import { createHmac, createSecretKey } from "node:crypto";
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

import { Redis } from "ioredis";
import { WebSocketServer } from "ws";

import {
    conversationId, envelope, obey, open, parseTarget, tokenChecker, userOf,
} from "./protocol.mjs";

const env = process.env;
const workers = Number(env.BENCH_WORKERS ?? 1);

if (cluster.isPrimary && workers > 1) {
    for (let i = 0; i < workers; i++) {
        cluster.fork();
    }

} else {
    serve();
}

function serve() {
    const secret = createSecretKey(env.BENCH_SECRET, "utf8");

    const check = tokenChecker({
        alg: env.BENCH_ALG,
        publicKey: env.BENCH_PUBLIC_KEY && readFileSync(env.BENCH_PUBLIC_KEY),
        hmac: (text) => createHmac("sha256", secret).update(text).digest(),
    });

    // conversation: the connections of this process
    const rooms = new Map();

    const redis = env.BENCH_REDIS ? relayBy(env.BENCH_REDIS) : null;

    function relayBy(address) {
        const url = `redis://${address}`;

        // what is published in one turn of the event loop leaves in one write
        const publisher = new Redis(url, { enableAutoPipelining: true });
        const subscriber = new Redis(url);

        subscriber.on("message", (channel, payload) => {
            const { skip, frame } = open(payload);

            deliver(channel.slice(channel.indexOf(":") + 1), frame, skip);
        });

        return { publisher, subscriber };
    }

    function deliver(conversation, frame, skip) {
        const room = rooms.get(conversation);

        if (room === undefined) {
            return;
        }

        // to UTF-8 once
        const data = Buffer.from(frame);

        for (const ws of room.members) {
            if (skip === null || ws.user.key !== skip) {
                ws.send(data, { binary: false });
            }
        }
    }

    // a room is there from the first member on; "ready" is the confirmation
    // of Redis

    function enter(conversation) {
        let room = rooms.get(conversation);

        if (room === undefined) {
            room = { members: new Set(), users: 0, ready: null };
            rooms.set(conversation, room);

            if (redis !== null) {
                room.ready = redis.subscriber.subscribe(
                    `messaging:${conversation}`);
            }
        }

        room.users++;
        return room;
    }

    function leave(conversation, room) {
        if (--room.users === 0) {
            rooms.delete(conversation);

            if (redis !== null) {
                redis.subscriber.unsubscribe(`messaging:${conversation}`)
                    .catch(() => {});
            }
        }
    }

    const server = env.BENCH_TLS === "1"
        ? https.createServer({
              cert: readFileSync(env.BENCH_CERT),
              key: readFileSync(env.BENCH_CERT_KEY),
          })
        : http.createServer();

    const wss = new WebSocketServer({
        noServer: true,
        clientTracking: false,
        maxPayload: 65536,
        perMessageDeflate: env.BENCH_DEFLATE === "1"
            ? { threshold: 256, serverNoContextTakeover: true,
                clientNoContextTakeover: true,
                zlibDeflateOptions: { level: 1 } }
            : false,
    });

    const everybody = new Set();

    server.on("upgrade", async (request, socket, head) => {
        const target = parseTarget(request.url);

        if (target === null) {
            socket.end("HTTP/1.1 404 Not Found\r\n\r\n");
            return;
        }

        const claims = check(target.token);
        const { conversation } = target;
        let room = null;

        socket.on("error", () => {});

        if (claims !== null) {
            room = enter(conversation);

            try {
                if (room.ready !== null) {
                    await room.ready;
                }

            } catch {
                leave(conversation, room);
                socket.destroy();
                return;
            }

            if (socket.destroyed) {
                leave(conversation, room);
                return;
            }
        }

        wss.handleUpgrade(request, socket, head, (ws) => {
            if (room === null) {
                ws.close(4001, "invalid token");
                return;
            }

            accept(ws, userOf(claims), conversation, room);
        });
    });

    function accept(ws, user, conversation, room) {
        const id = conversationId(conversation);

        ws.user = user;
        ws.isAlive = true;
        room.members.add(ws);
        everybody.add(ws);

        ws.on("pong", () => { ws.isAlive = true; });
        ws.on("error", () => {});

        ws.on("close", () => {
            everybody.delete(ws);
            room.members.delete(ws);
            leave(conversation, room);
        });

        ws.on("message", (data, isBinary) => {
            ws.isAlive = true;

            if (isBinary) {
                ws.close(1003, "binary message");
                return;
            }

            const todo = obey(data.toString(), user, id);

            if (todo.reply !== undefined) {
                ws.send(todo.reply);
                return;
            }

            if (redis === null) {
                deliver(conversation, todo.relay,
                        todo.others ? user.key : null);

                if (todo.ack) {
                    ws.send(todo.ack);
                }

                return;
            }

            redis.publisher
                .publish(`messaging:${conversation}`, envelope(todo, user))
                .then(() => { if (todo.ack) { ws.send(todo.ack); } })
                .catch(() => {});
        });
    }

    // the heartbeat of the documentation of ws

    setInterval(() => {
        for (const ws of everybody) {
            if (!ws.isAlive) {
                ws.terminate();
                continue;
            }

            ws.isAlive = false;
            ws.ping();
        }
    }, 30000);

    process.on("SIGTERM", () => process.exit(0));

    server.listen({ port: Number(env.BENCH_PORT), host: "127.0.0.1",
                    backlog: 4096 });
}
