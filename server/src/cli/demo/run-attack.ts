import { existsSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:https';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { loadConfig } from '../../platform/config/config.ts';
import { CommandError } from '../command-error.ts';
import type { Output } from '../output.ts';
import { demoAttacks, type Probe } from './demo-attacks.ts';
import { DEMO_DATA_DIR, isDemoFolder } from './demo-state.ts';
import { createStartReport } from './start-report.ts';
import { shortPath } from './welcome.ts';

/** An address of this machine that nothing else uses, so that nobody else is blocked. */
const FROM = '127.0.0.66';
const ANSWER_WITHIN_MS = 10_000;
const BLOCKED_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 250;
/** So that whoever watches sees it happen. */
const BETWEEN_PROBES_MS = 40;
const KEPT_OUT = new Set(['banned', 'address_blocked']);
const HARMLESS: Probe = { method: 'GET', path: '/api/v1/devices' };

interface Answered {
  readonly status: number;
  readonly code: string | undefined;
  readonly retryAfterSeconds: number | undefined;
}

/**
 * Attacks the running demo from an address of its own, and shows that it is noticed. It only ever runs against the demo of this machine: the
 * folder must be one that the demo marked, and the certificate one that its authority made.
 */
export async function runDemoAttack(output: Output): Promise<void> {
  const config = loadConfig(undefined, { defaults: { VALTRONICS_DATA_DIR: DEMO_DATA_DIR } });
  const caFile = join(config.dataDir, 'tls', 'ca.pem');
  if (!isDemoFolder(config.dataDir) || !existsSync(caFile))
    throw new CommandError(
      `there is no demo in ${shortPath(config.dataDir)}: start it with "npm run demo" and leave it running`,
    );
  const url = config.publicUrl.origin;
  const agent = new Agent({ ca: readFileSync(caFile), keepAlive: true, maxSockets: 1 });
  const ask = (probe: Probe) => answerTo(probe, { port: config.http.port, agent });
  const terminal = output.isJson ? output.terminal : process.stdout;
  try {
    const before = await ask(HARMLESS);
    if (KEPT_OUT.has(before.code ?? ''))
      throw new CommandError(
        `${FROM} is still kept out (${before.code}): wait ${before.retryAfterSeconds ?? 'a few hundred'} s, or lift it at ${url}/blocks`,
      );
    terminal.write(`\n  Attacking ${url} from ${FROM}\n\n`);
    const report = createStartReport(terminal);
    const attacks: { title: string; about: string; answers: Record<string, number> }[] = [];
    for (const { title, about, probes } of demoAttacks)
      await report.step(title, async (progress) => {
        const answers: Record<string, number> = {};
        for (const [index, probe] of probes.entries()) {
          await delay(BETWEEN_PROBES_MS);
          const { status, code } = await ask(probe);
          const name = code === undefined ? `${status}` : `${status} ${code}`;
          answers[name] = (answers[name] ?? 0) + 1;
          progress((index + 1) / probes.length, name);
        }
        attacks.push({ title, about, answers });
        return `${about}: ${Object.entries(answers)
          .map(([name, count]) => `${name} ×${count}`)
          .join(', ')}`;
      });
    const end: { refused?: Answered } = {};
    await report.step('Blocked', async () => {
      end.refused = await untilKeptOut(ask);
      const { status, code, retryAfterSeconds } = end.refused;
      return `${status} ${code}, also for what is harmless${retryAfterSeconds === undefined ? '' : `, for ${retryAfterSeconds} s`}`;
    });
    const look = {
      events: `${url}/security-events?address=${FROM}`,
      detections: `${url}/security-events/detections?subject=${FROM}`,
      blocks: `${url}/blocks?state=all&value=${FROM}`,
      incidents: `${url}/incidents`,
    };
    output.result({ url, from: FROM, attacks, refused: end.refused, look }, lookText(look, config.dataDir));
  } finally {
    agent.destroy();
  }
}

const lookText = (look: Readonly<Record<string, string>>, dataDir: string): string =>
  [
    '',
    '  Look, signed in as the administrator of the demo',
    ...Object.entries(look).map(([title, url]) => `    ${title.padEnd(10)}   ${url}`),
    '',
    '  Let it in again: Blocks → Lift, or',
    `    VALTRONICS_DATA_DIR=${shortPath(dataDir)} npm run -s valtronics -- blocks lift ${FROM}`,
    '',
  ].join('\n');

/** A ban stops everything; what only stops strangers may come first, and is what is shown if nothing else comes. */
async function untilKeptOut(ask: (probe: Probe) => Promise<Answered>): Promise<Answered> {
  let last: Answered | undefined;
  for (const until = Date.now() + BLOCKED_WITHIN_MS; Date.now() < until; await delay(LOOK_EVERY_MS)) {
    const answer = await ask(HARMLESS);
    if (answer.code === 'banned') return answer;
    last = KEPT_OUT.has(answer.code ?? '') ? answer : undefined;
  }
  if (last) return last;
  throw new CommandError(
    `${FROM} was not blocked: for ten minutes after a lift no detection blocks it again, and a scenario may be simulated or off`,
  );
}

function answerTo(
  { method, path, body }: Probe,
  { port, agent }: { readonly port: number; readonly agent: Agent },
): Promise<Answered> {
  const payload = body === undefined ? undefined : JSON.stringify(body);
  return new Promise((resolve, reject) => {
    const asked = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent,
        localAddress: FROM,
        servername: 'localhost',
        signal: AbortSignal.timeout(ANSWER_WITHIN_MS),
        headers: {
          host: `localhost:${port}`,
          'user-agent': 'valtronics demo attack',
          ...(payload === undefined
            ? {}
            : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }),
        },
      },
      (answer) => {
        const wait = Number(answer.headers['retry-after']);
        const isProblem = answer.headers['content-type']?.startsWith('application/problem+json') === true;
        text(answer).then((said) => {
          resolve({
            status: answer.statusCode ?? 0,
            code: isProblem ? (JSON.parse(said) as { code?: string }).code : undefined,
            retryAfterSeconds: Number.isFinite(wait) ? wait : undefined,
          });
        }, reject);
      },
    );
    asked.on('error', (error: NodeJS.ErrnoException) => reject(faultOf(error)));
    asked.end(payload);
  });
}

function faultOf(error: NodeJS.ErrnoException): Error {
  if (error.code === 'ECONNREFUSED') return new CommandError('the demo does not run: start it with "npm run demo"');
  if (error.code === 'EADDRNOTAVAIL')
    return new CommandError(`this machine has no ${FROM}; on macOS: sudo ifconfig lo0 alias ${FROM}`);
  return error;
}
