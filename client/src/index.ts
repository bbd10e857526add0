/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


export { createClient, MessagingClient, openConversation } from './client.js';
export type {
    ClientEvents, ClientOptions, OpenOptions, OwnConversation
} from './client.js';
export { Connection, TIMING } from './connection.js';
export type {
    ConnectionEvents, ConnectionOptions, Timing, TokenFunction, TokenResult,
    Traffic
} from './connection.js';
export { Conversation } from './conversation.js';
export type {
    ConversationEvents, ConversationOptions, FetchMessages, PollOptions,
    Snapshot, Source
} from './conversation.js';
export type { Environment } from './environment.js';
export type { ChatMessage, Draft } from './messages.js';
export { SendError } from './outbox.js';
export type { Outgoing, SendMessage, SendResult } from './outbox.js';
export {
    CLOSE_FORBIDDEN, CLOSE_NORMAL, CLOSE_SERVICE_RESTART, CLOSE_TIMEOUT,
    CLOSE_TRY_AGAIN, CLOSE_UNAUTHORIZED
} from './types.js';
export type {
    Frame, Id, Message, Presence, ReadReceipt, Sender, ServerError, State,
    Status, Typist
} from './types.js';
