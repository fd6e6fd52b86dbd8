import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: { resolve: { conditions: ['bellwire-source', 'module', 'node', 'development'] } },
  test: {
    include: ['*.test.ts'],
    // Browsers on a machine that has two cores and other work. What is waited for comes in a second
    // on an idle one; a wait that ends too early fails a test for nothing.
    testTimeout: 180_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 30_000, interval: 100 } },
    // One browser at a time.
    fileParallelism: false,
    server: { deps: { inline: ['bellwire-testing'] } },
  },
});
