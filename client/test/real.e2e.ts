/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The client and the module: an nginx with two workers and without Redis, on
 * a port of its own.  Time is the real one here; each step waits for what has
 * to happen, and fails if it does not within 20 s.
 */


import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { after, before, test } from 'node:test';

import { createClient, openConversation } from 'nginx-messaging-client';
import type {
    ClientOptions, Conversation, MessagingClient, OpenOptions
} from 'nginx-messaging-client';
import { WebSocket } from 'ws';

import { children, freePort, sign } from './module.js';


const root = resolve('..');
const directory = `${root}/build/client/nginx`;
const key = 'a key of this test, long enough for HS256';

let port = 0;
let nginx: ChildProcess | undefined;

const open: (Conversation | MessagingClient)[] = [];


/* a token of a user that ends in so many seconds */

function token(user_id: number, seconds = 3600, more = {}): string {
    return sign(key, user_id, `User ${user_id}`, seconds, more);
}


async function answers(): Promise<boolean> {
    try {
        return (await fetch(`http://127.0.0.1:${port}/up`)).ok;

    } catch {
        return false;
    }
}


before(async () => {
    port = await freePort();

    rmSync(directory, { recursive: true, force: true });
    mkdirSync(`${directory}/logs`, { recursive: true });
    writeFileSync(`${directory}/jwt.key`, key);

    writeFileSync(`${directory}/nginx.conf`, `
        ${process.getuid?.() === 0 ? 'user root root;' : ''}
        load_module ${root}/build/ngx_http_messaging_module.so;
        daemon off;
        worker_processes 2;
        pid nginx.pid;
        lock_file nginx.lock;
        error_log logs/error.log info;

        events {
            worker_connections 256;
        }

        http {
            client_body_temp_path client_body_temp;
            proxy_temp_path proxy_temp;
            fastcgi_temp_path fastcgi_temp;
            uwsgi_temp_path uwsgi_temp;
            scgi_temp_path scgi_temp;
            access_log off;

            messaging_jwt_key HS256 jwt.key;
            messaging_jwt_from subprotocol query=token;
            messaging_refuse_delay off;

            server {
                listen 127.0.0.1:${port};

                location = /up {
                    return 204;
                }

                location ~ ^/ws/messaging/(?<id>[^/]+)/$ {
                    messaging on;
                    messaging_access claim=conversations;
                    messaging_conversation $id;
                }

                location = /ws/messaging/ {
                    messaging on;
                    messaging_access claim=conversations;
                }

                location ~ ^/publish/(?<id>[^/]+)$ {
                    messaging_publish on;
                    messaging_conversation $id;
                    allow 127.0.0.1;
                    deny all;
                }
            }
        }
    `);

    nginx = spawn('nginx', ['-p', directory, '-c', 'nginx.conf',
                            '-e', 'logs/error.log'], {
        stdio: 'inherit',
        env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` }
    });

    /* should this process be ended by something else than the last test */
    process.on('exit', () => void nginx?.kill('SIGKILL'));

    for (let i = 0; i < 200 && !await answers(); i++) {
        await new Promise((done) => setTimeout(done, 50));
    }

    assert.ok(await answers(), 'nginx is up');
});


after(async () => {
    open.forEach((one) => one.close());

    if (nginx?.exitCode === null) {
        nginx.kill('SIGTERM');
        await once(nginx, 'exit');
    }

    const log = readFileSync(`${directory}/logs/error.log`, 'utf8');

    assert.doesNotMatch(log, /\[(alert|emerg|crit)\](?!.*exited on signal 9)/);
});


const SOME = { conversations: '*' };


function chat(user: number, options: Partial<OpenOptions> = {}) {
    const conversation = openConversation({
        conversation_id: 7,
        url: `http://127.0.0.1:${port}/ws/messaging/7/`,
        token: () => token(user, 3600, SOME),
        environment: { WebSocket: WebSocket as any },
        ...options
    });

    open.push(conversation);
    conversation.connect();

    return conversation;
}


function client(user: number, options: Partial<ClientOptions> = {}) {
    const made = createClient({
        url: `http://127.0.0.1:${port}/ws/messaging/`,
        token: () => token(user, 3600, SOME),
        environment: { WebSocket: WebSocket as any },
        ...options
    });

    open.push(made);
    made.connect();

    return made;
}


/* until it is so, which is looked at whenever something has changed */

function until(conversation: Conversation, what: string,
               check: () => boolean): Promise<void>
{
    return new Promise((done, failed) => {
        const timer = setTimeout(() => {
            off();
            failed(new Error(`not within 20 s: ${what}; `
                             + JSON.stringify(conversation.status)));
        }, 20000);

        const look = (): void => {
            if (check()) {
                clearTimeout(timer);
                off();
                done();
            }
        };

        const off = conversation.onChange(look);

        look();
    });
}


function connected(conversation: Conversation): Promise<void> {
    return until(conversation, 'connected',
                 () => conversation.state === 'connected');
}


/* the next frame of a type */

function frame(conversation: Conversation, type: string): Promise<any> {
    return new Promise((done, failed) => {
        const timer = setTimeout(() => failed(new Error(`no ${type}`)), 20000);

        const off = conversation.onFrame(type, (got) => {
            clearTimeout(timer);
            off();
            done(got);
        });
    });
}


test('two who chat: messages, typing, receipts', async () => {
    const [ann, bob] = [chat(1), chat(2)];

    await Promise.all([connected(ann), connected(bob)]);

    ann.typing();
    await until(bob, 'typing',
                () => bob.getSnapshot().typists[0]?.name === 'User 1');

    const { via, id } = await ann.send('hello');

    assert.equal(via, 'websocket');
    await until(bob, 'hello', () => bob.messages[0]?.content === 'hello');
    assert.deepEqual(bob.getSnapshot().typists, []);
    assert.deepEqual([bob.messages[0]?.id, bob.messages[0]?.own],
                     [id, false]);

    bob.markRead(id!);
    await until(ann, 'read', () => ann.messages[0]?.is_read === true);
    assert.equal(ann.messages.length, 1);

    ann.close();
    bob.close();
});


test('a refusal that a nack tells', async () => {
    const ann = chat(1);

    await connected(ann);
    await assert.rejects(ann.send('x'.repeat(3000)), { code: 'too_large' });
    ann.close();
});


test('what a backend pushes', async () => {
    const ann = chat(1);

    await connected(ann);

    const edited = frame(ann, 'message_edited');

    await fetch(`http://127.0.0.1:${port}/publish/7`, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json' },
        body: '{"type":"message_edited","id":5}'
    });

    assert.deepEqual(await edited, { type: 'message_edited', id: 5 });
    ann.close();
});


test('the token in the query', async () => {
    const ann = chat(1, { tokenIn: 'query' });

    await connected(ann);
    ann.close();
});


test('a token that was refused is replaced once', async () => {
    let refreshes = 0;

    const ann = chat(1, {
        token: () => 'not.a.token',
        refreshToken: async () => {
            refreshes++;
            return token(1, 3600, SOME);
        }
    });

    await connected(ann);
    assert.equal(refreshes, 1);
    ann.close();

    const bob = chat(2, { token: () => 'not.a.token' });

    await until(bob, 'failed', () => bob.state === 'failed');
    assert.equal(bob.status.code, 4001);
    bob.close();
});


test('a token that ends in mid-session: 4001, a new one, and back',
     async () => {
    const tokens: string[] = [];
    const states: string[] = [];

    const ann = chat(1, {
        token: () => token(1, 7, SOME),
        refreshToken: async () => {
            tokens.push(token(1, 3600, SOME));
            return tokens.at(-1);
        },
        /* too late: the server is first */
        timing: { renewBefore: -60000 }
    });

    await connected(ann);
    ann.on('status', ({ state }) => states.push(state));
    await until(ann, 'back', () => states.includes('connected'));

    assert.deepEqual(states, ['connecting', 'connected']);
    assert.equal(tokens.length, 1);
    ann.close();
});


test('a token that is renewed in time: no reconnect', async () => {
    const states: string[] = [];

    const ann = chat(1, {
        token: () => token(1, 8, SOME),
        refreshToken: () => token(1, 3600, SOME)
    });

    await connected(ann);
    ann.on('status', ({ state }) => states.push(state));

    const { expires_at } = await frame(ann, 'auth_ok');

    assert.ok(Date.parse(expires_at) > Date.now() + 3000000);
    assert.deepEqual(states, []);
    ann.close();
});


test('no access: failed at once', async () => {
    const ann = chat(1, {
        token: () => token(1, 3600, { conversations: [8] })
    });

    await until(ann, 'failed', () => ann.state === 'failed');
    assert.equal(ann.status.code, 4003);
    ann.close();
});


test('many on one socket: subscribed, refused, unsubscribed', async () => {
    const ann = client(1, {
        token: () => token(1, 3600, { conversations: [7, 'room'] })
    });
    const bob = chat(2);

    const [seven, room, other] = [ann.subscribe(7), ann.subscribe('room'),
                                  ann.subscribe(9)];

    await Promise.all([
        connected(seven), connected(room), connected(bob),
        until(other, 'failed', () => other.state === 'failed')
    ]);

    assert.equal(other.status.code, 4003);

    const sent = await bob.send('to seven');

    await until(seven, 'the message', () => seven.messages.length === 1);
    assert.equal(seven.messages[0]?.id, sent.id);
    assert.equal(room.messages.length, 0);

    const done = new Promise<void>((resolve) => {
        ann.on('frame', ({ type, conversation_id }) => {
            if (type === 'unsubscribed' && conversation_id === 7) {
                resolve();
            }
        });
    });

    ann.unsubscribe(7);
    await done;
    ann.close();
    bob.close();
});


test('all workers are killed: everybody comes back, nothing is lost',
     async () => {
    let fetches = 0;

    const ann = chat(1, { fetchMessages: async () => void fetches++ });
    const bob = chat(2);
    const eve = client(3).subscribe(7);

    await Promise.all([ann, bob, eve].map(connected));

    const before = children(nginx!.pid!);

    assert.equal(before.length, 2);
    before.forEach((pid) => process.kill(pid, 'SIGKILL'));

    await Promise.all([ann, bob, eve].map((one) =>
        until(one, 'lost', () => one.state !== 'connected')));

    /* it waits for the connection */
    const sent = ann.send('still there?');

    await Promise.all([ann, bob, eve].map(connected));

    const { id } = await sent;

    /* who comes back later than the message has to fetch it */
    const again = await ann.send('yes');

    for (const one of [bob, eve]) {
        await until(one, 'yes',
                    () => one.messages.some((m) => m.id === again.id));
    }

    assert.deepEqual(ann.messages.map((m) => [m.id, m.status]),
                     [[id, 'sent'], [again.id, 'sent']]);
    assert.equal(fetches, 2);

    [ann, bob, eve].forEach((one) => one.close());
});
