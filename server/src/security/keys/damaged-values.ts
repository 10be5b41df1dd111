import type { Place, SealProblem } from '../crypto/sealed-value.ts';
import type { SecurityEvents } from '../events/security-event.ts';

/** What stands for a text that does not open, where an answer must have one. It is no address, so nothing is ever sent to it. */
export const UNREADABLE = 'unreadable';

/** Of so many values it is told that they do not open. Whoever damaged more is known by then. */
const MOST_TOLD = 10_000;

/** Told of a value that does not open for a reason that no erasure and no missing key store explains. */
export type OnDamaged = (place: Place, problem: SealProblem) => void;

/** A security event for each value and reason, once as long as the server runs: a list shows the same ones again and again. */
export function damagedValues(events: Pick<SecurityEvents, 'report'>): OnDamaged {
  const told = new Set<string>();
  return ({ organisation, table, column, row }, problem) => {
    const name = `${problem}/${organisation}/${table}/${column}/${row}`;
    if (told.size >= MOST_TOLD || told.has(name)) return;
    told.add(name);
    events.report({
      action: 'data.tampered',
      outcome: 'failure',
      transport: 'system',
      level: 'critical',
      organisationId: organisation,
      reason: problem,
      details: { table, column, row },
    });
  };
}
