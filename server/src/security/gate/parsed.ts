import type { z } from 'zod';
import { Problem } from '../../lib/problem.ts';
import { TOO_DEEP, validationProblem } from './to-problem.ts';

/** What a schema of the contract makes of a part of the request, or the problem that names its faults. */
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
