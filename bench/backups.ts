import { spawn } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { Agent } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { generateIdentity, identityToRecipient } from 'age-encryption';
import { folderStorage } from '../server/src/platform/storage/folder-storage.ts';
import { backupStore } from '../server/src/security/backups/backup-store.ts';
import { readManifest } from '../server/src/security/backups/manifest.ts';
import { openBackup } from '../server/src/security/backups/open-backup.ts';
import { inChild } from './support/child.ts';
import { newDataFolder } from './support/data-folder.ts';
import type { HttpLoad, HttpLoadResult } from './support/http-load.ts';
import { inTurns } from './support/in-turns.ts';
import { atLeast, type Outcome, perSecond } from './support/outcome.ts';
import { postTelemetry } from './support/post.ts';
import { anAddress, aServer, type BenchDevice } from './support/server.ts';

const command = fileURLToPath(new URL('../server/src/cli/valtronics.ts', import.meta.url));
const httpLoad = new URL('./support/http-load.ts', import.meta.url);
const BATCH = 500;
/** Enough that a backup takes longer than a round. */
const FILLED = 4;
const REQUESTS = 1_000;
const ROUNDS = 3;
const WRITERS = 8;

/**
 * As many points as the server takes, while a backup is made as the schedule makes it and while none is; the two take turns. Beside them write some who
 * count. Of each of these the last backup holds all that was stored when it began, and what it holds beyond that has no gap; then it is tried out.
 */
export async function backupsUnderLoad(): Promise<Outcome[]> {
  const folder = newDataFolder('valtronics-bench-backups-');
  const places = { backups: join(folder, 'backups'), key: join(folder, 'key.txt') };
  mkdirSync(places.backups);
  const identity = await generateIdentity();
  writeFileSync(places.key, `${identity}\n`, { mode: 0o600 });
  const settings = {
    VALTRONICS_BACKUP_FOLDER: places.backups,
    VALTRONICS_BACKUP_RECIPIENTS: await identityToRecipient(identity),
    VALTRONICS_BACKUP_EVERY_HOURS: '0',
  };
  const server = await aServer({ http: 8710, mqtt: 8711, env: settings });
  const env = { ...settings, VALTRONICS_DATA_DIR: server.dataDir };
  try {
    const all = await server.devices(25 + WRITERS);
    const devices = all.slice(WRITERS);
    let sent = 0;
    const round = async () => {
      const done = await load(server.httpPort, devices, sent);
      sent += REQUESTS;
      return done;
    };
    for (let filled = 0; filled < FILLED; filled += 1) await round();
    const writers = countingWriters(server.httpPort, all.slice(0, WRITERS));
    const made: { name: string; seconds: number; rows: number; bytes: number; least: number[]; most: number[] }[] = [];
    const result = await inTurns(
      ROUNDS,
      async () => {
        const least = writers.stored();
        const backup = begin(env, ['backup', 'create', '--gentle', '--json']);
        const done = await round();
        // One that ended before the round did would have slowed less than it does.
        const wasUnderWay = backup.isUnderWay();
        const { json, seconds } = await backup.ended;
        if (!wasUnderWay) throw new Error(`the backup took ${seconds.toFixed(1)} s, less than the round: fill in more`);
        const { name, contents, file } = json;
        made.push({ name, seconds, rows: contents.rows, bytes: file.bytes, least, most: writers.sent() });
        return done;
      },
      round,
    );
    await writers.stop();
    const drill = await begin(env, ['backup', 'drill', '-i', places.key, '--json']).ended;
    const last = made.at(-1);
    if (!last) throw new Error('no backup was made');
    const counted = await countedIn(places.backups, last.name, `${identity}`);
    const whole = counted.filter(
      ({ numbers, isWhole }, at) =>
        isWhole && numbers >= (last.least[at] ?? 0) && numbers <= (last.most[at] ?? 0) && numbers > 0,
    );
    const detail = `${perSecond(result.ours)} points beside a backup, ${perSecond(result.theirs)} without (${result.ratios}); ${last.rows} rows in ${last.seconds.toFixed(1)} s, ${(last.bytes / 1e6).toFixed(0)} MB`;
    const checks = drill.json.checks.map(
      (check: { check: string; outcome: string }) => `${check.check} ${check.outcome}`,
    );
    return [
      atLeast('backups.ingest_beside_a_backup_to_alone', result.ratio, 0.8, 'ratio', detail),
      atLeast(
        'backups.rows_a_second_written_meanwhile',
        result.ours.count / result.ours.seconds,
        100_000,
        '/s',
        'offered as fast as they are taken',
      ),
      atLeast(
        'backups.writers_without_a_gap',
        whole.length,
        WRITERS,
        `of ${WRITERS}`,
        `${counted.map(({ numbers }, at) => `1–${numbers} of ${last.most[at]}`).join(', ')}`,
      ),
      atLeast(
        'backups.made_under_load_comes_back',
        drill.json.passed === true ? 1 : 0,
        1,
        'yes',
        `${checks.join(', ')}, in ${drill.json.seconds} s`,
      ),
    ];
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

const PER_REQUEST = 20;
const NUMBERS = 1_000_000;

/** Each sends the next numbers once the last ones are stored. They are below zero, and so are nobody else's. */
function countingWriters(port: number, devices: readonly BenchDevice[]) {
  const [stored, sent] = [devices.map(() => 0), devices.map(() => 0)];
  const startMs = Date.now();
  const agent = new Agent({ keepAlive: true, maxSockets: devices.length });
  let isOver = false;
  const writing = devices.map(async ({ token }, at) => {
    const localAddress = anAddress();
    for (let next = 1; !isOver; next += PER_REQUEST) {
      const points = Array.from({ length: PER_REQUEST }, (_, index) => ({
        metric: 'count',
        value: -(at * NUMBERS + next + index),
        timestamp: new Date(startMs - NUMBERS + next + index).toISOString(),
      }));
      sent[at] = next + PER_REQUEST - 1;
      const { status } = await postTelemetry(
        { agent, port, localAddress },
        token,
        Buffer.from(JSON.stringify({ points })),
      );
      if (status !== 200) throw new Error(`a writer was answered ${status}`);
      stored[at] = sent[at] ?? 0;
      await delay(20);
    }
  });
  return {
    stored: () => [...stored],
    sent: () => [...sent],
    async stop() {
      isOver = true;
      await Promise.all(writing);
      agent.destroy();
    },
  };
}

/** What a backup holds of each writer: how many numbers, and whether they are the first ones without a gap. */
async function countedIn(folder: string, name: string, identity: string) {
  const store = backupStore(folderStorage(folder));
  const found = Array.from({ length: WRITERS }, () => new Set<number>());
  const { manifest } = readManifest(await store.manifest(name), name);
  await openBackup(store, manifest, {
    identities: [identity],
    signal: new AbortController().signal,
    onProgress: () => undefined,
    sink: {
      head: async () => undefined,
      async table({ name: table, columns }) {
        const column = columns.indexOf('num');
        let rest = '';
        return {
          async write(block) {
            if (!table.startsWith('points_')) return;
            const lines = `${rest}${Buffer.from(block).toString('latin1')}`.split('\n');
            rest = lines.pop() ?? '';
            for (const line of lines) {
              if (!line.includes('\t-')) continue;
              const number = -Number(line.split('\t')[column]);
              found[Math.floor(number / NUMBERS)]?.add(number % NUMBERS);
            }
          },
          end: async () => undefined,
        };
      },
    },
  });
  return found.map((numbers) => ({ numbers: numbers.size, isWhole: Math.max(0, ...numbers) === numbers.size }));
}

async function load(port: number, devices: readonly BenchDevice[], firstRequest: number) {
  const job: HttpLoad = {
    port,
    path: '/api/v1/telemetry',
    tokens: devices.map(({ token }) => token),
    metrics: ['temperature', 'humidity', 'pressure', 'battery'],
    pointsPerRequest: BATCH,
    requests: REQUESTS,
    firstRequest,
    connections: 64,
  };
  const { points, seconds, failures } = await inChild<HttpLoadResult>(httpLoad, job);
  if (failures > 0) throw new Error(`${failures} of ${REQUESTS} requests were not stored whole`);
  return { count: points, seconds };
}

function begin(env: Readonly<Record<string, string>>, args: readonly string[]) {
  const from = performance.now();
  const child = spawn(process.execPath, [command, ...args], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const said = text(child.stdout);
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  }).then(async (code) => {
    if (code !== 0) throw new Error(`${args.join(' ')} ended with ${code}`);
    return { json: JSON.parse(await said), seconds: (performance.now() - from) / 1_000 };
  });
  ended.catch(() => undefined);
  return { ended, isUnderWay: () => child.exitCode === null };
}
