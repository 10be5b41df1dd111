import { readFileSync, rmSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { devicesSummary } from '@valtronics/contract';
import { demoFleet } from '@valtronics/simulator';
import { type App, createApp } from '../../app.ts';
import { assertPortsFree } from '../../assert-ports-free.ts';
import { ensureWebIsBuilt } from '../../build-web.ts';
import { openControlServer } from '../../control/control-server.ts';
import { systemClock } from '../../lib/clock.ts';
import type { Addresses } from '../../open-ports.ts';
import { type Config, loadConfig } from '../../platform/config/config.ts';
import { createLogger, type Logger } from '../../platform/log/log.ts';
import { type Program, runUntilStopped } from '../../run-until-stopped.ts';
import { catalogueLogRules } from '../../security/fields/log-rules.ts';
import { type ApiClient, signIn } from '../api-client.ts';
import { CommandError } from '../command-error.ts';
import type { Output } from '../output.ts';
import { type RegisteredDevice, registerFleet } from '../register-fleet.ts';
import { fillHistory, HISTORY_MS, missingSince } from './demo-history.ts';
import { type DemoPerson, openDemoAccounts } from './demo-people.ts';
import { createDemoRules } from './demo-rules.ts';
import { claimDemoFolder, DEMO_DATA_DIR, type DemoStateFile, demoStateFile } from './demo-state.ts';
import { createDemoSubjects } from './demo-subjects.ts';
import { startFleetProcess } from './fleet-process.ts';
import { createStartReport, type StartReport } from './start-report.ts';
import { shortPath, welcomeText } from './welcome.ts';

const ORGANISATION = 'Lakeside Hospital';
/** Some devices are silent on purpose; the rest is online as soon as it has said a word. */
const ONLINE_SHARE = 0.8;
const ONLINE_WITHIN_MS = 15_000;
const MOST_LOG_BYTES = 5 * 1024 * 1024;

export function runDemo(output: Output): Promise<never> {
  const defaults = {
    VALTRONICS_DATA_DIR: DEMO_DATA_DIR,
    VALTRONICS_LOG_LEVEL: 'warn',
    // Whoever tries it out has not got their authenticator at hand; what the demo shows is invented anyway.
    VALTRONICS_MFA_REQUIRED_ROLES: '',
  };
  return runUntilStopped(async (program) => {
    const config = loadConfig(undefined, { defaults });
    if (config.databaseUrl !== undefined)
      throw new CommandError('the demo brings its own database: unset DATABASE_URL, or use "npm start"');
    if (config.tls.mode !== 'auto')
      throw new CommandError('the demo shows the own certificate authority: unset VALTRONICS_TLS, or use "npm start"');
    await assertPortsFree(config);
    claimDemoFolder(config.dataDir);
    const report = createStartReport(output.isJson ? output.terminal : process.stdout);
    await startDemo({ config, program, report, output });
  });
}

interface Start {
  readonly config: Config;
  readonly program: Program;
  readonly report: StartReport;
  readonly output: Output;
}

async function startDemo({ config, program, report, output }: Start): Promise<void> {
  const { signal } = program;
  const { app, addresses, caFile, log } = await startPlatform({ config, program, report, output });
  const url = config.publicUrl.origin;
  const ca = readFileSync(caFile, 'utf8');
  const httpUrl = `https://localhost:${addresses.http}`;

  const actor = { kind: 'cli', id: `cli:${userInfo().uid}`, label: null } as const;
  let organisationId = 0;
  let people: DemoPerson[] = [];
  await report.step('People', async () => {
    organisationId = (await app.identity.firstStart.ensureOrganisation(ORGANISATION)).id;
    people = await openDemoAccounts(app.identity.firstStart, actor, organisationId);
    return `${people.length} accounts, one per role, with new passwords`;
  });
  signal.throwIfAborted();

  const [administrator] = people;
  if (!administrator) throw new CommandError('the demo has no administrator');
  const api = await signIn({ url: httpUrl, ca }, administrator);
  try {
    const utcOffsetMinutes = -new Date().getTimezoneOffset();
    const sinceMs = Date.now();
    const members = await fillHospital({ app, api, organisationId, sinceMs, utcOffsetMinutes, config, signal, report });
    await report.step('Fleet', async () => {
      const orders = {
        httpUrl,
        mqttUrl: `mqtts://localhost:${addresses.mqtt}`,
        ca,
        sinceMs,
        utcOffsetMinutes,
        members: members.map(({ device, deviceId, token }) => ({ serial: device.serial, deviceId, token })),
      };
      const fleet = startFleetProcess(orders, log);
      program.onStop(() => fleet.stop());
      const online = await untilOnline(api, members.length, signal);
      return `${online} of ${members.length} devices online, over MQTT, HTTP and WebSocket`;
    });
  } finally {
    await api.signOut();
  }
  const welcome = { url, caFile, dataDir: config.dataDir, organisation: ORGANISATION, people };
  output.result({ ...welcome, mqttPort: addresses.mqtt }, welcomeText(welcome));
}

async function startPlatform({ config, program, report, output }: Start): Promise<{
  app: App;
  addresses: Addresses;
  caFile: string;
  log: Logger;
}> {
  const logFile = join(config.dataDir, 'demo.log');
  // A demo that is started every day must not grow without end.
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > MOST_LOG_BYTES) rmSync(logFile);
  const log = createLogger({ level: config.logLevel, rules: catalogueLogRules, clock: systemClock, file: logFile });
  await report.step('Dashboard', async () => {
    let built = false;
    await ensureWebIsBuilt({
      onBuild: () => {
        built = true;
      },
    });
    return built ? 'built' : 'ready';
  });
  program.signal.throwIfAborted();

  const started: { app?: App; addresses?: Addresses | undefined } = {};
  await report.step('Database', async () => {
    const app = await createApp({ config, log });
    program.onStop(() => {
      const terminal = output.isJson ? output.terminal : process.stdout;
      terminal.write(`\nStopped. The data is in ${shortPath(config.dataDir)}, the log in ${shortPath(logFile)}.\n`);
    });
    program.onStop(() => app.stop());
    started.app = app;
    return 'PostgreSQL 18, embedded, schema up to date';
  });
  program.signal.throwIfAborted();
  await report.step('Server', async () => {
    const { app } = started;
    if (!app) throw new CommandError('the platform did not start');
    started.addresses = await app.listen();
    const control = await openControlServer({ dataDir: config.dataDir, commands: app.hostCommands, log });
    program.onStop(() => control.close());
    return `HTTPS on port ${started.addresses.http}, MQTT over TLS on ${started.addresses.mqtt}`;
  });
  const { app, addresses } = started;
  if (!app?.caFile || !addresses) throw new CommandError('the platform did not start');
  return { app, addresses, caFile: app.caFile, log };
}

async function fillHospital(deps: {
  app: App;
  api: ApiClient;
  organisationId: number;
  sinceMs: number;
  utcOffsetMinutes: number;
  config: Config;
  signal: AbortSignal;
  report: StartReport;
}): Promise<RegisteredDevice[]> {
  const { app, api, organisationId, sinceMs, utcOffsetMinutes, config, signal, report } = deps;
  const file: DemoStateFile = await demoStateFile(config);
  let state = await file.read();
  let members: RegisteredDevice[] = [];
  await report.step('Devices', async () => {
    const isFirst = state.devices.length === 0;
    members = await registerFleet(api, demoFleet({ utcOffsetMinutes }), state.devices);
    const known = new Map(state.devices.map((device) => [device.serial, device]));
    for (const { device, deviceId, token } of members)
      known.set(device.serial, { serial: device.serial, deviceId, token });
    state = { ...state, devices: [...known.values()] };
    await file.write(state);
    const kinds = new Set(members.map(({ device }) => device.type)).size;
    return `${members.length} devices of ${kinds} kinds ${isFirst ? 'registered' : 'known'}`;
  });
  signal.throwIfAborted();

  await report.step('History', async (progress) => {
    const since = await missingSince(api, members, sinceMs);
    const { fillingSinceMs } = state;
    // Newest first: what an interrupted filling left out lies behind the newest point.
    if (fillingSinceMs !== null) for (const [id, from] of since) since.set(id, Math.min(from, fillingSinceMs));
    const fromMs = Math.min(sinceMs, ...since.values());
    await file.write({ ...state, fillingSinceMs: fromMs });
    const stored = await fillHistory({
      telemetry: app.telemetry,
      organisationId,
      members,
      since,
      untilMs: sinceMs,
      signal,
      onProgress: (share, points) => progress(share, `${points.toLocaleString('en')} points`),
    });
    await file.write({ ...state, fillingSinceMs: null });
    return `${stored.toLocaleString('en')} points of the last ${duration(sinceMs - fromMs)}`;
  });
  state = { ...state, fillingSinceMs: null };

  await report.step('Patients', async () => {
    if (state.subjectsCreated) return 'as you left them';
    await createDemoSubjects(api, members, sinceMs - HISTORY_MS);
    state = { ...state, subjectsCreated: true };
    await file.write(state);
    return 'invented, assigned to the monitors of their beds';
  });
  signal.throwIfAborted();

  await report.step('Rules', async () => {
    if (state.rulesCreated) return 'as you left them';
    await createDemoRules(api);
    state = { ...state, rulesCreated: true };
    await file.write(state);
    return 'alert rules for the cold chain, the wards and the plant';
  });
  return members;
}

async function untilOnline(api: ApiClient, total: number, signal: AbortSignal): Promise<number> {
  const deadline = Date.now() + ONLINE_WITHIN_MS;
  for (;;) {
    signal.throwIfAborted();
    const { online } = (await api.call(devicesSummary, {})).byStatus;
    if ((online ?? 0) >= total * ONLINE_SHARE || Date.now() > deadline) return online ?? 0;
    await delay(500);
  }
}

function duration(ms: number): string {
  const minutes = Math.round(ms / 60_000);
  return minutes < 120 ? `${minutes} minutes` : `${Math.round(minutes / 60)} hours`;
}
