import { sql } from 'kysely';
import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
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

/** All times in which a device measures somebody are to be looked through (measured-changes.ts): something in them lies under another key than theirs. */
export async function noteOwed(tx: WriteTx, subject: string): Promise<void> {
  await sql`
    with spans as (select organisation_id, device_id, subject_id, during from subject_assignments where subject_id = ${subject}),
    known as (
      update measured_changes c set changed_at = now() from spans s
      where c.subject_id = s.subject_id and c.device_id = s.device_id and c.during = s.during and not c.erased
      returning c.device_id, c.during
    )
    insert into measured_changes (organisation_id, device_id, subject_id, during, erased)
    select s.organisation_id, s.device_id, s.subject_id, s.during, false from spans s
    where not exists (select from known k where k.device_id = s.device_id and k.during = s.during)`.execute(tx.db);
}
