import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Reader } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { OwedToPersons } from '../../security/keys/person-values.ts';
import { findMeasuredSpans, noteOwed } from './measured-persons.repository.ts';

/** A time in which a device measured somebody; the end is not part of it, and is infinite while it goes on. */
export interface MeasuredSpan {
  readonly fromMicros: number;
  readonly toMicros: number;
  readonly subject: string;
}

/** Whom devices measured, for those who seal what they measured with the key of that person. */
export interface MeasuredPersons extends OwedToPersons {
  /**
   * Of each device its spans in the order of time; no two of one device share a moment. Whoever is in a transaction reads in it (it must see all devices),
   * instead of waiting for a second connection while it holds one.
   */
  of(deviceIds: readonly string[], reader?: Reader): Promise<ReadonlyMap<string, readonly MeasuredSpan[]>>;
  /** Whom one measured then; null: nobody. */
  at(deviceId: string, atMicros: number, reader?: Reader): Promise<string | null>;
}

/** Another server may have changed it. What was sealed for the one before meanwhile is sealed again (measured-changes.ts), after longer than this. */
export const KNOWN_MS = 5_000;
const MAX_DEVICES = 50_000;
/** Far shorter than a change rests before it is looked at: what was sealed since it was noted is there by then. */
const NOTED_MS = 2_000;

export function createMeasuredPersons({
  transactions,
  clock,
}: {
  readonly transactions: Pick<Transactions, 'readAcross' | 'unaudited'>;
  readonly clock: Clock;
}): MeasuredPersons {
  const known = boundedCache<readonly MeasuredSpan[]>(MAX_DEVICES, clock);
  const noted = boundedCache<true>(MAX_DEVICES, clock);
  const persons: MeasuredPersons = {
    async of(deviceIds, reader) {
      const found = new Map<string, readonly MeasuredSpan[]>();
      const unknown: string[] = [];
      for (const id of new Set(deviceIds)) {
        const spans = known.get(id);
        if (spans) found.set(id, spans);
        else unknown.push(id);
      }
      if (unknown.length === 0) return found;
      const read = reader
        ? await findMeasuredSpans(reader, unknown)
        : await transactions.readAcross((across) => findMeasuredSpans(across, unknown));
      for (const id of unknown) {
        const spans = read.get(id) ?? [];
        found.set(id, spans);
        known.set(id, spans, clock.now() + KNOWN_MS);
      }
      return found;
    },
    async at(deviceId, atMicros, reader) {
      return personAt((await persons.of([deviceId], reader)).get(deviceId) ?? [], atMicros) ?? null;
    },
    async owed(subject) {
      if (noted.get(subject)) return;
      await transactions.unaudited(null, 'seal_marked', (tx) => noteOwed(tx, subject));
      noted.set(subject, true, clock.now() + NOTED_MS);
    },
  };
  return persons;
}

export const personAt = (spans: readonly MeasuredSpan[], atMicros: number): string | undefined =>
  spans.findLast(({ fromMicros, toMicros }) => fromMicros <= atMicros && atMicros < toMicros)?.subject;

export interface PersonStretch {
  readonly start: number;
  readonly end: number;
  readonly subject: string | undefined;
}

/** Points from `start` to before `end`, in order of time, cut wherever the device began or ended to measure somebody. */
export function stretchesOf(
  points: readonly { readonly atMicros: number }[],
  { start, end }: { readonly start: number; readonly end: number },
  spans: readonly MeasuredSpan[],
): PersonStretch[] {
  if (spans.length === 0) return [{ start, end, subject: undefined }];
  const stretches: PersonStretch[] = [];
  let [begun, current] = [start, personAt(spans, points[start]?.atMicros ?? 0)];
  for (let index = start + 1; index < end; index += 1) {
    const subject = personAt(spans, points[index]?.atMicros ?? 0);
    if (subject === current) continue;
    stretches.push({ start: begun, end: index, subject: current });
    [begun, current] = [index, subject];
  }
  stretches.push({ start: begun, end, subject: current });
  return stretches;
}

/**
 * Whose a rollup is: of whoever was measured in it for longest. In the minute or hour in which a device changes hands is something of both; it goes
 * with the one, and tells of the other no more than sums of that time.
 */
export function personOfBucket(
  spans: readonly MeasuredSpan[],
  startMicros: number,
  widthMicros: number,
): string | undefined {
  const shares = new Map<string, number>();
  for (const { subject, fromMicros, toMicros } of spans) {
    const share = Math.min(toMicros, startMicros + widthMicros) - Math.max(fromMicros, startMicros);
    if (share > 0) shares.set(subject, (shares.get(subject) ?? 0) + share);
  }
  let longest: [string, number] | undefined;
  for (const one of shares) if (longest === undefined || one[1] > longest[1]) longest = one;
  return longest?.[0];
}
