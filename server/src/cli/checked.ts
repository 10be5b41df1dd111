import type { z } from 'zod';
import { UsageError } from './command-error.ts';

/** What was typed, by the contract's own schema; a fault is named by its option. */
export function checked<S extends z.ZodType>(schema: S, given: unknown): z.output<S> {
  const parsed = schema.safeParse(given);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `--${path.join('.')}: ${message}`);
  throw new UsageError(faults.join('; '));
}
