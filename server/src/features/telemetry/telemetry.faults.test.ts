import net from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestDatabase } from '../../../../tests/support/database.ts';
import { aDatabase } from '../../../../tests/support/database.ts';
import { Problem } from '../../lib/problem.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import type { CommittedFlush } from './committed.ts';
import {
  aDevice,
  anOrganisation,
  aTelemetry,
  eventually,
  type TelemetryUnderTest,
  type TestDevice,
} from './telemetry.builders.ts';

let database: TestDatabase;
let organisationId: number;
const running: TelemetryUnderTest[] = [];

beforeAll(async () => {
  database = await aDatabase();
  organisationId = await anOrganisation(database);
});
afterAll(async () => {
  for (const telemetry of running) await telemetry.drain();
  await database.drop();
});

async function started(options: Parameters<typeof aTelemetry>[0] = {}) {
  const telemetry = await aTelemetry({ database, ...options });
  running.push(telemetry);
  return telemetry;
}

async function rowsOf(device: TestDevice): Promise<number> {
  const { rows } = await database.admin.query<{ count: string }>(
    'select count(*) from points p join series s on s.id = p.series_id where s.device_id = $1',
    [device.deviceId],
  );
  return Number(rows[0]?.count);
}

/** Ends the sessions of the ingest role that are in such a state, as a crash of PostgreSQL would. */
async function killIngest(where: string): Promise<number> {
  const { rowCount } = await database.admin.query(
    `select pg_terminate_backend(pid) from pg_stat_activity
     where datname = current_database() and usename = 'valtronics_ingest' and ${where}`,
  );
  return rowCount ?? 0;
}

const points = (count: number, from = 0) =>
  Array.from({ length: count }, (_, index) => ({
    metric: 'm',
    value: from + index,
    timestamp: Date.now() - 3_600_000 + from + index,
  }));

describe('when PostgreSQL breaks', () => {
  it('a session lost between COPY and COMMIT stores nothing twice and nothing half: the flush is repeated', async () => {
    const telemetry = await started();
    const device = await aDevice(database, organisationId);
    await telemetry.submit(device, points(1));
    // The commit waits at a deferred trigger until the session is killed; the second try is let through.
    await database.admin.query(`
      create table hold (id int); insert into hold values (1); grant select, update on hold to valtronics_ingest;
      create function wait_once() returns trigger language plpgsql security definer as $$
      begin perform 1 from hold for update; return null; end $$;
      create constraint trigger hold_commit after insert on telemetry_journal deferrable initially deferred
        for each row execute function wait_once()`);
    const holder = new pg.Client(database.connection('admin'));
    await holder.connect();
    await holder.query('begin; select * from hold for update');
    const receipt = telemetry.submit(device, points(50, 1));
    await eventually(async () => {
      const { rows } = await database.admin.query(
        "select 1 from pg_stat_activity where usename = 'valtronics_ingest' and wait_event_type = 'Lock'",
      );
      return rows.length > 0;
    }, 'the commit waits');
    expect(await killIngest("wait_event_type = 'Lock'")).toBe(1);
    await holder.end();
    expect(await receipt).toEqual({ accepted: 50, duplicates: 0, rejected: [] });
    expect(await rowsOf(device)).toBe(51);
    await database.admin.query('drop trigger hold_commit on telemetry_journal');
  });

  it('an answer lost after COMMIT is recognised by the journal: the points count as accepted, once', async () => {
    const flushes: CommittedFlush[] = [];
    // A proxy of the socket that swallows one answer and then breaks.
    const { through, loseNextAnswer, close } = await aLossyWay(database);
    const telemetry = await started({ ingestConnection: { ...database.connection('ingest'), ...through } });
    telemetry.onCommitted((flush) => flushes.push(flush));
    const device = await aDevice(database, organisationId);
    await telemetry.submit(device, points(1));
    const { rows: before } = await database.admin.query('select count(*)::int as n from telemetry_journal');
    loseNextAnswer();
    const receipt = await telemetry.submit(device, points(20, 1));
    expect(receipt).toEqual({ accepted: 20, duplicates: 0, rejected: [] });
    expect(await rowsOf(device)).toBe(21);
    const { rows: after } = await database.admin.query('select count(*)::int as n from telemetry_journal');
    expect(after[0].n - before[0].n).toBe(1);
    expect(flushes.flatMap((flush) => flush.points)).toHaveLength(21);
    await telemetry.drain();
    await close();
  });

  it('sessions killed again and again under load lose no acknowledged point and double none', async () => {
    const telemetry = await started();
    const device = await aDevice(database, organisationId);
    await telemetry.submit(device, points(1));
    let acknowledged = 1;
    let stop = false;
    const sender = async (lane: number) => {
      for (let round = 0; !stop; round += 1) {
        const batch = points(20, 100_000 * (lane + 1) + round * 20);
        const receipt = await telemetry.submit(device, batch);
        expect(receipt.rejected).toEqual([]);
        expect(receipt.duplicates).toBe(0);
        acknowledged += receipt.accepted;
      }
    };
    const senders = [0, 1, 2, 3].map(sender);
    for (let round = 0; round < 8; round += 1) {
      await new Promise((resolve) => setTimeout(resolve, 60));
      await killIngest('true');
    }
    stop = true;
    await Promise.all(senders);
    expect(await rowsOf(device)).toBe(acknowledged);
    expect(acknowledged).toBeGreaterThan(200);
  });

  it('while it cannot be reached points wait, and are stored when it is back; those that waited too long are refused', async () => {
    const patient = await started({ tuning: { patienceMs: 10_000 } });
    const hasty = await started({ tuning: { patienceMs: 400 } });
    const device = await aDevice(database, organisationId);
    await patient.submit(device, points(1));
    await hasty.submit(device, points(1, 1));
    await database.admin.query('alter role valtronics_ingest connection limit 0');
    try {
      await killIngest('true');
      const waits = patient.submit(device, points(10, 10));
      const refused = await hasty.submit(device, points(10, 30)).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(Problem);
      expect((refused as Problem).code).toBe('unavailable');
      expect(await Promise.race([waits, 'still waiting'])).toBe('still waiting');
      await database.admin.query('alter role valtronics_ingest connection limit -1');
      expect(await waits).toMatchObject({ accepted: 10 });
      expect(await hasty.submit(device, points(10, 30))).toMatchObject({ accepted: 10 });
    } finally {
      await database.admin.query('alter role valtronics_ingest connection limit -1');
    }
  });
});

describe('pushing back', () => {
  it('a full queue refuses with a time to come back, and what it took is stored', async () => {
    const telemetry = await started({ tuning: { maxWaitingPoints: 100 } });
    const device = await aDevice(database, organisationId);
    await telemetry.submit(device, points(1));
    const answers = await Promise.allSettled(
      Array.from({ length: 10 }, (_, index) => telemetry.submit(device, points(30, 1000 * (index + 1)))),
    );
    const refused = answers.filter((answer) => answer.status === 'rejected');
    expect(refused.length).toBe(7);
    for (const { reason } of refused) expect(reason).toMatchObject({ code: 'overloaded', retryAfterSeconds: 1 });
    expect(await rowsOf(device)).toBe(1 + 30 * 3);
    // Nothing is held back for ever: the room is free again.
    expect(await telemetry.submit(device, points(100, 50_000))).toMatchObject({ accepted: 100 });
    expect(telemetry.figures().waitingPoints).toBe(0);
  });

  it('texts are counted in bytes, so a few messages cannot take all memory', async () => {
    const telemetry = await started({ tuning: { maxWaitingBytes: 10_000 } });
    const device = await aDevice(database, organisationId);
    const texts = Array.from({ length: 6 }, () => ({ metric: 't', value: 'x'.repeat(1000) }));
    await expect(telemetry.submit(device, texts)).rejects.toMatchObject({ code: 'overloaded' });
    expect(await telemetry.submit(device, texts.slice(0, 4))).toMatchObject({ accepted: 4 });
  });

  it('a nearly full disk refuses writes, and a stopping server too, after storing what it took', async () => {
    let writable = false;
    const telemetry = await started({ isWritable: () => writable });
    const device = await aDevice(database, organisationId);
    await expect(telemetry.submit(device, points(1))).rejects.toMatchObject({ code: 'storage_full', status: 503 });
    writable = true;
    const taken = telemetry.submit(device, points(5));
    await telemetry.drain();
    expect(await taken).toMatchObject({ accepted: 5 });
    await expect(telemetry.submit(device, points(1))).rejects.toMatchObject({ code: 'unavailable' });
  });
});

describe('two servers on one database', () => {
  it('storing the same points at once take each other’s for duplicates', async () => {
    const transactions = createTransactions(database);
    const [one, other] = [await started({ transactions }), await started({ transactions })];
    const device = await aDevice(database, organisationId);
    await one.submit(device, [{ metric: 'm', value: -1 }]);
    const same = points(500);
    const [first, second] = await Promise.all([one.submit(device, same), other.submit(device, same)]);
    expect(first.accepted + second.accepted).toBe(500);
    expect(first.duplicates + second.duplicates).toBe(500);
    expect(await rowsOf(device)).toBe(501);
  });
});

/** A relay to PostgreSQL on a port of its own that can lose an answer: what was sent arrives, what comes back does not. */
async function aLossyWay(to: TestDatabase) {
  const { host, port } = to.connection('ingest');
  let losing = false;
  const server = net.createServer((client) => {
    const upstream = net.connect(`${host}/.s.PGSQL.${port}`);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      // COMMIT was carried out: its answer ends with ReadyForQuery, idle.
      if (losing && chunk.includes('COMMIT')) {
        losing = false;
        client.destroy();
        upstream.destroy();
      } else if (!losing || !client.destroyed) client.write(chunk);
    });
    for (const socket of [client, upstream]) {
      socket.on('error', () => {});
      socket.on('close', () => {
        client.destroy();
        upstream.destroy();
      });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address() as net.AddressInfo;
  return {
    through: { host: '127.0.0.1', port: address.port },
    loseNextAnswer: () => {
      losing = true;
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  };
}
