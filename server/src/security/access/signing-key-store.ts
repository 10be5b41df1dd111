import type { Clock } from '../../lib/clock.ts';
import type { Notices } from '../../platform/db/notices.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { SigningKeys } from '../crypto/access-tokens.ts';
import type { PublicSigningJwk, SigningAlgorithm, SigningKey } from '../crypto/signing-keys.ts';
import type { Sealing } from '../keys/data-keys.ts';
import { newSealedKey, openSealedKey } from './sealed-signing-key.ts';
import { insertSigningKey, listUsableSigningKeys, type UsableKeyRow } from './signing-key.repository.ts';

export interface SigningKeyStore extends SigningKeys {
  /** The public halves, as published at `/.well-known/jwks.json`: next, active and retiring. */
  published(): readonly PublicSigningJwk[];
  /** Reads the keys again. Whoever waits gets a reading that began after they asked. */
  reload(): Promise<void>;
  /** The keys in the database were changed: here at once, on every other server within a second. `retired`: this key is good no more. */
  announce(change: { readonly retired?: string }): Promise<void>;
}

export interface SigningKeyStoreOptions {
  readonly transactions: Transactions;
  readonly dataKeys: Sealing;
  readonly notices: Notices;
  /** Of keys that are made. */
  readonly algorithm: SigningAlgorithm;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error'>;
}

const TOPIC = 'signing-keys';
/** What kid a token names is for whoever wrote it to say: however many are unknown, the database is asked this often at most. */
const ASK_EVERY_MS = 1_000;
const THUMBPRINT = /^[\w-]{43}$/;
const system = { kind: 'system', id: 'signing-keys', label: null } as const;

/**
 * The keys that sign and verify access tokens, as the database has them. Keys are made, rotated and retired there
 * (`signing-key-rotation.ts`); this is each server's copy, kept true by three means: a message at every change, a new reading whenever
 * messages may have been missed, and one from time to time whatever was said. A token of a key that is not here yet makes it ask.
 */
export async function openSigningKeys(options: SigningKeyStoreOptions): Promise<SigningKeyStore> {
  const { transactions, dataKeys, notices, clock, log } = options;
  const retiredListeners: ((kid: string) => void)[] = [];
  /** A reading that was under way when a key was retired must not bring it back. A few a year, so it may grow. */
  const retired = new Set<string>();
  let keys = new Map<string, SigningKey>();
  let signing: SigningKey | undefined;
  let reading: Promise<void> | undefined;
  let readAgain = false;
  let asking: Promise<void> | undefined;
  let askedAt = Number.NEGATIVE_INFINITY;

  function forget(kid: string): void {
    if (retired.has(kid)) return;
    retired.add(kid);
    keys.delete(kid);
    for (const listener of retiredListeners) listener(kid);
  }

  /** A row that was not sealed by us is no key, and no reason to lose the others. */
  async function opened(row: UsableKeyRow): Promise<SigningKey | undefined> {
    return openSealedKey(dataKeys, row).catch((error: unknown) => {
      log.error({ err: error, kid: row.kid }, 'a signing key could not be opened');
      return undefined;
    });
  }

  async function read(): Promise<void> {
    const rows = await transactions.read(null, listUsableSigningKeys);
    const found = new Map<string, SigningKey>();
    let active: SigningKey | undefined;
    for (const row of rows) {
      const key = keys.get(row.kid) ?? (await opened(row));
      if (key === undefined) continue;
      if (row.status === 'active') active = key;
      if (!retired.has(row.kid)) found.set(row.kid, key);
    }
    if (active === undefined) throw new Error('there is no active signing key');
    const before = keys;
    keys = found;
    signing = active;
    for (const kid of before.keys()) if (!found.has(kid)) forget(kid);
  }

  function reload(): Promise<void> {
    readAgain = true;
    reading ??= (async () => {
      while (readAgain) {
        readAgain = false;
        await read();
      }
    })().finally(() => {
      reading = undefined;
    });
    return reading;
  }

  const reloadSoon = (): void => {
    reload().catch((error: unknown) => log.error({ err: error }, 'the signing keys could not be read again'));
  };
  notices.onNotice(TOPIC, (body) => {
    const kid = (body as { retired?: unknown }).retired;
    if (typeof kid === 'string' && THUMBPRINT.test(kid)) forget(kid);
    reloadSoon();
  });
  notices.onGap(reloadSoon);

  await makeMissingKeys(options);
  await reload();

  return {
    active() {
      if (signing === undefined) throw new Error('the signing keys were not read');
      return signing;
    },
    find: (kid) => keys.get(kid),
    async lookUp(kid) {
      const known = keys.get(kid);
      if (known || retired.has(kid) || !THUMBPRINT.test(kid)) return known;
      if (asking === undefined) {
        if (Math.abs(clock.now() - askedAt) < ASK_EVERY_MS) return undefined;
        asking = reload()
          .then(() => {
            askedAt = clock.now();
          })
          .finally(() => {
            asking = undefined;
          });
      }
      await asking;
      return keys.get(kid);
    },
    onRetired: (listener) => {
      retiredListeners.push(listener);
    },
    published: () => [...keys.values()].map((key) => key.publicJwk),
    reload,
    async announce(change) {
      if (change.retired !== undefined) forget(change.retired);
      await Promise.all([notices.publish(TOPIC, change), reload()]);
    },
  };
}

/** A new database has no keys, one of an earlier version no next one. Servers that start together make one of each all the same. */
async function makeMissingKeys({ transactions, dataKeys, algorithm, clock }: SigningKeyStoreOptions): Promise<void> {
  for (const status of ['active', 'next'] as const) {
    const rows = await transactions.read(null, listUsableSigningKeys);
    if (rows.some((row) => row.status === status)) continue;
    const made = await newSealedKey(dataKeys, algorithm);
    await transactions.system({ organisationId: null, actor: system, event: 'signing_key.created' }, async (tx) => {
      const kept = await insertSigningKey(tx, made, status, clock.date());
      tx.describe({ resource: { kind: 'signing_key', id: made.kid }, details: { status, kept } });
    });
  }
}
