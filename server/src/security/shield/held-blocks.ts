import type { Clock } from '../../lib/clock.ts';
import type { BlockRow } from './block.repository.ts';
import { addressKey } from './client-address.ts';
import { networkOf, networkText, widened } from './networks.ts';

/** Blocks in force, in memory: the gate asks at every call, so the answer costs a look into a map. */
export interface HeldBlocks {
  readonly size: number;
  has(id: string): boolean;
  /** False when there is no room for one more. */
  add(block: BlockRow): boolean;
  remove(id: string): void;
  removeEnded(): void;
  /** The strictest of those that hold for an address: a ban before a block, then the one that lasts longest. */
  ofAddress(address: string): BlockRow | undefined;
  of(scope: 'user' | 'device', value: string): BlockRow | undefined;
  all(): BlockRow[];
}

export function createHeldBlocks({ clock, most }: { clock: Clock; most: number }): HeldBlocks {
  const byId = new Map<string, BlockRow>();
  const bySubject = new Map<string, BlockRow[]>();
  /** Prefix lengths of the ranges that are held, with how many there are: an address is looked up once for each. */
  const prefixes = { 4: new Map<number, number>(), 6: new Map<number, number>() };

  function count({ scope, value }: BlockRow, by: 1 | -1): void {
    const network = scope === 'range' ? networkOf(value) : undefined;
    if (!network) return;
    const counts = prefixes[network.family];
    const left = (counts.get(network.prefix) ?? 0) + by;
    if (left > 0) counts.set(network.prefix, left);
    else counts.delete(network.prefix);
  }

  function remove(id: string): void {
    const block = byId.get(id);
    if (!block) return;
    byId.delete(id);
    count(block, -1);
    const key = keyOf(block);
    const left = (bySubject.get(key) ?? []).filter((one) => one.id !== id);
    if (left.length > 0) bySubject.set(key, left);
    else bySubject.delete(key);
  }

  function removeEnded(): void {
    const now = clock.now();
    for (const { id, expires_at } of [...byId.values()]) if (expires_at.getTime() <= now) remove(id);
  }

  function strictest(key: string): BlockRow | undefined {
    let found: BlockRow | undefined;
    for (const block of bySubject.get(key) ?? []) {
      if (block.expires_at.getTime() <= clock.now()) remove(block.id);
      else found = stricter(found, block);
    }
    return found;
  }

  return {
    get size() {
      return byId.size;
    },
    has: (id) => byId.has(id),
    add(block) {
      remove(block.id);
      if (byId.size >= most) removeEnded();
      if (byId.size >= most) return false;
      byId.set(block.id, block);
      count(block, 1);
      const key = keyOf(block);
      bySubject.set(key, [...(bySubject.get(key) ?? []), block]);
      return true;
    },
    remove,
    removeEnded,
    ofAddress(address) {
      let found = strictest(`ip/${addressKey(address)}`);
      if (prefixes[4].size === 0 && prefixes[6].size === 0) return found;
      const network = networkOf(address);
      if (!network) return found;
      for (const prefix of [...prefixes[network.family].keys()])
        found = stricter(found, strictest(`range/${networkText(widened(network, prefix))}`));
      return found;
    },
    of: (scope, value) => strictest(`${scope}/${value}`),
    all: () => [...byId.values()],
  };
}

const keyOf = ({ scope, value }: Pick<BlockRow, 'scope' | 'value'>): string => `${scope}/${value}`;

function stricter(one: BlockRow | undefined, other: BlockRow | undefined): BlockRow | undefined {
  if (!one || !other) return one ?? other;
  if (one.kind !== other.kind) return one.kind === 'ban' ? one : other;
  return one.expires_at >= other.expires_at ? one : other;
}
