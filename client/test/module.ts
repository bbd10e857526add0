/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* what the tests against the module have in common */


import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';


function b64(text: string | Buffer): string {
    return Buffer.from(text).toString('base64url');
}


/* a token of a user that ends in so many seconds */

export function sign(key: string, user_id: number, name: string,
                     seconds: number, more = {}): string
{
    const exp = Date.now() / 1000 + seconds;

    const signed = [
        b64(JSON.stringify({ alg: 'HS256', typ: 'JWT' })),
        b64(JSON.stringify({ user_id, name, exp, ...more }))
    ].join('.');

    return `${signed}.${b64(createHmac('sha256', key).update(signed)
                                                     .digest())}`;
}


export async function freePort(): Promise<number> {
    const server = createServer().listen(0, '127.0.0.1');

    await once(server, 'listening');

    const { port } = server.address() as AddressInfo;

    server.close();
    await once(server, 'close');

    return port;
}


export function children(pid: number): number[] {
    return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
           .trim().split(' ').filter((text) => text !== '').map(Number);
}
