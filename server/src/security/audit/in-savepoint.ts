import { sql } from 'kysely';
import type { Reader } from './tokens.ts';

type PartOf<T> =
  | { readonly result: T; readonly error?: undefined }
  | { readonly result?: undefined; readonly error: unknown };

/**
 * A part of a transaction that fails by itself: what it did is undone, and the rest may go on. Throws where that cannot be, as the
 * connection is gone and the whole transaction with it.
 */
export async function inSavepoint<T>(tx: Reader, work: () => Promise<T>): Promise<PartOf<T>> {
  await sql`savepoint part`.execute(tx.db);
  let part: PartOf<T>;
  try {
    part = { result: await work() };
  } catch (error) {
    await sql`rollback to savepoint part`.execute(tx.db);
    part = { error };
  }
  await sql`release savepoint part`.execute(tx.db);
  return part;
}
