/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Everything the client takes from its surroundings, in one place: a test
 * puts a clock and a socket of its own here, and Node its WebSocket.  It is
 * looked up when it is needed, never when a module is loaded, so that a page
 * can be rendered on a server.
 */


export interface Socket {
    onopen: ((event: any) => void) | null;
    onmessage: ((event: any) => void) | null;
    onclose: ((event: any) => void) | null;
    onerror: ((event: any) => void) | null;
    send(data: string): void;
    close(code?: number, reason?: string): void;
}


export interface SocketClass {
    new (url: string, protocols?: string[]): Socket;
}


/** window and document, as far as they are listened to */

export interface EventSource {
    addEventListener(type: string, listener: () => void): void;
    removeEventListener(type: string, listener: () => void): void;
}


export type Timer = unknown;


export interface Environment {
    WebSocket: SocketClass;
    setTimeout(call: () => void, ms: number): Timer;
    clearTimeout(timer: Timer): void;
    now(): number;
    random(): number;
    createId(): string;
    /** the address that relative ones are relative to */
    location: string | undefined;
    window: EventSource | undefined;
    document: EventSource & { visibilityState: string } | undefined;
    log: Pick<Console, 'debug' | 'error'>;
}


export function environment(given: Partial<Environment> = {}): Environment {
    const scope = globalThis as any;

    return {
        /* the class of this moment: a library may replace it */
        get WebSocket() {
            return given.WebSocket ?? scope.WebSocket;
        },

        setTimeout: (call, ms) => scope.setTimeout(call, ms),
        clearTimeout: (timer) => scope.clearTimeout(timer),
        now: () => Date.now(),
        random: () => Math.random(),
        createId,
        location: scope.location?.href,
        window: typeof scope.window?.addEventListener === 'function'
                ? scope.window : undefined,
        document: typeof scope.document?.addEventListener === 'function'
                  ? scope.document : undefined,
        log: scope.console,

        ...without(given, 'WebSocket')
    };
}


function without<T extends object>(object: T, name: keyof T): Partial<T> {
    const copy = { ...object };

    delete copy[name];

    return copy;
}


/*
 * An id is unique, not secret.  randomUUID() is there in secure contexts only,
 * and Node 18 has no global crypto.
 */

function createId(): string {
    const bytes = new Uint8Array(16);

    if (globalThis.crypto !== undefined) {
        globalThis.crypto.getRandomValues(bytes);

    } else {
        bytes.forEach((_, i) => bytes[i] = Math.floor(Math.random() * 256));
    }

    return Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');
}


/**
 * The timers of one owner, by name: starting one stops the one before, and
 * stop() stops all of them, so that none is forgotten.
 */

export class Timers {

    private readonly timers = new Map<string, Timer>();

    constructor(private readonly env: Environment) {}

    start(name: string, ms: number, call: () => void): void {
        this.cancel(name);

        this.timers.set(name, this.env.setTimeout(() => {
            this.timers.delete(name);
            call();
        }, ms));
    }

    running(name: string): boolean {
        return this.timers.has(name);
    }

    cancel(name: string): void {
        if (this.timers.has(name)) {
            this.env.clearTimeout(this.timers.get(name));
            this.timers.delete(name);
        }
    }

    stop(): void {
        for (const name of [...this.timers.keys()]) {
            this.cancel(name);
        }
    }
}
