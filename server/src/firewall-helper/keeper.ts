import { type Network, networkText } from '../security/shield/networks.ts';
import { applyRules, listTable } from './nft.ts';
import { type Kept, MOST_NETWORKS, readTable, removing, replacing, setOf, wholeTable } from './ruleset.ts';

export interface Keeper {
  /** Resolves once the kernel drops. */
  add(network: Network, seconds: number): Promise<void>;
  del(network: Network): Promise<void>;
  list(): { network: string; seconds: number }[];
  /** Whether the kernel still has what it was given; what somebody flushed is put back. */
  check(): Promise<void>;
}

interface Change {
  readonly network: Network;
  /** Undefined: no longer. */
  readonly until: number | undefined;
  readonly done: (error?: unknown) => void;
}

/** The kernel counts whole seconds and looks a little later than we do. */
const SLACK_MS = 2_000;

/**
 * What is to be dropped, here and in the kernel. Changes that come while nft runs go into the next transaction together. The kernel ends each by
 * itself, so when this process dies everything still ends in time; when it starts it takes over what it finds.
 */
export async function openKeeper(say: (text: string) => void): Promise<Keeper> {
  const kept = new Map<string, Kept>();
  let waiting: Change[] = [];
  let turn: Promise<void> = Promise.resolve();
  /** Sets that are in the kernel, with a rule that drops from them. */
  let known = new Set<string>();

  /** One after the other: two transactions at once would each know half. */
  const inTurn = (work: () => Promise<void>): Promise<void> => {
    const mine = turn.then(work);
    turn = mine.catch(() => undefined);
    return mine;
  };
  function forgetEnded(now: number): void {
    for (const [text, { until }] of kept) if (until <= now) kept.delete(text);
  }
  async function rebuild(): Promise<void> {
    const now = Date.now();
    forgetEnded(now);
    const all = [...kept.values()];
    await applyRules(wholeTable(all, now));
    known = new Set(all.map(({ network }) => setOf(network)));
  }

  async function applyWaiting(): Promise<void> {
    const changes = waiting;
    waiting = [];
    if (changes.length === 0) return;
    const now = Date.now();
    forgetEnded(now);
    for (const { network, until } of changes) {
      if (until === undefined) kept.delete(networkText(network));
      else kept.set(networkText(network), { network, until });
    }
    try {
      const commands = changes.flatMap(({ network, until }) =>
        until === undefined ? removing(network) : replacing({ network, until }, now),
      );
      // A table that is not as it was left is written anew as well.
      if (changes.every(({ network }) => known.has(setOf(network)))) await applyRules(commands).catch(rebuild);
      else await rebuild();
      for (const { done } of changes) done();
    } catch (error) {
      for (const { done } of changes) done(error);
    }
  }

  const change = (network: Network, until: number | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      waiting.push({ network, until, done: (error) => (error === undefined ? resolve() : reject(error)) });
      void inTurn(applyWaiting);
    });

  const found = await listTable();
  if (found !== undefined) for (const one of readTable(found, Date.now()).kept) kept.set(networkText(one.network), one);
  await inTurn(rebuild);

  return {
    add(network, seconds) {
      if (kept.size + waiting.length >= MOST_NETWORKS && !kept.has(networkText(network)))
        return Promise.reject(new Error('full'));
      return change(network, Date.now() + seconds * 1_000);
    },
    del: (network) => change(network, undefined),
    list() {
      const now = Date.now();
      forgetEnded(now);
      return [...kept.values()].map(({ network, until }) => ({
        network: networkText(network),
        seconds: Math.ceil((until - now) / 1_000),
      }));
    },
    check: () =>
      inTurn(async () => {
        const listed = await listTable();
        const now = Date.now();
        forgetEnded(now);
        const table = listed === undefined ? undefined : readTable(listed, now);
        const there = new Set(table?.kept.map(({ network }) => networkText(network)));
        const isMissing = ({ network, until }: Kept): boolean =>
          until > now + SLACK_MS && !(there.has(networkText(network)) && table?.dropped.has(setOf(network)));
        const isForeign = ({ network, until }: Kept): boolean =>
          until > now + SLACK_MS && !kept.has(networkText(network));
        if (table && ![...kept.values()].some(isMissing) && !table.kept.some(isForeign)) return;
        say('the table was not as it was left: it is put back');
        await rebuild();
      }),
  };
}
