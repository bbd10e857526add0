/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


import { isObject, isId, type Id } from './types.js';


/*
 * What a token says, unchecked: the server is who checks.  A token of another
 * kind says nothing.
 */

export function claims(token: string): Record<string, unknown> {
    const part = token.split('.')[1] ?? '';

    try {
        const binary = atob(part.replace(/-/g, '+').replace(/_/g, '/'));
        const bytes = Uint8Array.from(binary, (c) => c.charCodeAt(0));
        const value: unknown = JSON.parse(new TextDecoder().decode(bytes));

        return isObject(value) ? value : {};

    } catch {
        return {};
    }
}


/* in ms, as Date.now(); undefined if the token does not say */

export function expiry(token: string): number | undefined {
    const exp = claims(token).exp;

    return typeof exp === 'number' && Number.isFinite(exp)
           ? exp * 1000 : undefined;
}


export function userOf(token: string, claim: string): Id | undefined {
    const id = claims(token)[claim];

    return isId(id) ? id : undefined;
}
