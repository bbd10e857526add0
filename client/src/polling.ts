/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


import { Timers } from './environment.js';
import type { Environment } from './environment.js';
import type { State } from './types.js';


export type Poll = () => Promise<unknown> | unknown;


/*
 * A function that is called again and again: often while there is no
 * connection to be had, seldom or never while there is one.  It is never
 * called twice at a time, and a call under way is left to end when the pace
 * changes.
 */

export class Poller {

    private readonly timers: Timers;

    private wait: number | false = false;
    private running = false;
    private fast = false;

    constructor(private readonly env: Environment,
                private readonly poll: Poll,
                private readonly interval: number,
                private readonly slow: number | false)
    {
        this.timers = new Timers(env);
    }

    pace(state: State): void {
        const fast = state === 'failed';

        if (this.wait !== false && fast === this.fast) {
            return;
        }

        this.fast = fast;
        this.wait = fast ? this.interval : this.slow;

        if (fast && !this.running) {
            void this.run();

        } else {
            this.plan();
        }
    }

    stop(): void {
        this.wait = false;
        this.fast = false;
        this.timers.stop();
    }

    private plan(): void {
        this.timers.stop();

        if (this.wait !== false && !this.running) {
            this.timers.start('poll', this.wait, () => void this.run());
        }
    }

    private async run(): Promise<void> {
        this.running = true;
        this.timers.stop();

        try {
            await this.poll();

        } catch (error) {
            this.env.log.debug('messaging: a poll has failed:', error);
        }

        this.running = false;
        this.plan();
    }
}


/*
 * What may have been missed is fetched: once, however many reasons there are,
 * and once more if one comes up while a call is under way, for its answer may
 * be older.
 */

const RETRY = 5000;
const RETRY_MAX = 60000;


export class Refetch {

    private readonly timers: Timers;

    private running = false;
    private again = false;
    private stopped = true;
    private wait = RETRY;

    constructor(private readonly env: Environment,
                private readonly fetch: () => Promise<void>,
                private readonly failed: (error: unknown) => void)
    {
        this.timers = new Timers(env);
    }

    /* at once, or at some time within so many ms: others have to, too */

    request(within = 0): void {
        this.stopped = false;

        if (this.running) {
            this.again = true;
            return;
        }

        if (within <= 0) {
            void this.run();

        } else if (!this.timers.running('fetch')) {
            this.timers.start('fetch', this.env.random() * within,
                              () => void this.run());
        }
    }

    stop(): void {
        this.stopped = true;
        this.again = false;
        this.wait = RETRY;
        this.timers.stop();
    }

    private async run(): Promise<void> {
        this.running = true;
        this.again = false;
        this.timers.stop();

        try {
            await this.fetch();
            this.wait = RETRY;

        } catch (error) {
            this.failed(error);

            if (!this.stopped) {
                this.timers.start('fetch', this.wait, () => void this.run());
                this.wait = Math.min(this.wait * 2, RETRY_MAX);
            }
        }

        this.running = false;

        if (this.again) {
            void this.run();
        }
    }
}
