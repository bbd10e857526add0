/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* a conversation in a fake world; the user is 1, the others 2 and 3 */


import { openConversation } from '../src/client.js';
import type { OpenOptions } from '../src/client.js';
import type { Frame, Id, Message } from '../src/types.js';
import { jwt, World } from './fake.js';


export function chat(options: Partial<OpenOptions> = {}) {
    const world = new World();

    const conversation = openConversation({
        conversation_id: 7,
        token: () => jwt(world, 86400 * 20),
        environment: world.environment,
        ...options
    });

    return { world, conversation };
}


export async function chatting(options: Partial<OpenOptions> = {}) {
    const all = chat(options);

    all.conversation.connect();
    await all.world.admit();
    all.world.socket.sent.length = 0;

    return all;
}


/* what somebody else has said */

export function message(id: Id, sender: Id = 2, members = {}): Message {
    return {
        id,
        conversation_id: 7,
        sender: { id: sender },
        content: `text ${id}`,
        image: null,
        is_read: false,
        read_at: null,
        created_at: '2026-01-01T00:00:00.000Z',
        ...members
    };
}


export function newMessage(id: Id, sender: Id = 2, client_id?: string): Frame {
    return {
        type: 'new_message',
        message: message(id, sender),
        ...(client_id === undefined ? {} : { client_id })
    };
}


/* five attempts, none of which is answered */

export async function giveUp(world: World): Promise<void> {
    for (let i = 0; i < 6; i++) {
        world.socket.end(1006);
        await world.advance(i < 5 ? 1000 * 2 ** i : 0);
    }
}


export async function comeBack(world: World): Promise<void> {
    world.socket.end(1006);
    await world.advance(1000);
    await world.admit();
}
