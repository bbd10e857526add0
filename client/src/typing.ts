/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


import { Timers } from './environment.js';
import type { Environment } from './environment.js';
import type { Frame, Id, Typist } from './types.js';


const SAY_EVERY = 3000;
const SILENCE = 3000;
const SHOWN = 4000;


/* our own typing: typing() is called at each key */

export class TypingSender {

    private readonly timers: Timers;

    /* when "true" was said the last time; undefined: "false" holds */
    private said: number | undefined;

    constructor(private readonly env: Environment,
                private readonly transmit: (frame: Frame) => boolean)
    {
        this.timers = new Timers(env);
    }

    typing(): void {
        const now = this.env.now();

        if (this.said === undefined || now - this.said >= SAY_EVERY) {
            if (!this.transmit({ type: 'typing', is_typing: true })) {
                return;
            }

            this.said = now;
        }

        this.timers.start('silence', SILENCE, () => this.stop());
    }

    stop(): void {
        if (this.said !== undefined) {
            this.transmit({ type: 'typing', is_typing: false });
        }

        this.reset();
    }

    /* the connection is gone, and the server has said it for us */

    reset(): void {
        this.said = undefined;
        this.timers.stop();
    }
}


/* the others who type, each until there is no news for a while */

export class Typists {

    list: readonly Typist[] = [];

    private readonly timers: Timers;
    private readonly names = new Map<string, string>();

    constructor(env: Environment, private readonly changed: () => void) {
        this.timers = new Timers(env);
    }

    /* a name that a frame or a message had */

    know(user_id: Id, name: unknown): void {
        if (typeof name === 'string' && name !== '') {
            this.names.set(String(user_id), name);
        }
    }

    says(user_id: Id, is_typing: boolean): void {
        const key = String(user_id);
        const name = this.names.get(key);
        const known = this.list.find((t) => String(t.user_id) === key);

        if (!is_typing) {
            this.timers.cancel(key);

            if (known !== undefined) {
                this.list = this.list.filter((typist) => typist !== known);
                this.changed();
            }

            return;
        }

        this.timers.start(key, SHOWN, () => this.says(user_id, false));

        if (known === undefined) {
            this.list = [...this.list, { user_id, name }];
            this.changed();
        }
    }

    clear(): void {
        this.timers.stop();

        if (this.list.length > 0) {
            this.list = [];
            this.changed();
        }
    }
}
