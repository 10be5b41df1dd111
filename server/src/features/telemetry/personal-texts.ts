import type { IngestReceipt } from '@valtronics/contract';
import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import { findPersonalData, hidePersonalData } from '../../security/personal-data/find-personal-data.ts';
import type { PersonalData } from '../../security/personal-data/personal-data.ts';
import type { FoundField } from '../../security/personal-data/personal-data.types.ts';
import { personalPoint } from './point.ts';
import { isUnread, type SentPoints } from './sent-points.ts';
import type { Ingest } from './telemetry.ingest.ts';
import type { TelemetrySender } from './telemetry-sender.ts';

interface FoundPoint extends FoundField {
  readonly index: number;
  readonly hidden: string;
}

/** What machines say is said again and again: texts in which nothing was found. */
const MAX_KNOWN = 10_000;
const KNOWN_MS = 3_600_000;
const MAX_KNOWN_LENGTH = 100;

/**
 * Searches the texts among measurements for personal data, before they are taken. Numbers are not looked at, and a text that was seen before
 * costs a look into a table.
 */
export function createPersonalTexts(deps: {
  submit: Ingest['submit'];
  personalData: Pick<PersonalData, 'policyOf' | 'report'>;
  clock: Clock;
}): (transport: 'http' | 'mqtt' | 'websocket') => Ingest['submit'] {
  const { submit, personalData, clock } = deps;
  const known = boundedCache<true>(MAX_KNOWN, clock);

  function foundIn(points: readonly unknown[]): FoundPoint[] {
    const found: FoundPoint[] = [];
    for (const [index, point] of points.entries()) {
      if (typeof point !== 'object' || point === null) continue;
      const { metric, value } = point as { metric?: unknown; value?: unknown };
      if (typeof value !== 'string' || typeof metric !== 'string') continue;
      const name = `${metric}\0${value}`;
      if (known.get(name)) continue;
      const all = findPersonalData(value, { key: metric, machine: true });
      if (all.length > 0) {
        const kinds = [...new Set(all.map(({ kind }) => kind))];
        found.push({ index, path: `points.${index}.value`, kinds, hidden: hidePersonalData(value, all) });
      } else if (name.length <= MAX_KNOWN_LENGTH) known.set(name, true, clock.now() + KNOWN_MS);
    }
    return found;
  }

  async function decide(
    transport: 'http' | 'mqtt' | 'websocket',
    sender: TelemetrySender,
    points: readonly unknown[],
    found: readonly FoundPoint[],
  ): Promise<IngestReceipt> {
    const { organisationId } = sender;
    const policy = await personalData.policyOf(organisationId);
    const deviceId = sender.kind === 'device' ? sender.deviceId : null;
    personalData.report(found, policy, { organisationId, transport, deviceId });
    if (policy === 'warn') return submit(sender, points);
    const changed = [...points];
    for (const { index, hidden } of found)
      changed[index] = policy === 'mask' ? { ...(points[index] as object), value: hidden } : personalPoint;
    return submit(sender, changed);
  }

  return (transport) => (sender: TelemetrySender, points: SentPoints) => {
    if (!isUnread(points)) return submit(sender, points);
    const found = foundIn(points);
    return found.length === 0 ? submit(sender, points) : decide(transport, sender, points, found);
  };
}
