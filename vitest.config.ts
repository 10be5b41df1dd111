import { defineConfig } from 'vitest/config';

// Two cores: two workers, each with a database of its own cloned from one template (tests/support).
export default defineConfig({
  test: {
    include: ['{contract,server,simulator,web}/src/**/*.test.{ts,tsx}', 'tests/**/*.test.ts'],
    globalSetup: ['tests/support/database-global-setup.ts'],
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
