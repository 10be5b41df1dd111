import { sql } from 'kysely';
import type { Finding } from '../../lib/transparency/verify-log.ts';
import type { Reader } from './tokens.ts';

interface ComparedEvent {
  readonly position: number;
  readonly id: string;
  readonly actorId: string | null;
  readonly resourceId: string | null;
}

interface Gone {
  values: number;
  first: ComparedEvent;
  last: number;
}

/**
 * Personal values of a log that are gone, each with its salt, by whom they were about. A leaf cannot tell an erasure from somebody who
 * blanked what was inconvenient; the log can, since an erasure is an event of the same log, after everything it took away.
 */
export function createErasedValues() {
  const gone = new Map<string | null, Gone>();
  let count = 0;

  return {
    count: () => count,

    add(event: ComparedEvent, pointers: readonly string[]): void {
      for (const pointer of pointers) {
        count += 1;
        const person = pointer === '/details' || pointer.startsWith('/details/') ? event.resourceId : event.actorId;
        const known = gone.get(person);
        if (known === undefined) gone.set(person, { values: 1, first: event, last: event.position });
        else {
          // Two parts of a log are compared at once, so these are in no order.
          known.values += 1;
          known.last = Math.max(known.last, event.position);
          if (event.position < known.first.position) known.first = event;
        }
      }
    },

    async unaccounted(reader: Reader, tree: number, owner: number | null): Promise<Finding[]> {
      if (gone.size === 0) return [];
      const erasures = await listErasures(reader, tree, owner);
      return [...gone]
        .filter(([person, { values, last }]) => {
          const own = erasures.filter((erasure) => erasure.person === person);
          const said = own.reduce((sum, erasure) => sum + erasure.values, 0);
          return person === null || said < values || !own.some(({ position }) => position > last);
        })
        .map(([, { first }]) => ({ kind: 'row_blanked', position: first.position, eventId: first.id }));
    },
  };
}

/** What `eraseAuditValues` has said. One without a place yet comes after all that have one. */
async function listErasures(
  reader: Reader,
  tree: number,
  owner: number | null,
): Promise<{ person: string | null; values: number; position: number }[]> {
  const found = await sql<{ person: string | null; values: number; position: number | null }>`
    select e.resource_id as person, l.position::float8 as position,
      case when jsonb_typeof(e.details->'values') = 'number' then (e.details->>'values')::float8 else 0 end as values
    from audit_events e left join audit_leaves l on l.event_id = e.id and l.tree = ${tree}
    where e.organisation_id is not distinct from ${owner}::integer and e.event = 'audit.values_erased'
      and e.actor_kind = 'system' and e.actor_id = 'audit-log' and e.resource_kind = 'user'
      and (l.position is not null or exists (select from audit_pending p where p.event_id = e.id))`.execute(reader.db);
  return found.rows.map((row) => ({ ...row, position: row.position ?? Number.POSITIVE_INFINITY }));
}
