/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* the rules of typing and presence */


import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { Id } from '../src/types.js';
import { chat, chatting, comeBack, newMessage } from './chat.js';


const YES = { type: 'typing', is_typing: true };
const NO = { type: 'typing', is_typing: false };


test('typing() says true at most every 3 s', async () => {
    const { world, conversation } = await chatting();

    for (let i = 0; i < 30; i++) {
        conversation.typing();
        await world.advance(100);
    }

    assert.deepEqual(world.socket.sent, [YES]);
    conversation.typing();
    assert.deepEqual(world.socket.sent, [YES, YES]);
});


test('and false after 3 s of silence', async () => {
    const { world, conversation } = await chatting();

    conversation.typing();
    await world.advance(2000);
    conversation.typing();
    await world.advance(2999);
    assert.deepEqual(world.socket.sent, [YES]);
    await world.advance(1);
    assert.deepEqual(world.socket.sent, [YES, NO]);
    await world.advance(10000);
    assert.deepEqual(world.socket.sent, [YES, NO]);

    /* the next key is news again */
    conversation.typing();
    assert.deepEqual(world.socket.sent, [YES, NO, YES]);
});


test('and false at once on send, before the message', async () => {
    const { world, conversation } = await chatting();

    conversation.typing();
    conversation.send('hi');
    assert.deepEqual(world.socket.sent.map((frame) => frame.type),
                     ['typing', 'typing', 'message']);
    assert.deepEqual(world.socket.sent[1], NO);

    await world.advance(5000);
    assert.equal(world.socket.frames('typing').length, 2);
});


test('stopTyping() says it once, and nothing where nothing was said',
     async () => {
    const { world, conversation } = await chatting();

    conversation.stopTyping();
    conversation.send('hi');
    assert.equal(world.socket.frames('typing').length, 0);

    conversation.typing();
    conversation.stopTyping();
    conversation.stopTyping();
    assert.deepEqual(world.socket.frames('typing'), [YES, NO]);
});


test('close() says it too', async () => {
    const { world, conversation } = await chatting();

    conversation.typing();
    conversation.close();
    assert.deepEqual(world.socket.sent, [YES, NO]);
});


test('without a connection nothing is said, and nothing kept', async () => {
    const { world, conversation } = chat();

    conversation.typing();
    assert.equal(world.clock.pending, 0);
    conversation.connect();
    await world.admit();
    assert.equal(world.socket.frames('typing').length, 0);
});


test('after a reconnect the next key says true at once, and no false',
     async () => {
    const { world, conversation } = await chatting();

    conversation.typing();
    await comeBack(world);
    conversation.stopTyping();
    assert.equal(world.socket.frames('typing').length, 0);
    conversation.typing();
    assert.deepEqual(world.socket.frames('typing'), [YES]);
});


async function watching() {
    const { world, conversation } = await chatting();

    return {
        world,
        conversation,
        says: (user_id: Id, is_typing: boolean, name?: string) =>
            world.socket.receive({ type: 'typing_indicator', user_id,
                                   is_typing,
                                   ...(name === undefined ? {} : { name }) }),
        names: () => conversation.getSnapshot().typists.map(
            (typist) => typist.name ?? typist.user_id)
    };
}


test('several type at a time, with names where they are known', async () => {
    const { says, names } = await watching();

    says(2, true, 'Bob');
    says(3, true);
    assert.deepEqual(names(), ['Bob', 3]);
    says(2, false);
    assert.deepEqual(names(), [3]);
});


test('a name may come from a message', async () => {
    const { world, says, names } = await watching();

    world.socket.receive({ type: 'new_message', message: {
        id: 5, content: 'hi', sender: { id: 3, name: 'Eve' }
    } });
    says(3, true);
    assert.deepEqual(names(), ['Eve']);
});


test('who is not heard of for 4 s types no longer', async () => {
    const { world, says, names } = await watching();

    says(2, true);
    await world.advance(2000);
    says(3, true);
    says(2, true);
    await world.advance(3999);
    assert.deepEqual(names(), [2, 3]);
    says(2, true);
    await world.advance(1);
    assert.deepEqual(names(), [2]);
    await world.advance(3999);
    assert.deepEqual(names(), []);
});


test('who sends a message types no longer', async () => {
    const { world, says, names } = await watching();

    says(2, true);
    says(3, true);
    world.socket.receive(newMessage(5, 2));
    assert.deepEqual(names(), [3]);
});


test('another window of ours is none of the others', async () => {
    const { says, names } = await watching();

    says(1, true);
    assert.deepEqual(names(), []);
});


test('nobody types on a connection that is lost', async () => {
    const { world, says, names } = await watching();

    says(2, true);
    world.socket.end(1006);
    assert.deepEqual(names(), []);
});


test('no change is said where nothing has changed', async () => {
    const { conversation, says } = await watching();
    let changes = 0;

    conversation.onChange(() => changes++);
    says(2, true);
    says(2, true);
    says(2, false);
    says(2, false);
    assert.equal(changes, 2);
});


test('presence, where the server sends it', async () => {
    const { world, conversation } = await chatting();
    const heard: unknown[] = [];

    const bob = { user_id: 2, is_online: true, last_seen: null };
    const gone = { user_id: 2, is_online: false,
                   last_seen: '2026-01-01T00:00:00.000Z' };
    const eve = { user_id: 3, is_online: true, last_seen: null };

    conversation.on('presence', (presence) => heard.push(presence));

    for (const presence of [bob, eve, gone]) {
        world.socket.receive({ type: 'presence', ...presence });
    }

    assert.deepEqual(heard, [bob, eve, gone]);
    assert.deepEqual(conversation.getSnapshot().presence, [eve, gone]);
});
