/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Events with types.  A listener that throws is reported and does not keep
 * the others, or the protocol, from going on.
 */

export class Emitter<Events extends Record<string, unknown[]>> {

    private readonly listeners = new Map<keyof Events,
                                         Set<(...args: any[]) => void>>();

    constructor(private readonly log: Pick<Console, 'error'>) {}

    /* returns what takes the listener away again */

    on<E extends keyof Events>(event: E,
                               listener: (...args: Events[E]) => void)
        : () => void
    {
        /* a function of our own: one listener may be given twice */
        const own = (...args: Events[E]) => listener(...args);
        const all = this.listeners.get(event) ?? new Set();

        all.add(own);
        this.listeners.set(event, all);

        return () => {
            all.delete(own);
        };
    }

    emit<E extends keyof Events>(event: E, ...args: Events[E]): void {
        for (const listener of [...this.listeners.get(event) ?? []]) {
            try {
                listener(...args);

            } catch (error) {
                this.log.error('messaging: a listener has failed:', error);
            }
        }
    }

    count(event: keyof Events): number {
        return this.listeners.get(event)?.size ?? 0;
    }
}
