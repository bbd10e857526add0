/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* the rules of one socket for many conversations */


import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createClient } from '../src/client.js';
import type { ClientOptions } from '../src/client.js';
import type { Frame } from '../src/types.js';
import { comeBack, giveUp, message } from './chat.js';
import { jwt, World } from './fake.js';


function setup(options: ClientOptions = {}) {
    const world = new World();

    const client = createClient({
        token: () => jwt(world, 86400 * 20),
        environment: world.environment,
        ...options
    });

    return { world, client };
}


async function connected(options: ClientOptions = {}) {
    const all = setup(options);

    all.client.connect();
    await all.world.admit();
    all.world.socket.sent.length = 0;

    return all;
}


const subscribe = (conversation_id: unknown) =>
    ({ type: 'subscribe', conversation_id });
const unsubscribe = (conversation_id: unknown) =>
    ({ type: 'unsubscribe', conversation_id });
const subscribed = (conversation_id: unknown) =>
    ({ type: 'subscribed', conversation_id });

const newMessage = (conversation_id: unknown, id: number): Frame =>
    ({ type: 'new_message', conversation_id, message: message(id) } as Frame);


test('subscribe says so, and the conversation is connected when it is',
     async () => {
    const { world, client } = await connected();
    const seven = client.subscribe(7);

    assert.equal(world.socket.url, 'wss://chat.example/ws/messaging/');
    assert.deepEqual(world.socket.sent, [subscribe(7)]);
    assert.equal(seven.state, 'connecting');

    world.socket.receive(subscribed(7));
    assert.equal(seven.state, 'connected');
});


test('an id is what the server makes of it', async () => {
    const { world, client } = await connected();

    assert.equal(client.subscribe('7'), client.subscribe(7));

    for (const id of ['007', 'room-1', '9007199254740993', '-0']) {
        client.subscribe(id);
    }

    assert.deepEqual(world.socket.sent, [
        subscribe(7), subscribe('007'), subscribe('room-1'),
        subscribe('9007199254740993'), subscribe('-0')
    ]);
});


test('subscribed before the connection is there: asked when it is',
     async () => {
    const { world, client } = setup();
    const seven = client.subscribe(7);

    assert.equal(seven.state, 'disconnected');
    client.connect();
    assert.equal(seven.state, 'connecting');
    await world.admit();
    assert.deepEqual(world.socket.frames('subscribe'), [subscribe(7)]);
    world.socket.receive(subscribed(7));
    assert.equal(seven.state, 'connected');
});


test('each conversation gets its own frames', async () => {
    const { world, client } = await connected();
    const [seven, eight] = [client.subscribe(7), client.subscribe(8)];

    world.socket.receive(subscribed(7));
    world.socket.receive(subscribed(8));
    world.socket.receive(newMessage(7, 1));
    world.socket.receive(newMessage(8, 2));
    world.socket.receive(newMessage(9, 3));
    world.socket.receive({ type: 'typing_indicator', conversation_id: 8,
                           user_id: 2, is_typing: true });

    assert.deepEqual(seven.messages.map((m) => m.id), [1]);
    assert.deepEqual(eight.messages.map((m) => m.id), [2]);
    assert.equal(seven.getSnapshot().typists.length, 0);
    assert.equal(eight.getSnapshot().typists.length, 1);
});


test('what is sent names its conversation', async () => {
    const { world, client } = await connected();
    const seven = client.subscribe(7);

    world.socket.receive(subscribed(7));
    world.socket.sent.length = 0;

    seven.typing();
    seven.markRead(5);

    const promise = seven.send('hi');

    assert.deepEqual(world.socket.sent, [
        { type: 'typing', conversation_id: 7, is_typing: true },
        { type: 'read', conversation_id: 7, message_id: 5 },
        { type: 'typing', conversation_id: 7, is_typing: false },
        { type: 'message', conversation_id: 7, content: 'hi',
          client_id: 'id-1' }
    ]);

    world.socket.receive({ type: 'ack', conversation_id: 7,
                           client_id: 'id-1', id: 9 });
    assert.equal((await promise).id, 9);
});


test('nothing is sent to a conversation before it is subscribed',
     async () => {
    const { world, client } = await connected();
    const seven = client.subscribe(7);

    seven.send('hi');
    assert.deepEqual(world.socket.sent, [subscribe(7)]);
    world.socket.receive(subscribed(7));
    assert.equal(world.socket.frames('message').length, 1);
});


test('after a reconnect all are subscribed again, and fetched', async () => {
    const asked: unknown[] = [];

    const { world, client } = await connected({
        fetchMessages: async ({ conversation_id }) =>
            void asked.push(conversation_id)
    });

    client.subscribe(7);
    client.subscribe(8);
    client.subscribe(9);
    client.unsubscribe(8);
    world.socket.receive(subscribed(7));
    world.socket.receive(subscribed(9));
    await world.advance(0);
    assert.deepEqual(asked, [7, 9]);

    await comeBack(world);
    assert.deepEqual(world.socket.frames('subscribe'),
                     [subscribe(7), subscribe(9)]);
    assert.equal(client.conversation(7).state, 'connecting');
    world.socket.receive(subscribed(7));
    await world.advance(0);
    assert.deepEqual(asked, [7, 9, 7]);
});


test('unsubscribe: its frames are heard no longer', async () => {
    const { world, client } = await connected();
    const seven = client.subscribe(7);

    world.socket.receive(subscribed(7));
    seven.typing();
    world.socket.sent.length = 0;
    client.unsubscribe(7);

    assert.deepEqual(world.socket.sent, [
        { type: 'typing', conversation_id: 7, is_typing: false },
        unsubscribe(7)
    ]);
    assert.equal(seven.state, 'disconnected');
    world.socket.receive(newMessage(7, 1));
    world.socket.receive(subscribed(7));
    assert.deepEqual(seven.messages, []);
    assert.equal(seven.state, 'disconnected');

    client.unsubscribe(7);
    client.unsubscribe(5);
    assert.equal(world.socket.sent.length, 2);
});


test('whoever subscribed last ends it', async () => {
    const { world, client } = await connected();

    client.subscribe(7);
    client.subscribe(7);
    client.unsubscribe(7);
    assert.deepEqual(world.socket.sent, [subscribe(7)]);
    client.unsubscribe(7);
    assert.deepEqual(world.socket.sent, [subscribe(7), unsubscribe(7)]);
});


test('close() of a conversation is unsubscribe', async () => {
    const { world, client } = await connected();

    client.subscribe(7).close();
    assert.deepEqual(world.socket.sent, [subscribe(7), unsubscribe(7)]);
});


test('switched quickly: one subscription at the end, and no timer',
     async () => {
    const { world, client } = await connected({ timing: {
        pingInterval: 1e9
    }, poll: { slow: false } });

    await world.advance(5000);

    const before = world.clock.pending;

    for (let i = 0; i < 20; i++) {
        client.subscribe(i);
        world.socket.receive(subscribed(i));
        client.conversation(i).typing();
        client.conversation(i).send('hi').catch(() => {});
        client.unsubscribe(i);
    }

    assert.equal(world.clock.pending, before);
});


test('no access: that conversation has failed, and no other', async () => {
    const { world, client } = await connected();
    const [seven, eight] = [client.subscribe(7), client.subscribe(8)];

    world.socket.receive({ type: 'error', code: 'access_denied',
                           message: 'no access', conversation_id: 7 });
    world.socket.receive(subscribed(8));

    assert.deepEqual(seven.status, { state: 'failed', code: 4003,
                                     reason: 'no access' });
    assert.equal(eight.state, 'connected');
    assert.equal(client.state, 'connected');
    await world.advance(100);
    assert.equal(world.socket.frames('subscribe').length, 2);
});


test('so it has when access is withdrawn in mid-session', async () => {
    const { world, client } = await connected();
    const seven = client.subscribe(7);

    world.socket.receive(subscribed(7));
    world.socket.receive({ type: 'error', code: 'access_denied',
                           message: 'access withdrawn', conversation_id: 7 });
    assert.equal(seven.state, 'failed');
});


test('unavailable: asked again with backoff, then failed', async () => {
    const { world, client } = await connected({
        timing: { pingInterval: 1e9 }
    });
    const seven = client.subscribe(7);

    const error = { type: 'error', code: 'unavailable', message: 'm',
                    conversation_id: 7 };

    for (const wait of [1000, 2000, 4000, 8000, 16000]) {
        const before = world.socket.frames('subscribe').length;

        world.socket.receive(error);
        assert.equal(seven.state, 'disconnected');
        await world.advance(wait - 1);
        assert.equal(world.socket.frames('subscribe').length, before);
        await world.advance(1);
        assert.equal(world.socket.frames('subscribe').length, before + 1);
    }

    world.socket.receive(error);
    assert.equal(seven.state, 'failed');
});


test('one that nobody wants any more is not asked for again', async () => {
    const { world, client } = await connected();

    client.subscribe(7);
    world.socket.receive({ type: 'error', code: 'unavailable', message: 'm',
                           conversation_id: 7 });
    client.unsubscribe(7);
    await world.advance(20000);
    assert.deepEqual(world.socket.frames('subscribe'), [subscribe(7)]);
});


test('an error of a frame leaves the conversation connected', async () => {
    const { world, client } = await connected();
    const seven = client.subscribe(7);
    const heard: unknown[] = [];

    seven.on('error', ({ code }) => heard.push(code));
    world.socket.receive(subscribed(7));
    world.socket.receive({ type: 'error', code: 'rate_limited', message: 'm',
                           conversation_id: 7 });
    assert.equal(seven.state, 'connected');
    assert.deepEqual(heard, ['rate_limited']);
});


test('an error that names no conversation is one of the client',
     async () => {
    const { world, client } = await connected();
    const heard: unknown[] = [];

    client.on('error', ({ code }) => heard.push(code));
    client.subscribe(7).on('error', () => heard.push('7'));
    world.socket.receive({ type: 'error', code: 'invalid_json',
                           message: 'm' });
    assert.deepEqual(heard, ['invalid_json']);
});


test('resync of the socket is one of all conversations', async () => {
    const asked: unknown[] = [];

    const { world, client } = await connected({
        fetchMessages: async ({ conversation_id }) =>
            void asked.push(conversation_id)
    });

    client.subscribe(7);
    client.subscribe(8);
    client.unsubscribe(8);
    world.socket.receive(subscribed(7));
    await world.advance(0);
    asked.length = 0;
    world.socket.receive({ type: 'resync', within_ms: 0 });
    assert.deepEqual(asked, [7]);
});


test('the state of the socket is that of its conversations', async () => {
    const { world, client } = await connected();
    const [seven, idle] = [client.subscribe(7), client.conversation(8)];
    const states: string[] = [];

    world.socket.receive(subscribed(7));
    seven.on('status', ({ state }) => states.push(state));
    await giveUp(world);

    assert.equal(client.state, 'failed');
    assert.equal(seven.state, 'failed');
    assert.equal(idle.state, 'disconnected');
    assert.deepEqual(states.slice(0, 3),
                     ['disconnected', 'connecting', 'disconnected']);
});


test('conversations and unread are polled once, not for each', async () => {
    const calls = { messages: 0, conversations: 0, unread: 0 };

    const { world, client } = await connected({
        fetchMessages: async () => void calls.messages++,
        poll: {
            conversations: () => void calls.conversations++,
            unread: () => void calls.unread++
        }
    });

    client.subscribe(7);
    client.subscribe(8);
    await giveUp(world);
    await world.advance(4000);
    assert.deepEqual(calls, { messages: 2, conversations: 1, unread: 1 });
    await world.advance(11000);
    assert.deepEqual(calls, { messages: 8, conversations: 2, unread: 1 });
});


test('a conversation that one returns to is still there, of some',
     async () => {
    const { client } = await connected();
    const first = client.subscribe(1);

    client.unsubscribe(1);
    assert.equal(client.subscribe(1), first);
    client.unsubscribe(1);

    for (let i = 2; i < 40; i++) {
        client.subscribe(i);
        client.unsubscribe(i);
    }

    /* unless somebody has kept it, and uses it again */
    assert.equal(client.subscribe(first), first);
    client.unsubscribe(1);

    for (let i = 2; i < 40; i++) {
        client.subscribe(i);
        client.unsubscribe(i);
    }

    assert.notEqual(client.conversation(1), first);
});


test('those used last are remembered longest', async () => {
    const { client } = await connected();

    const visit = (id: number) => {
        const conversation = client.subscribe(id);

        client.unsubscribe(id);

        return conversation;
    };

    const first = visit(1);

    for (let i = 2; i < 20; i++) {
        visit(i);
    }

    visit(1);

    for (let i = 20; i < 35; i++) {
        visit(i);
    }

    assert.equal(client.conversation(1), first);
});


test('nothing is left after close(), and connect() brings all back',
     async () => {
    const { world, client } = await connected({
        poll: { conversations: () => {}, unread: () => {} },
        fetchMessages: () => []
    });
    const seven = client.subscribe(7);

    client.subscribe(8);
    world.socket.receive(subscribed(7));
    world.socket.receive({ type: 'error', code: 'unavailable', message: 'm',
                           conversation_id: 8 });
    seven.typing();
    client.close();
    world.assertNothingLeft();
    await world.advance(1e6);
    world.assertNothingLeft();
    assert.equal(seven.state, 'disconnected');

    client.connect();
    await world.admit();
    assert.deepEqual(world.socket.frames('subscribe'),
                     [subscribe(7), subscribe(8)]);
});


test('the traffic of the socket can be watched', async () => {
    const { world, client } = await connected();
    const lines: string[] = [];

    client.on('traffic', ({ direction, data }) =>
        lines.push(`${direction} ${data}`));
    client.subscribe(7);
    world.socket.receive(subscribed(7));
    assert.deepEqual(lines, [
        'out {"type":"subscribe","conversation_id":7}',
        'in {"type":"subscribed","conversation_id":7}'
    ]);
});
