/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* the package on a server, where there is no window, document or location */


import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createElement } from 'react';
import { renderToString } from 'react-dom/server';

import { createClient, openConversation } from '../src/client.js';
import {
    MessagingProvider, useConnection, useConversation
} from '../src/react.js';
import { World } from './fake.js';


test('rendering on a server begins nothing', () => {
    const world = new World();

    const options = {
        token: () => assert.fail('a token was asked for'),
        environment: world.environment
    };

    const Chat = () => {
        const { state, messages } = useConversation(7, options);

        return createElement('p', null, `${state} ${messages.length}`);
    };

    const Shared = () => createElement('p', null, useConnection().state);

    assert.equal(renderToString(createElement(Chat)), '<p>disconnected 0</p>');

    assert.equal(
        renderToString(createElement(MessagingProvider, options,
                                     createElement(Shared),
                                     createElement(Chat))),
        '<p>disconnected</p><p>disconnected 0</p>');

    assert.equal(world.sockets.length, 0);
    world.assertNothingLeft();
});


test('the same with what Node has, and without a fake of anything', () => {
    assert.equal((globalThis as any).document, undefined);

    const conversation = openConversation({ conversation_id: 7 });
    const client = createClient();

    assert.equal(conversation.state, 'disconnected');
    assert.equal(client.conversation(7).getSnapshot().messages.length, 0);
    conversation.close();
    client.close();
});


test('ids of messages are made without a browser', () => {
    const ids = new Set<string>();
    const conversation = openConversation({ conversation_id: 7 });

    for (let i = 0; i < 100; i++) {
        conversation.send('hi').catch(() => {});
        ids.add(conversation.messages.at(-1)?.client_id ?? '');
    }

    assert.equal(ids.size, 100);
    assert.match([...ids][0] ?? '', /^[0-9a-f]{32}$/);
});
