import { type Network, networkOf, networkText } from '../security/shield/networks.ts';

// What `nft -j` reads and writes of our one table. Networks of each prefix length have a set of their own, whose key is the masked address:
// so networks that lie within each other never collide, which one set of intervals with timeouts cannot hold, and a look costs one hash a length.

const TABLE = { family: 'inet', table: 'valtronics' } as const;
const CHAIN = 'input';
/** Before the rules of others (filter is 0): what is dropped here was not let in by them. */
const PRIORITY = -10;
export const MOST_NETWORKS = 65_535;

export interface Kept {
  readonly network: Network;
  /** Milliseconds of the wall clock. */
  readonly until: number;
}

const bitsOf = ({ family }: Network): number => (family === 4 ? 32 : 128);
export const setOf = ({ family, prefix }: Network): string => `v${family}_${prefix}`;
const addressOf = (network: Network): string => networkText(network).split('/', 1)[0] ?? '';
const secondsLeft = (until: number, now: number): number => Math.max(1, Math.ceil((until - now) / 1_000));

const element = ({ network, until }: Kept, now: number) => ({
  element: {
    ...TABLE,
    name: setOf(network),
    elem: [{ elem: { val: addressOf(network), timeout: secondsLeft(until, now) } }],
  },
});

/** Adding what is there changes no timeout, and deleting what is not fails: so it is added, deleted and added, in one transaction. */
export function replacing(kept: Kept, now: number): unknown[] {
  return [...removing(kept.network), { add: element(kept, now) }];
}
export function removing(network: Network): unknown[] {
  const { family, table } = TABLE;
  const gone = { element: { family, table, name: setOf(network), elem: [addressOf(network)] } };
  return [{ add: element({ network, until: 0 }, 0) }, { delete: gone }];
}

/** The whole table in one transaction, whatever was there: no packet passes between the old one and the new one. */
export function wholeTable(kept: readonly Kept[], now: number): unknown[] {
  const table = { table: { family: TABLE.family, name: TABLE.table } };
  const kinds = new Map(kept.map(({ network }) => [setOf(network), network]));
  const sets = [...kinds].flatMap(([name, network]) => [
    {
      add: {
        set: {
          ...TABLE,
          name,
          type: network.family === 4 ? 'ipv4_addr' : 'ipv6_addr',
          flags: ['timeout'],
          size: MOST_NETWORKS,
        },
      },
    },
    {
      add: {
        rule: {
          ...TABLE,
          chain: CHAIN,
          expr: [{ match: { op: '==', left: sourceOf(network), right: `@${name}` } }, { drop: null }],
        },
      },
    },
  ]);
  return [
    { add: table },
    { delete: table },
    { add: table },
    { add: { chain: { ...TABLE, name: CHAIN, type: 'filter', hook: 'input', prio: PRIORITY, policy: 'accept' } } },
    ...sets,
    ...kept.map((one) => ({ add: element(one, now) })),
  ];
}

function sourceOf(network: Network): unknown {
  const source = { payload: { protocol: network.family === 4 ? 'ip' : 'ip6', field: 'saddr' } };
  if (network.prefix === bitsOf(network)) return source;
  const everything = networkOf(network.family === 4 ? '255.255.255.255' : 'ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff');
  const free = BigInt(bitsOf(network) - network.prefix);
  const mask: Network = { ...network, prefix: bitsOf(network), base: ((everything?.base ?? 0n) >> free) << free };
  return { '&': [source, addressOf(mask)] };
}

/** What the kernel has of our table: networks with the time they have left, and which sets are dropped from. */
export function readTable(json: string, now: number): { kept: Kept[]; dropped: Set<string> } {
  const { nftables } = JSON.parse(json) as { nftables: Record<string, never>[] };
  const kept: Kept[] = [];
  const dropped = new Set<string>();
  for (const entry of nftables) {
    const { set, rule } = entry as {
      set?: ListedSet;
      rule?: { chain: string; expr: { match?: { right?: unknown }; drop?: null }[] };
    };
    if (rule?.chain === CHAIN && rule.expr.some((one) => 'drop' in one))
      for (const { match } of rule.expr) if (typeof match?.right === 'string') dropped.add(match.right.slice(1));
    const prefix = /^v[46]_(\d{1,3})$/.exec(set?.name ?? '')?.[1];
    for (const one of (prefix !== undefined && set?.elem) || []) {
      const network = networkOf(`${one.elem?.val}/${prefix}`);
      if (network && typeof one.elem?.expires === 'number')
        kept.push({ network, until: now + one.elem.expires * 1_000 });
    }
  }
  return { kept, dropped };
}
interface ListedSet {
  readonly name: string;
  readonly elem?: readonly { readonly elem?: { readonly val?: unknown; readonly expires?: unknown } }[];
}
