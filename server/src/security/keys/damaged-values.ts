import { createHash } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Place, SealProblem } from '../crypto/sealed-value.ts';
import type { SecurityEvents } from '../events/security-event.ts';

/** What stands for a text that does not open, where an answer must have one. It is no address, so nothing is ever sent to it. */
export const UNREADABLE = 'unreadable';

/** Of so many values it is told within a day that they do not open. Whoever damaged more is known by then. */
const MOST_TOLD = 10_000;
const REMEMBERED_MS = 24 * 3_600_000;

/** Told of a value that does not open for a reason that no erasure and no missing key store explains. */
export type OnDamaged = (place: Place, problem: SealProblem, sealed: Uint8Array) => void;

/**
 * A security event for each damaged value and reason, once a day: a list shows the same ones again and again. What is remembered is the value in its place,
 * so that one that was repaired and damaged otherwise is told again.
 */
export function damagedValues(events: Pick<SecurityEvents, 'report'>, clock: Clock): OnDamaged {
  /** When each was told. In that order they are forgotten. */
  const told = new Map<string, number>();
  return (place, problem, sealed) => {
    const now = clock.now();
    for (const [name, at] of told) {
      if (now - at < REMEMBERED_MS) break;
      told.delete(name);
    }
    const name = nameOf(place, problem, sealed);
    if (told.size >= MOST_TOLD || told.has(name)) return;
    told.set(name, now);
    const { organisation, table, column, row } = place;
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

/** As short as a hash, however long the value is. JSON says where the place ends. */
function nameOf({ organisation, table, column, row }: Place, problem: SealProblem, sealed: Uint8Array): string {
  const where = JSON.stringify([problem, organisation, table, column, row]);
  return createHash('sha256').update(where).update(sealed).digest('base64');
}
