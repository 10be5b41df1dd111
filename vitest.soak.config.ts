import { defineConfig } from 'vitest/config';

// One after another, each with the machine to itself, and none gets a second try.
export default defineConfig({
  test: {
    include: ['tests/soak/**/*.soak.ts'],
    // For those that need no server, but a database.
    globalSetup: ['tests/support/database-global-setup.ts'],
    pool: 'forks',
    maxWorkers: 1,
    testTimeout: 40 * 60_000,
    hookTimeout: 5 * 60_000,
  },
});
