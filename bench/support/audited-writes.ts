import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { insertDevice, lockDevice, updateDevice } from '../../server/src/features/devices/device.repository.ts';
import { newId } from '../../server/src/lib/ids.ts';
import type { Sequencer } from '../../server/src/security/audit/sequencer.ts';
import type { WriteTx } from '../../server/src/security/audit/tokens.ts';
import type { Transactions } from '../../server/src/security/audit/transactions.types.ts';
import { type Done, inTurns } from './in-turns.ts';
import { atLeast, type Outcome, perSecond } from './outcome.ts';

const DEVICES = 200;
const A_ROUND = 3_000;
const ROUNDS = 7;
/** As many requests as are under way at once. */
const AT_ONCE = 16;
/** As often as a server does. */
const SEQUENCE_MS = 500;

/**
 * A device is changed as the API does it, in a transaction of the same kind, pool and statements: once with its event appended in it and the
 * sequencer beside, and once without either. Authentication, validation and the answer would be the same on both sides and are left out of
 * both, which makes the share of the log as large as it can be.
 */
export async function auditedWrites(deps: {
  owner: pg.Client;
  transactions: Transactions;
  sequencer: Sequencer;
}): Promise<{ outcome: Outcome; organisationId: number }> {
  const { owner, transactions, sequencer } = deps;
  const made = await owner.query<{ id: number }>(
    `insert into organisations (public_id, name) values (gen_random_uuid(), 'Benchmark') returning id`,
  );
  const organisationId = made.rows[0]?.id ?? 0;
  const ids = Array.from({ length: DEVICES }, () => newId());
  await transactions.unaudited(organisationId, 'housekeeping', async (tx) => {
    for (const [index, id] of ids.entries())
      await insertDevice(tx, { ...fieldsOf(index, 0), id, organisationId, health: false });
  });
  const actor = { kind: 'user', id: newId(), label: 'bench@example.org' } as const;

  async function change(tx: WriteTx, turn: number): Promise<string> {
    const id = ids[turn % DEVICES] ?? '';
    await lockDevice(tx, id);
    await updateDevice(tx, id, fieldsOf(turn % DEVICES, turn));
    return id;
  }
  const audited = (turn: number) =>
    transactions.audited(
      { organisationId, actor, address: '192.0.2.1', requestId: newId() },
      'device.changed',
      async (tx) => {
        const id = await change(tx, turn);
        tx.describe({ resource: { kind: 'device', id }, details: { changed: ['name', 'location'] } });
      },
    );
  const bare = (turn: number) => transactions.unaudited(organisationId, 'housekeeping', (tx) => change(tx, turn));

  async function withSequencer(): Promise<Done> {
    const over = new AbortController();
    const sequencing = (async () => {
      while (!over.signal.aborted) {
        await sequencer.run();
        await delay(SEQUENCE_MS, undefined, { signal: over.signal }).catch(() => undefined);
      }
    })();
    const done = await timed(audited);
    over.abort();
    await sequencing;
    // The other side must not pay for what still waits.
    await sequencer.run({ signNow: true });
    return done;
  }
  const { ours, theirs, ratio, ratios } = await inTurns(ROUNDS, withSequencer, () => timed(bare));
  const detail = `${perSecond(ours)} with the log vs ${perSecond(theirs)} without, ${AT_ONCE} at once, ${ratios}`;
  return { organisationId, outcome: atLeast('audit.write_to_write_without_log', ratio, 0.85, 'x', detail) };
}

async function timed(write: (turn: number) => Promise<unknown>): Promise<Done> {
  let turn = 0;
  const started = performance.now();
  const worker = async (): Promise<void> => {
    for (let mine = turn++; mine < A_ROUND; mine = turn++) await write(mine);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
  return { count: A_ROUND, seconds: (performance.now() - started) / 1000 };
}

const fieldsOf = (index: number, turn: number) => ({
  name: `Device ${index} in turn ${turn}`,
  type: 'temperature',
  location: `Ward ${turn % 10}`,
  serial: null,
  description: null,
  ownerId: null,
  silenceTimeoutSeconds: 120,
  metadata: {},
});
