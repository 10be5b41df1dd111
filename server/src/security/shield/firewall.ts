import { connect, type Socket } from 'node:net';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Blocks } from './blocks.ts';
import { networkOf, networkText } from './networks.ts';

const RETRY_MS = 1_000;
/** What ended since, by time. */
const SYNC_EVERY_MS = 1_000;
/** Whether the helper still has what it was told. */
const COMPARE_EVERY_MS = 10_000;
const MOST_LINE = 16 << 20;
/** A difference in the time left that is none. */
const SLACK_MS = 2_500;

const answer = z.object({
  ok: z.boolean(),
  error: z.string().optional(),
  items: z.array(z.object({ network: z.string(), seconds: z.number() })).optional(),
});

/**
 * Tells the firewall helper on this host which bans are in force, so that the kernel drops what the gate would refuse. Only bans: a firewall
 * cannot tell a session from a stranger. Without the helper everything goes on; the gate is what keeps out, this only makes it cheap.
 */
export function openFirewall(deps: {
  path: string;
  blocks: Pick<Blocks, 'bans' | 'onChanged'>;
  clock: Clock;
  log: Logger;
}): { stop(): void } {
  const { path, blocks, clock, log } = deps;
  /** What the helper was told, with its end; undefined while it has not said what it has. */
  let told: Map<string, number> | undefined;
  let socket: Socket | undefined;
  let [stopped, isAway, isDue] = [false, false, false];
  let answered: ((line: z.infer<typeof answer>) => void)[] = [];

  function wanted(): Map<string, number> {
    const until = new Map<string, number>();
    for (const { value, expires_at } of blocks.bans()) {
      const network = networkOf(value);
      if (!network) continue;
      const text = networkText(network);
      until.set(text, Math.max(until.get(text) ?? 0, expires_at.getTime()));
    }
    return until;
  }
  function ask(request: object, then: (given: z.infer<typeof answer>) => void): void {
    answered.push(then);
    socket?.write(`${JSON.stringify(request)}\n`);
  }
  const unlessRefused =
    (network: string) =>
    ({ ok, error }: z.infer<typeof answer>): void => {
      if (!ok) log.warn({ network, error }, 'the firewall helper did not take a ban; the gate keeps it out');
    };

  function sync(): void {
    isDue = false;
    if (told === undefined) return;
    const now = clock.now();
    const want = wanted();
    for (const network of told.keys()) {
      if (want.has(network)) continue;
      told.delete(network);
      ask({ op: 'del', network }, unlessRefused(network));
    }
    for (const [network, until] of want) {
      if (Math.abs((told.get(network) ?? 0) - until) < SLACK_MS || until <= now) continue;
      told.set(network, until);
      ask({ op: 'add', network, seconds: Math.ceil((until - now) / 1_000) }, unlessRefused(network));
    }
  }
  function compare(): void {
    ask({ op: 'list' }, ({ items = [] }) => {
      const now = clock.now();
      told = new Map(items.map(({ network, seconds }) => [network, now + seconds * 1_000]));
      sync();
    });
  }

  function open(): void {
    if (stopped) return;
    const opened = connect(path);
    let rest = '';
    opened.setEncoding('utf8');
    opened.on('connect', () => {
      if (isAway) log.info({ path }, 'the firewall helper is back');
      isAway = false;
      socket = opened;
      answered = [];
      compare();
    });
    opened.on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > MOST_LINE) opened.destroy();
      for (const line of lines) {
        const given = answer.safeParse(parsed(line)).data;
        if (given) answered.shift()?.(given);
        else opened.destroy();
      }
    });
    opened.on('error', (error) => {
      if (!isAway) log.warn({ err: error, path }, 'the firewall helper is away; the gate keeps out what is banned');
      isAway = true;
    });
    opened.on('close', () => {
      if (socket === opened) [socket, told] = [undefined, undefined];
      if (!stopped) setTimeout(open, RETRY_MS).unref();
    });
  }

  blocks.onChanged(() => {
    if (isDue) return;
    isDue = true;
    setImmediate(sync);
  });
  const timers = [
    setInterval(sync, SYNC_EVERY_MS).unref(),
    setInterval(() => told && compare(), COMPARE_EVERY_MS).unref(),
  ];
  open();

  return {
    stop() {
      stopped = true;
      for (const timer of timers) clearInterval(timer);
      socket?.destroy();
    },
  };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}
