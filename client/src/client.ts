/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


import { Connection } from './connection.js';
import type { ConnectionOptions, Traffic } from './connection.js';
import { Conversation } from './conversation.js';
import type { ConversationOptions, Link } from './conversation.js';
import { Emitter } from './emitter.js';
import { Timers } from './environment.js';
import { Poller } from './polling.js';
import { CLOSE_FORBIDDEN, conversationId, isId } from './types.js';
import type { Frame, Id, ServerError, State, Status } from './types.js';


const ENDPOINT = '/ws/messaging/';


/** one conversation on a socket of its own */

export interface OpenOptions
    extends Omit<ConnectionOptions, 'url'>, ConversationOptions
{
    conversation_id: Id;

    /** default: /ws/messaging/<conversation_id>/ */
    url?: string | URL | undefined;
}


export interface OwnConversation extends Conversation {
    readonly connection: Connection;
}


/** nothing happens before its connect() is called */

export function openConversation(options: OpenOptions): OwnConversation {
    const id = conversationId(options.conversation_id);

    const connection = new Connection({
        ...options,
        url: options.url
             ?? `${ENDPOINT}${encodeURIComponent(String(id))}/`
    });

    let open = false;

    const conversation = new Conversation(id, {
        env: connection.env,

        get userId() {
            return connection.userId;
        },

        send: (frame) => connection.send(frame),

        connect: () => {
            open = true;
            connection.connect();
        },

        close: () => {
            if (open) {
                open = false;
                conversation.stop();
            }

            connection.close();
        }
    }, options);

    connection.on('status', (status) => {
        if (open) {
            conversation.setStatus(status);
        }
    });

    connection.on('frame', (frame) => conversation.receive(frame));

    return Object.assign(conversation, { connection });
}


/** many conversations on one socket */

export interface ClientOptions
    extends Omit<ConnectionOptions, 'url'>, ConversationOptions
{
    /** default: /ws/messaging/ */
    url?: string | URL | undefined;
}


export type ClientEvents = {
    status: [Status];
    /** every frame of the server */
    frame: [Frame];
    /** errors that name no conversation */
    error: [ServerError];
    traffic: [Traffic];
};


interface Subscription {
    conversation: Conversation;
    users: number;
    failures: number;
}


/* conversations that nobody uses are remembered, so many of them */
const KEEP_IDLE = 20;

const RETRY = [1000, 2000, 4000, 8000, 16000];


export class MessagingClient {

    readonly connection: Connection;

    private readonly emitter: Emitter<ClientEvents>;
    private readonly timers: Timers;
    private readonly pollers: Poller[];

    private readonly subscriptions = new Map<string, Subscription>();

    /** between connect() and close() */
    private open = false;

    constructor(private readonly options: ClientOptions) {
        const connection = new Connection({
            ...options,
            url: options.url ?? ENDPOINT
        });

        const { conversations, unread, slow = 60000 } = options.poll ?? {};

        this.connection = connection;
        this.emitter = new Emitter(connection.env.log);
        this.timers = new Timers(connection.env);

        this.pollers = [
            ...(conversations === undefined ? []
                : [new Poller(connection.env, conversations, 15000, slow)]),
            ...(unread === undefined ? []
                : [new Poller(connection.env, unread, 30000, slow)])
        ];

        connection.on('status', (status) => this.changed(status));
        connection.on('frame', (frame) => this.receive(frame));
    }

    get status(): Status {
        return this.connection.status;
    }

    get state(): State {
        return this.connection.state;
    }

    on<E extends keyof ClientEvents>(
        event: E, listener: (...args: ClientEvents[E]) => void): () => void
    {
        return event === 'traffic'
               ? this.connection.on('traffic', listener as any)
               : this.emitter.on(event, listener);
    }

    connect(): void {
        this.open = true;
        this.connection.connect();
    }

    /** subscriptions stay, and are made again by connect() */

    close(): void {
        this.open = false;

        for (const { conversation, users } of this.subscriptions.values()) {
            if (users > 0) {
                conversation.stop();
            }
        }

        this.timers.stop();
        this.pollers.forEach((poller) => poller.stop());
        this.connection.close();
    }

    /** the conversation of that id, subscribed or not; nothing is sent */

    conversation(id: Id): Conversation {
        const key = String(id);
        const known = this.subscriptions.get(key);

        if (known !== undefined) {
            return known.conversation;
        }

        this.forgetIdle();

        const conversation = new Conversation(conversationId(id),
                                              this.link(id),
                                              { ...this.options,
                                                poll: this.pollOptions() });

        this.remember(conversation);

        return conversation;
    }

    /**
     * Each call is ended by one of unsubscribe(): several parts of a page may
     * use one conversation.  It is named by its id, or is one that was got
     * here.
     */

    subscribe(which: Id | Conversation): Conversation {
        const id = which instanceof Conversation ? which.id : which;
        const key = String(id);

        if (which instanceof Conversation && !this.subscriptions.has(key)) {
            /* it was idle for so long that it was forgotten */
            this.remember(which);
        }

        const conversation = this.conversation(id);
        const subscription = this.subscriptions.get(key)!;

        /* the newest stands at the end */
        this.subscriptions.delete(key);
        this.subscriptions.set(key, subscription);

        if (subscription.users++ === 0) {
            this.begin(subscription);
        }

        return conversation;
    }

    unsubscribe(id: Id): void {
        const key = String(id);
        const subscription = this.subscriptions.get(key);

        if (subscription === undefined || subscription.users === 0
            || --subscription.users > 0)
        {
            return;
        }

        const { conversation } = subscription;

        this.timers.cancel(key);
        conversation.stop();
        this.connection.send({ type: 'unsubscribe',
                               conversation_id: conversation.id });
    }


    private remember(conversation: Conversation): void {
        this.subscriptions.set(String(conversation.id),
                               { conversation, users: 0, failures: 0 });
    }

    private link(id: Id): Link {
        const { connection } = this;
        const conversation_id = conversationId(id);

        return {
            env: connection.env,

            get userId() {
                return connection.userId;
            },

            send: ({ type, ...members }) =>
                connection.send({ type, conversation_id, ...members }),

            connect: () => this.connect(),
            close: () => this.unsubscribe(id)
        };
    }

    private pollOptions() {
        const { conversations: _, unread: __, ...rest }
            = this.options.poll ?? {};

        return rest;
    }

    private begin(subscription: Subscription): void {
        const { conversation } = subscription;

        subscription.failures = 0;

        if (this.state === 'connected') {
            this.ask(subscription);

        } else {
            conversation.setStatus(this.status);
        }
    }

    private ask({ conversation }: Subscription): void {
        conversation.setStatus({ state: 'connecting' });
        this.connection.send({ type: 'subscribe',
                               conversation_id: conversation.id });
    }

    private changed(status: Status): void {
        if (!this.open) {
            this.emitter.emit('status', status);
            return;
        }

        this.timers.stop();
        this.pollers.forEach((poller) => poller.pace(status.state));
        this.emitter.emit('status', status);

        for (const subscription of [...this.subscriptions.values()]) {
            if (subscription.users > 0) {
                /* a listener may have changed it */

                if (this.status !== status) {
                    return;
                }

                if (status.state === 'connected') {
                    this.begin(subscription);

                } else {
                    subscription.conversation.setStatus(status);
                }
            }
        }
    }

    private receive(frame: Frame): void {
        const id = frame.conversation_id;
        const subscription = isId(id)
                             ? this.subscriptions.get(String(id)) : undefined;

        if (subscription !== undefined && subscription.users > 0) {
            this.forConversation(subscription, frame);

        } else if (!isId(id) && frame.type === 'resync') {
            /* of the whole socket */

            for (const { conversation, users } of this.subscriptions.values()) {
                if (users > 0) {
                    conversation.receive(frame);
                }
            }

        } else if (!isId(id) && frame.type === 'error') {
            this.emitter.emit('error', { code: String(frame.code),
                                         message: String(frame.message) });
        }

        this.emitter.emit('frame', frame);
    }

    private forConversation(subscription: Subscription, frame: Frame): void {
        const { conversation } = subscription;

        if (frame.type === 'subscribed') {
            subscription.failures = 0;

            if (conversation.state !== 'connected') {
                conversation.setStatus({ state: 'connected' });
            }

        } else if (frame.type === 'error') {
            this.refused(subscription, frame);
        }

        conversation.receive(frame);
    }

    /* never let in, or no longer: or try again */

    private refused(subscription: Subscription, frame: Frame): void {
        const { conversation } = subscription;
        const reason = String(frame.message);

        if (frame.code === 'access_denied') {
            conversation.setStatus({ state: 'failed', code: CLOSE_FORBIDDEN,
                                     reason });
            return;
        }

        if (conversation.state !== 'connecting') {
            return;
        }

        const base = RETRY[subscription.failures++];

        if (base === undefined) {
            conversation.setStatus({ state: 'failed', reason });
            return;
        }

        const { env } = this.connection;
        const wait = base * (0.5 + env.random());

        conversation.setStatus({ state: 'disconnected', reason,
                                 attempt: subscription.failures,
                                 retry_in: wait });

        this.timers.start(String(conversation.id), wait,
                          () => this.ask(subscription));
    }

    private forgetIdle(): void {
        const idle = [...this.subscriptions].filter(([, s]) => s.users === 0);

        for (const [key] of idle.slice(0, -KEEP_IDLE)) {
            this.subscriptions.delete(key);
        }
    }
}


export function createClient(options: ClientOptions = {}): MessagingClient {
    return new MessagingClient(options);
}
