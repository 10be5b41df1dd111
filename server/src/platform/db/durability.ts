import type { ClientBase } from 'pg';

export class NotDurableError extends Error {
  override readonly name = 'NotDurableError';
}

const REQUIRED = ['fsync', 'full_page_writes', 'synchronous_commit'] as const;

/**
 * An acknowledgement says "durable", so a server that may forget a commit is refused. Asked of the running server rather than
 * read from our own file: ALTER SYSTEM, a role or a database can each override it, and no kill -9 would ever show it.
 */
export async function assertDurable(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    'select name, setting from pg_settings where name = any($1)',
    [REQUIRED],
  );
  const settings = new Map(rows.map((row) => [row.name, row.setting]));
  for (const name of REQUIRED) {
    const setting = settings.get(name);
    // The remote levels of synchronous_commit wait for the local disk as well; only "off" does not.
    const holds = name === 'synchronous_commit' ? setting !== undefined && setting !== 'off' : setting === 'on';
    if (!holds)
      throw new NotDurableError(
        `PostgreSQL runs with ${name} = ${setting ?? 'unknown'}: it must be on, or a crash loses acknowledged data`,
      );
  }
  const overrides = await client.query<{ setting: string }>(
    `select setting from pg_db_role_setting, unnest(setconfig) as setting where setting = any($1) limit 1`,
    [['synchronous_commit=off', 'synchronous_commit=false', 'synchronous_commit=0', 'synchronous_commit=no']],
  );
  const override = overrides.rows[0];
  if (override)
    throw new NotDurableError(
      `PostgreSQL has ${override.setting} set for a role or a database: a crash loses acknowledged data`,
    );
}
