import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';
import type { Plugin } from 'vite';

/** What gains by it; pictures and fonts are compressed already. */
const TEXT = /\.(html|js|css|svg|webmanifest)$/;
/** Smaller files fit into a packet or two either way. */
const LEAST_BYTES = 1024;

/** Puts the compressed forms beside each file, so that the server only chooses. */
export function compress(folder: string): Plugin {
  return {
    name: 'compress',
    apply: 'build',
    // The folder is kept for its .gitignore; what an earlier build left in it is not.
    buildStart() {
      for (const name of readdirSync(folder)) {
        if (name !== '.gitignore') rmSync(join(folder, name), { recursive: true });
      }
    },
    closeBundle() {
      for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
        const path = join(entry.parentPath, entry.name);
        if (!entry.isFile() || !TEXT.test(entry.name)) continue;
        const bytes = readFileSync(path);
        if (bytes.length < LEAST_BYTES) continue;
        const size = { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length };
        writeFileSync(`${path}.br`, brotliCompressSync(bytes, { params: size }));
        writeFileSync(`${path}.gz`, gzipSync(bytes, { level: 9 }));
      }
    },
  };
}
