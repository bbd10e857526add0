/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


import { isId, isObject } from './types.js';
import type { Id, Message, ReadReceipt } from './types.js';


/*
 * The messages of a conversation, each once, oldest first.
 *
 * A message is known by its id, and by its sender and client_id: one that was
 * sent again after its answer was lost has another id and is the same.  Own
 * messages that nobody has confirmed yet stand at the end.
 *
 * Arrays and entries are never changed but replaced, so that who keeps one
 * can compare.
 */


export interface ChatMessage extends Omit<Message, 'id'> {
    /** undefined until the server has taken it */
    id: Id | undefined;
    client_id?: string;

    /** the same from the first sight to the last: the key of a list */
    key: string;

    /** ours */
    own: boolean;

    /** sending, then sent or failed; is_read says the rest */
    status: 'sending' | 'sent' | 'failed';

    /** what the nack said, or why it could not be sent */
    error?: string;
}


export interface Draft {
    content?: string;
    image?: string;
    reply_to?: Id;
}


/* so many are kept, and twice as many are known */
const KEEP = 1000;


export class MessageList {

    items: readonly ChatMessage[] = [];

    private readonly seen = new Set<string>();
    private readonly announced = new Set<string>();

    /** me: who we are, undefined as long as that is not known */

    constructor(private readonly me: () => Id | undefined,
                private readonly keep = KEEP) {}

    /**
     * A message of the server.  True if it is heard of for the first time;
     * of our own this is the echo, whenever the ack was.
     */

    add(message: Message, client_id?: string): boolean {
        const id = idKey(message.id);
        const sender = senderKey(message.sender.id, client_id);

        const pending = client_id !== undefined
                        && this.mayBeMe(message.sender.id)
                        ? this.byClient(client_id) : undefined;

        if (pending !== undefined
            && (pending.id === undefined || pending.id === message.id))
        {
            this.confirm(pending, message);

        } else if (!this.seen.has(id)
                   && (sender === undefined || !this.seen.has(sender)))
        {
            this.insert({
                ...message,
                ...(client_id === undefined ? {} : { client_id }),
                key: id,
                own: this.isMe(message.sender.id),
                status: 'sent'
            });
        }

        const first = !this.announced.has(id);

        this.know(id, this.seen, this.announced);

        if (sender !== undefined) {
            this.know(sender, this.seen);
        }

        return first;
    }

    /** messages that were fetched: what they say of known ones is newer */

    merge(messages: readonly Message[]): ChatMessage[] {
        const added: ChatMessage[] = [];

        for (const message of messages) {
            const known = this.byId(message.id);

            if (known !== undefined) {
                const is_read = known.is_read || message.is_read;
                const read_at = message.read_at ?? known.read_at;

                this.replace(known, { ...message, is_read, read_at });
            }

            if (this.add(message, clientIdOf(message))) {
                const entry = this.byId(message.id);

                if (entry !== undefined) {
                    added.push(entry);
                }
            }
        }

        return added;
    }

    addPending(client_id: string, draft: Draft, sender: Id | undefined,
               created_at: string): void
    {
        this.items = [...this.items, {
            id: undefined,
            client_id,
            key: JSON.stringify([client_id]),
            sender: { id: sender ?? '' },
            content: draft.content ?? '',
            image: draft.image ?? null,
            ...(draft.reply_to === undefined ? {}
                : { reply_to: draft.reply_to }),
            is_read: false,
            read_at: null,
            created_at,
            own: true,
            status: 'sending'
        }];
    }

    /** an ack: the echo may come before it, after it, or be known already */

    acked(client_id: string, id: Id | undefined, created_at?: string): void {
        const entry = this.byClient(client_id);

        if (entry === undefined || entry.id !== undefined) {
            return;
        }

        this.confirm(entry, {
            ...(id === undefined ? {} : { id }),
            ...(created_at === undefined ? {} : { created_at })
        });

        if (id !== undefined) {
            this.know(idKey(id), this.seen);
        }
    }

    failed(client_id: string, error: string): void {
        this.change(client_id, { status: 'failed', error });
    }

    sending(client_id: string): void {
        this.change(client_id, { status: 'sending' }, 'error');
    }

    discard(client_id: string): void {
        this.items = this.items.filter(
            (entry) => entry.client_id !== client_id
                       || entry.status === 'sent');
    }

    /** what one has read was sent by another */

    receipt(receipt: ReadReceipt): boolean {
        const before = this.items;

        const ids = receipt.message_ids
                    ?? (receipt.message_id === undefined ? undefined
                        : [receipt.message_id]);

        const keys = ids && new Set(ids.map(idKey));

        const named = (entry: ChatMessage): boolean =>
            entry.id !== undefined && !entry.is_read
            && (keys === undefined || keys.has(idKey(entry.id)))
            && entry.own !== this.isMe(receipt.reader_id)
            && String(entry.sender.id) !== String(receipt.reader_id);

        if (before.some(named)) {
            this.items = before.map((entry) => named(entry)
                ? { ...entry, is_read: true, read_at: receipt.read_at }
                : entry);
        }

        return this.items !== before;
    }

    update(id: Id, patch: Partial<Message>): void {
        const entry = this.byId(id);

        if (entry !== undefined) {
            this.replace(entry, { ...patch, id });
        }
    }

    /** it stays known: who was late to hear of it does not bring it back */

    remove(id: Id): void {
        this.items = this.items.filter((entry) => entry.id !== id);
    }

    byId(id: Id): ChatMessage | undefined {
        return this.items.find((entry) => entry.id === id);
    }

    byClient(client_id: string): ChatMessage | undefined {
        return this.items.find((entry) => entry.own
                                          && entry.client_id === client_id);
    }

    /* of others */

    get unread(): Id[] {
        return this.items.filter((entry) => !entry.own && !entry.is_read)
                         .map((entry) => entry.id as Id);
    }

    get newest(): Id | undefined {
        const confirmed = this.items.filter((e) => e.id !== undefined);

        return confirmed[confirmed.length - 1]?.id;
    }


    private isMe(id: Id): boolean {
        const me = this.me();

        return me !== undefined && String(me) === String(id);
    }

    private mayBeMe(id: Id): boolean {
        return this.me() === undefined || this.isMe(id);
    }

    private confirm(entry: ChatMessage, message: Partial<Message>): void {
        const { error: _, ...rest } = entry;

        /* a history without client_ids may have brought it already */

        this.items = this.items.filter(
            (other) => other !== entry
                       && (message.id === undefined
                           || other.id !== message.id));

        this.insert({ ...rest, ...message, id: message.id ?? entry.id,
                      key: entry.key, status: 'sent' });
    }

    private insert(entry: ChatMessage): void {
        const items = [...this.items];
        let i = items.length;

        while (i > 0 && comesBefore(entry, items[i - 1]!)) {
            i--;
        }

        items.splice(i, 0, entry);
        this.items = items.slice(-this.keep);
    }

    private change(client_id: string, patch: Partial<ChatMessage>,
                   without?: 'error'): void
    {
        this.items = this.items.map((entry) => {
            if (!entry.own || entry.client_id !== client_id
                || entry.status === 'sent')
            {
                return entry;
            }

            const changed = { ...entry, ...patch };

            if (without !== undefined) {
                delete changed[without];
            }

            return changed;
        });
    }

    private replace(entry: ChatMessage, patch: Partial<Message>): void {
        const changed = { ...entry, ...patch } as ChatMessage;

        if (JSON.stringify(changed) !== JSON.stringify(entry)) {
            this.items = this.items.map((e) => e === entry ? changed : e);
        }
    }

    private know(key: string, ...sets: Set<string>[]): void {
        for (const set of sets) {
            /* a set keeps the order in which its members came */
            set.delete(key);
            set.add(key);

            if (set.size > 4 * this.keep) {
                set.delete(set.values().next().value as string);
            }
        }
    }
}


/** 5 and "5" are two ids */

export function idKey(id: Id): string {
    return JSON.stringify(id);
}


function senderKey(sender: Id, client_id?: string): string | undefined {
    return client_id === undefined ? undefined
           : JSON.stringify([String(sender), client_id]);
}


function clientIdOf(message: object): string | undefined {
    const { client_id } = message as { client_id?: unknown };

    return typeof client_id === 'string' ? client_id : undefined;
}


function comesBefore(a: ChatMessage, b: ChatMessage): boolean {
    /** what is not confirmed stands at the end, in its order */
    if (a.status !== 'sent' || b.status !== 'sent') {
        return a.status === 'sent';
    }

    const difference = Date.parse(a.created_at) - Date.parse(b.created_at);

    if (difference === 0 && typeof a.id === 'number'
        && typeof b.id === 'number')
    {
        return a.id < b.id;
    }

    /** never for a time that is none */
    return difference < 0;
}


/** undefined if it is no message */

export function messageOf(value: unknown, now: string): Message | undefined {
    if (!isObject(value) || !isId(value.id) || !isObject(value.sender)
        || !isId(value.sender.id))
    {
        return undefined;
    }

    return {
        ...value,
        content: typeof value.content === 'string' ? value.content : '',
        image: typeof value.image === 'string' ? value.image : null,
        is_read: value.is_read === true,
        read_at: typeof value.read_at === 'string' ? value.read_at : null,
        created_at: typeof value.created_at === 'string' ? value.created_at
                    : now
    } as Message;
}
