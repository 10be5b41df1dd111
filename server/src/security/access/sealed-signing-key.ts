import {
  generateSigningKey,
  importSigningKey,
  type SigningAlgorithm,
  type SigningKey,
} from '../crypto/signing-keys.ts';
import type { Sealing } from '../keys/data-keys.ts';
import type { NewSigningKey, UsableKeyRow } from './signing-key.repository.ts';

// A key is always made from what was sealed, also where only its public half is needed: whoever can write to the database but has no root
// key can then not add a key of their own to those whose tokens are accepted.

const place = (kid: string) => ({ organisation: null, table: 'signing_keys', column: 'private_sealed', row: kid });

export async function newSealedKey(dataKeys: Sealing, algorithm: SigningAlgorithm): Promise<NewSigningKey> {
  const { key, privateText } = await generateSigningKey(algorithm);
  const { kid, publicJwk } = key;
  return { kid, algorithm, publicJwk, privateSealed: await dataKeys.seal(privateText, place(kid)) };
}

export async function openSealedKey(dataKeys: Sealing, row: UsableKeyRow): Promise<SigningKey> {
  const key = await importSigningKey((await dataKeys.open(row.private_sealed, place(row.kid))).toString('utf8'));
  if (key.kid !== row.kid) throw new Error(`the signing key ${row.kid} is another one`);
  return key;
}
