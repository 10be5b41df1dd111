import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { systemClock } from '../../server/src/lib/clock.ts';
import { newId } from '../../server/src/lib/ids.ts';
import { createLogger } from '../../server/src/platform/log/log.ts';
import { type BlockRow, insertBlock, unlifted } from '../../server/src/security/shield/block.repository.ts';
import { openFirewall } from '../../server/src/security/shield/firewall.ts';
import type { TestDatabase } from './database.ts';
import { aDetection } from './detections.ts';
import { aPacketFlow, senders } from './packet-flow.ts';
import { aShield } from './shield.ts';

const HELPER = fileURLToPath(new URL('../../server/src/firewall-helper/main.ts', import.meta.url));
const by = { kind: 'cli', id: 'cli:0', label: null } as const;

/** Two servers' worth of nothing: the shield and the firewall client of one, the helper in a namespace, and real packets into it. */
export async function aFirewall(database: TestDatabase) {
  const folder = mkdtempSync(join(tmpdir(), 'valtronics-firewall-'));
  const path = join(folder, 'firewall.sock');
  const flow = aPacketFlow();
  const { spaces, until, isSilent, silence, packets, lastPacket } = flow;
  const lines: string[] = [];
  const log = createLogger({ level: 'info', clock: systemClock, write: (line) => lines.push(line) });
  const shield = await aShield(database, { ...systemClock, advance: () => {}, set: () => {} });
  let decidedAt = 0;
  shield.blocks.onImposed(() => {
    decidedAt = Date.now();
  });
  const helperSaid: string[] = [];
  let helper: ChildProcess | undefined;
  async function startHelper(): Promise<void> {
    const started = spaces.spawn(spaces.inside, process.execPath, [HELPER, '--socket', path]);
    helper = started;
    if (!started.stderr) throw new Error('no output');
    const said = createInterface(started.stderr);
    await new Promise<void>((resolve, reject) => {
      started.on('exit', () => reject(new Error(`the helper ended: ${helperSaid.at(-1)}`)));
      said.on('line', (line) => {
        helperSaid.push(line);
        if (line.includes('listening')) resolve();
      });
    });
  }
  async function killHelper(): Promise<void> {
    helper?.kill('SIGKILL');
    if (helper && helper.exitCode === null && helper.signalCode === null) await once(helper, 'exit');
  }
  let firewall: ReturnType<typeof openFirewall> | undefined;

  const timesPutBack = (): number => helperSaid.filter((line) => line.includes('it is put back')).length;

  return {
    path,
    spaces,
    shield,
    lines,
    helperSaid,
    startHelper,
    killHelper,
    startServer(): void {
      firewall = openFirewall({ path, blocks: shield.blocks, clock: systemClock, log });
    },
    isSilent,
    silence,
    packets,
    lastPacket,
    ban: (value: string, scope: 'ip' | 'range' = 'ip') =>
      shield.decisions.follow(
        aDetection({ subject: { scope, value }, response: { decision: 'ban', opensIncident: false } }),
      ),
    /** One made by hand for so many seconds. */
    async impose(value: string, seconds: number, kind: 'block' | 'ban'): Promise<void> {
      const at = new Date();
      const block: BlockRow = {
        ...unlifted,
        id: newId(),
        organisation_id: null,
        scope: 'ip',
        value,
        kind,
        origin: 'manual',
        simulated: false,
        reason: 'a test',
        scenario: null,
        detection_id: null,
        nth: 1,
        evidence: {},
        created_at: at,
        created_by: null,
        created_by_label: null,
        expires_at: new Date(at.getTime() + seconds * 1_000),
      };
      await shield.transactions.unowned('guess_counters', (tx) => insertBlock(tx, block));
      await shield.blocks.announce(block);
    },
    /** When the last decision began to stand. */
    decidedAt: () => decidedAt,
    async lift(value: string): Promise<void> {
      await shield.blocks.lift(value, by);
      await database.admin.query('update blocks set grace_until = null');
    },
    ruleset: () => spaces.exec(spaces.inside, 'nft', 'list', 'ruleset'),
    timesPutBack,
    helperPutsBack: (before: number): Promise<number> =>
      until(() => timesPutBack() > before, 8_000, 'the helper puts back'),
    rulesUntil: (holds: (rules: string) => boolean): Promise<number> =>
      until(() => holds(spaces.exec(spaces.inside, 'nft', 'list', 'ruleset')), 5_000, 'the rules that were waited for'),
    /** What the helper answers to these bytes. */
    async ask(text: string, uid?: number): Promise<string> {
      if (uid !== undefined) {
        const script = `require('node:net').connect(process.argv[1]).on('error', (e) => console.log(e.code)).on('connect', () => console.log('connected') ?? process.exit())`;
        const child = spawn(process.execPath, ['-e', script, path], { uid, gid: uid });
        let said = '';
        child.stdout.on('data', (chunk: Buffer) => {
          said += chunk;
        });
        await once(child, 'close');
        return said.trim();
      }
      const socket = connect(path);
      let answer = '';
      socket.on('data', (chunk: Buffer) => {
        answer += chunk;
        if (answer.includes('"ok":true')) socket.end();
      });
      socket.on('error', () => {});
      socket.write(text);
      await Promise.race([new Promise((resolve) => socket.on('close', resolve)), sleep(1_000)]);
      socket.destroy();
      return answer.trim();
    },
    async close(): Promise<void> {
      firewall?.stop();
      await killHelper();
      await shield.close();
      flow.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
export type TestFirewall = Awaited<ReturnType<typeof aFirewall>>;

/** How long packets went on after the decision stood, so many times, in milliseconds, sorted. */
export async function timesToSilence(firewall: TestFirewall, times: number): Promise<number[]> {
  const took: number[] = [];
  for (let n = 0; n < times; n += 1) {
    const address = n % 2 ? senders.six : senders.one;
    await firewall.packets(address);
    await firewall.ban(address);
    const decided = firewall.decidedAt();
    await firewall.silence(address);
    took.push(Math.max(0, firewall.lastPacket(address) - decided));
    await firewall.lift(address);
    await firewall.packets(address);
  }
  return took.sort((a, b) => a - b);
}
