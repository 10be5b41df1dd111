import { defineConfig, mergeConfig } from 'vitest/config';
import base from './vitest.config.ts';

// One after another: each wants the machine for itself.
export default mergeConfig(base, defineConfig({ test: { maxWorkers: 1, testTimeout: 20 * 60_000 } }), true);
