/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Hooks.  Rendering begins nothing: connections are made and ended in effects,
 * so that strict mode, and a server that renders, do no harm.  Functions given
 * as options may be other ones at each rendering; the newest is called.
 */


import {
    createContext, createElement, useContext, useEffect, useMemo, useRef,
    useSyncExternalStore
} from 'react';
import type { FunctionComponent, ReactNode, RefObject } from 'react';

import { createClient, openConversation } from './client.js';
import type { ClientOptions, MessagingClient, OpenOptions } from './client.js';
import type { Conversation, Snapshot, Source } from './conversation.js';
import type { ChatMessage, Draft } from './messages.js';
import { SendError } from './outbox.js';
import type { SendResult } from './outbox.js';
import type { Frame, Id, ServerError, Status } from './types.js';


export interface UseConversationOptions
    extends Omit<OpenOptions, 'conversation_id'>
{
    /** each message once, own ones included; not those of the first fetch */
    onMessage?: ((message: ChatMessage, source: Source) => void) | undefined;

    /** every frame, such as those that a backend has made up */
    onFrame?: ((frame: Frame) => void) | undefined;

    onError?: ((error: ServerError) => void) | undefined;
}


export interface UseConversation extends Snapshot {
    /** for what is not here; undefined without an id */
    conversation: Conversation | undefined;

    send(message: string | Draft): Promise<SendResult>;
    retry(client_id: string): Promise<SendResult> | undefined;
    discard(client_id: string): void;
    typing(): void;
    stopTyping(): void;
    markRead(message?: Id | readonly Id[]): void;
}


export interface MessagingProviderProps extends ClientOptions {
    /** one that exists already: who made it connects and closes it */
    client?: MessagingClient | undefined;
    children?: ReactNode;
}


const DISCONNECTED: Status = { state: 'disconnected' };


/* what there is on a server, and without an id */

const NOTHING: Snapshot = {
    status: DISCONNECTED,
    state: 'disconnected',
    messages: [],
    typists: [],
    presence: []
};


const Context = createContext<MessagingClient | undefined>(undefined);


/** one socket for all conversations below */

export const MessagingProvider: FunctionComponent<MessagingProviderProps>
    = ({ client: given, children, ...options }) => {

    const latest = useLatest(options);
    const { url, tokenIn, userClaim, userId } = options;

    const client = useMemo(
        () => given ?? createClient(delegated(options, latest)),
        [given, String(url), tokenIn, userClaim, userId]);

    useEffect(() => {
        if (client === given) {
            return undefined;
        }

        client.connect();

        return () => client.close();
    }, [client, given]);

    return createElement(Context.Provider, { value: client }, children);
};


/** the client of the provider above */

export function useMessaging(): MessagingClient {
    const client = useContext(Context);

    if (client === undefined) {
        throw new Error('there is no MessagingProvider above');
    }

    return client;
}


/** the state of its connection */

export function useConnection(): Status {
    const client = useMessaging();

    const [subscribe, get] = useMemo(() => [
        (listener: () => void) => client.on('status', listener),
        () => client.status
    ] as const, [client]);

    return useSyncExternalStore(subscribe, get, () => DISCONNECTED);
}


/**
 * One conversation: on the socket of the provider above, or, where there is
 * none, on a socket of its own, for which the options are.  Without an id
 * there is none yet.
 */

export function useConversation(id: Id | null | undefined,
                                options: UseConversationOptions = {})
    : UseConversation
{
    const client = useContext(Context);
    const latest = useLatest(options);
    const { url, tokenIn, userClaim, userId } = options;
    const key = id === null || id === undefined ? undefined : String(id);

    const conversation = useMemo<Conversation | undefined>(() => {
        if (key === undefined) {
            return undefined;
        }

        return client?.conversation(key)
               ?? openConversation({ ...delegated(options, latest),
                                     conversation_id: key });

    }, [client, key, String(url), tokenIn, userClaim, userId]);

    const wantsFrames = options.onFrame !== undefined;

    useEffect(() => {
        if (conversation === undefined) {
            return undefined;
        }

        const off = [
            conversation.onMessage((message, source) =>
                latest.current.onMessage?.(message, source)),
            conversation.on('error', (error) =>
                latest.current.onError?.(error))
        ];

        if (wantsFrames) {
            off.push(conversation.on('frame', (frame) =>
                latest.current.onFrame?.(frame)));
        }

        return () => off.forEach((call) => call());
    }, [conversation, wantsFrames]);

    useEffect(() => {
        if (conversation === undefined) {
            return undefined;
        }

        if (client === undefined) {
            conversation.connect();

        } else {
            client.subscribe(conversation);
        }

        return () => conversation.close();
    }, [client, conversation]);

    const snapshot = useSyncExternalStore(
        conversation?.onChange ?? neverChanges,
        conversation?.getSnapshot ?? nothing,
        nothing);

    const calls = useMemo(() => ({
        conversation,

        send: (message: string | Draft) => conversation?.send(message)
            ?? Promise.reject(new SendError('closed', '')),

        retry: (client_id: string) => conversation?.retry(client_id),
        discard: (client_id: string) => conversation?.discard(client_id),
        typing: () => conversation?.typing(),
        stopTyping: () => conversation?.stopTyping(),
        markRead: (message?: Id | readonly Id[]) =>
            conversation?.markRead(message)

    }), [conversation]);

    return useMemo(() => ({ ...snapshot, ...calls }), [snapshot, calls]);
}


function neverChanges(): () => void {
    return () => {};
}


function nothing(): Snapshot {
    return NOTHING;
}


/* what was given at the newest rendering */

function useLatest<T>(value: T): RefObject<T> {
    const ref = useRef(value);

    useEffect(() => {
        ref.current = value;
    });

    return ref;
}


/*
 * The same options with functions that call the newest ones.  Which functions
 * there are is settled by the first rendering.
 */

function delegated<T extends ClientOptions>(options: T, latest: RefObject<T>)
    : T
{
    const { token, refreshToken, fetchMessages, sendMessage, poll } = options;

    return {
        ...options,
        token: token && (() => latest.current.token?.()),
        refreshToken: refreshToken && (() => latest.current.refreshToken?.()),

        fetchMessages: fetchMessages
            && ((request) => latest.current.fetchMessages?.(request)),

        sendMessage: sendMessage
            && ((message) => (latest.current.sendMessage ?? sendMessage)(
                message)),

        poll: poll && {
            ...poll,
            conversations: poll.conversations
                && (() => latest.current.poll?.conversations?.()),
            unread: poll.unread && (() => latest.current.poll?.unread?.())
        }
    };
}
