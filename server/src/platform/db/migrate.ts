import pg from 'pg';
import { MigrationError, type MigrationFile, readMigrations } from './migration-files.ts';

export interface MigrationResult {
  /** Names of those this run applied. */
  applied: string[];
  /** How many the database has now. */
  total: number;
}

const MIGRATION_LOCK = 0x76_61_6c_6d; // "valm"
// Another server may be migrating the same database right now; we wait for it rather than fail.
const LOCK_PATIENCE = '10min';

/**
 * Brings a database up to the migrations in the folder: forward only, each in a transaction of its own, one migrator at a time.
 * The digest of each applied file is kept, so an edit of a released one is noticed instead of silently missing everywhere else. With `upTo` it
 * stops at that number: for rows of an older schema, which what comes after it is to bring up to date.
 */
export async function migrate(
  ownerConnection: pg.ClientConfig,
  migrationsDir: string,
  upTo: number = Number.POSITIVE_INFINITY,
): Promise<MigrationResult> {
  const files = (await readMigrations(migrationsDir)).filter(({ number }) => number <= upTo);
  const client = new pg.Client({ ...ownerConnection, application_name: 'valtronics migrate' });
  client.on('error', () => {}); // reported by the query that was under way
  await client.connect();
  try {
    await client.query(`set lock_timeout = '${LOCK_PATIENCE}'`);
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query('reset lock_timeout');
    await client.query(`
      create table if not exists schema_migrations (
        number integer primary key,
        name text not null,
        sha256 text not null,
        applied_at timestamptz not null default now()
      )`);
    const { rows } = await client.query<AppliedMigration>(
      'select number, name, sha256 from schema_migrations order by number',
    );
    const applied: string[] = [];
    for (const file of pendingMigrations(files, rows)) {
      await apply(client, file);
      applied.push(file.name);
    }
    return { applied, total: rows.length + applied.length };
  } finally {
    await client.end(); // which frees the lock
  }
}

interface AppliedMigration {
  number: number;
  name: string;
  sha256: string;
}

/** Which files are still to run, or why this code must not touch this database. */
function pendingMigrations(files: MigrationFile[], applied: AppliedMigration[]): MigrationFile[] {
  for (const [index, done] of applied.entries()) {
    if (done.number !== index + 1) {
      throw new MigrationError(
        `the database misses migration ${index + 1} although it has ${done.name}: restore it from a backup`,
      );
    }
    const file = files[index];
    if (!file) {
      throw new MigrationError(
        `the database is newer than this release: it has migration ${done.name}, which is unknown here`,
      );
    }
    if (file.name !== done.name || file.sha256 !== done.sha256) {
      throw new MigrationError(
        `migration ${file.name} was changed after it had been applied${file.name === done.name ? '' : ` as ${done.name}`}: undo the edit and add a new migration instead`,
      );
    }
  }
  return files.slice(applied.length);
}

async function apply(client: pg.Client, file: MigrationFile): Promise<void> {
  try {
    await client.query('begin');
    const transaction = await currentTransaction(client);
    await client.query(file.sql);
    // A file with a commit of its own would leave half of itself behind when it fails, and no record of it.
    if ((await currentTransaction(client)) !== transaction)
      throw new Error('it ended its transaction, which is not its own');
    await client.query('insert into schema_migrations (number, name, sha256) values ($1, $2, $3)', [
      file.number,
      file.name,
      file.sha256,
    ]);
    await client.query('commit');
  } catch (error) {
    await client.query('rollback').catch(() => {});
    throw new MigrationError(`migration ${file.name} failed: ${describe(error, file.sql)}`, { cause: error });
  }
}

async function currentTransaction(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ id: string }>('select pg_current_xact_id()::text as id');
  return rows[0]?.id;
}

function describe(error: unknown, sql: string): string {
  if (!(error instanceof pg.DatabaseError)) return error instanceof Error ? error.message : String(error);
  const position = Number(error.position);
  const line = position > 0 ? ` (line ${sql.slice(0, position).split('\n').length})` : '';
  return `${error.message}${line}`;
}
