/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* the rules of a connection */


import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Connection } from '../src/connection.js';
import type { ConnectionOptions } from '../src/connection.js';
import type { Frame, Status } from '../src/types.js';
import { deferred, jwt, settle, World } from './fake.js';


type Options = Partial<ConnectionOptions>
               | ((world: World) => Partial<ConnectionOptions>);


function setup(options: Options = {}) {
    const world = new World();
    const statuses: Status[] = [];
    const frames: Frame[] = [];

    const connection = new Connection({
        url: '/ws/messaging/7/',
        token: () => 'a.b.c',
        environment: world.environment,
        ...(typeof options === 'function' ? options(world) : options)
    });

    connection.on('status', (status) => statuses.push(status));
    connection.on('frame', (frame) => frames.push(frame));

    const states = () => statuses.map((status) => status.state);

    return { world, connection, statuses, states, frames };
}


async function connected(options: Options = {}) {
    const all = setup(options);

    all.connection.connect();
    await all.world.admit();
    assert.equal(all.connection.state, 'connected');

    return all;
}


/* loses a connection that has been stable, and lets one attempt fail */

async function refuse(world: World, code = 1006): Promise<void> {
    world.socket.end(code);
    await settle();
}


test('the token is in the subprotocol, the address is of the page',
     async () => {
    const { world, connection } = setup();

    connection.connect();
    await settle();

    assert.equal(world.socket.url, 'wss://chat.example/ws/messaging/7/');
    assert.deepEqual(world.socket.protocols, ['messaging.v1', 'bearer.a.b.c']);
});


test('ws: where the page has http:, absolute addresses as they are',
     async () => {
    const of = async (url: string | URL, location: string | undefined) => {
        const world = new World();

        world.environment.location = location;
        new Connection({ url, environment: world.environment }).connect();
        await settle();

        return world.socket.url;
    };

    assert.equal(await of('/ws/', 'http://a.example:81/x'),
                 'ws://a.example:81/ws/');
    assert.equal(await of('https://b.example/ws/', undefined),
                 'wss://b.example/ws/');
    assert.equal(await of(new URL('ws://b.example/ws/'), 'https://a.example/'),
                 'ws://b.example/ws/');
    assert.equal(await of('/ws/#top', 'http://a.example/'),
                 'ws://a.example/ws/');
});


test('the token is in the query when asked, and no protocol is offered',
     async () => {
    const { world, connection } = setup({ tokenIn: 'query',
                                          url: '/ws/?v=1' });

    connection.connect();
    await settle();

    assert.equal(world.socket.url, 'wss://chat.example/ws/?v=1&token=a.b.c');
    assert.deepEqual(world.socket.protocols, []);
});


test('connected is said when the server has answered, not when it is open',
     async () => {
    const { world, connection, states, frames } = setup();

    assert.equal(connection.state, 'disconnected');

    connection.connect();
    assert.equal(connection.state, 'connecting');

    await settle();
    assert.equal(connection.send({ type: 'read' }), false);

    world.socket.open();
    assert.deepEqual(world.socket.sent, [{ type: 'ping' }]);
    assert.equal(connection.state, 'connecting');
    assert.equal(connection.send({ type: 'read' }), false);

    world.socket.receive({ type: 'pong' });
    assert.equal(connection.state, 'connected');
    assert.deepEqual(states(), ['connecting', 'connected']);
    assert.deepEqual(frames, [{ type: 'pong' }]);

    assert.equal(connection.send({ type: 'read' }), true);
    assert.deepEqual(world.socket.sent[1], { type: 'read' });
});


test('connect() while connecting or connected begins nothing', async () => {
    const { world, connection } = setup();

    connection.connect();
    connection.connect();
    await world.admit();
    connection.connect();
    await settle();

    assert.equal(world.sockets.length, 1);
});


test('the token function is called before each attempt, and may be async',
     async () => {
    let calls = 0;

    const { world, connection } = setup({
        token: async () => `t.${++calls}.s`
    });

    connection.connect();
    await world.admit();
    assert.equal(world.socket.protocols[1], 'bearer.t.1.s');

    world.socket.end(1006);
    await world.advance(1000);
    assert.equal(world.sockets.length, 2);
    assert.equal(world.socket.protocols[1], 'bearer.t.2.s');
});


test('a token that has expired is refreshed before it is used', async () => {
    const { world, connection } = setup({
        token: () => jwt(world, -10),
        refreshToken: async () => 'new.new.new'
    });

    connection.connect();
    await settle();

    assert.deepEqual(world.sockets.map((s) => s.protocols[1]),
                     ['bearer.new.new.new']);
});


test('a token that lasts is not refreshed', async () => {
    let calls = 0;

    const { world, connection } = setup({
        token: () => jwt(world, 600),
        refreshToken: async () => `new.${++calls}.new`
    });

    connection.connect();
    await settle();

    assert.equal(calls, 0);
    assert.equal(world.sockets.length, 1);
});


test('a token function that fails counts as a failed attempt', async () => {
    let calls = 0;

    const { world, connection, statuses } = setup({
        token: async () => {
            if (++calls < 3) {
                throw new Error('no network');
            }

            return 'a.b.c';
        }
    });

    connection.connect();
    await settle();
    assert.equal(connection.state, 'disconnected');
    assert.equal(statuses.at(-1)?.reason, 'no token: no network');
    assert.equal(world.sockets.length, 0);

    await world.advance(1000);
    assert.equal(calls, 2);
    await world.advance(2000);
    assert.equal(calls, 3);
    assert.equal(world.sockets.length, 1);
});


test('without a token nobody is signed in: failed', async () => {
    const { world, connection } = setup({ token: () => null });

    connection.connect();
    await settle();

    assert.equal(connection.state, 'failed');
    assert.equal(world.sockets.length, 0);
    assert.equal(world.clock.pending, 0);
});


test('without a token function a cookie says who it is', async () => {
    const { world, connection } = setup({ token: undefined });

    connection.connect();
    await settle();
    assert.equal(world.socket.url, 'wss://chat.example/ws/messaging/7/');
    assert.deepEqual(world.socket.protocols, []);
});


test('backoff is 1, 2, 4, 8 and 16 s, then it has failed', async () => {
    const { world, connection, statuses } = await connected();

    for (const wait of [1000, 2000, 4000, 8000, 16000]) {
        const before = world.sockets.length;

        await refuse(world);
        assert.equal(connection.state, 'disconnected');
        assert.equal(statuses.at(-1)?.retry_in, wait);

        await world.advance(wait - 1);
        assert.equal(world.sockets.length, before);
        await world.advance(1);
        assert.equal(world.sockets.length, before + 1);
        assert.equal(connection.state, 'connecting');
    }

    await refuse(world);
    assert.equal(connection.state, 'failed');
    assert.equal(world.sockets.length, 6);
    assert.equal(world.clock.pending, 0);
});


test('backoff has jitter, from half to one and a half', async () => {
    const { world, statuses } = await connected();

    world.random = 0;
    await refuse(world);
    assert.equal(statuses.at(-1)?.retry_in, 500);

    world.random = 0.999;
    await world.advance(500);
    await refuse(world);
    assert.equal(Math.round(statuses.at(-1)?.retry_in ?? 0), 2998);
});


test('a connection that was stable starts the count from anew', async () => {
    const { world, statuses } = await connected();

    for (let i = 0; i < 8; i++) {
        await world.advance(5000);
        await refuse(world);
        assert.equal(statuses.at(-1)?.attempt, 1);
        await world.advance(1000);
        await world.admit();
    }
});


test('a server that lets in and drops at once is not hammered', async () => {
    const { world, connection } = await connected();

    for (const wait of [1000, 2000, 4000, 8000, 16000]) {
        await refuse(world);
        await world.advance(wait);
        await world.admit();
        await world.advance(4999);
    }

    await refuse(world);
    assert.equal(connection.state, 'failed');
});


test('an attempt without an answer is given up after 20 s', async () => {
    const { world, connection } = setup();

    connection.connect();
    await settle();
    world.socket.open();
    await world.advance(19999);
    assert.equal(connection.state, 'connecting');
    await world.advance(1);
    assert.equal(connection.state, 'disconnected');
    assert.equal(world.socket.closed?.code, 4000);
});


test('so is a token that does not come, even if it comes later',
     async () => {
    const late = deferred<string>();
    const { world, connection } = setup({ token: () => late.promise });

    connection.connect();
    await world.advance(20000);
    assert.equal(connection.state, 'disconnected');

    late.resolve('a.b.c');
    await settle();
    assert.equal(world.sockets.length, 0);
});


test('a clean close never reconnects', async () => {
    const { world, connection, statuses } = await connected();

    await refuse(world, 1000);
    await world.advance(3600000);
    world.show();
    world.window.dispatch('online');
    await settle();

    assert.deepEqual(statuses.at(-1),
                     { state: 'disconnected', code: 1000, reason: '' });
    assert.equal(world.sockets.length, 1);
    assert.equal(connection.state, 'disconnected');
    world.assertNothingLeft();
});


for (const code of [1012, 1013]) {

    test(`${code} waits a spread moment`, async () => {
        const waits: (number | undefined)[] = [];

        for (const random of [0, 0.5, 0.999]) {
            const { world, statuses } = await connected();

            world.random = random;
            await refuse(world, code);
            waits.push(Math.round(statuses.at(-1)?.retry_in ?? -1));
            world.random = 0.5;

            await world.advance(4500);
            assert.equal(world.sockets.length, 2);
        }

        assert.deepEqual(waits, [500, 2500, 4496]);
    });
}


test('4001 fetches a new token once and reconnects at once', async () => {
    let refreshes = 0;

    const { world, connection, states } = await connected({
        refreshToken: async () => `new.${++refreshes}.new`
    });

    await refuse(world, 4001);
    assert.equal(world.sockets.length, 2);
    assert.equal(world.socket.protocols[1], 'bearer.new.1.new');
    await world.admit();
    assert.deepEqual(states(), ['connecting', 'connected',
                                'connecting', 'connected']);

    /* it has been fine for a while: another one may be fetched */
    await world.advance(5000);
    await refuse(world, 4001);
    assert.equal(refreshes, 2);
    assert.equal(connection.state, 'connecting');
});


test('4001 for the new token too: failed', async () => {
    let refreshes = 0;

    const { world, connection, statuses } = await connected({
        refreshToken: async () => `new.${++refreshes}.new`
    });

    await refuse(world, 4001);

    /* refused after the open event, as the server does */
    world.socket.open();
    await refuse(world, 4001);

    assert.equal(connection.state, 'failed');
    assert.equal(statuses.at(-1)?.code, 4001);
    assert.equal(refreshes, 1);
    assert.equal(world.clock.pending, 0);
});


test('4001 soon after being let in with a new token: failed', async () => {
    const { world, connection } = await connected();

    await refuse(world, 4001);
    await world.admit();
    await world.advance(4999);
    await refuse(world, 4001);
    assert.equal(connection.state, 'failed');
});


test('4001 and no new token to be had: failed', async () => {
    const { world, connection, statuses } = await connected({
        refreshToken: async () => {
            throw new Error('signed out');
        }
    });

    await refuse(world, 4001);
    assert.equal(connection.state, 'failed');
    assert.equal(statuses.at(-1)?.reason, 'no new token: signed out');
    assert.equal(world.sockets.length, 1);
});


test('4001 without a function for new tokens asks the first one',
     async () => {
    let calls = 0;

    const { world } = await connected({ token: () => `t.${++calls}.s` });

    await refuse(world, 4001);
    assert.equal(world.socket.protocols[1], 'bearer.t.2.s');
});


test('4003 fails at once, and for good', async () => {
    const { world, connection, statuses } = await connected();

    await world.advance(10000);
    world.socket.end(4003, 'no access');
    await world.advance(60000);
    world.show();
    world.window.dispatch('online');
    await settle();

    assert.deepEqual(statuses.at(-1), { state: 'failed', code: 4003,
                                        reason: 'no access' });
    assert.equal(world.sockets.length, 1);
    world.assertNothingLeft();

    /* unless one is asked to */
    connection.connect();
    await world.admit();
    assert.equal(connection.state, 'connected');
});


async function exhausted(world: World): Promise<void> {
    for (let i = 0; i < 5; i++) {
        await refuse(world);
        await world.advance(16000);
    }

    await refuse(world);
}


for (const [what, event] of [
    ['the tab becomes visible', (world: World) => world.show()],
    ['the network returns', (world: World) => world.window.dispatch('online')]
] as const) {

    test(`${what}: at once and with a fresh counter`, async () => {
        const { world, connection, statuses } = await connected();

        /* while it waits */
        await refuse(world);
        await world.advance(1000);
        await refuse(world);
        assert.equal(statuses.at(-1)?.attempt, 2);

        event(world);
        await settle();
        assert.equal(world.sockets.length, 3);
        await refuse(world);
        assert.equal(statuses.at(-1)?.attempt, 1);

        /* and when it has failed */
        await exhausted(world);
        assert.equal(connection.state, 'failed');
        event(world);
        await world.admit();
        assert.equal(connection.state, 'connected');
    });
}


test('a tab that is hidden begins nothing', async () => {
    const { world, connection } = await connected();

    await refuse(world);
    world.hide();
    await settle();
    assert.equal(connection.state, 'disconnected');
    assert.equal(world.sockets.length, 1);
});


test('an attempt from before the network returned is begun again',
     async () => {
    const { world, connection } = setup();

    connection.connect();
    await settle();
    world.window.dispatch('online');
    await world.admit();

    assert.equal(world.sockets.length, 2);
    assert.ok(world.sockets[0]?.closed);
    assert.equal(connection.state, 'connected');
});


for (const [what, event] of [
    ['shown', (world: World) => world.show()],
    ['online', (world: World) => world.window.dispatch('online')],
    ['offline', (world: World) => world.window.dispatch('offline')]
] as const) {

    test(`${what} while connected: the connection is probed`, async () => {
        const { world, connection } = await connected();

        event(world);
        assert.equal(world.socket.frames('ping').length, 2);
        await world.advance(4999);
        assert.equal(connection.state, 'connected');
        await world.advance(1);
        assert.equal(connection.state, 'disconnected');
    });
}


test('a ping every 30 s', async () => {
    const { world, connection } = await connected();

    for (let i = 1; i < 4; i++) {
        assert.equal(world.socket.frames('ping').length, i);
        await world.advance(29999);
        assert.equal(world.socket.frames('ping').length, i);
        await world.advance(1);
        assert.equal(world.socket.frames('ping').length, i + 1);
        world.socket.receive({ type: 'pong' });
    }

    assert.equal(connection.state, 'connected');
});


test('no pong within 5 s closes and reconnects', async () => {
    const { world, connection, statuses } = await connected();

    await world.advance(30000 + 4999);
    assert.equal(connection.state, 'connected');
    await world.advance(1);
    assert.equal(world.socket.closed?.code, 4000);
    assert.equal(world.socket.listeners, 0);
    assert.equal(statuses.at(-1)?.reason, 'no answer to a ping');

    await world.advance(1000);
    await world.admit();
    assert.equal(world.sockets.length, 2);
    assert.equal(connection.state, 'connected');
});


test('any frame is a sign of life', async () => {
    const { world, connection } = await connected();

    await world.advance(30000);
    world.socket.receive({ type: 'typing_indicator' });
    await world.advance(5000);
    assert.equal(connection.state, 'connected');
});


test('a token close to its end is replaced without a reconnect',
     async () => {
    let fresh = '';

    const { world, connection } = await connected((world) => ({
        token: () => jwt(world, 600),
        refreshToken: async () => fresh = jwt(world, 600),
        timing: { pingInterval: 1e9 }
    }));

    await world.advance(539999);
    assert.equal(world.socket.frames('auth').length, 0);
    await world.advance(1);
    assert.deepEqual(world.socket.frames('auth'),
                     [{ type: 'auth', token: fresh }]);

    world.socket.receive({ type: 'auth_ok', expires_at: '…' });
    assert.equal(world.sockets.length, 1);
    assert.equal(connection.state, 'connected');
});


test('the next one is planned by the end of the new one', async () => {
    const { world } = await connected((world) => ({
        token: () => jwt(world, 100),
        refreshToken: async () => jwt(world, 100),
        timing: { pingInterval: 1e9 }
    }));

    for (let i = 1; i < 4; i++) {
        /* of 100 s half are left, for 60 would be more */
        await world.advance(49999);
        assert.equal(world.socket.frames('auth').length, i - 1);
        await world.advance(1);
        assert.equal(world.socket.frames('auth').length, i);
        world.socket.receive({ type: 'auth_ok', expires_at: '…' });
    }
});


test('a new token that is not to be had is asked for again', async () => {
    let calls = 0;

    const { world, connection } = await connected((world) => ({
        token: () => jwt(world, 100),
        refreshToken: async () => {
            calls++;
            throw new Error('not now');
        },
        timing: { pingInterval: 1e9 }
    }));

    await world.advance(50000);
    assert.equal(calls, 1);
    await world.advance(25000);
    assert.equal(calls, 2);
    await world.advance(12500);
    assert.equal(calls, 3);

    /* twice again, until it is too late for a third time */
    await world.advance(12500);
    assert.equal(calls, 5);

    /* then the server ends it, which asks once more, and that is all */
    assert.equal(connection.state, 'connected');
    await refuse(world, 4001);
    assert.equal(calls, 6);
    assert.equal(connection.state, 'failed');
    await world.advance(1e6);
    assert.equal(calls, 6);
});


test('a token of years does not overflow a timer', async () => {
    let calls = 0;

    const { world } = await connected((world) => ({
        token: () => jwt(world, 86400 * 60),
        refreshToken: async () => {
            calls++;
            return jwt(world, 600);
        },
        timing: { pingInterval: 7200000 }
    }));

    await world.advance(1000);
    assert.equal(calls, 0);

    /* 60 days in pieces of one hour, in which its pings are answered */
    for (let hour = 1; hour < 24 * 60; hour++) {
        await world.advance(3600000);
        world.socket.receive({ type: 'pong' });
    }

    assert.equal(calls, 0);
    await world.advance(3600000 - 60000 - 1000 - 1);
    assert.equal(calls, 0);
    await world.advance(1);
    assert.equal(calls, 1);
});


test('a token that has ended by our clock alone begins no loop',
     async () => {
    let calls = 0;

    const { world, connection } = await connected((world) => ({
        token: () => jwt(world, -3600),
        refreshToken: async () => {
            calls++;
            return jwt(world, -3600);
        },
        timing: { pingInterval: 1e9 }
    }));

    await world.advance(100000);
    assert.equal(calls, 1);
    assert.equal(connection.state, 'connected');
});


test('a frame that is none is ignored', async () => {
    const { world, connection, frames } = await connected();

    for (const data of ['', '{', 'null', '[]', '7', '{}', '{"type":7}']) {
        world.socket.raw(data);
    }

    world.socket.raw(new ArrayBuffer(2));
    assert.deepEqual(frames, [{ type: 'pong' }]);
    assert.equal(world.debug.length, 7);
    assert.equal(connection.state, 'connected');
});


test('a listener that throws stops nobody', async () => {
    const { world, connection } = await connected();
    const heard: string[] = [];

    connection.on('frame', () => {
        throw new Error('a bug');
    });
    connection.on('frame', (frame) => heard.push(frame.type));
    world.socket.receive({ type: 'x' });

    assert.deepEqual(heard, ['x']);
    assert.equal(world.errors.length, 1);
});


test('nothing is left after close(), at any moment', async () => {
    const moments: ((world: World) => Promise<void>)[] = [
        async () => {},
        async () => settle(),
        async (world) => {
            await settle();
            world.socket.open();
        },
        async (world) => void await world.admit(),
        async (world) => {
            await world.admit();
            await world.advance(30000);
        },
        async (world) => {
            await world.admit();
            await refuse(world);
        },
        async (world) => {
            await world.admit();
            world.socket.end(4001);
        },
        async (world) => {
            await world.admit();
            await exhausted(world);
        }
    ];

    for (const [i, moment] of moments.entries()) {
        const { world, connection, statuses } = setup({
            token: async () => jwt(world, 600)
        });

        connection.connect();
        await moment(world);
        connection.close();

        const count = world.sockets.length;
        const said = statuses.length;

        world.assertNothingLeft();
        assert.equal(connection.state, 'disconnected', `moment ${i}`);
        await world.advance(1e6);
        world.assertNothingLeft();

        assert.equal(world.sockets.length, count, `moment ${i}`);
        assert.equal(statuses.length, said, `moment ${i}`);
    }
});


test('close() is a clean one', async () => {
    const { world, connection, statuses } = await connected();

    connection.close();
    assert.deepEqual(world.socket.closed, { code: 1000, reason: undefined });
    assert.deepEqual(statuses.at(-1), { state: 'disconnected' });
});


test('close() and connect() at once: one socket, the newer one', async () => {
    const { world, connection } = setup();

    connection.connect();
    connection.close();
    connection.connect();
    await world.admit();

    assert.equal(world.sockets.length, 1);
    assert.equal(connection.state, 'connected');
});


test('close() in a listener is obeyed', async () => {
    for (const state of ['connecting', 'connected', 'failed'] as const) {
        const { world, connection } = setup();
        const frames: Frame[] = [];

        connection.on('frame', (frame) => frames.push(frame));
        connection.on('status', (status) => {
            if (status.state === state) {
                connection.close();
            }
        });

        connection.connect();
        await settle();

        if (state !== 'connecting') {
            world.socket.open();
            world.socket.receive({ type: 'pong' });
        }

        if (state === 'failed') {
            await refuse(world, 4003);

        } else {
            assert.deepEqual(frames, []);
        }

        await world.advance(100000);
        assert.equal(connection.state, 'disconnected', state);
        world.assertNothingLeft();
    }
});


test('an address that is none fails, and does not throw', async () => {
    const { world, connection, statuses } = setup({ url: 'ws://[' });

    connection.connect();
    await settle();
    assert.equal(connection.state, 'failed');
    assert.match(statuses.at(-1)?.reason ?? '', /Invalid URL/);
    assert.equal(world.clock.pending, 0);
});


test('who we are is in the token', async () => {
    const { connection } = await connected({
        token: () => jwt(new World(), 600, 'zoë')
    });

    assert.equal(connection.userId, 'zoë');
});


test('the traffic can be watched, without tokens', async () => {
    const { world, connection } = setup({
        token: () => jwt(world, 100),
        refreshToken: () => jwt(world, 100)
    });
    const lines: string[] = [];

    connection.on('traffic', ({ direction, data }) =>
        lines.push(`${direction} ${data}`));
    connection.connect();
    await world.admit();
    await world.advance(30000);
    world.socket.receive({ type: 'pong' });
    await world.advance(20000);

    assert.deepEqual(lines, [
        'out {"type":"ping"}',
        'in {"type":"pong"}',
        'out {"type":"ping"}',
        'in {"type":"pong"}',
        'out {"type":"auth","token":"…"}'
    ]);
});


test('a token that fails after close() is nobody\'s', async () => {
    const late = deferred<string>();
    const { connection, world, statuses } = setup({
        token: () => late.promise
    });

    connection.connect();
    await settle();
    connection.close();

    const said = statuses.length;

    late.reject(new Error('no network'));
    await settle();
    assert.equal(statuses.length, said);
    world.assertNothingLeft();
});


test('a token function that has none newer: the old one is not sent again',
     async () => {
    let same = '';

    const { world } = await connected((w) => ({
        token: () => same ||= jwt(w, 100),
        timing: { pingInterval: 1e9 }
    }));

    await world.advance(99000);
    assert.equal(world.socket.frames('auth').length, 0);
});


test('after close() not even what has arrived already is told', async () => {
    for (const event of ['status', 'traffic'] as const) {
        const { world, connection, frames } = setup();
        const traffic: string[] = [];

        connection.on('traffic', ({ direction }) => traffic.push(direction));
        connection.on(event, () => {
            if (connection.state === 'connected') {
                connection.close();
            }
        });

        connection.connect();
        await world.admit();
        assert.deepEqual(frames, []);
        assert.deepEqual(traffic, event === 'status' ? ['out']
                                                     : ['out', 'in']);
    }
});
