/*
 * Copyright (C) The ngx_http_messaging_module authors
 */


/*
 * Builds dist/: index.js and react.js, as two modules that share the core, and
 * their types.  Another directory may be named, which gets the modules alone.
 */


import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

import { build } from 'esbuild';


const root = fileURLToPath(new URL('..', import.meta.url));
const require = createRequire(import.meta.url);
const directory = process.argv[2];


process.chdir(root);

if (directory === undefined) {
    rmSync('dist', { recursive: true, force: true });
}

await build({
    entryPoints: ['src/index.ts', 'src/react.ts'],
    outdir: directory ?? 'dist',
    bundle: true,
    splitting: true,
    chunkNames: 'core-[hash]',
    format: 'esm',
    target: 'es2020',
    external: ['react'],
    sourcemap: true,
    logLevel: 'warning'
});

if (directory === undefined) {
    execFileSync(process.execPath,
                 [require.resolve('typescript/bin/tsc'),
                  '-p', 'tsconfig.build.json'],
                 { stdio: 'inherit' });
}
