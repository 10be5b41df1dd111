import { canonicalJson } from '../canonical-json.ts';
import { commitmentOf, newSalt } from './commitment.ts';

// What a leaf of the audit log says: the event as canonical JSON (RFC 8785), in which a personal value is only a commitment,
// SHA-256(salt ‖ value). Salt and value stand beside the log. Whoever has both can check them against the leaf; once they are erased,
// 128 random bits that nobody has any more hide the value, however few there were to guess from, and every proof stays what it was.

export interface LeafSource {
  readonly id: string;
  /** RFC 3339 with microseconds. */
  readonly at: string;
  readonly event: string;
  readonly outcome: string;
  readonly actorKind: string;
  readonly actorId: string | null;
  readonly actorLabel: string | null;
  readonly resourceKind: string | null;
  readonly resourceId: string | null;
  readonly address: string | null;
  readonly requestId: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** The salt of each value that is committed to, by the JSON pointer of where its commitment stands. Base64. */
export type Salts = Readonly<Record<string, string>>;

/** An entry of a tile bundle has at most 65,535 bytes. */
const MAX_ENTRY_BYTES = 60_000;

/**
 * Texts below these names are words of ours: kinds, reasons, permissions. Whatever is not listed is taken for something a person may have
 * typed, so a new field is committed to until somebody has thought about it.
 */
const ourWords = new Set([
  'aggregation',
  'category',
  'changed',
  'deviceType',
  'factor',
  'factors',
  'format',
  'health',
  'interval',
  'kind',
  'level',
  'outcome',
  'permissions',
  'reason',
  'removed',
  'role',
  'route',
  'scope',
  'severity',
  'status',
  'type',
  'was',
]);
const isImpersonal = (text: string): boolean =>
  /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text) || /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(text);

const step = (key: string | number): string => String(key).replaceAll('~', '~0').replaceAll('/', '~1');

type Commit = (pointer: string, value: string | null) => unknown;

/** The members of a leaf that are not what the row says, as JSON. */
interface Stated {
  readonly label: string;
  readonly address: string;
  readonly details: string;
}

/** Canonical JSON: names in order, no space, and of what needs no escape nothing is escaped (RFC 8785, 3.2.2.2 is what `JSON.stringify` does). */
function leafText(source: LeafSource, { label, address, details }: Stated): string {
  const text = (value: string | null): string => (value === null ? 'null' : JSON.stringify(value));
  const { actorId, actorKind, resourceKind, resourceId } = source;
  const actor = `{"id":${text(actorId)},"kind":${text(actorKind)},"label":${label}}`;
  const isAbout = resourceKind !== null || resourceId !== null;
  const resource = isAbout ? `{"id":${text(resourceId)},"kind":${text(resourceKind)}}` : 'null';
  const event = `"event":${text(source.event)},"id":${text(source.id)},"kind":"event","outcome":${text(source.outcome)}`;
  const end = `"requestId":${text(source.requestId)},"resource":${resource},"version":1`;
  return `{"actor":${actor},"address":${address},"at":${text(source.at)},"details":${details},${event},${end}}`;
}

function committed(value: unknown, pointer: string, key: string, commit: Commit): unknown {
  if (typeof value === 'string') return ourWords.has(key) || isImpersonal(value) ? value : commit(pointer, value);
  if (Array.isArray(value)) return value.map((item, index) => committed(item, `${pointer}/${index}`, key, commit));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, committed(item, `${pointer}/${step(name)}`, name, commit)]),
  );
}

/** What a leaf says of details that hold nothing it would commit to; undefined: these do. */
export function plainDetails(details: unknown): string | undefined {
  let isPlain = true;
  const said = committed(details, '/details', '', () => {
    isPlain = false;
  });
  return isPlain ? canonicalJson(said) : undefined;
}

/** The text of the leaf, and the salts that are now known for the first time. */
export function newLeaf(source: LeafSource): { readonly entry: string; readonly salts: Salts } {
  const make = (whole: boolean) => {
    const salts: Record<string, string> = {};
    const commit = (pointer: string, value: string | null) => {
      if (value === null) return null;
      const salt = newSalt();
      salts[pointer] = salt;
      return { commitment: commitmentOf(salt, value) };
    };
    const label = commit('/actor/label', source.actorLabel);
    const address = commit('/address', source.address);
    const details = whole
      ? commit('/details', canonicalJson(source.details))
      : committed(source.details, '/details', '', commit);
    const stated = { label: canonicalJson(label), address: canonicalJson(address), details: canonicalJson(details) };
    return { entry: leafText(source, stated), salts };
  };
  const leaf = make(false);
  // Hundreds of short texts become longer by being committed to one by one; then they are together.
  return Buffer.byteLength(leaf.entry) <= MAX_ENTRY_BYTES ? leaf : make(true);
}

interface LeafComparison {
  readonly fits: boolean;
  /** Where a value and its salt are both gone. Whether somebody was entitled to that, the leaf cannot tell. */
  readonly erased: readonly string[];
}

/**
 * The row as it is now against its leaf. Where a value and its salt were erased, what the leaf says about it stands; a value without its
 * salt is not an erased one, nor is one whose salt is still there, and both differ.
 */
export function compareLeaf(source: LeafSource, salts: Salts, entry: string): LeafComparison {
  const said = JSON.parse(entry) as unknown;
  const erased: string[] = [];
  const without = (pointer: string): unknown => {
    if (salts[pointer] !== undefined) return { missing: true };
    const before = at(said, pointer);
    if (isCommitment(before)) erased.push(pointer);
    return before;
  };
  const commit: Commit = (pointer, value) => {
    if (value === null) return without(pointer);
    const salt = salts[pointer];
    const commitment = salt === undefined ? undefined : commitmentOf(salt, value);
    return commitment === undefined ? { unsalted: true } : { commitment };
  };
  /** An erased text of the details is null there, and a commitment in the leaf. */
  const withErased = (now: unknown, before: unknown, pointer: string): unknown => {
    if (now === null && isCommitment(before)) return without(pointer);
    if (Array.isArray(now) && Array.isArray(before))
      return now.map((item, index) => withErased(item, before[index], `${pointer}/${index}`));
    if (!isObject(now) || !isObject(before)) return now;
    return Object.fromEntries(
      Object.entries(now).map(([name, item]) => [name, withErased(item, before[name], `${pointer}/${step(name)}`)]),
    );
  };
  const before = at(said, '/details');
  const details = isCommitment(before)
    ? commit('/details', source.details.erased === true ? null : canonicalJson(source.details))
    : withErased(committed(source.details, '/details', '', commit), before, '/details');
  const stated = {
    label: canonicalJson(commit('/actor/label', source.actorLabel)),
    address: canonicalJson(commit('/address', source.address)),
    details: canonicalJson(details),
  };
  return { fits: leafText(source, stated) === entry, erased };
}

/**
 * Whether the row is what its leaf says, with every personal value and salt still there. It says what `compareLeaf` would, without parsing the
 * leaf, which is most of the work; false says nothing yet.
 */
export function isWhole(source: LeafSource, salts: Salts, entry: string): boolean {
  let isSalted = true;
  const commit = (pointer: string, value: string | null) => {
    const salt = salts[pointer];
    const commitment = value === null ? undefined : commitmentOf(salt ?? '', value);
    isSalted &&= value === null ? salt === undefined : commitment !== undefined;
    return value === null ? null : { commitment: commitment ?? '' };
  };
  const stated = {
    label: canonicalJson(commit('/actor/label', source.actorLabel)),
    address: canonicalJson(commit('/address', source.address)),
    details: canonicalJson(committed(source.details, '/details', '', commit)),
  };
  return leafText(source, stated) === entry && isSalted;
}

const isCommitment = (value: unknown): boolean =>
  isObject(value) && typeof value.commitment === 'string' && Object.keys(value).length === 1;

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function at(value: unknown, pointer: string): unknown {
  let found = value;
  for (const name of pointer.split('/').slice(1)) {
    if (typeof found !== 'object' || found === null) return undefined;
    found = (found as Record<string, unknown>)[name.replaceAll('~1', '/').replaceAll('~0', '~')];
  }
  return found;
}

/** A personal value as it is given to somebody who checks it: with its salt. */
export interface OpenedValue {
  readonly salt: string;
  readonly value: string;
}

/** Whether this is a value with the salt that was committed to. It may come from a file of somebody else, and be anything. */
export function isCommittedTo(commitment: unknown, opened: unknown): boolean {
  const { salt, value } = (opened ?? {}) as Partial<Record<keyof OpenedValue, unknown>>;
  if (commitment === undefined || typeof salt !== 'string' || typeof value !== 'string') return false;
  return commitment === commitmentOf(salt, value);
}

/** The pointers of values that do not fit what the leaf committed to: all of them, where it is none. */
export function falseValues(entry: string, values: Readonly<Record<string, OpenedValue>>): string[] {
  const said = parsed(entry);
  return Object.keys(values).filter((pointer) => {
    const stated = at(said, pointer);
    return !isCommittedTo(isObject(stated) ? stated.commitment : undefined, values[pointer]);
  });
}

function parsed(entry: string): unknown {
  try {
    return JSON.parse(entry);
  } catch {
    return undefined;
  }
}

/**
 * The start of nearly every leaf, whose text is canonical: names in order, no space. Anything else, an escape in an id among it, does not
 * match and is parsed.
 */
const usualStart =
  /^\{"actor":\{"id":(?:null|"[^"\\]*"),"kind":"[^"\\]*","label":(?:null|\{"commitment":"([^"\\]*)"\})\},"address":(?:null|\{"commitment":"([^"\\]*)"\}),"at":"/;

/**
 * The commitments of a leaf to the label of the actor and to the address; its text may be of one character a byte. Undefined: it has to be
 * parsed, which takes longer than hashing what it commits to.
 */
export function usualCommitments(
  entry: string,
): { readonly label: string | undefined; readonly address: string | undefined } | undefined {
  const found = usualStart.exec(entry);
  return found ? { label: found[1], address: found[2] } : undefined;
}

/** Values and salts of a row, by where their commitments stand. */
export function openedValues(source: LeafSource, salts: Salts): Record<string, OpenedValue> {
  const row = { actor: { label: source.actorLabel }, address: source.address, details: source.details };
  return Object.fromEntries(
    Object.entries(salts).flatMap(([pointer, salt]) => {
      const found = pointer === '/details' ? canonicalJson(source.details) : at(row, pointer);
      return typeof found === 'string' ? [[pointer, { salt, value: found }]] : [];
    }),
  );
}
