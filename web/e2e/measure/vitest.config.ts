import { defineConfig } from 'vitest/config';
import tests from '../vitest.config.js';

export default defineConfig({
  ...tests,
  test: {
    ...tests.test,
    dir: import.meta.dirname,
    include: ['first-picture.ts'],
    testTimeout: 600_000,
  },
});
