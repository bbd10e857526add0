/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


import { Emitter } from './emitter.js';
import type { Environment } from './environment.js';
import { MessageList, messageOf } from './messages.js';
import type { ChatMessage, Draft } from './messages.js';
import { Outbox, Receipts } from './outbox.js';
import type { SendMessage, SendResult } from './outbox.js';
import { Poller, Refetch } from './polling.js';
import type { Poll } from './polling.js';
import { TypingSender, Typists } from './typing.js';
import { isId, isObject } from './types.js';
import type {
    Frame, Id, Message, Presence, ReadReceipt, ServerError, State, Status,
    Typist
} from './types.js';


/*
 * One conversation: what was said in it, who types, who is there.  Where its
 * frames come from, a socket of its own or one for many, it does not know.
 */


/** the history over HTTP; nothing, if it is kept elsewhere */

export type FetchMessages = (request: {
    conversation_id: Id;
    /** the newest one that is known */
    after: Id | undefined;
}) => Promise<readonly unknown[] | void> | readonly unknown[] | void;


export interface ConversationOptions {
    /** who we are; default: what the token says */
    userId?: Id | undefined;

    /** called when connected, after each gap, and while it polls */
    fetchMessages?: FetchMessages | undefined;

    /** the way of a message while there is no connection */
    sendMessage?: SendMessage | undefined;

    poll?: PollOptions | undefined;

    /** so many messages are kept; default: 1000 */
    keep?: number | undefined;
}


export interface PollOptions {
    /** ms between calls of fetchMessages while failed; default: 5000 */
    messages?: number | undefined;

    /** further functions, every 15 s and every 30 s while failed */
    conversations?: Poll | undefined;
    unread?: Poll | undefined;

    /** ms between the calls of each otherwise, or false; default: 60000 */
    slow?: number | false | undefined;
}


/** how a message became known */
export type Source = 'live' | 'fetched' | 'sent';


export type ConversationEvents = {
    status: [Status];
    /** each message once, own ones included; not those of the first fetch */
    message: [ChatMessage, Source];
    receipt: [ReadReceipt];
    presence: [Presence];
    error: [ServerError];
    /** every frame of the conversation, known or not */
    frame: [Frame];
    /** the snapshot is another one */
    change: [];
};


export interface Snapshot {
    status: Status;
    state: State;
    messages: readonly ChatMessage[];
    typists: readonly Typist[];
    presence: readonly Presence[];
}


/** what a conversation needs of whoever has the connection */

export interface Link {
    readonly env: Environment;
    readonly userId: Id | undefined;
    send(frame: Frame): boolean;
    connect(): void;
    close(): void;
}


const POLL_MESSAGES = 5000;
const POLL_CONVERSATIONS = 15000;
const POLL_UNREAD = 30000;
const POLL_SLOW = 60000;


/* frames that the client itself has a use for */

const KNOWN = new Set([
    'pong', 'auth_ok', 'new_message', 'typing_indicator', 'read_receipt',
    'presence', 'ack', 'nack', 'subscribed', 'unsubscribed', 'resync', 'error'
]);


export class Conversation {

    private readonly env: Environment;
    private readonly emitter: Emitter<ConversationEvents>;
    private readonly handlers = new Map<string, Set<(frame: Frame) => void>>();

    private readonly list: MessageList;
    private readonly outbox: Outbox;
    private readonly receipts: Receipts;
    private readonly sender: TypingSender;
    private readonly typists: Typists;
    private readonly refetch: Refetch;
    private readonly pollers: Poller[];

    private current: Status = { state: 'disconnected' };
    private fetched = false;
    private people: readonly Presence[] = [];
    private snapshot: Snapshot | undefined;

    /** @internal */
    constructor(readonly id: Id, private readonly link: Link,
                readonly options: ConversationOptions = {})
    {
        const transmit = (frame: Frame): boolean => this.transmit(frame);

        this.env = link.env;
        this.emitter = new Emitter(this.env.log);
        this.list = new MessageList(() => this.userId, options.keep);
        this.receipts = new Receipts({ transmit });
        this.sender = new TypingSender(this.env, transmit);
        this.typists = new Typists(this.env, () => this.changed());

        this.outbox = new Outbox({
            env: this.env,
            connected: () => this.state === 'connected',
            transmit,
            rest: () => this.options.sendMessage,
            settled: (client_id, result, message) =>
                this.settled(client_id, result, message),
            failed: (error) => {
                this.list.failed(error.client_id, error.code);
                this.changed();
            }
        });

        this.refetch = new Refetch(this.env, () => this.fetch(), (error) =>
            this.emitter.emit('error', { code: 'fetch_failed',
                                         message: String(error) }));

        this.pollers = this.makePollers();
    }


    /* what there is */

    get status(): Status {
        return this.current;
    }

    get state(): State {
        return this.current.state;
    }

    get messages(): readonly ChatMessage[] {
        return this.list.items;
    }

    get userId(): Id | undefined {
        return this.options.userId ?? this.link.userId;
    }

    /** all of it; the same object as long as nothing has changed */

    getSnapshot = (): Snapshot => {
        this.snapshot ??= {
            status: this.current,
            state: this.current.state,
            messages: this.list.items,
            typists: this.typists.list,
            presence: this.people
        };

        return this.snapshot;
    };


    /** listeners; each call returns what takes it back */

    on<E extends keyof ConversationEvents>(
        event: E, listener: (...args: ConversationEvents[E]) => void)
        : () => void
    {
        return this.emitter.on(event, listener);
    }

    onMessage(listener: (message: ChatMessage, source: Source) => void)
        : () => void
    {
        return this.on('message', listener);
    }

    onChange = (listener: () => void): () => void => {
        return this.on('change', listener);
    };

    /** frames of one type, such as those that a backend has made up */

    onFrame(type: string, listener: (frame: Frame) => void): () => void {
        const all = this.handlers.get(type) ?? new Set();
        const own = (frame: Frame) => listener(frame);

        all.add(own);
        this.handlers.set(type, all);

        return () => {
            all.delete(own);
        };
    }


    /** what one does */

    connect(): void {
        this.link.connect();
    }

    close(): void {
        this.link.close();
    }

    /**
     * Sends a message.  It is in the list at once; the promise tells which way
     * it went when the server has it, or is rejected with a SendError.
     */

    send(message: string | Draft): Promise<SendResult> {
        const draft = typeof message === 'string' ? { content: message }
                      : message;
        const client_id = this.env.createId();

        this.sender.stop();

        this.list.addPending(client_id, draft, this.userId, this.time());
        this.changed();

        return this.outbox.send({ conversation_id: this.id, ...draft,
                                  client_id });
    }

    /** a message that has failed, once more; its client_id stays */

    retry(client_id: string): Promise<SendResult> | undefined {
        const promise = this.outbox.retry(client_id);

        if (promise !== undefined
            && this.list.byClient(client_id)?.status === 'failed')
        {
            this.list.sending(client_id);
            this.changed();
        }

        return promise;
    }

    /** takes a message that has failed out of the list */

    discard(client_id: string): void {
        this.outbox.discard(client_id);
        this.list.discard(client_id);
        this.changed();
    }

    /** to be called at each key */

    typing(): void {
        this.sender.typing();
    }

    /** to be called when the field is left or emptied */

    stopTyping(): void {
        this.sender.stop();
    }

    /** without an id: everything up to now */

    markRead(message?: Id | readonly Id[]): void {
        if (message === undefined) {
            /* of what comes later nobody has read anything */

            if (this.transmit({ type: 'read' })) {
                return;
            }

            message = this.list.unread;
        }

        this.receipts.mark(isId(message) ? [message] : message);
    }

    /** what a backend's frame says about a message */

    update(id: Id, patch: Partial<Message>): void {
        this.list.update(id, patch);
        this.changed();
    }

    remove(id: Id): void {
        this.list.remove(id);
        this.changed();
    }

    /** messages that were fetched by others */

    merge(messages: readonly unknown[]): void {
        this.merged(messages, this.fetched);
    }


    /* what the owner of the connection tells */

    /** @internal */
    setStatus(status: Status): void {
        const was = this.current.state;

        this.current = status;

        if (was === 'connected' && status.state !== 'connected') {
            this.outbox.lost();
            this.sender.reset();
            this.typists.clear();
        }

        this.pollers.forEach((poller) => poller.pace(status.state));

        if (status.state === 'connected' && was !== 'connected') {
            this.outbox.opened();
            this.receipts.flush();
            this.refetch.request();

        } else if (status.state === 'failed') {
            this.outbox.gaveUp();
        }

        this.emitter.emit('status', status);
        this.changed();
    }

    /** @internal */
    stop(): void {
        this.sender.stop();
        this.setStatus({ state: 'disconnected' });
        this.outbox.close();
        this.refetch.stop();
        this.pollers.forEach((poller) => poller.stop());
    }

    /** @internal */
    receive(frame: Frame): void {
        const handlers = this.handlers.get(frame.type);

        switch (frame.type) {

        case 'new_message':
            this.newMessage(frame);
            break;

        case 'typing_indicator':
            this.typingIndicator(frame);
            break;

        case 'read_receipt':
            this.readReceipt(frame);
            break;

        case 'presence':
            this.presence(frame);
            break;

        case 'ack':
            this.outbox.acked(frame);
            break;

        case 'nack':
            this.outbox.nacked(frame);
            break;

        case 'resync':
            this.refetch.request(Number(frame.within_ms) || 0);
            break;

        case 'error':
            this.emitter.emit('error', { code: String(frame.code),
                                         message: String(frame.message) });
            break;

        default:
            if (!KNOWN.has(frame.type) && !handlers?.size
                && this.emitter.count('frame') === 0)
            {
                this.env.log.debug('messaging: frame of unknown type '
                                   + `"${frame.type}" ignored`);
            }
        }

        for (const handler of [...handlers ?? []]) {
            try {
                handler(frame);

            } catch (error) {
                this.env.log.error('messaging: a listener has failed:', error);
            }
        }

        this.emitter.emit('frame', frame);
    }


    /* frames */

    private newMessage(frame: Frame): void {
        const message = messageOf(frame.message, this.time());

        if (message === undefined) {
            this.ignore(frame);
            return;
        }

        const client_id = typeof frame.client_id === 'string'
                          ? frame.client_id : undefined;

        const { sender } = message;

        this.typists.know(sender.id, sender.name);
        this.typists.says(sender.id, false);

        const first = this.list.add(message, client_id);

        if (client_id !== undefined && this.isOwn(sender.id)) {
            this.outbox.echoed(client_id, message);
        }

        this.changed();

        if (first) {
            this.announce(message.id, 'live');
        }
    }

    private typingIndicator(frame: Frame): void {
        if (!isId(frame.user_id)) {
            this.ignore(frame);
            return;
        }

        /* another window of ours */

        if (this.userId !== undefined && this.isOwn(frame.user_id)) {
            return;
        }

        this.typists.know(frame.user_id, frame.name);
        this.typists.says(frame.user_id, frame.is_typing === true);
    }

    private readReceipt(frame: Frame): void {
        const { reader_id, read_at, message_id, message_ids } = frame;

        if (!isId(reader_id)) {
            this.ignore(frame);
            return;
        }

        const receipt: ReadReceipt = {
            reader_id,
            read_at: typeof read_at === 'string' ? read_at : this.time(),
            ...(isId(message_id) ? { message_id } : {}),
            ...(Array.isArray(message_ids)
                ? { message_ids: message_ids.filter(isId) } : {})
        };

        if (this.list.receipt(receipt)) {
            this.changed();
        }

        this.emitter.emit('receipt', receipt);
    }

    private presence(frame: Frame): void {
        const { user_id, is_online, last_seen } = frame;

        if (!isId(user_id) || typeof is_online !== 'boolean') {
            this.ignore(frame);
            return;
        }

        const presence: Presence = {
            user_id,
            is_online,
            last_seen: typeof last_seen === 'string' ? last_seen : null
        };

        this.people = [
            ...this.people.filter((p) => String(p.user_id)
                                         !== String(user_id)),
            presence
        ];

        this.changed();
        this.emitter.emit('presence', presence);
    }

    private ignore(frame: Frame): void {
        this.env.log.debug(`messaging: malformed ${frame.type} ignored`);
    }


    /* messages */

    private async fetch(): Promise<void> {
        const { fetchMessages } = this.options;

        const messages = await fetchMessages?.({
            conversation_id: this.id,
            after: this.list.newest
        });

        /* what was missed since is news; the history is not */

        const news = this.fetched;

        this.fetched = true;
        this.merged(messages ?? [], news);
    }

    private merged(values: readonly unknown[], news: boolean): void {
        const messages = values.map((value) => messageOf(value, this.time()))
                               .filter((m): m is Message => m !== undefined);

        for (const { sender } of messages) {
            this.typists.know(sender.id, sender.name);
        }

        const before = this.list.items;
        const added = this.list.merge(messages);

        for (const message of added) {
            if (message.own && message.client_id !== undefined) {
                this.outbox.echoed(message.client_id, message as Message);
            }
        }

        if (this.list.items !== before) {
            this.changed();
        }

        if (news) {
            for (const message of added) {
                this.emitter.emit('message', message, 'fetched');
            }
        }
    }

    private settled(client_id: string, result: SendResult,
                    answer: Partial<Message> | void): void
    {
        const message = result.via === 'rest' && isObject(answer)
                        ? messageOf(answer, this.time()) : undefined;

        this.list.acked(client_id, result.id, result.created_at);

        const first = message !== undefined
                      && this.list.add(message, client_id);

        this.changed();

        if (first) {
            this.announce(message.id, 'sent');
        }
    }

    private announce(id: Id, source: Source): void {
        const entry = this.list.byId(id);

        if (entry !== undefined) {
            this.emitter.emit('message', entry, source);
        }
    }


    private makePollers(): Poller[] {
        const poll = this.options.poll ?? {};
        const slow = poll.slow ?? POLL_SLOW;
        const made: Poller[] = [];

        const add = (call: Poll | undefined, interval: number) => {
            if (call !== undefined) {
                made.push(new Poller(this.env, call, interval, slow));
            }
        };

        add(this.options.fetchMessages && (() => this.fetch()),
            poll.messages ?? POLL_MESSAGES);
        add(poll.conversations, POLL_CONVERSATIONS);
        add(poll.unread, POLL_UNREAD);

        return made;
    }

    private transmit(frame: Frame): boolean {
        return this.state === 'connected' && this.link.send(frame);
    }

    private isOwn(id: Id): boolean {
        return this.userId === undefined || String(id) === String(this.userId);
    }

    private time(): string {
        return new Date(this.env.now()).toISOString();
    }

    private changed(): void {
        this.snapshot = undefined;
        this.emitter.emit('change');
    }
}
