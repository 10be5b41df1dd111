import { hash, randomBytes } from 'node:crypto';
import { sql } from 'kysely';
import { newId } from '../../lib/ids.ts';
import { type NoteVerifier, publicKeyOf, verifierOf } from '../../lib/transparency/signed-note.ts';
import type { Sealing } from '../keys/data-keys.ts';
import type { Reader } from './tokens.ts';
import type { Transactions } from './transactions.types.ts';

// The key that signs checkpoints. Its seed is sealed with the data key of the instance: whoever can write to the database, but has no root key, can neither
// sign nor put a key of their own in its place.

export interface AuditKey {
  /** Origins of trees are names below this one. */
  readonly verifier: NoteVerifier;
  readonly seed: Buffer;
}

interface KeyRow {
  id: string;
  name: string;
  public_key: Buffer;
  private_sealed: Buffer;
}

const place = (id: string) => ({ organisation: null, table: 'audit_keys', column: 'private_sealed', row: id });
const system = { kind: 'system', id: 'audit-log', label: null } as const;

/** The active key, made at the first start. `host` is for people to recognise the log by; part of the key tells it from all others. */
export async function loadAuditKey(deps: {
  transactions: Pick<Transactions, 'readAcross' | 'system'>;
  dataKeys: Sealing;
  host: string;
}): Promise<AuditKey> {
  const { transactions, dataKeys, host } = deps;
  const find = () =>
    transactions.readAcross(async (reader) => {
      const found = await sql<KeyRow>`
        select id, name, public_key, private_sealed from audit_keys where status = 'active'`.execute(reader.db);
      return found.rows[0];
    });
  let row = await find();
  if (!row) {
    const id = newId();
    const seed = randomBytes(32);
    const publicKey = publicKeyOf(seed);
    const name = `${host}/audit/${hash('sha256', publicKey, 'hex').slice(0, 12)}`;
    const sealed = await dataKeys.seal(seed, place(id));
    await transactions.system({ organisationId: null, actor: system, event: 'audit.key_created' }, async (tx) => {
      // Of two servers that start at once, one key is kept.
      const kept = await sql`
        insert into audit_keys (id, name, public_key, private_sealed, status)
        values (${id}, ${name}, ${publicKey}, ${sealed}, 'active') on conflict do nothing returning id`.execute(tx.db);
      tx.describe({ resource: { kind: 'audit_key', id }, details: { kept: kept.rows.length > 0 } });
    });
    row = await find();
  }
  if (!row) throw new Error('there is no key for the audit log');
  const seed = await dataKeys.open(row.private_sealed, place(row.id));
  if (!publicKeyOf(seed).equals(row.public_key)) throw new Error('the public key of the audit log is another one');
  return { verifier: verifierOf(row.name, row.public_key), seed };
}

/** The public keys, each taken from its sealed half: one put into the table by somebody else is not among them. */
export async function listAuditKeys(reader: Reader, dataKeys: Sealing): Promise<NoteVerifier[]> {
  const found =
    await sql<KeyRow>`select id, name, public_key, private_sealed from audit_keys order by created_at`.execute(
      reader.db,
    );
  return Promise.all(
    found.rows.map(async ({ id, name, private_sealed }) =>
      verifierOf(name, publicKeyOf(await dataKeys.open(private_sealed, place(id)))),
    ),
  );
}
