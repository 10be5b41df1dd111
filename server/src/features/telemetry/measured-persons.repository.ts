import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';
import type { MeasuredSpan } from './measured-persons.ts';
import { microsOf } from './telemetry.repository.ts';

/** The newest; what was measured before all of them is of the organisation. */
const MAX_SPANS = 1_000;

/** In the order of time. */
export async function findMeasuredSpans(
  reader: Reader,
  deviceIds: readonly string[],
): Promise<Map<string, MeasuredSpan[]>> {
  const { rows } = await sql<{ deviceId: string; subject: string; begin: number; end: number | null }>`
    select a.device_id as "deviceId", a.subject_id as subject, date_part('epoch', lower(a.during)) as begin,
      date_part('epoch', upper(a.during)) as end
    from unnest(${deviceIds}::uuid[]) as wanted (id) cross join lateral (
      select * from subject_assignments where device_id = wanted.id order by lower(during) desc limit ${MAX_SPANS}
    ) a order by lower(a.during)`.execute(reader.db);
  const found = new Map<string, MeasuredSpan[]>();
  for (const { deviceId, subject, begin, end } of rows) {
    const span = {
      subject,
      fromMicros: microsOf(begin),
      toMicros: end === null ? Number.POSITIVE_INFINITY : microsOf(end),
    };
    const spans = found.get(deviceId);
    if (spans) spans.push(span);
    else found.set(deviceId, [span]);
  }
  return found;
}
