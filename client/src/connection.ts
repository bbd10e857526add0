/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


import { Emitter } from './emitter.js';
import { environment, Timers } from './environment.js';
import type { Environment, Socket } from './environment.js';
import { expiry, userOf } from './token.js';
import {
    CLOSE_FORBIDDEN, CLOSE_NORMAL, CLOSE_SERVICE_RESTART, CLOSE_TIMEOUT,
    CLOSE_TRY_AGAIN, CLOSE_UNAUTHORIZED, isObject
} from './types.js';
import type { Frame, Id, State, Status } from './types.js';


/*
 * One WebSocket that comes back by itself.
 *
 * An attempt is: a token, a socket, its open event, a ping, and the first
 * frame that the server sends.  A server that refuses a token or a
 * conversation does so after the open event, with a close code; therefore
 * "connected" is said when it has answered, and not before.
 *
 * Whatever an attempt has begun belongs to a round.  The next attempt and
 * close() begin another round, and what is still to come of an older one, be
 * it a token or an event, is ignored.
 */


export type TokenResult = string | null | undefined;
export type TokenFunction = () => TokenResult | Promise<TokenResult>;


export interface Timing {
    /** for an attempt to get an answer, a delayed refusal included */
    connectTimeout: number;
    /** before the attempts after a loss; after as many failures it is over */
    backoff: readonly number[];
    /** added at random after 1012 and 1013, so that not all come at once */
    spread: number;
    /** connected for so long, a connection starts to count from anew */
    stableAfter: number;
    pingInterval: number;
    pongTimeout: number;
    /** before its end a token is replaced */
    renewBefore: number;
}


export const TIMING: Timing = {
    connectTimeout: 20000,
    backoff: [1000, 2000, 4000, 8000, 16000],
    spread: 3000,
    stableAfter: 5000,
    pingInterval: 30000,
    pongTimeout: 5000,
    renewBefore: 60000
};


/* a longer one would fire at once */
const MAX_TIMEOUT = 2 ** 31 - 1;

/* a token that ends so soon is as good as expired */
const TOKEN_SKEW = 5000;


export interface ConnectionOptions {
    /** relative to the page; http: and https: become ws: and wss: */
    url: string | URL;

    /** called before each attempt; left out if a cookie says who it is */
    token?: TokenFunction | undefined;

    /** called when that token has expired or was refused; default: token */
    refreshToken?: TokenFunction | undefined;

    /** default: subprotocol, which leaves no token in a log */
    tokenIn?: 'subprotocol' | 'query' | undefined;

    /** the claim that is the user's id; default: user_id */
    userClaim?: string | undefined;

    timing?: Partial<Timing> | undefined;
    environment?: Partial<Environment> | undefined;
}


/** a frame as it went over the wire, for those who want to watch */

export interface Traffic {
    direction: 'in' | 'out';
    data: string;
}


export type ConnectionEvents = {
    status: [Status];
    frame: [Frame];
    traffic: [Traffic];
};


export class Connection {

    readonly env: Environment;

    private readonly emitter: Emitter<ConnectionEvents>;
    private readonly timers: Timers;
    private readonly timing: Timing;

    private current: Status = { state: 'disconnected' };
    private socket: Socket | null = null;
    private round = 0;

    /** failed attempts in a row */
    private failures = 0;

    /** a token was refused, and a new one fetched for that */
    private refreshed = false;

    private token: string | undefined;
    private renewed: string | undefined;

    constructor(private readonly options: ConnectionOptions) {
        this.env = environment(options.environment);
        this.emitter = new Emitter(this.env.log);
        this.timers = new Timers(this.env);
        this.timing = { ...TIMING, ...options.timing };
    }

    get status(): Status {
        return this.current;
    }

    get state(): State {
        return this.current.state;
    }

    /* who the token says we are */

    get userId(): Id | undefined {
        return this.token === undefined ? undefined
               : userOf(this.token, this.options.userClaim ?? 'user_id');
    }

    on<E extends keyof ConnectionEvents>(
        event: E, listener: (...args: ConnectionEvents[E]) => void)
        : () => void
    {
        return this.emitter.on(event, listener);
    }

    connect(): void {
        if (this.state === 'connecting' || this.state === 'connected') {
            return;
        }

        this.listen();
        this.afresh();
    }

    close(): void {
        this.round++;
        this.timers.stop();
        this.unlisten();
        this.drop(CLOSE_NORMAL, '');

        if (this.state !== 'disconnected'
            || this.current.retry_in !== undefined)
        {
            this.set({ state: 'disconnected' });
        }
    }

    /** false if the frame was not sent */

    send(frame: Frame): boolean {
        if (this.state !== 'connected') {
            return false;
        }

        this.write(frame);

        return true;
    }


    /* attempts */

    private afresh(): void {
        this.failures = 0;
        this.refreshed = false;
        void this.attempt(false);
    }

    private async attempt(refresh: boolean): Promise<void> {
        const round = ++this.round;

        let token: TokenResult;

        this.timers.stop();
        this.drop(CLOSE_TIMEOUT, 'another attempt');

        this.timers.start('open', this.timing.connectTimeout,
                          () => this.lost(CLOSE_TIMEOUT, 'no answer'));

        this.set({ state: 'connecting' });

        if (round !== this.round) {
            return;
        }

        try {
            token = await this.fetchToken(refresh);

        } catch (error) {
            if (round !== this.round) {
                return;
            }

            if (refresh) {
                this.fail(CLOSE_UNAUTHORIZED, `no new token: ${why(error)}`);

            } else {
                this.lost(undefined, `no token: ${why(error)}`);
            }

            return;
        }

        if (round !== this.round) {
            return;
        }

        if (this.options.token !== undefined && !token) {
            this.fail(CLOSE_UNAUTHORIZED, 'no token');
            return;
        }

        this.token = token ?? undefined;
        this.open();
    }

    private async fetchToken(refresh: boolean): Promise<TokenResult> {
        const { token, refreshToken } = this.options;

        if (token === undefined) {
            return undefined;
        }

        if (refresh) {
            return await (refreshToken ?? token)();
        }

        const found = await token();

        if (!found || refreshToken === undefined) {
            return found;
        }

        const end = expiry(found);

        return end !== undefined && end - this.env.now() < TOKEN_SKEW
               ? await refreshToken() : found;
    }

    private open(): void {
        let protocols: string[] = [];
        let socket: Socket;

        try {
            const url = address(this.options.url, this.env.location);

            if (this.token !== undefined) {
                if (this.options.tokenIn === 'query') {
                    url.searchParams.set('token', this.token);

                } else {
                    /* a browser gives up if none that it offers is selected */
                    protocols = ['messaging.v1', `bearer.${this.token}`];
                }
            }

            socket = new this.env.WebSocket(url.href, protocols);

        } catch (error) {
            /* the address or the token is none: it would fail each time */
            this.fail(undefined, why(error));
            return;
        }

        socket.onopen = () => this.write({ type: 'ping' });
        socket.onmessage = (event) => this.received(event.data);
        socket.onclose = (event) => this.lost(event.code, event.reason);

        this.socket = socket;
    }

    private received(data: unknown): void {
        const round = this.round;

        let frame: unknown;

        /* whatever comes is a sign of life */
        this.timers.cancel('pong');

        if (this.state === 'connecting') {
            this.admitted();
        }

        if (typeof data !== 'string' || round !== this.round) {
            return;
        }

        this.emitter.emit('traffic', { direction: 'in', data });

        try {
            frame = JSON.parse(data);

        } catch {
            frame = undefined;
        }

        if (!isObject(frame) || typeof frame.type !== 'string') {
            this.env.log.debug('messaging: malformed frame ignored');
            return;
        }

        if (frame.type === 'auth_ok') {
            this.authenticated();
        }

        if (round === this.round) {
            this.emitter.emit('frame', frame as Frame);
        }
    }

    private admitted(): void {
        this.timers.cancel('open');

        /* a server that lets in and drops at once must not be hammered */
        this.timers.start('stable', this.timing.stableAfter, () => {
            this.failures = 0;
            this.refreshed = false;
        });

        this.timers.start('ping', this.timing.pingInterval,
                          () => this.probe());
        this.planRenewal();
        this.set({ state: 'connected' });
    }


    /* losses */

    private lost(code: number | undefined, reason: string): void {
        const { backoff, spread } = this.timing;

        this.round++;
        this.timers.stop();
        this.drop(CLOSE_TIMEOUT, reason);

        switch (code) {

        case CLOSE_NORMAL:
            this.unlisten();
            this.set({ state: 'disconnected', code, reason });
            return;

        case CLOSE_FORBIDDEN:
            this.unlisten();
            this.fail(code, reason);
            return;

        case CLOSE_UNAUTHORIZED:
            if (this.refreshed || this.options.token === undefined) {
                this.fail(code, reason);
                return;
            }

            this.refreshed = true;
            void this.attempt(true);
            return;

        default:
            break;
        }

        const base = backoff[this.failures];

        if (base === undefined) {
            this.fail(code, reason);
            return;
        }

        let wait = base * (0.5 + this.env.random());

        if (code === CLOSE_SERVICE_RESTART || code === CLOSE_TRY_AGAIN) {
            wait += this.env.random() * spread;
        }

        this.failures++;
        this.timers.start('retry', wait, () => void this.attempt(false));

        this.set(status('disconnected', code, reason,
                        { attempt: this.failures, retry_in: wait }));
    }

    private fail(code: number | undefined, reason: string): void {
        this.round++;
        this.timers.stop();
        this.drop(CLOSE_NORMAL, '');
        this.set(status('failed', code, reason, {}));
    }

    /**
     * The socket is left alone first: the close handshake of a connection
     * that is dead may take minutes.
     */

    private drop(code: number, reason: string): void {
        const socket = this.socket;

        if (socket === null) {
            return;
        }

        this.socket = null;
        this.renewed = undefined;

        socket.onopen = null;
        socket.onmessage = null;
        socket.onclose = null;

        /* Node's ws throws an error that nobody wants to hear */
        socket.onerror = () => {};

        socket.close(code, code === CLOSE_NORMAL ? undefined : reason);
    }


    /* signs of life */

    private probe(): void {
        this.write({ type: 'ping' });

        this.timers.start('ping', this.timing.pingInterval,
                          () => this.probe());
        this.timers.start('pong', this.timing.pongTimeout,
                          () => this.lost(CLOSE_TIMEOUT,
                                          'no answer to a ping'));
    }

    private readonly onVisibility = (): void => {
        if (this.env.document?.visibilityState === 'visible') {
            this.wake();
        }
    };

    private readonly onOnline = (): void => {
        if (this.state === 'connecting') {
            /* it was begun without a network, and may hang */
            this.afresh();
            return;
        }

        this.wake();
    };

    private readonly onOffline = (): void => {
        if (this.state === 'connected') {
            this.probe();
        }
    };

    private wake(): void {
        switch (this.state) {

        case 'connected':
            /* it may have died while the machine slept */
            this.probe();
            return;

        case 'disconnected':
        case 'failed':
            this.afresh();
            return;

        default:
            return;
        }
    }

    private listen(): void {
        const { document, window } = this.env;

        /* the same function is added once, however often */
        document?.addEventListener('visibilitychange', this.onVisibility);
        window?.addEventListener('online', this.onOnline);
        window?.addEventListener('offline', this.onOffline);
    }

    private unlisten(): void {
        const { document, window } = this.env;

        document?.removeEventListener('visibilitychange', this.onVisibility);
        window?.removeEventListener('online', this.onOnline);
        window?.removeEventListener('offline', this.onOffline);
    }


    /* a new token on the same connection, before the old one ends */

    private planRenewal(): void {
        const end = this.token === undefined ? undefined
                    : expiry(this.token);

        if (end === undefined) {
            return;
        }

        const left = end - this.env.now();

        /* an end in the past is that of another clock than ours */

        if (left > 0) {
            const before = Math.min(this.timing.renewBefore, left / 2);

            this.renewIn(left - before);
        }
    }

    private renewIn(wait: number): void {
        const now = Math.min(wait, MAX_TIMEOUT);

        this.timers.start('renew', now, () => {
            if (wait > now) {
                this.renewIn(wait - now);

            } else {
                void this.renew();
            }
        });
    }

    private async renew(): Promise<void> {
        const { token, refreshToken } = this.options;
        const round = this.round;
        const old = this.token;

        let fresh: TokenResult;

        try {
            fresh = await (refreshToken ?? token)?.();

        } catch {
            fresh = undefined;
        }

        if (round !== this.round) {
            return;
        }

        if (fresh && fresh !== old) {
            this.renewed = fresh;
            this.write({ type: 'auth', token: fresh });
            return;
        }

        /* once more while there is time; then the server says 4001 */

        const left = (expiry(old ?? '') ?? 0) - this.env.now();

        if (left > TOKEN_SKEW) {
            this.renewIn(left / 2);
        }
    }

    private authenticated(): void {
        if (this.renewed !== undefined) {
            this.token = this.renewed;
            this.renewed = undefined;
            this.planRenewal();
        }
    }


    private write(frame: Frame): void {
        this.socket?.send(JSON.stringify(frame));

        if (this.emitter.count('traffic') > 0) {
            const shown = frame.type === 'auth'
                          ? { ...frame, token: '…' } : frame;

            this.emitter.emit('traffic', { direction: 'out',
                                           data: JSON.stringify(shown) });
        }
    }

    private set(status: Status): void {
        this.current = status;
        this.emitter.emit('status', status);
    }
}


export function address(url: string | URL, location?: string): URL {
    const result = new URL(String(url), location);

    if (result.protocol === 'http:') {
        result.protocol = 'ws:';

    } else if (result.protocol === 'https:') {
        result.protocol = 'wss:';
    }

    result.hash = '';

    return result;
}


function status(state: State, code: number | undefined, reason: string,
                rest: Partial<Status>): Status
{
    return { state, ...(code === undefined ? {} : { code }), reason, ...rest };
}


function why(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
