// Copyright (C) The ngx_http_messaging_module authors

"use strict";

const fs = require("fs");
const http = require("http");

const members = { 1: [1, 2], 2: [1, 2, 3] };    // of conversations
const file = "messages.jsonl";                  // a database
const stored = new Map();                       // rows by key
let last = 0;

function remember(row) {
    last = row.message.id;
    if (row.key) stored.set(row.key, row.message);
}

if (fs.existsSync(file))
    fs.readFileSync(file, "utf8").split("\n").filter(Boolean).map(JSON.parse).forEach(remember);

// messaging_access: 200 lets in, 403 does not
function access(user, conversation) {
    return [members[conversation]?.includes(user) ? 200 : 403, {}];
}

// messaging_store: what is answered is the "message" that nginx publishes; who
// sends the same again, since the answer was lost, gets the row that is there
function store(user, conversation, key, body) {
    if (!members[conversation]?.includes(user)) return [403, {}];
    if (stored.has(key)) return [200, stored.get(key)];

    const { content, image } = JSON.parse(body);
    const message = { id: last + 1, conversation_id: Number(conversation), sender: { id: user },
        content, image, is_read: false, read_at: null, created_at: new Date().toISOString() };
    fs.appendFileSync(file, JSON.stringify({ key, message }) + "\n");
    remember({ key, message });
    return [201, message];
}

// what nobody said on a socket: a POST to nginx
function publish(conversation, frame) {
    return new Promise((resolve, reject) => http.request({ socketPath: "messaging.sock",
        method: "POST", path: "/publish/" + conversation, agent: false,
        headers: { "Content-Type": "application/json" },
    }, (res) => resolve([res.resume().statusCode, {}])).on("error", reject).end(JSON.stringify(frame)));
}

http.createServer(async (req, res) => {
    const user = Number(req.headers["x-messaging-user"]);
    const conversation = req.headers["x-messaging-conversation"];
    let answer = [404, {}], body = "";
    for await (const chunk of req.setEncoding("utf8")) body += chunk;
    try {
        if (req.url === "/access") answer = access(user, conversation);
        if (req.url === "/store") answer = store(user, conversation, req.headers["idempotency-key"], body);
        if (req.url === "/notice") answer = await publish(1, { type: "notice", text: body });
    } catch (e) { console.error(e); answer = [500, {}]; }
    res.writeHead(answer[0], { "Content-Type": "application/json" }).end(JSON.stringify(answer[1]));
}).listen("node.sock");
