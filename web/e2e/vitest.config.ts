import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: { resolve: { conditions: ['bellwire-source', 'module', 'node', 'development'] } },
  test: {
    include: ['*.test.ts'],
    // Browsers on a machine that has two cores and other work.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // One browser at a time.
    fileParallelism: false,
    server: { deps: { inline: ['bellwire-testing'] } },
  },
});
