// `npm run bench [-- ingest | health | live | queries | logins | memory | tokens | sessions | detection | audit | inspection | files | sealing | people
// | backups …] [-- --json]`: ratios measured in one run on this machine. What falls short is printed as plainly as what holds.
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { auditLog } from './audit.ts';
import { backupsUnderLoad } from './backups.ts';
import { detection } from './detection.ts';
import { fileEncryption } from './files.ts';
import { healthBatches, healthReadings, healthSinglePoints } from './health.ts';
import { httpBatches, mqttQos1, singlePoints } from './ingest.ts';
import { inspection } from './inspection.ts';
import { committedToSubscriber } from './live.ts';
import { authenticatedToOpen, ingestBesideLogins, loginsToBareHashes } from './logins.ts';
import { thousandTlsDevices } from './memory.ts';
import { peopleSealed } from './people.ts';
import { chartOfADay, fleetOverview } from './queries.ts';
import { sealing } from './sealing.ts';
import { sessionLookUps } from './sessions.ts';
import type { Outcome } from './support/outcome.ts';
import { aServer, type BenchServer } from './support/server.ts';
import { tokenVerification } from './tokens.ts';

type Benchmark = (server: BenchServer) => Promise<Outcome | readonly Outcome[]>;

interface Group {
  readonly withTls: boolean;
  readonly benchmarks: readonly Benchmark[];
}

/** Each group has a server of its own; `withTls` where connections are what is measured. Or it needs none, and runs by itself. */
const groups: Readonly<Record<string, Group | (() => Promise<Outcome[]>)>> = {
  ingest: { withTls: false, benchmarks: [httpBatches, mqttQos1, singlePoints] },
  health: { withTls: false, benchmarks: [healthBatches, healthReadings, healthSinglePoints] },
  live: { withTls: false, benchmarks: [committedToSubscriber] },
  queries: { withTls: false, benchmarks: [fleetOverview, chartOfADay] },
  logins: { withTls: false, benchmarks: [ingestBesideLogins, loginsToBareHashes, authenticatedToOpen] },
  memory: { withTls: true, benchmarks: [thousandTlsDevices] },
  tokens: tokenVerification,
  sessions: sessionLookUps,
  detection,
  audit: () => auditLog(Number(values.rows ?? 1_000_000)),
  inspection,
  files: fileEncryption,
  sealing,
  people: peopleSealed,
  backups: backupsUnderLoad,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, help: { type: 'boolean' }, rows: { type: 'string' } },
});
const unknown = positionals.filter((name) => !(name in groups));
if (values.help || unknown.length > 0) {
  console.error(
    `usage: npm run bench [-- ${Object.keys(groups).join(' | ')} …] [--json] [--rows N, of audit: how many are searched; 1,000,000 unless told]`,
  );
  process.exit(unknown.length > 0 ? 2 : 0);
}

const outcomes: Outcome[] = [];

function tell(outcome: Outcome): void {
  outcomes.push(outcome);
  console.error(
    `${outcome.holds ? 'holds      ' : 'FALLS SHORT'}  ${outcome.name}: ${outcome.value} ${outcome.unit} (${outcome.target})  ${outcome.detail}`,
  );
}

for (const name of positionals.length > 0 ? positionals : Object.keys(groups)) {
  const group = groups[name];
  if (!group) continue;
  if (typeof group === 'function') {
    for (const outcome of await group()) tell(outcome);
    continue;
  }
  const server = await aServer({ http: 8700, mqtt: 8701, ...(group.withTls ? { mqttTls: 8702 } : {}) });
  try {
    for (const benchmark of group.benchmarks) for (const outcome of [await benchmark(server)].flat()) tell(outcome);
  } finally {
    await server.stop();
  }
}
if (values.json)
  console.log(
    JSON.stringify({ machine: { cpu: cpus()[0]?.model, cores: cpus().length }, benchmarks: outcomes }, null, 2),
  );
