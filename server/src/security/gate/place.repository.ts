import { sql } from 'kysely';
import type { UnauditedTx } from '../audit/tokens.ts';

/** A session or a credential of a device, used in this network then. */
export interface Sighting {
  readonly credential: string;
  readonly network: string;
  readonly at: Date;
}

/**
 * Writes down where each was seen, at most once in `sightings`, and answers where each was before: null where nothing since `since` is known.
 * Of one that was seen elsewhere meanwhile, later than this, nothing is written and nothing answered. One row is one order of places,
 * however many servers write it, so a move is answered to one of them.
 */
export async function moveTo(
  tx: UnauditedTx,
  sightings: readonly Sighting[],
  since: Date,
): Promise<ReadonlyMap<string, string | null>> {
  // In one order, so that two servers that write the same rows wait for each other instead of for ever. What is said to be a minute or more in
  // the future was written by a wrong clock, and is no reason to see nothing until then.
  const moved = await sql<{ credential: string; was: string | null }>`
    insert into last_places as known (credential, network, seen_at)
    select * from unnest(${sightings.map(({ credential }) => credential)}::text[],
      ${sightings.map(({ network }) => network)}::text[], ${sightings.map(({ at }) => at)}::timestamptz[]) order by 1
    on conflict (credential) do update set
      was = case when known.seen_at > ${since} then known.network end,
      network = excluded.network, seen_at = excluded.seen_at
    where excluded.seen_at >= known.seen_at or known.seen_at > excluded.seen_at + interval '1 minute'
    returning credential, was`.execute(tx.db);
  return new Map(moved.rows.map(({ credential, was }) => [credential, was]));
}

/** Returns how many there were. */
export async function removeOldPlaces(tx: UnauditedTx, before: Date, limit: number): Promise<number> {
  const removed = await sql`
    delete from last_places where credential in
      (select credential from last_places where seen_at < ${before} limit ${limit} for update skip locked)`.execute(
    tx.db,
  );
  return Number(removed.numAffectedRows ?? 0);
}
