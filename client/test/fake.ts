/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * A world for the client in which nothing happens by itself: time passes when
 * a test says so, and sockets do what it tells them.
 */


import assert from 'node:assert/strict';

import type { Environment } from '../src/environment.js';
import type { Frame } from '../src/types.js';


interface Due {
    at: number;
    call: () => void;
}


/* everything that is ready to run has run: promises, not timers */

export function settle(): Promise<void> {
    return new Promise((resolve) => setImmediate(resolve));
}


export class Clock {

    now = Date.UTC(2026, 0, 1);

    private readonly timers = new Map<number, Due>();
    private last = 0;

    start(call: () => void, ms: number): number {
        /* as browsers do with more than 31 bits */
        const wait = ms > 2 ** 31 - 1 || ms < 0 ? 0 : ms;

        this.timers.set(++this.last, { at: this.now + wait, call });

        return this.last;
    }

    cancel(id: unknown): void {
        this.timers.delete(id as number);
    }

    get pending(): number {
        return this.timers.size;
    }

    async advance(ms: number): Promise<void> {
        const end = this.now + ms;

        await settle();

        for ( ;; ) {
            let next: [number, Due] | undefined;

            for (const entry of this.timers) {
                if (entry[1].at <= end
                    && (next === undefined || entry[1].at < next[1].at))
                {
                    next = entry;
                }
            }

            if (next === undefined) {
                break;
            }

            this.now = Math.max(this.now, next[1].at);
            this.timers.delete(next[0]);
            next[1].call();

            await settle();
        }

        this.now = end;
    }
}


export class Target {

    visibilityState = 'visible';

    private readonly listeners = new Map<string, Set<() => void>>();

    addEventListener(type: string, listener: () => void): void {
        const all = this.listeners.get(type) ?? new Set();

        all.add(listener);
        this.listeners.set(type, all);
    }

    removeEventListener(type: string, listener: () => void): void {
        this.listeners.get(type)?.delete(listener);
    }

    dispatch(type: string): void {
        this.listeners.get(type)?.forEach((listener) => listener());
    }

    get count(): number {
        return [...this.listeners.values()].reduce((n, s) => n + s.size, 0);
    }
}


export class FakeSocket {

    onopen: ((event: any) => void) | null = null;
    onmessage: ((event: any) => void) | null = null;
    onclose: ((event: any) => void) | null = null;
    onerror: ((event: any) => void) | null = null;

    readonly sent: Frame[] = [];
    closed: { code: number | undefined, reason: string | undefined } | null
        = null;

    constructor(readonly url: string, readonly protocols: string[] = []) {}

    send(data: string): void {
        assert.equal(this.closed, null, 'a frame for a closed socket');
        this.sent.push(JSON.parse(data));
    }

    close(code?: number, reason?: string): void {
        this.closed = { code, reason };
    }

    /* what the server does */

    open(): void {
        this.onopen?.({});
    }

    receive(frame: unknown): void {
        this.raw(JSON.stringify(frame));
    }

    raw(data: unknown): void {
        this.onmessage?.({ data });
    }

    end(code: number, reason = ''): void {
        this.onclose?.({ code, reason, wasClean: code !== 1006 });
    }

    /* in as everybody is who is let in */

    admit(): void {
        this.open();
        this.receive({ type: 'pong' });
    }

    frames(type: string): Frame[] {
        return this.sent.filter((frame) => frame.type === type);
    }

    get listeners(): number {
        return [this.onopen, this.onmessage, this.onclose]
               .filter((listener) => listener !== null).length;
    }
}


export class World {

    readonly clock = new Clock();
    readonly window = new Target();
    readonly document = new Target();
    readonly sockets: FakeSocket[] = [];
    readonly debug: string[] = [];
    readonly errors: unknown[] = [];

    /* in the middle: waits have their nominal length */
    random = 0.5;

    private ids = 0;

    readonly environment: Environment;

    constructor() {
        const world = this;

        this.environment = {
            WebSocket: class extends FakeSocket {
                constructor(url: string, protocols?: string[]) {
                    super(url, protocols);
                    world.sockets.push(this);
                }
            },

            setTimeout: (call, ms) => this.clock.start(call, ms),
            clearTimeout: (id) => this.clock.cancel(id),
            now: () => this.clock.now,
            random: () => this.random,
            createId: () => `id-${++this.ids}`,
            location: 'https://chat.example/rooms/7?x=1#top',
            window: this.window,
            document: this.document,
            log: {
                debug: (text: string) => void this.debug.push(text),
                error: (_text: string, error: unknown) =>
                           void this.errors.push(error)
            }
        };
    }

    /* the newest socket */

    get socket(): FakeSocket {
        const socket = this.sockets[this.sockets.length - 1];

        assert.ok(socket, 'there is a socket');

        return socket;
    }

    advance(ms: number): Promise<void> {
        return this.clock.advance(ms);
    }

    /* one that counts as connected for good */

    async admit(): Promise<FakeSocket> {
        await settle();
        this.socket.admit();
        await settle();

        return this.socket;
    }

    show(): void {
        this.document.visibilityState = 'visible';
        this.document.dispatch('visibilitychange');
    }

    hide(): void {
        this.document.visibilityState = 'hidden';
        this.document.dispatch('visibilitychange');
    }

    assertNothingLeft(): void {
        assert.equal(this.clock.pending, 0, 'timers');
        assert.equal(this.window.count, 0, 'listeners of the window');
        assert.equal(this.document.count, 0, 'listeners of the document');

        for (const socket of this.sockets) {
            assert.equal(socket.listeners, 0, 'listeners of a socket');
        }
    }
}


/* a token that ends in so many seconds */

export function jwt(world: World, seconds: number, user: unknown = 1): string {
    const exp = world.clock.now / 1000 + seconds;

    const part = (value: unknown): string =>
        Buffer.from(JSON.stringify(value)).toString('base64url');

    return [part({ alg: 'HS256' }), part({ user_id: user, exp }), 'c2ln']
           .join('.');
}


/* a promise that the test settles */

export function deferred<T>() {
    let resolve!: (value: T) => void;
    let reject!: (error: unknown) => void;

    const promise = new Promise<T>((yes, no) => {
        resolve = yes;
        reject = no;
    });

    return { promise, resolve, reject };
}
