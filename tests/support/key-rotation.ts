import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';
import { chunkPlace } from '../../server/src/features/telemetry/health-values.ts';
import { newId } from '../../server/src/lib/ids.ts';
import { newRootKeyText, parseRootKey } from '../../server/src/security/crypto/root-key.ts';
import { aClock, aKeyStoreFile, anOrganisation, aServerOfKeys } from '../../server/src/security/keys/keys.builders.ts';
import { createResealing } from '../../server/src/security/keys/resealing.ts';
import { aDatabase } from './database.ts';

const BATCH_ROWS = 20;
const actor = { kind: 'cli', id: 'cli:0', label: null } as const;

/**
 * A rotation of the data keys while people read and write, killed (`kill -9`) again and again: no read or write is refused meanwhile, every value is
 * readable at the end, and none is left under an older epoch.
 */
export async function rotateUnderFire({ kills, rows }: { readonly kills: number; readonly rows: number }): Promise<{
  readonly reads: number;
  readonly writes: number;
}> {
  const database = await aDatabase();
  const [rootKeyText, file, clock] = [newRootKeyText(), aKeyStoreFile(), aClock(Date.now())];
  const rootKey = parseRootKey(rootKeyText);
  if (rootKey === undefined) throw new Error('not a root key');
  const server = await aServerOfKeys(database, { rootKey, clock, file });
  const organisation = await anOrganisation(database);
  const place = (row: string) => ({ organisation, table: 'notification_channels', column: 'secret_sealed', row });

  // Half of them as they were sealed before there were data keys.
  const expected = new Map<string, string>();
  for (let index = 0; index < rows; index += 1) {
    const id = newId();
    const secret = `secret ${index}`;
    const sealed =
      index % 2 === 0 ? server.keyRing.seal(secret, place(id)) : await server.dataKeys.seal(secret, place(id));
    expected.set(id, secret);
    await database.admin.query(
      `insert into notification_channels (id, organisation_id, name, kind, target, minimum_severity, secret_sealed, created_at)
       values ($1, $2, 'Hook', 'webhook', 'https://hook.example.org', 'info', $3, now())`,
      [id, organisation, sealed],
    );
  }
  // And measurements of two persons, each under the key of whose it is.
  const measured = new Map<number, string>();
  const day = new Date().toISOString().slice(0, 10);
  const [atMicros, persons] = [Date.parse(day) * 1_000, [newId(), newId()]];
  const subjectOf = (seriesId: number) => persons[seriesId % 2];
  await database.admin.query('select ensure_points_day($1)', [day]);
  for (let seriesId = 1; seriesId <= rows / 4; seriesId += 1) {
    const place = chunkPlace(organisation, seriesId, atMicros);
    const sealed = await server.dataKeys.seal(`measured ${seriesId}`, place, subjectOf(seriesId));
    await database.admin.query(
      `insert into points (series_id, organisation_id, ts, chunk, sealed, subject_id) values ($1, $2, $3, $3, $4, $5)`,
      [seriesId, organisation, `${day}T00:00:00Z`, sealed, subjectOf(seriesId)],
    );
    measured.set(seriesId, `measured ${seriesId}`);
  }
  const { epoch } = await server.epochs.advance(actor);

  async function readMeasured(seriesId: number): Promise<string> {
    const found = await database.admin.query('select sealed, subject_id from points where series_id = $1', [seriesId]);
    const [{ sealed, subject_id }] = found.rows;
    return (await server.dataKeys.open(sealed, chunkPlace(organisation, seriesId, atMicros), subject_id)).toString();
  }

  async function read(id: string): Promise<string> {
    const found = await database.admin.query('select secret_sealed from notification_channels where id = $1', [id]);
    return (await server.dataKeys.open(found.rows[0].secret_sealed, place(id))).toString();
  }

  // Each works on rows of its own, so that it knows what it must find.
  const faults: unknown[] = [];
  let [reads, writes, isOver] = [0, 0, false];
  async function work(own: readonly string[]): Promise<void> {
    while (!isOver) {
      const id = own[randomInt(own.length)] ?? '';
      try {
        const found = await read(id);
        if (found !== expected.get(id)) faults.push(`${found} instead of ${expected.get(id)}`);
        const seriesId = 1 + randomInt(measured.size);
        const value = await readMeasured(seriesId);
        if (value !== measured.get(seriesId)) faults.push(`${value} instead of ${measured.get(seriesId)}`);
        reads += 2;
        const next = `written ${writes}`;
        const sealed = await server.dataKeys.seal(next, place(id));
        const written = await database.admin.query(
          'update notification_channels set secret_sealed = $2 where id = $1',
          [id, sealed],
        );
        if (written.rowCount !== 1) faults.push(`${id} was not written`);
        expected.set(id, next);
        writes += 1;
      } catch (error) {
        faults.push(error);
      }
    }
  }
  const ids = [...expected.keys()];
  // Few rows are written over and over, so that there is something left to seal again.
  const working = [0, 1].map((which) => work(ids.filter((_, index) => index % 40 === which)));

  const { connection, credentials } = { connection: database.connection('server'), credentials: database.credentials };
  const { user: _user, password: _password, application_name: _name, ...place_ } = connection;
  const input = JSON.stringify({ connection: place_, credentials, rootKeyText, file, batchRows: BATCH_ROWS });
  const start = (): ChildProcess => {
    const child = spawn(process.execPath, [fileURLToPath(new URL('./resealing-process.ts', import.meta.url))], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    child.stdin?.end(input);
    return child;
  };

  try {
    for (let kill = 0; kill < kills; kill += 1) {
      const child = start();
      const ended = once(child, 'exit');
      let batches = randomInt(1, 5);
      for await (const _line of createInterface({ input: child.stdout ?? process.stdin })) {
        batches -= 1;
        if (batches === 0) child.kill('SIGKILL');
      }
      const [, signal] = await ended;
      expect([kill, signal]).toEqual([kill, 'SIGKILL']);
    }
    const last = start();
    const ended = once(last, 'exit');
    const lines: string[] = [];
    for await (const line of createInterface({ input: last.stdout ?? process.stdin })) lines.push(line);
    expect([(await ended)[0], lines.at(-1)]).toEqual([0, 'unreadable 0']);
  } finally {
    isOver = true;
    await Promise.all(working);
  }

  expect(faults).toEqual([]);
  const wrong: string[] = [];
  for (const [id, secret] of expected) if ((await read(id)) !== secret) wrong.push(id);
  for (const [seriesId, value] of measured) if ((await readMeasured(seriesId)) !== value) wrong.push(value);
  expect(wrong).toEqual([]);
  const resealing = createResealing(server);
  expect([...(await resealing.countByEpoch())]).toEqual([[epoch, rows + measured.size]]);

  // What is of no use any more may go, and what comes back from a backup is refused.
  const old = server.keyRing.seal('from a backup', place('x'));
  clock.pass(120);
  const isUsed = (which: number) => async () => ((await resealing.countByEpoch()).get(which) ?? 0) > 0;
  for (const which of [1, epoch - 1]) await server.epochs.retire(actor, which, isUsed(which));
  await expect(server.dataKeys.open(old, place('x'))).rejects.toMatchObject({ problem: 'retired-epoch' });
  expect(await read(ids[0] ?? '')).toBe(expected.get(ids[0] ?? ''));
  server.subjectKeys.close();
  await database.drop();
  return { reads, writes };
}
