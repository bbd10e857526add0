/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


export { Connection, TIMING } from './connection.js';
export type {
    ConnectionEvents, ConnectionOptions, Timing, TokenFunction, TokenResult,
    Traffic
} from './connection.js';
export type { Environment } from './environment.js';
export {
    CLOSE_FORBIDDEN, CLOSE_NORMAL, CLOSE_SERVICE_RESTART, CLOSE_TIMEOUT,
    CLOSE_TRY_AGAIN, CLOSE_UNAUTHORIZED
} from './types.js';
export type {
    Frame, Id, Message, Presence, ReadReceipt, Sender, ServerError, State,
    Status, Typist
} from './types.js';
