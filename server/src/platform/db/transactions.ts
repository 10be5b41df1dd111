import type { Pool, PoolClient } from 'pg';
import { isId } from '../../lib/ids.ts';
import { type LastStatement, sayLastAndCommit } from './last-statement.ts';

// Of PostgreSQL's integer.
const LARGEST_ID = 2_147_483_647;
/** Of transactions that see one moment together: how long one may wait for the others. */
export const LONG_WAIT = '1h';

export interface TransactionOptions {
  isolation?: 'read committed' | 'repeatable read' | 'serializable';
  readOnly?: boolean;
  /** The moment to see: what `pg_export_snapshot` gave another transaction, which must be open still. Such ones wait for each other for long. */
  snapshot?: string;
}

/** Asked for once the work is done. */
export interface Closing<T> {
  readonly last: (result: T) => LastStatement | undefined;
  /** Hears its rows, once the transaction is committed. */
  readonly answered: (rows: readonly unknown[]) => void;
}

/** The work of a transaction went on after one of its statements had failed, so PostgreSQL rolled it back at COMMIT. */
export class TransactionRolledBackError extends Error {
  override readonly name = 'TransactionRolledBackError';
}

export function inTransaction<T>(
  pool: Pool,
  work: (client: PoolClient) => Promise<T>,
  { closing, ...options }: TransactionOptions & { readonly closing?: Closing<T> | undefined } = {},
): Promise<T> {
  return transaction(pool, begin(options), work, closing);
}

/** What row-level security lets a transaction see. */
export interface Scope {
  /** Null sees no organisation's rows. */
  readonly organisationId: number | null;
  /** Ids of the people and keys whose sight of devices bounds it, all at once; none: the whole organisation. */
  readonly viewers?: readonly string[] | undefined;
}

/**
 * A transaction that sees the rows of one organisation: row-level security reads the settings, which end with the transaction. BEGIN and
 * the settings travel together, as a request pays for each round trip.
 */
export function withOrganisation<T>(
  pool: Pool,
  { organisationId, viewers = [] }: Scope,
  work: (client: PoolClient) => Promise<T>,
  { closing, ...options }: TransactionOptions & { readonly closing?: Closing<T> | undefined } = {},
): Promise<T> {
  // The simple protocol, which takes several statements at once, takes no parameters. Checked integers and ids hold no SQL.
  if (
    organisationId !== null &&
    !(Number.isSafeInteger(organisationId) && organisationId > 0 && organisationId <= LARGEST_ID)
  ) {
    throw new RangeError('an organisation id is a positive integer');
  }
  if (!viewers.every(isId)) throw new RangeError('a viewer is named by an id');
  const settings = [`set_config('valtronics.organisation', '${organisationId ?? ''}', true)`];
  if (viewers.length > 0) settings.push(`set_config('valtronics.viewers', '${viewers.join()}', true)`);
  return transaction(pool, `${begin(options)}; select ${settings.join(', ')}`, work, closing);
}

function begin({ isolation, readOnly, snapshot }: TransactionOptions): string {
  const opening = `begin${isolation ? ` isolation level ${isolation}` : ''}${readOnly ? ' read only' : ''}`;
  if (snapshot === undefined) return opening;
  // As above: no parameters. A name of theirs holds no quote.
  if (!/^[0-9A-F-]+$/.test(snapshot)) throw new RangeError('a snapshot has another name');
  return `${opening}; set transaction snapshot '${snapshot}'; set local idle_in_transaction_session_timeout = '${LONG_WAIT}'`;
}

async function transaction<T>(
  pool: Pool,
  opening: string,
  work: (client: PoolClient) => Promise<T>,
  closing?: Closing<T>,
): Promise<T> {
  const client = await pool.connect();
  let broken: Error | undefined;
  try {
    await client.query(opening);
    const result = await work(client);
    const last = closing?.last(result);
    if (last) closing?.answered(await sayLastAndCommit(client, last));
    else await commit(client);
    return result;
  } catch (error) {
    try {
      await client.query('rollback');
    } catch (failure) {
      broken = failure instanceof Error ? failure : new Error(String(failure));
    }
    throw error;
  } finally {
    // A connection that cannot even roll back is closed instead of handed to the next request.
    client.release(broken);
  }
}

async function commit(client: PoolClient): Promise<void> {
  // COMMIT of a transaction in which a statement failed answers ROLLBACK, as a success.
  const end = await client.query('commit');
  if (end.command !== 'COMMIT')
    throw new TransactionRolledBackError('the transaction was rolled back: a failed statement in it was ignored');
}
