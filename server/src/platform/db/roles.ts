import { z } from 'zod';

/** The four accounts of the database, and what each is for. Cluster-wide, hence created outside the migrations. */
export const databaseRoles = ['owner', 'server', 'ingest', 'maintenance'] as const;
export type DatabaseRole = (typeof databaseRoles)[number];

export const roleName = (role: DatabaseRole): string => `valtronics_${role}`;

/** One random password for each role. */
const databaseCredentials = z.strictObject({
  owner: z.string().min(32).max(128),
  server: z.string().min(32).max(128),
  ingest: z.string().min(32).max(128),
  maintenance: z.string().min(32).max(128),
});
export type DatabaseCredentials = z.infer<typeof databaseCredentials>;

/** Keeps one text for us; the application seals it. */
export interface CredentialStore {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

class CredentialStoreError extends Error {
  override readonly name = 'CredentialStoreError';
}

export async function readCredentials(store: CredentialStore): Promise<DatabaseCredentials | undefined> {
  const text = await store.read();
  if (text === undefined) return undefined;
  try {
    return databaseCredentials.parse(JSON.parse(text));
  } catch {
    // Without the cause: it could quote a password.
    throw new CredentialStoreError('the stored database credentials cannot be read: the file is damaged');
  }
}

/** What PostgreSQL enforces for every session of a role, whatever the client asked for or forgot. Milliseconds; 0 is no limit. */
export const roleLimits: Record<DatabaseRole, Record<string, string>> = {
  // A migration may take as long as it takes, but must not make the whole platform queue behind its lock.
  owner: { statement_timeout: '0', lock_timeout: '10s', idle_in_transaction_session_timeout: '5min' },
  // A request is answered or refused within seconds; an abandoned transaction would hold back vacuum for everyone.
  server: { statement_timeout: '15s', lock_timeout: '5s', idle_in_transaction_session_timeout: '15s' },
  ingest: { statement_timeout: '30s', lock_timeout: '10s', idle_in_transaction_session_timeout: '15s' },
  // Rollups and retention work in slices; a slice that needs minutes is a bug.
  maintenance: { statement_timeout: '5min', lock_timeout: '5s', idle_in_transaction_session_timeout: '1min' },
};
