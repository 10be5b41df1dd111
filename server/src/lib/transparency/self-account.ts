// What entries of a log say about the log itself: which checkpoints of others it holds, and what was pruned from it.

// As bytes: each is looked for in every entry. They begin with what is rare in one, since every place where the first byte stands is looked at,
// and only say which entries to parse: what an entry is, its members say.
const CHECKPOINT = Buffer.from('point"');
const PRUNING = Buffer.from('pruned"');
const MAX_LOGGED = 200_000;
const MAX_CLAIMS = 10_000;
/** Nothing younger is ever pruned. */
const LEAST_AGE_MS = 90 * 86_400_000;

interface Entry {
  readonly kind?: unknown;
  readonly note?: unknown;
  readonly event?: unknown;
  readonly at?: unknown;
  readonly actor?: { readonly kind?: unknown; readonly id?: unknown } | null;
  readonly resource?: { readonly kind?: unknown; readonly id?: unknown } | null;
  readonly details?: { readonly below?: unknown; readonly olderThan?: unknown } | null;
}

interface SelfAccount {
  /** Checkpoints of other trees. */
  readonly logged: readonly string[];
  /** Takes an entry whose hash is the one that was logged, in the order of the log. Nothing else is worth believing. */
  read(position: number, entry: Buffer): void;
  /** Whether it was given one yet. */
  hasRead(): boolean;
  /** Up to where what is missing was removed by declared retention. */
  prunedBelow(): number;
}

/**
 * That something was pruned is believed where it cannot cover anything else. Whoever writes to the database can append an event that says
 * so, but not make it true: a pruning takes all that stands before a place, and leaves at that place an event older than what it says it
 * removed, which was signed when it was new. So what is young, or stands between what is kept, is missing whatever an event says.
 */
export function createSelfAccount(origin: string): SelfAccount {
  const tree = treeName(origin);
  const logged: string[] = [];
  const claims: { below: number; olderThan: number }[] = [];
  let firstKept: { position: number; at: number } | undefined;

  return {
    logged,
    read(position, bytes) {
      if (firstKept !== undefined && !mayTellOfLogs(bytes)) return;
      const entry = parsed(bytes);
      firstKept ??= { position, at: timeOf(entry.at) };
      if (entry.kind === 'checkpoint') {
        if (typeof entry.note === 'string' && logged.length < MAX_LOGGED) logged.push(entry.note);
      } else if (entry.event === 'audit.pruned' && isOurs(entry, tree)) {
        const { below, olderThan } = { below: entry.details?.below, olderThan: timeOf(entry.details?.olderThan) };
        if (typeof below !== 'number' || !Number.isSafeInteger(below) || below > position) return;
        if (timeOf(entry.at) - olderThan >= LEAST_AGE_MS && claims.length < MAX_CLAIMS)
          claims.push({ below, olderThan });
      }
    },
    hasRead: () => firstKept !== undefined,
    prunedBelow() {
      const first = firstKept;
      return first !== undefined &&
        claims.some((claim) => claim.below === first.position && first.at <= claim.olderThan)
        ? first.position
        : 0;
    },
  };
}

/** Whether an entry, or any of several, says anything of a log; if it may. */
export const mayTellOfLogs = (bytes: Buffer): boolean => bytes.includes(CHECKPOINT) || bytes.includes(PRUNING);

/** A tree by the last part of its origin: the public id of the organisation, or "instance". */
export const treeName = (origin: string): string => origin.slice(origin.lastIndexOf('/') + 1);

const isOurs = ({ actor, resource }: Entry, tree: string): boolean =>
  actor?.kind === 'system' && actor.id === 'audit-log' && resource?.kind === 'audit_tree' && resource.id === tree;

/** NaN, which compares with nothing, where it is none. */
const timeOf = (value: unknown): number => (typeof value === 'string' ? Date.parse(value) : Number.NaN);

function parsed(bytes: Buffer): Entry {
  try {
    const value = JSON.parse(bytes.toString()) as Entry | null;
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}
