/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * The frames of the protocol.  Names and types are those on the wire; README
 * of the module, "Frames", says what each means.
 */


/** an id keeps its JSON type: 5 and "5" are different messages */
export type Id = number | string;


export interface Sender {
    id: Id;
    name?: string;
}


export interface Message {
    id: Id;
    conversation_id?: Id;
    sender: Sender;
    content: string;
    image?: string | null;
    reply_to?: Id;
    is_read: boolean;
    read_at: string | null;
    created_at: string;
}


/** any object with a type: a backend may publish types of its own */

export interface Frame {
    type: string;
    conversation_id?: Id;
    [member: string]: unknown;
}


export interface ReadReceipt {
    reader_id: Id;
    read_at: string;
    message_id?: Id;
    message_ids?: Id[];
}


export interface Presence {
    user_id: Id;
    is_online: boolean;
    last_seen: string | null;
}


export interface Typist {
    user_id: Id;
    /** undefined if neither the frame nor a message of theirs had one */
    name: string | undefined;
}


/** what "error" and "nack" carry */

export interface ServerError {
    code: string;
    message: string;
}


/**
 * connecting    an attempt is under way
 * connected     the server has answered: frames go both ways
 * disconnected  not yet connected, closed, or waiting for the next attempt
 * failed        given up, see "code" and "reason"
 */

export type State = 'connecting' | 'connected' | 'disconnected' | 'failed';


export interface Status {
    state: State;
    /** why it ended: the close code, and what came with it */
    code?: number;
    reason?: string;
    /** disconnected and waiting: the attempt that comes, and in how many ms */
    attempt?: number;
    retry_in?: number;
}


/** a clean close, by either side */
export const CLOSE_NORMAL = 1000;
export const CLOSE_SERVICE_RESTART = 1012;
export const CLOSE_TRY_AGAIN = 1013;
/** no sign of life */
export const CLOSE_TIMEOUT = 4000;
/** token missing, invalid, expired or revoked */
export const CLOSE_UNAUTHORIZED = 4001;
/** no access to the conversation */
export const CLOSE_FORBIDDEN = 4003;


export function isObject(value: unknown): value is Record<string, unknown> {
    return typeof value === 'object' && value !== null
           && !Array.isArray(value);
}


export function isId(value: unknown): value is Id {
    return typeof value === 'string'
           || (typeof value === 'number' && Number.isFinite(value));
}


/**
 * As the server writes a conversation's id: a canonical decimal up to
 * 2^53 - 1 is a number, any other a string.
 */

export function conversationId(id: Id): Id {
    const text = String(id);
    const number = Number(text);

    return Number.isSafeInteger(number) && number >= 0
           && String(number) === text && !Object.is(number, -0)
           ? number : text;
}
