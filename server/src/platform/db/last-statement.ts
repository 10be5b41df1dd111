import pg from 'pg';

/**
 * What a transaction says last. It travels with COMMIT in one message and costs no round trip of its own. PostgreSQL takes them in order, and
 * passes COMMIT over where the statement failed.
 */
export interface LastStatement {
  /** Each connection parses and plans it once. */
  readonly name: string;
  readonly text: string;
  readonly values: readonly (string | number | null)[];
}

/** Answers its rows once the transaction is committed. Rejects with what the statement or the commit failed of. */
export async function sayLastAndCommit(client: pg.ClientBase, last: LastStatement): Promise<readonly unknown[]> {
  const results = await new Promise<unknown>((resolve, reject) => {
    client.query(new StatementAndCommit(last, (error, answered) => (error ? reject(error) : resolve(answered))));
  });
  const [said, ended] = Array.isArray(results) ? (results as pg.QueryResult[]) : [];
  // Whatever became of the driver's ways: nothing is taken for committed of which PostgreSQL did not say so.
  if (ended?.command !== 'COMMIT')
    throw new Error('the last statement of a transaction was not followed by its commit');
  return said?.rows ?? [];
}

/** The driver's own query of a prepared statement, but for what it sends behind it. */
class StatementAndCommit extends pg.Query {
  constructor(last: LastStatement, answered: (error: Error | undefined, results: unknown) => void) {
    super({ ...last, values: [...last.values] }, answered);
  }

  /** Called by the driver once the statement is bound: executes it and COMMIT, with the one Sync at the end of both. */
  protected _getRows(connection: pg.Connection): void {
    connection.execute({ portal: '' }, false);
    connection.parse({ name: '', text: 'commit', types: [] }, false);
    connection.bind({ portal: '', statement: '' }, false);
    connection.execute({ portal: '' }, false);
    connection.sync();
  }
}
