import type { z } from 'zod';
import { Problem } from '../../lib/problem.ts';
import { TOO_DEEP, validationProblem } from './to-problem.ts';

/** The part of a request as its schema makes it, or a problem that names the fields. */
export function parsed(schema: z.ZodType | undefined, value: unknown): unknown {
  if (schema === undefined) return undefined;
  const result = safely(schema, value ?? {});
  if (!result.success) throw validationProblem(result.error);
  return result.data;
}

/** A schema of any JSON follows the value as deep as it goes, which can be deeper than the stack. */
function safely(schema: z.ZodType, value: unknown) {
  try {
    return schema.safeParse(value);
  } catch (error) {
    if (error instanceof RangeError) throw new Problem('invalid_request', { cause: error, detail: TOO_DEEP });
    throw error;
  }
}
