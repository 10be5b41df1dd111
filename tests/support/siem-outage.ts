import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { loadConfig } from '../../server/src/platform/config/config.ts';
import { DEFAULT_DATABASE } from '../../server/src/platform/db/provision.ts';
import { readCredentials, roleName } from '../../server/src/platform/db/roles.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { openRootKey } from '../../server/src/security/crypto/root-key.ts';
import { sealedFile } from '../../server/src/security/crypto/sealed-file.ts';
import { aFolder, until } from './database-faults.ts';
import { insertNumberedEvents, missingOrEarly, numbersIn } from './numbered-events.ts';
import { aRealServer } from './real-server.ts';
import { aSyslogReceiver, type SyslogKind, type SyslogReceiver } from './syslog-receivers.ts';

const EVERY_MS = 100;
const AT_ONCE = 10;
const ALL_WITHIN_MS = 150_000;

export interface Outcome {
  readonly events: number;
  readonly of: Partial<Record<SyslogKind, { missing: number[]; early: number[]; received: number }>>;
  /** Files of the spool while the receivers were away. */
  readonly spooled: number;
}

/**
 * Receivers are killed and stay away; events go on all the while; our server is killed in the middle of the outage, and once more while it
 * delivers what had waited; then a receiver is killed and is back at once. `kill -9` each time.
 */
export async function siemOutage(kinds: readonly SyslogKind[], awaySeconds: number): Promise<Outcome> {
  const dataDir = aFolder();
  const server = await aRealServer(dataDir, { VALTRONICS_WEBHOOK_ALLOW: '127.0.0.0/8' });
  const receivers: SyslogReceiver[] = [];
  let writing = true;
  try {
    await server.start();
    for (const kind of kinds) receivers.push(await aSyslogReceiver(kind));
    const token = await server.signIn();
    for (const receiver of receivers) {
      const created = await server.call('POST', '/api/v1/siem-destinations', {
        token,
        body: {
          name: 'A receiver',
          kind: 'syslog_tls',
          target: `127.0.0.1:${receiver.port}`,
          serverName: 'siem.example',
          ca: receiver.authority.certificate,
          clientCertificate: receiver.client.certificate,
          clientKey: receiver.client.key,
        },
      });
      if (created.status !== 201) throw new Error(JSON.stringify(created.json));
    }
    const writer = writeEvents(dataDir, () => writing);

    await until(() => receivers.every((receiver) => numbersIn(receiver.text()).length > 100), ALL_WITHIN_MS);
    for (const receiver of receivers) await receiver.kill();
    await delay(awaySeconds * 500);
    const spooled = spoolSize(dataDir);
    await server.kill();
    await server.start();
    await delay(awaySeconds * 500);
    for (const receiver of receivers) await receiver.start();
    // While it delivers what had waited.
    const before = receivers.map((receiver) => receiver.text().length);
    await until(() => receivers.some((receiver, nth) => receiver.text().length > (before[nth] ?? 0)), ALL_WITHIN_MS);
    await server.kill();
    await server.start();
    await delay(3_000);
    for (const receiver of receivers) {
      await receiver.kill();
      await receiver.start();
    }
    await delay(2_000);
    writing = false;
    const events = await writer;
    const results = () =>
      receivers.map((receiver) => {
        const numbers = numbersIn(receiver.text());
        return { ...missingOrEarly(numbers, events), received: numbers.length };
      });
    // A verdict of its own follows; here it is only waited for.
    await until(() => results().every(({ missing }) => missing.length === 0), ALL_WITHIN_MS).catch(() => undefined);
    return { events, spooled, of: Object.fromEntries(kinds.map((kind, nth) => [kind, results()[nth]])) };
  } finally {
    writing = false;
    await server.stop();
    for (const receiver of receivers) await receiver.stop();
  }
}

/** Until told to end; how many there are. The database restarts with the server, and goes on from what was committed. */
async function writeEvents(dataDir: string, goesOn: () => boolean): Promise<number> {
  let database: pg.Client | undefined;
  let events = 0;
  while (goesOn()) {
    try {
      if (database === undefined) {
        database = await asOwner(dataDir);
        events = (await database.query<{ next: number }>(NEXT_NUMBER)).rows[0]?.next ?? 0;
      }
      const { rows } = await database.query<{ id: number }>('select id from organisations');
      await insertNumberedEvents(database, events, AT_ONCE, rows[0]?.id);
      events += AT_ONCE;
    } catch {
      await database?.end().catch(() => undefined);
      database = undefined;
    }
    await delay(EVERY_MS);
  }
  await database?.end();
  return events;
}

const NEXT_NUMBER = `select coalesce(max((details->>'nth')::int), -1) + 1 as next from security_events where details ? 'nth'`;

function spoolSize(dataDir: string): number {
  try {
    return readdirSync(join(dataDir, 'spool', 'siem'), { recursive: true }).filter((name) =>
      String(name).endsWith('.jsonl'),
    ).length;
  } catch {
    return 0;
  }
}

/** To the embedded database, as whom row-level security does not bind. */
async function asOwner(dataDir: string): Promise<pg.Client> {
  const config = loadConfig({ VALTRONICS_DATA_DIR: dataDir });
  const store = sealedFile(join(dataDir, 'database.sealed'), createKeyRing(openRootKey(config)));
  const lines = readFileSync(join(dataDir, 'postgres', 'data', 'postmaster.pid'), 'utf8').split('\n');
  const client = new pg.Client({
    host: lines[4] ?? '',
    port: Number(lines[3]),
    user: roleName('owner'),
    password: (await readCredentials(store))?.owner ?? '',
    database: DEFAULT_DATABASE,
    ssl: false,
  });
  client.on('error', () => undefined);
  await client.connect();
  return client;
}
