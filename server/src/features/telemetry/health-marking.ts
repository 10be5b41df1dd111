import type { Clock } from '../../lib/clock.ts';
import { notFound } from '../../lib/problem.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { insertSealings, markDeviceHealth, markSeriesHealth } from './health.repository.ts';

export interface WhatIsHealth {
  readonly deviceId: string;
  /** Undefined: all that the device has, and whatever it will have. */
  readonly metric?: string | undefined;
}

export interface HealthMarking {
  /** Returns how many metrics were not of class health before. */
  mark(tx: AuditedTx, what: WhatIsHealth): Promise<number>;
  /** After the commit: what is flushed from here on is sealed. */
  marked(what: WhatIsHealth): void;
}

/**
 * Nothing takes a mark back: the database refuses it. Who marks by mistake pays with some speed; who could unmark could have a person's
 * measurements written in the clear without anybody noticing.
 */
export function createHealthMarking({
  clock,
  marked,
}: {
  readonly clock: Clock;
  readonly marked: (what: WhatIsHealth) => void;
}): HealthMarking {
  return {
    async mark(tx, { deviceId, metric }) {
      if (metric === undefined && !(await markDeviceHealth(tx, deviceId))) throw notFound();
      const series = await markSeriesHealth(tx, deviceId, metric);
      if (metric !== undefined && series.length === 0) throw notFound();
      const fresh = series.filter(({ wasHealth }) => !wasHealth).map(({ id }) => id);
      await insertSealings(tx, fresh, clock.date());
      tx.describe({
        resource: { kind: 'device', id: deviceId },
        details: {
          ...(metric === undefined ? { scope: 'device' } : { scope: 'metric', metric }),
          marked: fresh.length,
        },
      });
      return fresh.length;
    },
    marked,
  };
}
