import type { Transactions } from '../audit/transactions.types.ts';
import type { SigningKeys } from '../crypto/access-tokens.ts';
import type { KeyRing } from '../crypto/key-ring.ts';
import {
  generateSigningKey,
  importSigningKey,
  type PublicSigningJwk,
  type SigningKey,
} from '../crypto/signing-keys.ts';
import { insertActiveSigningKey, listUsableSigningKeys } from './signing-key.repository.ts';

export interface SigningKeyStore extends SigningKeys {
  /** The public halves, as published at `/.well-known/jwks.json`. */
  published(): readonly PublicSigningJwk[];
}

const place = (kid: string) => ({ organisation: null, table: 'signing_keys', column: 'private_sealed', row: kid });
const system = { kind: 'system', id: 'signing-keys', label: null } as const;

/** Loads the keys that sign access tokens, making the first one. The private halves are sealed in the database from the first day. */
export async function openSigningKeys(deps: {
  transactions: Transactions;
  keyRing: KeyRing;
}): Promise<SigningKeyStore> {
  const { transactions, keyRing } = deps;
  let rows = await transactions.readAcross(listUsableSigningKeys);
  if (!rows.some((row) => row.status === 'active')) {
    const { key, privateText } = await generateSigningKey();
    await transactions.system({ organisationId: null, actor: system, event: 'signing_key.created' }, async (tx) => {
      const privateSealed = keyRing.seal(privateText, place(key.kid));
      const isOurs = await insertActiveSigningKey(tx, { kid: key.kid, publicJwk: key.publicJwk, privateSealed });
      tx.describe({ resource: { kind: 'signing_key', id: key.kid }, details: { kept: isOurs } });
    });
    rows = await transactions.readAcross(listUsableSigningKeys);
  }
  const keys = new Map<string, SigningKey>();
  let active: SigningKey | undefined;
  for (const row of rows) {
    const key = await importSigningKey(keyRing.open(row.private_sealed, place(row.kid)).toString('utf8'));
    keys.set(row.kid, key);
    if (row.status === 'active') active = key;
  }
  if (!active) throw new Error('there is no active signing key');
  const signing = active;
  return {
    active: () => signing,
    find: (kid) => keys.get(kid),
    published: () => [...keys.values()].map((key) => key.publicJwk),
  };
}
