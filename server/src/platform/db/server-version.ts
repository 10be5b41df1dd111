import type { ClientBase } from 'pg';

class ServerTooOldError extends Error {
  override readonly name = 'ServerTooOldError';
}

const OLDEST_SERVER = 150_000;

export async function assertServerVersion(client: ClientBase): Promise<void> {
  const { rows } = await client.query<{ number: string; name: string }>(
    `select current_setting('server_version_num') as number, current_setting('server_version') as name`,
  );
  if (Number(rows[0]?.number ?? 0) < OLDEST_SERVER) {
    throw new ServerTooOldError(
      `PostgreSQL ${rows[0]?.name ?? 'of unknown version'} is too old: version 15 or later is needed`,
    );
  }
}
