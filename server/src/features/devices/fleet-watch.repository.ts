import { sql } from 'kysely';
import type { Reader } from '../../security/audit/tokens.ts';

/** Devices that were there since then and are not any more, without having said goodbye, and those that are there. */
export async function countSilence(reader: Reader, since: Date): Promise<{ silent: number; present: number }> {
  const found = await sql<{ silent: number; present: number }>`
    select count(*) filter (where status = 'offline')::int as silent, count(*) filter (where status <> 'offline')::int as present
    from devices d
    where organisation_id = current_organisation() and (status <> 'offline'
      or (status_since >= ${since} and exists (select from device_events e
        where e.device_id = d.id and e.kind = 'status' and e.status = 'offline' and e.at = d.status_since
          and e.reason <> 'goodbye')))`.execute(reader.db);
  return found.rows[0] ?? { silent: 0, present: 0 };
}
