import { defineConfig } from 'vitest/config';

// Two cores: two workers, each with a database of its own cloned from one template (tests/support).
export default defineConfig({
  test: {
    include: ['{contract,server,simulator,web}/src/**/*.test.{ts,tsx}', 'tests/**/*.test.ts'],
    globalSetup: ['tests/support/database-global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    // A loaded machine can starve a time-out; a broken promise fails twice.
    retry: 1,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
});
