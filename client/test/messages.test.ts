/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* the rules of messages: sent, received, fetched, read */


import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SendError } from '../src/outbox.js';
import type { Outgoing } from '../src/outbox.js';
import type { Id } from '../src/types.js';
import {
    chat, chatting, comeBack, giveUp, message, newMessage
} from './chat.js';
import { deferred, settle } from './fake.js';


/* receiving */

test('onMessage is called for each message, until it is taken back',
     async () => {
    const { world, conversation } = await chatting();
    const heard: unknown[] = [];

    const off = conversation.onMessage((m, source) =>
        heard.push([m.id, m.content, m.own, source]));

    world.socket.receive(newMessage(5));
    assert.deepEqual(heard, [[5, 'text 5', false, 'live']]);
    assert.deepEqual(conversation.messages.map((m) => m.id), [5]);

    off();
    world.socket.receive(newMessage(6));
    assert.equal(heard.length, 1);
    assert.equal(conversation.messages.length, 2);
});


test('a message is known by its id, and 5 is not "5"', async () => {
    const { world, conversation } = await chatting();
    const heard: unknown[] = [];

    conversation.onMessage((m) => heard.push(m.id));

    for (const id of [5, 5, '5', 6, 5]) {
        world.socket.receive(newMessage(id));
    }

    assert.deepEqual(heard, [5, '5', 6]);
    assert.equal(conversation.messages.length, 3);
});


test('one that was sent twice is known by its sender and client_id',
     async () => {
    const { world, conversation } = await chatting();
    const heard: unknown[] = [];

    conversation.onMessage((m) => heard.push(m.id));
    world.socket.receive(newMessage(5, 2, 'x'));
    world.socket.receive(newMessage(6, 2, 'x'));
    world.socket.receive(newMessage(7, 3, 'x'));

    assert.deepEqual(heard, [5, 7]);
    assert.deepEqual(conversation.messages.map((m) => m.id), [5, 7]);
});


test('messages stand in the order of their time, then of their id',
     async () => {
    const { world, conversation } = await chatting();

    const receive = (id: Id, created_at: string) =>
        world.socket.receive({
            type: 'new_message',
            message: message(id, 2, { created_at })
        });

    receive(1, '2026-01-01T12:00:00.000Z');
    receive(3, '2026-01-01T12:00:02.000Z');
    receive(2, '2026-01-01T12:00:02.000Z');
    receive('a', '2026-01-01T15:00:01.000+03:00');
    receive(4, 'no time');

    assert.deepEqual(conversation.messages.map((m) => m.id),
                     [1, 'a', 2, 3, 4]);
});


test('no more are kept than one wants', async () => {
    const { world, conversation } = await chatting({ keep: 3 });

    for (let id = 1; id < 6; id++) {
        world.socket.receive(newMessage(id));
    }

    assert.deepEqual(conversation.messages.map((m) => m.id), [3, 4, 5]);

    /* and one that was dropped does not come back as new */
    let heard = 0;

    conversation.onMessage(() => heard++);
    world.socket.receive(newMessage(1));
    assert.equal(heard, 0);
    assert.equal(conversation.messages.length, 3);
});


test('what is known is bounded, too', async () => {
    const { world, conversation } = await chatting({ keep: 1 });
    const heard: unknown[] = [];

    conversation.onMessage((m) => heard.push(m.id));

    for (const id of ['a', 'b', 'c', 'd', 'a', 'e', 'a', 'b']) {
        world.socket.receive(newMessage(id));
    }

    /* four times as many as are kept, and the longest unheard goes first */
    assert.deepEqual(heard, ['a', 'b', 'c', 'd', 'e', 'b']);
});


test('malformed frames are ignored with a debug line', async () => {
    const { world, conversation } = await chatting();

    const frames = [
        { type: 'new_message' },
        { type: 'new_message', message: null },
        { type: 'new_message', message: [] },
        { type: 'new_message', message: { id: {}, sender: { id: 2 } } },
        { type: 'new_message', message: { id: 5 } },
        { type: 'new_message', message: { id: 5, sender: { id: null } } },
        { type: 'typing_indicator' },
        { type: 'typing_indicator', user_id: {}, is_typing: true },
        { type: 'read_receipt' },
        { type: 'presence', user_id: 2 },
        { type: 'presence', user_id: 2, is_online: 'yes' }
    ];

    frames.forEach((frame) => world.socket.receive(frame));

    const { messages, typists, presence } = conversation.getSnapshot();

    assert.deepEqual([messages, typists, presence], [[], [], []]);
    assert.equal(world.debug.length, frames.length);
    assert.match(world.debug[0] ?? '', /malformed new_message ignored/);
    assert.deepEqual(world.errors, []);
});


test('what a message lacks is what it is not', async () => {
    const { world, conversation } = await chatting();

    world.socket.receive({ type: 'new_message', message: {
        id: 5, sender: { id: 2 }, image: 'https://a.example/1.png', extra: 1
    } });

    const { content, image, is_read, read_at, created_at, ...rest }
        = conversation.messages[0]!;

    assert.deepEqual([content, image, is_read, read_at, created_at],
                     ['', 'https://a.example/1.png', false, null,
                      '2026-01-01T00:00:00.000Z']);
    assert.equal((rest as any).extra, 1);
});


test('types of a backend are passed on', async () => {
    const { world, conversation } = await chatting();
    const heard: unknown[] = [];

    const off = conversation.onFrame('message_edited', (f) => heard.push(f));

    world.socket.receive({ type: 'message_edited', id: 5 });
    world.socket.receive({ type: 'message_deleted', id: 5 });
    off();
    world.socket.receive({ type: 'message_edited', id: 6 });

    assert.deepEqual(heard, [{ type: 'message_edited', id: 5 }]);
    assert.deepEqual(world.debug, [
        'messaging: frame of unknown type "message_deleted" ignored',
        'messaging: frame of unknown type "message_edited" ignored'
    ]);
});


test('whoever listens to all frames knows them all', async () => {
    const { world, conversation } = await chatting();
    const heard: string[] = [];

    conversation.on('frame', (frame) => heard.push(frame.type));
    world.socket.receive({ type: 'x' });
    world.socket.receive(newMessage(5));

    assert.deepEqual(heard, ['x', 'new_message']);
    assert.deepEqual(world.debug, []);
});


test('known types bring no warning', async () => {
    const { world } = await chatting();

    for (const type of ['pong', 'auth_ok', 'subscribed', 'unsubscribed',
                        'resync', 'error', 'ack', 'nack'])
    {
        world.socket.receive({ type });
    }

    assert.deepEqual(world.debug, []);
});


test('edited and deleted: one line each', async () => {
    const { world, conversation } = await chatting();

    world.socket.receive(newMessage(5));
    world.socket.receive(newMessage(6));

    const before = conversation.messages;

    conversation.update(5, { content: 'better' });
    conversation.remove(6);

    assert.deepEqual(conversation.messages.map((m) => m.content), ['better']);
    assert.equal(before[0]?.content, 'text 5');

    world.socket.receive(newMessage(6));
    assert.equal(conversation.messages.length, 1);
});


test('errors of the server are an event', async () => {
    const { world, conversation } = await chatting();
    const heard: unknown[] = [];

    conversation.on('error', (error) => heard.push(error));
    world.socket.receive({ type: 'error', code: 'too_large', message: 'm' });
    assert.deepEqual(heard, [{ code: 'too_large', message: 'm' }]);
});


/* sending */

test('send goes over the socket, and is settled by the ack', async () => {
    const { world, conversation } = await chatting();
    const promise = conversation.send({ content: 'hi', reply_to: 4 });

    assert.deepEqual(world.socket.sent, [
        { type: 'message', content: 'hi', reply_to: 4, client_id: 'id-1' }
    ]);

    const { key, status, own, id, reply_to } = conversation.messages[0]!;

    assert.deepEqual([status, own, id, reply_to],
                     ['sending', true, undefined, 4]);

    world.socket.receive({ type: 'ack', client_id: 'id-1', id: 9,
                           created_at: '2026-01-01T00:00:01.000Z' });

    assert.deepEqual(await promise, {
        via: 'websocket', client_id: 'id-1', id: 9,
        created_at: '2026-01-01T00:00:01.000Z'
    });

    const sent = conversation.messages[0]!;

    assert.deepEqual([sent.status, sent.id, sent.key], ['sent', 9, key]);
    assert.equal(world.socket.frames('message').length, 1);
});


for (const first of ['ack', 'echo'] as const) {

    test(`one message, and one call, when the ${first} is first`,
         async () => {
        const { world, conversation } = await chatting();
        const heard: unknown[] = [];

        conversation.onMessage((m) => heard.push([m.id, m.own, m.status]));

        const promise = conversation.send('hi');

        const frames = [
            { type: 'ack', client_id: 'id-1', id: 9,
              created_at: '2026-01-01T00:00:01.000Z' },
            newMessage(9, 1, 'id-1')
        ];

        (first === 'ack' ? frames : frames.reverse())
            .forEach((frame) => world.socket.receive(frame));

        assert.equal((await promise).id, 9);
        assert.deepEqual(heard, [[9, true, 'sent']]);
        assert.equal(conversation.messages.length, 1);
        assert.equal(conversation.messages[0]?.content, 'text 9');
    });
}


test('the echo alone settles it', async () => {
    const { world, conversation } = await chatting();
    const promise = conversation.send('hi');

    world.socket.receive(newMessage(9, 1, 'id-1'));
    assert.equal((await promise).via, 'websocket');
});


test('the client_id of another user settles nothing of ours', async () => {
    const { world, conversation } = await chatting();

    conversation.send('hi');
    world.socket.receive(newMessage(9, 2, 'id-1'));

    assert.deepEqual(conversation.messages.map((m) => [m.id, m.status]),
                     [[9, 'sent'], [undefined, 'sending']]);
});


test('who we are may be said, where no token says it', async () => {
    const { world, conversation } = await chatting({
        token: undefined, userId: 'u'
    });

    world.socket.receive(newMessage(9, 'u'));
    assert.equal(conversation.messages[0]?.own, true);
});


test('without knowing who we are an echo is known by its client_id',
     async () => {
    const { world, conversation } = await chatting({ token: () => 'opaque' });
    const promise = conversation.send('hi');

    world.socket.receive(newMessage(9, 1, 'id-1'));
    assert.equal((await promise).id, 9);
    assert.deepEqual(conversation.messages.map((m) => [m.id, m.own]),
                     [[9, true]]);
});


test('a nack that forbids to try again fails it', async () => {
    const { world, conversation } = await chatting();
    const promise = conversation.send('hi');

    world.socket.receive({ type: 'nack', client_id: 'id-1',
                           code: 'too_large', retry: false });

    await assert.rejects(promise, (error) =>
        error instanceof SendError && error.code === 'too_large'
        && error.client_id === 'id-1');

    assert.deepEqual(conversation.messages.map((m) => [m.status, m.error]),
                     [['failed', 'too_large']]);
    await world.advance(3600);
    assert.equal(world.socket.frames('message').length, 1);

    /* by hand, with the same id */
    const again = conversation.retry('id-1');

    assert.deepEqual(conversation.messages.map((m) => [m.status, m.error]),
                     [['sending', undefined]]);
    assert.equal(world.socket.frames('message')[1]?.client_id, 'id-1');
    world.socket.receive({ type: 'ack', client_id: 'id-1', id: 9 });
    assert.equal((await again)?.id, 9);
    assert.equal(conversation.retry('id-1'), undefined);
});


test('one that has failed can be thrown away', async () => {
    const { world, conversation } = await chatting();

    conversation.send('hi');
    world.socket.receive({ type: 'nack', client_id: 'id-1', code: 'x',
                           retry: false });
    conversation.discard('id-1');

    assert.deepEqual(conversation.messages, []);
    assert.equal(conversation.retry('id-1'), undefined);
});


test('a nack that allows it: the same again, after the time it says',
     async () => {
    const { world, conversation } = await chatting();

    conversation.send('hi');

    const nack = { type: 'nack', client_id: 'id-1', code: 'unavailable',
                   retry: true, retry_after_ms: 1500 };

    world.socket.receive(nack);
    await world.advance(1499);
    assert.equal(world.socket.frames('message').length, 1);
    await world.advance(1);
    assert.deepEqual(world.socket.sent[1], world.socket.sent[0]);

    /* not for ever */
    for (let tries = 2; tries < 5; tries++) {
        world.socket.receive(nack);
        await world.advance(1500);
        assert.equal(world.socket.frames('message').length, tries + 1);
    }

    world.socket.receive(nack);
    assert.equal(conversation.messages[0]?.error, 'unavailable');
});


test('without an answer it is sent again every 10 s, five times',
     async () => {
    const { world, conversation } = await chatting({
        timing: { pingInterval: 1e9 }
    });
    const promise = conversation.send('hi');

    for (let tries = 1; tries <= 5; tries++) {
        await world.advance(9999);
        assert.equal(world.socket.frames('message').length, tries);
        await world.advance(1);
    }

    await assert.rejects(promise, { code: 'timeout' });
});


test('after a reconnect it is sent again, with the same id', async () => {
    const { world, conversation } = await chatting();
    const one = conversation.send('one');
    const two = conversation.send('two');

    await comeBack(world);
    assert.deepEqual(world.socket.frames('message').map(
        ({ content, client_id }) => [content, client_id]),
        [['one', 'id-1'], ['two', 'id-2']]);

    world.socket.receive({ type: 'ack', client_id: 'id-1', id: 8 });
    world.socket.receive({ type: 'ack', client_id: 'id-2', id: 9 });
    assert.deepEqual([(await one).id, (await two).id], [8, 9]);

    /* and not once more */
    await world.advance(5000);
    await comeBack(world);
    assert.equal(world.sockets.length, 3);
    assert.equal(world.socket.frames('message').length, 0);
});


test('a nack of before the reconnect sends nothing twice', async () => {
    const { world, conversation } = await chatting();

    conversation.send('hi');
    world.socket.receive({ type: 'nack', client_id: 'id-1', code: 'x',
                           retry: true, retry_after_ms: 2000 });
    await comeBack(world);
    await world.advance(3000);
    assert.equal(world.socket.frames('message').length, 1);
});


test('not connected: it goes by the REST function, and says so',
     async () => {
    const posted: Outgoing[] = [];

    const { conversation } = chat({
        sendMessage: async (out) => {
            posted.push(out);
            return { id: 12, created_at: '2026-01-01T00:00:03.000Z' };
        }
    });

    assert.deepEqual(await conversation.send('hi'), {
        via: 'rest', client_id: 'id-1', id: 12,
        created_at: '2026-01-01T00:00:03.000Z'
    });

    assert.deepEqual(posted, [
        { conversation_id: 7, content: 'hi', client_id: 'id-1' }
    ]);
    assert.deepEqual(conversation.messages.map((m) => [m.id, m.status]),
                     [[12, 'sent']]);
});


test('a message that REST returns whole is announced once', async () => {
    const { world, conversation } = chat({
        sendMessage: async () => message(12, 1)
    });
    const heard: unknown[] = [];

    conversation.onMessage((m, source) => heard.push([m.id, m.own, source]));
    await conversation.send('hi');
    conversation.connect();
    await world.admit();
    world.socket.receive(newMessage(12, 1, 'id-1'));

    assert.deepEqual(heard, [[12, true, 'sent']]);
    assert.equal(conversation.messages.length, 1);
});


test('connected: REST is not asked', async () => {
    let calls = 0;

    const { world, conversation } = await chatting({
        sendMessage: async () => void calls++
    });

    conversation.send('hi');
    await world.advance(1000);
    assert.equal(calls, 0);
    assert.equal(world.socket.frames('message').length, 1);
});


test('not connected and no REST function: it waits', async () => {
    const { world, conversation } = chat();
    const promise = conversation.send('hi');

    conversation.connect();
    await world.admit();
    assert.equal(world.socket.frames('message').length, 1);
    world.socket.receive({ type: 'ack', client_id: 'id-1', id: 9 });
    assert.equal((await promise).via, 'websocket');
});


test('REST has failed: so has the message', async () => {
    const { conversation } = chat({
        sendMessage: async () => {
            throw new Error('HTTP 500');
        }
    });

    await assert.rejects(conversation.send('hi'), (error) =>
        error instanceof SendError && error.code === 'rest'
        && (error.cause as Error).message === 'HTTP 500');
    assert.equal(conversation.messages[0]?.status, 'failed');
});


test('REST has failed, but the connection is there', async () => {
    const answer = deferred<void>();

    const { world, conversation } = chat({
        sendMessage: () => answer.promise
    });
    const promise = conversation.send('hi');

    conversation.connect();
    await world.admit();
    assert.equal(world.socket.frames('message').length, 0);

    answer.reject(new Error('no network'));
    await settle();
    assert.equal(world.socket.frames('message')[0]?.client_id, 'id-1');
    world.socket.receive({ type: 'ack', client_id: 'id-1', id: 9 });
    assert.equal((await promise).via, 'websocket');
});


test('what waits for an ack goes by REST when the connection has failed',
     async () => {
    const posted: string[] = [];

    const { world, conversation } = await chatting({
        sendMessage: async (out) => {
            posted.push(out.client_id);
            return { id: 9 };
        }
    });
    const promise = conversation.send('hi');

    world.socket.end(1006);
    await world.advance(0);
    assert.deepEqual(posted, []);
    await giveUp(world);

    assert.equal(conversation.state, 'failed');
    assert.deepEqual(posted, ['id-1']);
    assert.deepEqual(await promise, { via: 'rest', client_id: 'id-1', id: 9 });
});


test('a POST under way survives the reconnect', async () => {
    const answer = deferred<{ id: number }>();

    const { world, conversation } = chat({
        sendMessage: () => answer.promise
    });
    const promise = conversation.send('hi');

    conversation.connect();
    await world.admit();
    await comeBack(world);
    answer.resolve({ id: 9 });

    assert.equal((await promise).via, 'rest');
    assert.equal(world.socket.frames('message').length, 0);
    assert.equal(conversation.messages[0]?.id, 9);
});


test('what is on its way at close() has failed, and may be tried again',
     async () => {
    const { world, conversation } = await chatting();
    const promise = conversation.send('hi');

    conversation.close();
    await assert.rejects(promise, { code: 'closed' });
    assert.equal(conversation.messages[0]?.status, 'failed');

    conversation.connect();
    await world.admit();
    assert.equal(world.socket.frames('message').length, 0);
    conversation.retry('id-1');
    assert.equal(world.socket.frames('message').length, 1);
});


test('what was acknowledged is not sent again', async () => {
    const { world, conversation } = await chatting({
        timing: { pingInterval: 1e9 }
    });

    conversation.send('one');
    conversation.send('two');
    world.socket.receive({ type: 'ack', client_id: 'id-1', id: 8 });
    world.socket.receive(newMessage(9, 1, 'id-2'));
    await world.advance(60000);
    assert.equal(world.socket.frames('message').length, 2);
});


test('one of ours that was taken twice is one, by whatever name it comes',
     async () => {
    const { world, conversation } = await chatting();
    const heard: unknown[] = [];

    conversation.onMessage((m) => heard.push(m.id));
    conversation.send('one');
    conversation.send('two');

    /* relayed twice, for its answer was lost */
    world.socket.receive(newMessage(8, 1, 'id-1'));
    world.socket.receive(newMessage(9, 1, 'id-1'));

    /* published by a backend that has stored it, without the client_id */
    world.socket.receive({ type: 'ack', client_id: 'id-2', id: 10 });
    world.socket.receive(newMessage(10, 1));

    assert.deepEqual(conversation.messages.map((m) => m.id), [8, 10]);
    assert.deepEqual(heard, [8, 10]);
});


test('a new connection is a new count of tries', async () => {
    const { world, conversation } = await chatting();

    const nack = { type: 'nack', client_id: 'id-1', code: 'unavailable',
                   retry: true, retry_after_ms: 10 };

    conversation.send('hi');

    for (let i = 0; i < 4; i++) {
        world.socket.receive(nack);
        await world.advance(10);
    }

    await comeBack(world);
    world.socket.receive(nack);
    assert.equal(conversation.messages[0]?.status, 'sending');
});


test('no timer of what is sent outlives the connection', async () => {
    const { world, conversation } = await chatting();

    conversation.send('one');
    conversation.send('two');
    world.socket.end(1006);

    /* the next attempt */
    assert.equal(world.clock.pending, 1);
});


test('a POST that succeeds after close() does not change what was said',
     async () => {
    const answer = deferred<{ id: number }>();

    const { conversation } = chat({ sendMessage: () => answer.promise });
    const promise = conversation.send('hi');

    conversation.connect();
    conversation.close();
    await assert.rejects(promise, { code: 'closed' });
    answer.resolve({ id: 9 });
    await settle();
    assert.equal(conversation.messages[0]?.status, 'failed');
});


/* reading */

test('a receipt of another marks what we have sent', async () => {
    const { world, conversation } = await chatting();
    const heard: unknown[] = [];

    conversation.on('receipt', (receipt) => heard.push(receipt));

    const said = [[1, 1], [2, 2], [3, 1], [4, 1], [5, 3]] as const;

    for (const [id, sender] of said) {
        world.socket.receive(newMessage(id, sender));
    }

    const read = () => conversation.messages.filter((m) => m.is_read)
                                            .map((m) => m.id);

    const receipt = { reader_id: 2, read_at: '2026-01-01T00:00:09.000Z' };

    world.socket.receive({ type: 'read_receipt', ...receipt, message_id: 3 });
    assert.deepEqual(read(), [3]);
    assert.equal(conversation.messages[2]?.read_at, receipt.read_at);

    world.socket.receive({ type: 'read_receipt', ...receipt,
                           message_ids: [1, 2, 5] });
    assert.deepEqual(read(), [1, 3]);

    world.socket.receive({ type: 'read_receipt', ...receipt });
    assert.deepEqual(read(), [1, 3, 4]);
    assert.deepEqual(heard[0], { ...receipt, message_id: 3 });
    assert.equal(heard.length, 3);
});


test('our own receipt, of another window too, marks what others have sent',
     async () => {
    const { world, conversation } = await chatting();

    world.socket.receive(newMessage(1, 1));
    world.socket.receive(newMessage(2, 2));
    world.socket.receive({ type: 'read_receipt', reader_id: 1,
                           read_at: '2026-01-01T00:00:09.000Z' });

    assert.deepEqual(conversation.messages.map((m) => m.is_read),
                     [false, true]);
});


test('markRead: one, several, all; each once', async () => {
    const { world, conversation } = await chatting();

    conversation.markRead(1);
    conversation.markRead([1, 2, 3]);
    conversation.markRead([3]);
    conversation.markRead();

    assert.deepEqual(world.socket.sent, [
        { type: 'read', message_id: 1 },
        { type: 'read', message_ids: [2, 3] },
        { type: 'read' }
    ]);
});


test('no more than 100 ids in a frame', async () => {
    const { world, conversation } = await chatting();

    conversation.markRead(Array.from({ length: 250 }, (_, i) => i));
    assert.deepEqual(world.socket.frames('read').map(
        (frame) => (frame.message_ids as Id[]).length), [100, 100, 50]);
});


test('what was read without a connection is said when it is back',
     async () => {
    const { world, conversation } = await chatting();

    world.socket.receive(newMessage(1));
    world.socket.receive(newMessage(2));
    world.socket.end(1006);
    conversation.markRead(1);

    /* all that there is, not what comes until then */
    conversation.markRead();
    await world.advance(1000);
    await world.admit();

    assert.deepEqual(world.socket.frames('read'),
                     [{ type: 'read', message_ids: [1, 2] }]);
});


/* fetching */

test('the history is fetched when connected, and is no news', async () => {
    const asked: unknown[] = [];

    const { world, conversation } = chat({
        fetchMessages: async (request) => {
            asked.push(request);
            return [message(1), message(2, 1), null, { id: 7 }];
        }
    });
    let news = 0;

    conversation.onMessage(() => news++);
    conversation.connect();
    await settle();
    assert.equal(asked.length, 0);
    await world.admit();

    assert.deepEqual(asked, [{ conversation_id: 7, after: undefined }]);
    assert.deepEqual(conversation.messages.map((m) => [m.id, m.own]),
                     [[1, false], [2, true]]);
    assert.equal(news, 0);
});


test('after a gap it is fetched once, and what was missed is news',
     async () => {
    const asked: unknown[] = [];
    const history = [message(1)];
    const heard: unknown[] = [];

    const { world, conversation } = await chatting({
        fetchMessages: async ({ after }) => {
            asked.push(after);
            return history;
        }
    });

    conversation.onMessage((m, source) => heard.push([m.id, source]));
    history.push(message(2));
    await comeBack(world);

    assert.deepEqual(asked, [undefined, 1]);
    assert.deepEqual(heard, [[2, 'fetched']]);

    world.socket.receive(newMessage(2));
    assert.equal(heard.length, 1);
    assert.equal(conversation.messages.length, 2);
});


test('what is fetched corrects what is known, but nothing is unread again',
     async () => {
    const { world, conversation } = await chatting({
        fetchMessages: () => [message(5, 1, { content: 'edited' })]
    });

    world.socket.receive({ type: 'read_receipt', reader_id: 2,
                           read_at: '2026-01-01T00:00:09.000Z' });

    const [before] = conversation.messages;

    assert.deepEqual([before?.content, before?.is_read], ['edited', true]);

    /* and the same again is the same object */
    await comeBack(world);
    assert.equal(conversation.messages[0], before);
});


test('an echo that was missed in the gap settles what was sent',
     async () => {
    const history: unknown[] = [];

    const { world, conversation } = await chatting({
        fetchMessages: () => history
    });
    const promise = conversation.send('hi');

    history.push({ ...message(9, 1), client_id: 'id-1' });
    await comeBack(world);

    assert.equal((await promise).id, 9);
    assert.deepEqual(conversation.messages.map((m) => m.id), [9]);
});


test('one that the history knows by its id alone is not there twice',
     async () => {
    const history: unknown[] = [];
    const heard: unknown[] = [];

    const { world, conversation } = await chatting({
        fetchMessages: () => history
    });

    conversation.onMessage((m) => heard.push(m.id));
    conversation.send('hi');
    history.push(message(9, 1));
    await comeBack(world);
    world.socket.receive({ type: 'ack', client_id: 'id-1', id: 9 });
    world.socket.receive(newMessage(9, 1, 'id-1'));

    assert.deepEqual(conversation.messages.map((m) => [m.id, m.status]),
                     [[9, 'sent']]);
    assert.deepEqual(heard, [9]);
});


test('resync fetches once within the time it says', async () => {
    let calls = 0;

    const { world } = await chatting({
        fetchMessages: async () => void calls++
    });

    assert.equal(calls, 1);
    world.socket.receive({ type: 'resync', within_ms: 4000 });
    await world.advance(1000);
    world.socket.receive({ type: 'resync', within_ms: 4000 });
    await world.advance(999);
    assert.equal(calls, 1);
    await world.advance(1);
    assert.equal(calls, 2);
    await world.advance(10000);
    assert.equal(calls, 2);
});


test('a gap while a fetch is under way: one more after it', async () => {
    const answers = [deferred<void>(), deferred<void>(), deferred<void>()];
    let calls = 0;

    const { world } = await chatting({
        fetchMessages: () => answers[calls++]?.promise
    });

    world.socket.receive({ type: 'resync' });
    world.socket.receive({ type: 'resync' });
    await settle();
    assert.equal(calls, 1);
    answers[0]?.resolve();
    await settle();
    assert.equal(calls, 2);
    answers[1]?.resolve();
    await world.advance(1000);
    assert.equal(calls, 2);
});


test('a fetch that fails is an error, and is tried again', async () => {
    let calls = 0;

    const { world, conversation } = chat({
        fetchMessages: async () => {
            if (++calls < 3) {
                throw new Error('HTTP 502');
            }
        }
    });
    const heard: unknown[] = [];

    conversation.on('error', (error) => heard.push(error));
    conversation.connect();
    await world.admit();
    await world.advance(4999);
    assert.equal(calls, 1);
    await world.advance(1);
    assert.equal(calls, 2);
    await world.advance(10000);
    assert.equal(calls, 3);
    await world.advance(10000);
    assert.equal(calls, 3);
    assert.deepEqual(heard[0], { code: 'fetch_failed',
                                 message: 'Error: HTTP 502' });
});


test('a fetch that fails after close() is not tried again', async () => {
    const answer = deferred<void>();

    const { world, conversation } = await chatting({
        fetchMessages: () => answer.promise
    });

    conversation.close();
    answer.reject(new Error('HTTP 502'));
    await settle();
    world.assertNothingLeft();
});


test('messages that others have fetched can be added', async () => {
    const { conversation } = await chatting();

    conversation.merge([message(1), message(2), message(1)]);
    assert.deepEqual(conversation.messages.map((m) => m.id), [1, 2]);
});


/* polling */

test('while failed it polls: messages 5 s, conversations 15 s, unread 30 s',
     async () => {
    const calls = { messages: 0, conversations: 0, unread: 0 };

    const { world, conversation } = await chatting({
        fetchMessages: async () => void calls.messages++,
        poll: {
            conversations: async () => void calls.conversations++,
            unread: () => void calls.unread++
        }
    });

    await giveUp(world);
    assert.equal(conversation.state, 'failed');

    /* at once */
    assert.deepEqual(calls, { messages: 2, conversations: 1, unread: 1 });

    await world.advance(4999);
    assert.equal(calls.messages, 2);
    await world.advance(1);
    assert.equal(calls.messages, 3);
    await world.advance(9999);
    assert.equal(calls.conversations, 1);
    await world.advance(1);
    assert.equal(calls.conversations, 2);
    await world.advance(15000);
    assert.deepEqual(calls, { messages: 8, conversations: 3, unread: 2 });
});


test('connected it polls every 60 s, or not at all', async () => {
    const cases = [[undefined, 2], [false, 1], [20000, 4]] as const;

    for (const [slow, expected] of cases) {
        let calls = 0;

        const { world } = await chatting({
            fetchMessages: async () => void calls++,
            poll: { slow },
            timing: { pingInterval: 1e9 }
        });

        await world.advance(60000);
        assert.equal(calls, expected, String(slow));
    }
});


test('what was polled is news, and the pace changes when it is connected',
     async () => {
    const history = [message(1)];
    const heard: unknown[] = [];
    let calls = 0;

    const { world, conversation } = await chatting({
        fetchMessages: async () => {
            calls++;
            return history;
        }
    });

    conversation.onMessage((m, source) => heard.push([m.id, source]));
    await giveUp(world);
    history.push(message(2));
    await world.advance(5000);
    assert.deepEqual(heard, [[2, 'fetched']]);

    world.show();
    await world.admit();
    assert.equal(conversation.state, 'connected');

    const before = calls;

    await world.advance(29000);
    assert.equal(calls, before);
});


test('a poll under way survives the switch, and is not doubled',
     async () => {
    const answers: ReturnType<typeof deferred<unknown[]>>[] = [];

    const { world, conversation } = await chatting({
        fetchMessages: () => {
            const answer = deferred<unknown[]>();

            answers.push(answer);
            return answer.promise;
        },
        poll: { slow: false }
    });

    answers[0]?.resolve([]);
    await giveUp(world);
    await world.advance(60000);

    /* the one that does not answer is the only one */
    assert.equal(answers.length, 2);

    world.show();
    await world.admit();
    answers[1]?.resolve([message(5)]);
    await settle();
    assert.deepEqual(conversation.messages.map((m) => m.id), [5]);
});


test('a poll under way is the only one, whatever the pace', async () => {
    const answers: ReturnType<typeof deferred<void>>[] = [];

    const { world } = await chatting({
        poll: {
            unread: () => {
                const answer = deferred<void>();

                answers.push(answer);
                return answer.promise;
            },
            slow: 10000
        },
        timing: { pingInterval: 1e9 }
    });

    await world.advance(10000);
    assert.equal(answers.length, 1);

    /* failed in the meantime */
    await giveUp(world);
    await world.advance(30000);
    assert.equal(answers.length, 1);

    /* and connected again, with a fast one under way */
    answers[0]?.resolve();
    await world.advance(30000);
    assert.equal(answers.length, 2);
    world.show();
    await world.admit();
    await world.advance(30000);
    assert.equal(answers.length, 2);
    answers[1]?.resolve();
    await world.advance(10000);
    assert.equal(answers.length, 3);
});


test('a slow poll is not put off by a reconnect', async () => {
    let calls = 0;

    const { world } = await chatting({
        poll: { unread: () => void calls++ },
        timing: { pingInterval: 1e9 }
    });

    await world.advance(40000);
    await comeBack(world);
    await world.advance(18999);
    assert.equal(calls, 0);
    await world.advance(1);
    assert.equal(calls, 1);
});


test('a poll that throws goes on', async () => {
    let calls = 0;

    const { world } = await chatting({
        poll: {
            unread: () => {
                calls++;
                throw new Error('HTTP 500');
            }
        }
    });

    await giveUp(world);
    await world.advance(60000);
    assert.equal(calls, 3);
});


test('the snapshot is another one only if something has changed',
     async () => {
    const { world, conversation } = await chatting();
    let changes = 0;

    const off = conversation.onChange(() => changes++);
    const one = conversation.getSnapshot();

    world.socket.receive({ type: 'pong' });
    assert.equal(conversation.getSnapshot(), one);
    world.socket.receive(newMessage(5));
    assert.notEqual(conversation.getSnapshot(), one);
    assert.equal(conversation.getSnapshot(), conversation.getSnapshot());
    assert.equal(changes, 1);
    off();
});


test('nothing is left after close()', async () => {
    const { world, conversation } = await chatting({
        fetchMessages: async () => {
            throw new Error('HTTP 500');
        },
        poll: { conversations: () => {}, unread: () => {} }
    });

    conversation.send('one').catch(() => {});
    conversation.send('two').catch(() => {});
    world.socket.receive({ type: 'nack', client_id: 'id-2', code: 'x',
                           retry: true });
    world.socket.receive({ type: 'typing_indicator', user_id: 2,
                           is_typing: true });
    world.socket.receive({ type: 'resync', within_ms: 5000 });
    conversation.typing();
    conversation.close();

    world.assertNothingLeft();
    await world.advance(1e6);
    world.assertNothingLeft();

    /* what was begun does not come to life after it either */
    conversation.typing();
    conversation.stopTyping();
    conversation.markRead(5);
    world.assertNothingLeft();
});


test('close() of what was never connected says nothing', () => {
    const { world, conversation } = chat();
    let said = 0;

    conversation.on('status', () => said++);
    conversation.close();
    assert.equal(said, 0);
    world.assertNothingLeft();
});
