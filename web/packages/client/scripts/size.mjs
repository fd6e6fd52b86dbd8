// Fails when the SDK, minified and gzipped as an app would ship it, has grown over its limit.

import { resolve } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, defaultClientConditions } from 'vite';

const KB = 1024;
/** What each entry may weigh: all of it, so more than an app that uses a part pays. */
const LIMITS = [
  { name: 'signalling', imports: ['@bellwire/client'], most: 25 * KB },
  { name: 'with media', imports: ['@bellwire/client', '@bellwire/client/media'], most: 40 * KB },
];

const root = resolve(import.meta.dirname, '..');
/** A module that is nowhere but here. */
const ENTRY = resolve(root, 'everything.js');

async function sizeOf(imports) {
  const text = imports.map((name) => `export * from '${name}';`).join('\n');
  const entry = {
    name: 'entry',
    enforce: 'pre',
    resolveId: (id) => (id === ENTRY ? ENTRY : null),
    load: (id) => (id === ENTRY ? text : null),
  };
  const [{ output }] = await build({
    root,
    configFile: false,
    logLevel: 'error',
    plugins: [entry],
    resolve: { conditions: ['bellwire-source', ...defaultClientConditions] },
    build: {
      write: false,
      target: 'es2022',
      lib: { entry: ENTRY, formats: ['es'], fileName: 'sdk' },
    },
  });
  const code = output.map((chunk) => chunk.code ?? '').join('');
  return gzipSync(code, { level: 9 }).length;
}

let failed = false;
for (const { name, imports, most } of LIMITS) {
  const size = await sizeOf(imports);
  const verdict = size <= most ? 'ok' : 'TOO LARGE';
  console.log(`${name}: ${(size / KB).toFixed(1)} KB gzipped, ${most / KB} KB allowed: ${verdict}`);
  failed ||= size > most;
}
process.exit(failed ? 1 : 0);
