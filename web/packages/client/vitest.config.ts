import { defaultServerConditions } from 'vite';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  ssr: { resolve: { conditions: ['bellwire-source', ...defaultServerConditions] } },
  resolve: { conditions: ['bellwire-source'] },
  test: {
    include: ['tests/**/*.test.ts'],
    // A real server is started by each file; the machine may be busy with others.
    testTimeout: 30_000,
    hookTimeout: 30_000,
    expect: { poll: { timeout: 10_000 } },
    server: { deps: { inline: ['bellwire-testing'] } },
  },
});
