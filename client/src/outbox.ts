/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


import { Timers } from './environment.js';
import type { Environment } from './environment.js';
import { idKey } from './messages.js';
import type { Draft } from './messages.js';
import { isId } from './types.js';
import type { Frame, Id, Message } from './types.js';


/*
 * Messages on their way to the server.
 *
 * Each has a client_id, which stays the same however often it is sent and
 * whichever way it goes: by it the server, and everybody who gets it, know it
 * for the same.  It is settled by an ack, by its echo, by a nack that forbids
 * to try again, or by the answer of the REST function.
 */


export interface Outgoing extends Draft {
    conversation_id: Id;
    client_id: string;
}


/** POSTs a message; what it returns, if anything, is the message as stored */

export type SendMessage
    = (message: Outgoing) => Promise<Partial<Message> | void>;


export interface SendResult {
    via: 'websocket' | 'rest';
    client_id: string;
    id?: Id;
    created_at?: string;
}


export class SendError extends Error {

    override name = 'SendError';

    /**
     * code: that of the nack, or "timeout" (no answer), "rest" (the REST
     * function has failed, see cause), "closed"
     */

    constructor(readonly code: string, readonly client_id: string,
                readonly cause?: unknown)
    {
        super(`the message was not sent: ${code}`);
    }
}


export interface OutboxHost {
    readonly env: Environment;
    connected(): boolean;
    transmit(frame: Frame): boolean;
    rest(): SendMessage | undefined;
    settled(client_id: string, result: SendResult,
            message: Partial<Message> | void): void;
    failed(error: SendError): void;
}


interface Item {
    out: Outgoing;
    via: 'websocket' | 'rest';
    /** for the connection, for an answer, or for the next try */
    state: 'waiting' | 'sent' | 'paused';
    tries: number;
    resolve: (result: SendResult) => void;
    reject: (error: SendError) => void;
}


const ACK_TIMEOUT = 10000;
const RETRY_AFTER = 1000;
const MAX_TRIES = 5;


export class Outbox {

    private readonly items = new Map<string, Item>();
    private readonly refused = new Map<string, Outgoing>();
    private readonly timers: Timers;

    constructor(private readonly host: OutboxHost) {
        this.timers = new Timers(host.env);
    }

    send(out: Outgoing): Promise<SendResult> {
        const promise = new Promise<SendResult>((resolve, reject) => {
            const item: Item = { out, via: 'websocket', state: 'waiting',
                                 tries: 0, resolve, reject };

            this.items.set(out.client_id, item);

            if (this.host.connected()) {
                this.transmit(item);

            } else if (this.host.rest() !== undefined) {
                void this.viaRest(item);
            }
        });

        /* who does not ask how it went sees it in the list of messages */
        promise.catch(() => {});

        return promise;
    }

    /** one that has failed, once more */

    retry(client_id: string): Promise<SendResult> | undefined {
        const out = this.refused.get(client_id);

        this.refused.delete(client_id);

        return out && this.send(out);
    }

    discard(client_id: string): void {
        this.refused.delete(client_id);
    }

    /** what the connection does */

    opened(): void {
        for (const item of this.items.values()) {
            if (item.via === 'websocket' && item.state === 'waiting') {
                this.transmit(item);
            }
        }
    }

    lost(): void {
        this.timers.stop();

        for (const item of this.items.values()) {
            if (item.via === 'websocket') {
                item.state = 'waiting';
                item.tries = 0;
            }
        }
    }

    gaveUp(): void {
        for (const item of [...this.items.values()]) {
            if (item.via === 'websocket' && this.host.rest() !== undefined) {
                void this.viaRest(item);
            }
        }
    }

    close(): void {
        this.timers.stop();

        for (const item of [...this.items.values()]) {
            this.fail(item, 'closed');
        }
    }

    /** what the server says */

    acked(frame: Frame): void {
        const item = this.items.get(String(frame.client_id));

        if (item !== undefined) {
            this.settle(item, {
                ...(isId(frame.id) ? { id: frame.id } : {}),
                ...(typeof frame.created_at === 'string'
                    ? { created_at: frame.created_at } : {})
            });
        }
    }

    nacked(frame: Frame): void {
        const item = this.items.get(String(frame.client_id));

        if (item === undefined) {
            return;
        }

        if (frame.retry !== true || item.tries >= MAX_TRIES) {
            this.fail(item, String(frame.code));
            return;
        }

        const after = Number(frame.retry_after_ms);

        item.state = 'paused';

        this.timers.start(item.out.client_id,
                          after > 0 ? after : RETRY_AFTER,
                          () => this.transmit(item));
    }

    echoed(client_id: string, message: Message): void {
        const item = this.items.get(client_id);

        if (item !== undefined) {
            this.settle(item, message);
        }
    }


    private transmit(item: Item): void {
        const { conversation_id: _, ...members } = item.out;

        if (!this.host.transmit({ type: 'message', ...members })) {
            item.state = 'waiting';
            return;
        }

        item.state = 'sent';
        item.tries++;

        this.timers.start(item.out.client_id, ACK_TIMEOUT, () => {
            if (item.tries < MAX_TRIES) {
                this.transmit(item);

            } else {
                this.fail(item, 'timeout');
            }
        });
    }

    private async viaRest(item: Item): Promise<void> {
        const rest = this.host.rest();

        let message: Partial<Message> | void;

        if (rest === undefined) {
            return;
        }

        item.via = 'rest';
        this.timers.cancel(item.out.client_id);

        try {
            message = await rest(item.out);

        } catch (error) {
            if (this.items.get(item.out.client_id) !== item) {
                return;
            }

            /* the connection may be back */

            if (this.host.connected()) {
                item.via = 'websocket';
                this.transmit(item);

            } else {
                this.fail(item, 'rest', error);
            }

            return;
        }

        if (this.items.get(item.out.client_id) === item) {
            this.settle(item, message);
        }
    }

    private settle(item: Item, message: Partial<Message> | void): void {
        const { client_id } = item.out;

        const result: SendResult = {
            via: item.via,
            client_id,
            ...(isId(message?.id) ? { id: message.id } : {}),
            ...(message?.created_at === undefined ? {}
                : { created_at: message.created_at })
        };

        this.timers.cancel(client_id);
        this.items.delete(client_id);
        this.host.settled(client_id, result, message);
        item.resolve(result);
    }

    private fail(item: Item, code: string, cause?: unknown): void {
        const { client_id } = item.out;
        const error = new SendError(code, client_id, cause);

        this.timers.cancel(client_id);
        this.items.delete(client_id);
        this.refused.set(client_id, item.out);
        this.host.failed(error);
        item.reject(error);
    }
}


/*
 * Read receipts on their way: each message once, those of the time without a
 * connection when it is back.
 */

const MAX_IDS = 100;
const KEEP = 4000;


export class Receipts {

    private readonly said = new Set<string>();
    private waiting: Id[] = [];

    constructor(private readonly host:
                { transmit(frame: Frame): boolean }) {}

    mark(ids: readonly Id[]): void {
        for (const id of ids) {
            const key = idKey(id);

            if (!this.said.has(key)) {
                this.said.add(key);
                this.waiting.push(id);
            }

            if (this.said.size > KEEP) {
                this.said.delete(this.said.values().next().value as string);
            }
        }

        this.flush();
    }

    flush(): void {
        while (this.waiting.length > 0) {
            const ids = this.waiting.slice(0, MAX_IDS);

            const frame: Frame = ids.length === 1
                ? { type: 'read', message_id: ids[0] }
                : { type: 'read', message_ids: ids };

            if (!this.host.transmit(frame)) {
                return;
            }

            this.waiting = this.waiting.slice(ids.length);
        }
    }
}
