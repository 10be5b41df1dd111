import { relative } from 'node:path';
import { z } from 'zod';
import { idsIn, root } from './bindings.ts';

// What we read of the JSON that vitest writes (its `json` reporter, the format of Jest).
const reportSchema = z.object({
  testResults: z.array(
    z.object({
      name: z.string(),
      assertionResults: z.array(z.object({ fullName: z.string(), status: z.string() })),
    }),
  ),
});

export interface BoundTest {
  file: string;
  title: string;
  passed: boolean;
}

/** Requirement id -> every test of the run that names it, in its own title or in that of a `describe` around it. */
export type Outcomes = ReadonlyMap<string, readonly BoundTest[]>;

/** `json`: the text of the report. Throws where it is none. */
export function readOutcomes(json: string): Outcomes {
  const outcomes = new Map<string, BoundTest[]>();
  for (const { name, assertionResults } of reportSchema.parse(JSON.parse(json)).testResults) {
    for (const { fullName, status } of assertionResults) {
      const test = { file: relative(root, name), title: fullName, passed: status === 'passed' };
      for (const id of new Set(idsIn(fullName))) outcomes.set(id, [...(outcomes.get(id) ?? []), test]);
    }
  }
  return outcomes;
}
