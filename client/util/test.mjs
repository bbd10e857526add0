/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Bundles each test file with what it tests into .test/, and runs them with
 * Node's own runner.  Files may be named: util/test.mjs test/typing.test.ts.
 * Those that need an nginx, test/*.e2e.ts, are run only if they are.
 */


import { spawnSync } from 'node:child_process';
import { readdirSync, rmSync } from 'node:fs';
import { basename } from 'node:path';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';


process.chdir(fileURLToPath(new URL('..', import.meta.url)));

const named = process.argv.slice(2);

const files = named.length > 0 ? named
              : readdirSync('test').filter((name) => /\.test\.ts$/.test(name))
                                   .map((name) => `test/${name}`);

rmSync('.test', { recursive: true, force: true });

await build({
    entryPoints: files,
    outdir: '.test',
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node18',
    sourcemap: 'inline',
    logLevel: 'warning'
});

const built = files.map((file) => basename(file).replace(/\.ts$/, '.mjs'))
                   .map((name) => `.test/${name}`);

const { status } = spawnSync(process.execPath,
                             ['--enable-source-maps', '--test',
                              '--test-reporter=spec', ...built],
                             { stdio: 'inherit' });

process.exit(status ?? 1);
