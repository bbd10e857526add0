/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* the hooks, in a document, in strict mode */


import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Window } from 'happy-dom';
import { act, createElement, StrictMode } from 'react';
import type { FunctionComponent, ReactNode } from 'react';

import { createClient } from '../src/client.js';
import type { ChatMessage } from '../src/messages.js';
import {
    MessagingProvider, useConnection, useConversation, useMessaging
} from '../src/react.js';
import type {
    MessagingProviderProps, UseConversation, UseConversationOptions
} from '../src/react.js';
import { message, newMessage } from './chat.js';
import { jwt, settle, World } from './fake.js';


const window = new Window();

Object.assign(globalThis, { window, document: window.document,
                            IS_REACT_ACT_ENVIRONMENT: true });

/* newer Nodes have one that cannot be assigned */
Object.defineProperty(globalThis, 'navigator', { value: window.navigator,
                                                 configurable: true });

/* it looks for a document when it is loaded */
const { createRoot } = await import('react-dom/client');


interface Props extends UseConversationOptions {
    id?: number | null;
}


async function render(element: (props: Props) => ReactNode, props: Props) {
    const root = createRoot(document.createElement('div'));

    const set = (next: Props) => act(async () => {
        root.render(createElement(StrictMode, null, element(next)));
        await settle();
    });

    await set(props);

    return {
        set,
        end: () => act(async () => root.unmount())
    };
}


async function setup(props: Props = {}) {
    const world = new World();
    const seen: UseConversation[] = [];

    const defaults: Props = {
        id: 7,
        token: () => jwt(world, 86400 * 20),
        environment: world.environment
    };

    const Chat: FunctionComponent<Props> = ({ id, ...options }) => {
        seen.push(useConversation(id, options));

        return null;
    };

    const view = await render(
        (next) => createElement(Chat, { ...defaults, ...next }), props);

    return {
        world,
        seen,
        ...view,
        get chat() {
            return seen.at(-1)!;
        },
        admit: () => act(async () => {
            await world.admit();
            world.socket.sent.length = 0;
        })
    };
}


test('strict mode: one socket, and it is there', async () => {
    const view = await setup();

    assert.equal(view.world.sockets.length, 1);
    assert.equal(view.chat.state, 'connecting');
    await view.admit();
    assert.equal(view.chat.state, 'connected');
    await view.end();
    assert.equal(view.world.socket.closed?.code, 1000);
    view.world.assertNothingLeft();
});


test('messages, typists and receipts are rendered', async () => {
    const view = await setup();
    const { world } = view;

    await view.admit();
    await act(async () => {
        world.socket.receive(newMessage(5));
        world.socket.receive({ type: 'typing_indicator', user_id: 3,
                               is_typing: true, name: 'Eve' });
    });

    assert.deepEqual(view.chat.messages.map((m) => m.id), [5]);
    assert.deepEqual(view.chat.typists, [{ user_id: 3, name: 'Eve' }]);

    await act(() => world.advance(4000));
    assert.deepEqual(view.chat.typists, []);
    await view.end();
});


test('send, typing, stopTyping and markRead', async () => {
    const view = await setup();

    await view.admit();
    await act(async () => {
        view.chat.typing();
        view.chat.stopTyping();
        view.chat.markRead(5);
        void view.chat.send('hi');
    });

    assert.deepEqual(view.world.socket.sent.map((frame) => frame.type),
                     ['typing', 'typing', 'read', 'message']);
    assert.equal(view.chat.messages[0]?.status, 'sending');

    await act(async () => view.world.socket.receive(
        { type: 'nack', client_id: 'id-1', code: 'x', retry: false }));
    assert.equal(view.chat.messages[0]?.status, 'failed');
    await act(async () => void view.chat.retry('id-1'));
    assert.equal(view.chat.messages[0]?.status, 'sending');
    await act(async () => view.world.socket.receive(
        { type: 'nack', client_id: 'id-1', code: 'x', retry: false }));
    await act(async () => view.chat.discard('id-1'));
    assert.deepEqual(view.chat.messages, []);
    await view.end();
});


test('nothing is rendered for a frame that changes nothing', async () => {
    const view = await setup();

    await view.admit();

    const before = view.seen.length;

    await act(async () => view.world.socket.receive({ type: 'pong' }));
    assert.equal(view.seen.length, before);
    await view.end();
});


test('functions stay the same, and the newest of those given are called',
     async () => {
    const heard: string[] = [];
    const view = await setup({ onMessage: () => heard.push('old') });

    await view.admit();

    const { send, typing, markRead } = view.chat;

    await view.set({ onMessage: (m: ChatMessage) => heard.push(`new ${m.id}`),
                     token: () => 'x.y.z' });

    assert.equal(view.world.sockets.length, 1);
    assert.equal(view.chat.send, send);
    assert.equal(view.chat.typing, typing);
    assert.equal(view.chat.markRead, markRead);

    await act(async () => view.world.socket.receive(newMessage(5)));
    assert.deepEqual(heard, ['new 5']);

    await act(async () => {
        view.world.socket.end(1006);
        await view.world.advance(1000);
    });
    assert.equal(view.world.socket.protocols[1], 'bearer.x.y.z');
    await view.end();
});


test('onFrame and onError', async () => {
    const heard: string[] = [];

    const view = await setup({
        onFrame: (frame) => heard.push(frame.type),
        onError: (error) => heard.push(error.code)
    });

    await view.admit();
    heard.length = 0;
    await act(async () => {
        view.world.socket.receive({ type: 'message_edited' });
        view.world.socket.receive({ type: 'error', code: 'x', message: '' });
    });
    assert.deepEqual(heard, ['message_edited', 'x', 'error']);
    await view.end();
});


test('another conversation: another socket, and nothing of the first',
     async () => {
    const view = await setup();
    const { world } = view;

    await view.admit();
    await act(async () => world.socket.receive(newMessage(5)));
    await view.set({ id: 8 });
    assert.deepEqual(view.chat.messages, []);
    assert.equal(world.sockets.length, 2);
    assert.equal(world.sockets[0]?.closed?.code, 1000);
    assert.match(world.socket.url, /\/8\/$/);

    /* quickly */
    for (const id of [9, 10, 11, 12]) {
        await view.set({ id });
    }

    await view.admit();
    assert.equal(world.sockets.filter((s) => s.closed === null).length, 1);
    await view.end();
    world.assertNothingLeft();
});


test('no id, no conversation', async () => {
    const view = await setup({ id: null });

    assert.equal(view.chat.state, 'disconnected');
    assert.equal(view.chat.conversation, undefined);
    view.chat.typing();
    view.chat.markRead();
    await assert.rejects(view.chat.send('hi'), { code: 'closed' });
    assert.equal(view.world.sockets.length, 0);

    await view.set({ id: 7 });
    assert.equal(view.world.sockets.length, 1);
    await view.end();
    view.world.assertNothingLeft();
});


test('a cache of one\'s own, as that of React Query, is kept up to date',
     async () => {
    const cache = new Map<string, { id: unknown }[]>([['7', []]]);
    let fetched = 0;

    const view = await setup({
        fetchMessages: async () => {
            fetched++;
        },
        onMessage: (m) => cache.set('7', [...cache.get('7')!, m])
    });

    await view.admit();
    await act(async () => {
        view.world.socket.receive(newMessage(5));
        view.world.socket.receive(newMessage(5));
    });
    assert.deepEqual(cache.get('7')?.map((m) => m.id), [5]);
    assert.equal(fetched, 1);
    await view.end();
});


/* the provider */

async function provided(ids: (number | null)[],
                        props: Partial<MessagingProviderProps> = {})
{
    const world = new World();
    const seen = new Map<string, UseConversation>();
    const states: string[] = [];

    const Chat: FunctionComponent<{ slot: string, id: number | null }>
        = ({ slot, id }) => {
        seen.set(slot, useConversation(id));

        return null;
    };

    const Banner: FunctionComponent = () => {
        states.push(useConnection().state);
        assert.equal(useMessaging().state, states.at(-1));

        return null;
    };

    const element = (list: (number | null)[]) =>
        createElement(MessagingProvider, {
            token: () => jwt(world, 86400 * 20),
            environment: world.environment,
            ...props
        }, createElement(Banner),
           list.map((id, i) => createElement(Chat, { key: i, id,
                                                     slot: String(i) })));

    const root = createRoot(document.createElement('div'));

    const set = (list: (number | null)[]) => act(async () => {
        root.render(createElement(StrictMode, null, element(list)));
        await settle();
    });

    await set(ids);

    return {
        world, seen, states, set,
        receive: (frame: unknown) =>
            act(async () => world.socket.receive(frame)),
        admit: () => act(async () => void await world.admit()),
        end: () => act(async () => root.unmount())
    };
}


const subscribed = (conversation_id: number) =>
    ({ type: 'subscribed', conversation_id });


test('a provider: one socket, each conversation subscribed once',
     async () => {
    const view = await provided([7, 8, 7]);
    const { world, seen } = view;

    await view.admit();
    assert.equal(world.sockets.length, 1);
    assert.match(world.socket.url, /\/ws\/messaging\/$/);
    assert.deepEqual(world.socket.frames('subscribe').map(
        (frame) => frame.conversation_id).sort(), [7, 8]);
    assert.deepEqual([view.states.at(-1), seen.get('0')?.state],
                     ['connected', 'connecting']);

    await view.receive(subscribed(7));
    await view.receive({ type: 'new_message', conversation_id: 7,
                         message: message(5) });
    assert.equal(seen.get('0')?.state, 'connected');
    assert.equal(seen.get('0')?.messages.length, 1);
    assert.equal(seen.get('2')?.messages.length, 1);
    assert.equal(seen.get('1')?.messages.length, 0);

    /* one of the two is gone, then both */
    await view.set([7, 8]);
    assert.equal(world.socket.frames('unsubscribe').length, 0);
    await view.set([9, 8]);
    assert.deepEqual(world.socket.frames('unsubscribe').map(
        (frame) => frame.conversation_id), [7]);

    await view.end();
    world.assertNothingLeft();
    assert.equal(world.socket.closed?.code, 1000);
});


test('conversations switched quickly leave the last one', async () => {
    const view = await provided([1]);

    await view.admit();

    for (const id of [2, 3, null, 4]) {
        await view.set([id]);
    }

    const { sent } = view.world.socket;
    const open = new Set<unknown>();

    for (const { type, conversation_id } of sent) {
        if (type === 'subscribe') {
            open.add(conversation_id);

        } else if (type === 'unsubscribe') {
            open.delete(conversation_id);
        }
    }

    assert.deepEqual([...open], [4]);
    await view.end();
    view.world.assertNothingLeft();
});


test('a client that was made elsewhere is neither connected nor closed',
     async () => {
    const world = new World();
    const client = createClient({ environment: world.environment });
    const view = await provided([7], { client });

    assert.equal(world.sockets.length, 0);
    await act(async () => {
        client.connect();
        await world.admit();
    });
    assert.equal(view.states.at(-1), 'connected');
    await view.end();
    assert.equal(client.state, 'connected');
    assert.deepEqual(world.socket.frames('unsubscribe').length, 1);
    client.close();
});


test('without a provider there is no client', async () => {
    const Chat = () => {
        assert.throws(() => useMessaging(), /no MessagingProvider/);

        return null;
    };

    await (await render(() => createElement(Chat), {})).end();
});
