import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { SecurityEvents } from '../../security/events/security-event.ts';
import { countSilence } from './fleet-watch.repository.ts';
import type { StatusChange } from './presence.repository.ts';

/** So many devices, and this part of all that are there, within this time. */
export const silenceOfFleet = { devices: 5, part: 0.3, withinMs: 300_000 } as const;
/** While the server was away nobody could be heard; that is no silence of theirs. */
const SETTLING_MS = 60_000;

/**
 * Devices fail one by one; many at once are cut off. Looked at when one has fallen silent, in the database, so that it is the same whichever
 * server heard of which.
 */
export function createFleetWatch(deps: {
  transactions: Pick<Transactions, 'read'>;
  events: SecurityEvents;
  clock: Clock;
  log: Logger;
  settlingMs?: number | undefined;
}): (changes: readonly StatusChange[]) => Promise<void> {
  const { transactions, events, clock, log, settlingMs = SETTLING_MS } = deps;
  const began = clock.now();

  async function look(organisationId: number): Promise<void> {
    const since = new Date(Math.max(clock.now() - silenceOfFleet.withinMs, began + settlingMs));
    const { silent, present } = await transactions.read(organisationId, (reader) => countSilence(reader, since));
    if (silent < silenceOfFleet.devices || silent < (silent + present) * silenceOfFleet.part) return;
    events.report({
      action: 'fleet.silent',
      outcome: 'failure',
      transport: 'system',
      organisationId,
      details: { silent, devices: silent + present, withinSeconds: silenceOfFleet.withinMs / 1_000 },
    });
  }

  return async (changes) => {
    if (clock.now() < began + settlingMs) return;
    const concerned = new Set(
      changes.filter(({ device }) => device.status === 'offline').map(({ device }) => device.organisation_id),
    );
    for (const organisationId of concerned)
      await look(organisationId).catch((error: unknown) =>
        log.warn({ err: error }, 'whether a fleet fell silent could not be looked up'),
      );
  };
}
