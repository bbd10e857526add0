// Copyright (C) The ngx_http_messaging_module authors

// What the two JavaScript peers have in common: the token and the frames.
// No sockets here: those are what they differ in.

import {
    createPublicKey, timingSafeEqual, verify as verifySignature,
} from "node:crypto";

const BASE64URL = /^[A-Za-z0-9_-]+$/;
const CONVERSATION = /^\/ws\/messaging\/([A-Za-z0-9_.-]{1,128})\/$/;
const MAX_CONTENT = Number(process.env.BENCH_MAX_CONTENT ?? 2000);

export const PONG = '{"type":"pong"}';


// The key is prepared once; hmac(text) returns the bytes of its MAC.

export function tokenChecker({ alg, hmac, publicKey }) {
    const key = alg === "RS256" ? createPublicKey(publicKey) : null;

    function signed(text, signature) {
        if (key !== null) {
            return verifySignature("sha256", Buffer.from(text), key,
                                   signature);
        }

        const mac = hmac(text);

        return signature.length === mac.length
               && timingSafeEqual(signature, mac);
    }

    // returns the claims, or null

    return function check(token) {
        if (!token || token.length > 8192) {
            return null;
        }

        const parts = token.split(".");

        if (parts.length !== 3 || !parts.every((s) => BASE64URL.test(s))) {
            return null;
        }

        try {
            const header = parse(parts[0]);

            // the algorithm is that of the key, whatever the token says
            if (header.alg !== alg || header.crit !== undefined) {
                return null;
            }

            if (!signed(parts[0] + "." + parts[1],
                        Buffer.from(parts[2], "base64url")))
            {
                return null;
            }

            const claims = parse(parts[1]);
            const now = Date.now() / 1000;
            const id = claims.user_id;

            if (typeof claims.exp !== "number" || claims.exp <= now) {
                return null;
            }

            if (claims.nbf !== undefined
                && !(typeof claims.nbf === "number" && claims.nbf <= now))
            {
                return null;
            }

            if (typeof id !== "number" && (typeof id !== "string" || !id)) {
                return null;
            }

            return claims;

        } catch {
            return null;
        }
    };
}

function parse(part) {
    return JSON.parse(Buffer.from(part, "base64url").toString());
}


// the conversation and the token of a request's target, or null

export function parseTarget(target) {
    const mark = target.indexOf("?");
    const path = mark < 0 ? target : target.slice(0, mark);
    const match = CONVERSATION.exec(path);

    if (match === null) {
        return null;
    }

    const query = new URLSearchParams(mark < 0 ? "" : target.slice(mark + 1));

    return { conversation: match[1], token: query.get("token") };
}


let lastId = 0;

// unique, growing, below 2^53

function nextId(now) {
    lastId = Math.max(lastId + 1, now * 1024);
    return lastId;
}

function error(code, message) {
    return { reply: JSON.stringify({ type: "error", code, message }) };
}

// What a frame leads to: "reply" to the sender; "relay" to all of the
// conversation, or with "others" to all whose user is another one; "ack" to
// the sender when it has been relayed.

export function obey(text, user, conversation) {
    let frame;

    try {
        frame = JSON.parse(text);

    } catch {
        return error("invalid_json", "not JSON");
    }

    if (frame === null || typeof frame !== "object" || Array.isArray(frame)) {
        return error("invalid_json", "not an object");
    }

    switch (frame.type) {

    case "ping":
        return { reply: PONG };

    case "typing":
        return { others: true, relay: JSON.stringify({
            type: "typing_indicator",
            user_id: user.id,
            is_typing: frame.is_typing === undefined || !!frame.is_typing,
            name: user.name,
        }) };

    case "read":
        return { relay: JSON.stringify({
            type: "read_receipt",
            reader_id: user.id,
            read_at: new Date().toISOString(),
            message_id: frame.message_id,
            message_ids: frame.message_ids,
        }) };

    case "message":
        return message(frame, user, conversation);

    case undefined:
        return error("invalid_frame", "no type");

    default:
        return error("unknown_type", "unknown type");
    }
}

function message(frame, user, conversation) {
    if (typeof frame.content !== "string") {
        return error("invalid_frame", "content is not a string");
    }

    const content = frame.content.trim();

    if (content === "") {
        return error("invalid_frame", "content is empty");
    }

    // code points are counted only where there may be too many
    if (content.length > MAX_CONTENT && [...content].length > MAX_CONTENT) {
        return error("too_large", "content is too long");
    }

    const now = new Date();
    const id = nextId(now.getTime());
    const created_at = now.toISOString();
    const client_id = frame.client_id;

    return {
        relay: JSON.stringify({
            type: "new_message",
            message: {
                id,
                conversation_id: conversation,
                sender: { id: user.id, name: user.name },
                content,
                image: frame.image ?? null,
                is_read: false,
                read_at: null,
                created_at,
            },
            client_id,
        }),
        ack: client_id === undefined ? null : JSON.stringify({
            type: "ack", client_id, id, created_at,
        }),
    };
}

// "7" is a number in JSON, "team-7" and "007" are strings

export function conversationId(text) {
    const n = Number(text);

    return Number.isSafeInteger(n) && n >= 0 && String(n) === text ? n : text;
}


// What is published: the frame itself, or with the user to leave out in a
// line before it, as the module does it.

export function envelope({ relay, others }, user) {
    return others ? `@ x=${user.key} k=typing\n${relay}` : relay;
}

export function open(payload) {
    if (payload[0] !== "@") {
        return { skip: null, frame: payload };
    }

    const end = payload.indexOf("\n");
    const skip = / x=(\S+)/.exec(payload.slice(0, end));

    return { skip: skip && skip[1], frame: payload.slice(end + 1) };
}

export function userOf(claims) {
    return {
        id: claims.user_id,
        key: encodeURIComponent(claims.user_id),
        name: claims.name,
    };
}
