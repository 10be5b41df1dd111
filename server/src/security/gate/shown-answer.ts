import { endpoints } from '@valtronics/contract';
import type { z } from 'zod';
import type { Principal } from '../access/principal.ts';
import { viewerOf } from '../fields/show.ts';
import { planOf, showing } from '../fields/show-answer.ts';

// What is declared wrongly is noticed before anything is served.
for (const { response } of Object.values(endpoints)) if (typeof response !== 'string') planOf(response);

/** The body of an answer: what the handler gave, as far as the field catalogue shows it to this principal. */
export function shownAnswer(response: z.ZodType, answer: unknown, principal: Principal, isChecked: boolean): string {
  const shown = showing(response, viewerOf(principal))(answer);
  if (isChecked) response.parse(shown);
  return JSON.stringify(shown);
}
