import type { Audit } from '@valtronics/contract';
import { sql } from 'kysely';
import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import { isId } from '../../lib/ids.ts';
import type { AuditContext } from './audit-event.ts';
import type { Reader } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';

const WITHIN_MS = 60_000;
const MOST_REMEMBERED = 50_000;

export interface Reading {
  readonly context: AuditContext & { readonly organisationId: number };
  readonly audit: Extract<Audit, { kind: 'reads' }>;
  /** As declared. */
  readonly route: string;
  readonly deviceId: unknown;
  /** What was read, where it has a name of its own. */
  readonly resource: { readonly kind: string; readonly id: string } | null;
}

/** Resolves once it is recorded that somebody read; whoever sends an answer waits for it. */
export type RecordReading = (reading: Reading) => Promise<void>;

/**
 * Who read what. A screen asks for the same every few seconds, all day: each of these is the same reading, and a log of a hundred thousand
 * lines a day and person would hide the one that matters. So one is recorded for a person, event and device within a minute (by each server),
 * at the first answer and not after it. What is forgotten under pressure is recorded again, never left out.
 */
export function createReadings(deps: {
  transactions: Pick<Transactions, 'audited' | 'read'>;
  clock: Clock;
}): RecordReading {
  const { transactions, clock } = deps;
  const recorded = boundedCache<Promise<void>>(MOST_REMEMBERED, clock);

  async function record({ context, audit, route, deviceId, resource }: Reading): Promise<void> {
    const device = isId(deviceId) ? deviceId : undefined;
    if (audit.of === 'health' && !(await transactions.read(context, (reader) => concernsHealth(reader, device))))
      return;
    await transactions.audited(context, audit.event, async (tx) => {
      tx.describe({
        resource: resource ?? (device === undefined ? null : { kind: 'device', id: device }),
        details: { route, kind: 'data_access' },
      });
    });
  }

  return (reading) => {
    const { context, audit, deviceId, resource } = reading;
    const key = JSON.stringify([
      context.organisationId,
      context.actor.id,
      audit.event,
      deviceId ?? null,
      resource?.id ?? null,
    ]);
    const known = recorded.get(key);
    if (known) return known;
    const recording = record(reading);
    recorded.set(key, recording, clock.now() + WITHIN_MS);
    // What was not recorded is tried again with the next answer.
    recording.catch(() => recorded.delete(key));
    return recording;
  };
}

async function concernsHealth(reader: Reader, deviceId: string | undefined): Promise<boolean> {
  const found = await sql<{ health: boolean }>`
    select exists (select from devices where health and (${deviceId ?? null}::uuid is null or id = ${deviceId ?? null}::uuid))
      or exists (select from series where health and (${deviceId ?? null}::uuid is null or device_id = ${deviceId ?? null}::uuid)) as health`.execute(
    reader.db,
  );
  return found.rows[0]?.health === true;
}
