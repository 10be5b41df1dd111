import type { Clock } from '../../lib/clock.ts';
import { notFound, Problem } from '../../lib/problem.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { Reader } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { SigningAlgorithm } from '../crypto/signing-keys.ts';
import type { Sealing } from '../keys/data-keys.ts';
import { newSealedKey } from './sealed-signing-key.ts';
import {
  activateNextKey,
  beginRetiring,
  insertSigningKey,
  listSigningKeys,
  lockSigningKeys,
  retireKey,
  type SigningKeyRow,
} from './signing-key.repository.ts';
import type { SigningKeyStore } from './signing-key-store.ts';

// A key is published before it signs and verifies after it has signed, so a rotation refuses no token: next → active → retiring → retired.

/** For how long others may go on with the keys they fetched; a key that signs must have been published for longer. */
export const JWKS_MAX_AGE_SECONDS = 300;
/**
 * A server that missed the message signs with the former key until it reads the keys again, which it does by itself every half minute; one
 * that cannot read the database cannot sign anybody in either. Clocks may differ too.
 */
const LATE_SIGNATURES_SECONDS = 120;
const TEND_EVERY_SECONDS = 30;
const DAY_MS = 86_400_000;

export interface SigningKeyRotation {
  /** All keys in use and the last ones retired; `dueAt`: when the next scheduled rotation is. */
  status(): Promise<{ readonly keys: SigningKeyRow[]; readonly dueAt: Date }>;
  /** The next key signs from now on. `early`: even if it was published for less than others keep what they fetched. */
  rotate(actor: AuditActor, options: { readonly early: boolean }): Promise<void>;
  /** A key that others may have: its tokens are refused at once, everywhere. Another takes its place if it had one. */
  retire(actor: AuditActor, kid: string): Promise<void>;
  readonly job: Job;
}

export function createSigningKeyRotation(deps: {
  transactions: Transactions;
  dataKeys: Sealing;
  store: SigningKeyStore;
  /** Of keys that are made. */
  algorithm: SigningAlgorithm;
  everyDays: number;
  accessTokenSeconds: number;
  clock: Clock;
}): SigningKeyRotation {
  const { transactions, dataKeys, store, algorithm, everyDays, accessTokenSeconds, clock } = deps;
  const system = { kind: 'system', id: 'signing-keys', label: null } as const;
  const dueAt = ({ active }: Stages): Date =>
    new Date((active.activated_at ?? active.created_at).getTime() + everyDays * DAY_MS);
  const secondsToWait = ({ next }: Stages): number =>
    Math.ceil(JWKS_MAX_AGE_SECONDS - (clock.now() - next.created_at.getTime()) / 1000);

  async function rotate(actor: AuditActor, seen: Stages, early: boolean): Promise<void> {
    const made = await newSealedKey(dataKeys, algorithm);
    await transactions.system({ organisationId: null, actor, event: 'signing_key.rotated' }, async (tx) => {
      await lockSigningKeys(tx);
      const stages = await stagesOf(tx);
      // Of several at once one wins: the others asked for the end of a key that does not sign any more.
      if (stages.active.kid !== seen.active.kid)
        throw new Problem('conflict', { detail: 'The keys were rotated meanwhile.' });
      const wait = secondsToWait(stages);
      if (wait > 0 && !early) throw tooEarly(wait);
      const now = clock.date();
      const retiresAt = new Date(now.getTime() + (accessTokenSeconds + LATE_SIGNATURES_SECONDS) * 1000);
      await beginRetiring(tx, stages.active.kid, retiresAt);
      await activateNextKey(tx, stages.next.kid, now);
      await insertSigningKey(tx, made, 'next', now);
      tx.describe({
        resource: { kind: 'signing_key', id: stages.next.kid },
        details: { retiring: stages.active.kid, next: made.kid, early: wait > 0 },
      });
    });
    await store.announce({});
  }

  /** `onlyIf`: whether it still is to be done when its turn has come. */
  async function retire(actor: AuditActor, kid: string, onlyIf: (key: SigningKeyRow) => boolean): Promise<void> {
    const made = await newSealedKey(dataKeys, algorithm);
    await transactions.system({ organisationId: null, actor, event: 'signing_key.retired' }, async (tx) => {
      await lockSigningKeys(tx);
      const { keys, next } = await stagesOf(tx);
      const key = keys.find((candidate) => candidate.kid === kid);
      if (!key) throw notFound();
      if (!onlyIf(key)) throw new Problem('conflict', { detail: 'This key is retired already.' });
      const now = clock.date();
      await retireKey(tx, kid, now);
      // Known to every server of ours; others learn of it when they meet it.
      if (key.status === 'active') await activateNextKey(tx, next.kid, now);
      const isReplaced = key.status === 'active' || key.status === 'next';
      if (isReplaced) await insertSigningKey(tx, made, 'next', now);
      tx.describe({
        resource: { kind: 'signing_key', id: kid },
        details: { was: key.status, ...(isReplaced ? { next: made.kid } : {}) },
      });
    });
    await store.announce({ retired: kid });
  }

  async function tend(): Promise<void> {
    await store.reload();
    const stages = await transactions.readAcross(stagesOf);
    const isOver = (key: SigningKeyRow): boolean =>
      key.status === 'retiring' && key.retires_at !== null && key.retires_at.getTime() <= clock.now();
    for (const { kid } of stages.keys.filter(isOver)) await unlessDone(retire(system, kid, isOver));
    if (dueAt(stages).getTime() <= clock.now() && secondsToWait(stages) <= 0)
      await unlessDone(rotate(system, stages, false));
  }

  return {
    async status() {
      const stages = await transactions.readAcross(stagesOf);
      return { keys: stages.keys, dueAt: dueAt(stages) };
    },
    rotate: async (actor, { early }) => rotate(actor, await transactions.readAcross(stagesOf), early),
    retire: (actor, kid) => retire(actor, kid, ({ status }) => status !== 'retired'),
    job: { name: 'signing_keys', everySeconds: TEND_EVERY_SECONDS, run: tend },
  };
}

interface Stages {
  readonly keys: SigningKeyRow[];
  readonly active: SigningKeyRow;
  readonly next: SigningKeyRow;
}

async function stagesOf(reader: Reader): Promise<Stages> {
  const keys = await listSigningKeys(reader);
  const [active, next] = (['active', 'next'] as const).map((stage) => keys.find(({ status }) => status === stage));
  if (!active || !next) throw new Error('there is no active or no next signing key');
  return { keys, active, next };
}

/** Every server has this job; what another one did in the meantime is done. */
async function unlessDone(work: Promise<void>): Promise<void> {
  await work.catch((error: unknown) => {
    if (!(error instanceof Problem && error.code === 'conflict')) throw error;
  });
}

const tooEarly = (wait: number): Problem =>
  new Problem('conflict', {
    detail: `The next key was published less than ${JWKS_MAX_AGE_SECONDS} s ago, so whoever verifies our tokens may not know it yet. Wait ${wait} s, or rotate at once with --now in an emergency.`,
  });
