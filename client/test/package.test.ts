/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/* the package as it is built, by the names under which it is imported */


import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import * as core from 'nginx-messaging-client';
import * as react from 'nginx-messaging-client/react';


test('what it exports is what README says', () => {
    assert.deepEqual(Object.keys(core).sort(), [
        'CLOSE_FORBIDDEN', 'CLOSE_NORMAL', 'CLOSE_SERVICE_RESTART',
        'CLOSE_TIMEOUT', 'CLOSE_TRY_AGAIN', 'CLOSE_UNAUTHORIZED',
        'Connection', 'Conversation', 'MessagingClient', 'SendError',
        'TIMING', 'createClient', 'openConversation'
    ]);

    assert.deepEqual(Object.keys(react).sort(), [
        'MessagingProvider', 'useConnection', 'useConversation',
        'useMessaging'
    ]);

    const readme = readFileSync('README.md', 'utf8');

    for (const name of [...Object.keys(core), ...Object.keys(react)]) {
        assert.ok(name.startsWith('CLOSE_') || readme.includes(`\`${name}`),
                  `README.md names ${name}`);
    }
});


test('it needs nothing where it runs, and the core no React', () => {
    const manifest = JSON.parse(readFileSync('package.json', 'utf8'));

    assert.equal(manifest.dependencies, undefined);
    assert.equal(manifest.peerDependenciesMeta.react.optional, true);

    for (const name of readdirSync('dist')) {
        if (/\.js$/.test(name)) {
            const text = readFileSync(`dist/${name}`, 'utf8');
            const imported = [...text.matchAll(/from "([^.].*?)"/g)]
                             .map((match) => match[1]);

            assert.deepEqual(imported, name === 'react.js' ? ['react'] : []);
        }
    }
});
