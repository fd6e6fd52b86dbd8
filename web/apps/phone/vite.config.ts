import { resolve } from 'node:path';
import { defaultClientConditions, defineConfig } from 'vite';
import { compress } from '../../build/compress.js';

const OUT = resolve(import.meta.dirname, '../../dist');

export default defineConfig({
  base: '/',
  resolve: { conditions: ['bellwire-source', ...defaultClientConditions] },
  plugins: [compress(OUT)],
  build: {
    outDir: OUT,
    // The plugin empties it.
    emptyOutDir: false,
    target: 'es2022',
    // A file of its own for everything: the page's policy allows no `data:`.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  // `vite` beside a running development server, for work on the page.
  server: { proxy: { '/v1': { target: 'ws://127.0.0.1:2355', ws: true } } },
});
