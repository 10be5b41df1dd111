import { hash, randomBytes } from 'node:crypto';
import { canonicalJson } from '../canonical-json.ts';

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

const SALT_BYTES = 16;
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

let scratch = Buffer.alloc(4_096);

/**
 * The salt as it is kept, in base64. Undefined: it is not as long as ours are. What is hashed does not say where the salt ends, so a longer one
 * could hold the beginning of a value, which would then be shown without it and still fit.
 */
function commitmentOf(salt: string, value: string): string | undefined {
  // One buffer for all: a log is verified by making hundreds of thousands of these. Neither is cut: a character of base64 is less than a byte,
  // and one of UTF-16 at most three.
  const most = salt.length + 3 * value.length;
  if (scratch.length < most) scratch = Buffer.alloc(2 * most);
  const start = scratch.write(salt, 'base64');
  if (start !== SALT_BYTES) return undefined;
  const end = start + scratch.write(value, start);
  return hash('sha256', scratch.subarray(0, end), 'base64');
}

const step = (key: string | number): string => String(key).replaceAll('~', '~0').replaceAll('/', '~1');

type Commit = (pointer: string, value: string | null) => unknown;

function leafOf(source: LeafSource, details: unknown, commit: Commit): unknown {
  return {
    kind: 'event',
    version: 1,
    id: source.id,
    at: source.at,
    event: source.event,
    outcome: source.outcome,
    actor: { kind: source.actorKind, id: source.actorId, label: commit('/actor/label', source.actorLabel) },
    resource:
      source.resourceKind === null && source.resourceId === null
        ? null
        : { kind: source.resourceKind, id: source.resourceId },
    address: commit('/address', source.address),
    requestId: source.requestId,
    details,
  };
}

function committed(value: unknown, pointer: string, key: string, commit: Commit): unknown {
  if (typeof value === 'string') return ourWords.has(key) || isImpersonal(value) ? value : commit(pointer, value);
  if (Array.isArray(value)) return value.map((item, index) => committed(item, `${pointer}/${index}`, key, commit));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [name, committed(item, `${pointer}/${step(name)}`, name, commit)]),
  );
}

/** The text of the leaf, and the salts that are now known for the first time. */
export function newLeaf(source: LeafSource): { readonly entry: string; readonly salts: Salts } {
  const make = (whole: boolean) => {
    const salts: Record<string, string> = {};
    const commit: Commit = (pointer, value) => {
      if (value === null) return null;
      const salt = randomBytes(SALT_BYTES).toString('base64');
      salts[pointer] = salt;
      return { commitment: commitmentOf(salt, value) };
    };
    const details = whole
      ? commit('/details', canonicalJson(source.details))
      : committed(source.details, '/details', '', commit);
    return { entry: canonicalJson(leafOf(source, details, commit)), salts };
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
  return { fits: canonicalJson(leafOf(source, details, commit)) === entry, erased };
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

/**
 * The two commitments that nearly every leaf has, read from the start of its text, which is canonical: names in order, no space. Anything
 * else, an escape in an id among it, does not match and is parsed.
 */
const usualStart =
  /^\{"actor":\{"id":(?:null|"[^"\\]*"),"kind":"[^"\\]*","label":(?:null|\{"commitment":"([^"\\]*)"\})\},"address":(?:null|\{"commitment":"([^"\\]*)"\}),"at":"/;

/** The commitment of a leaf at a pointer. Parsing a leaf costs more than hashing the values beside it, so it is put off until it must be. */
function commitmentsOf(entry: string): (pointer: string) => unknown {
  const usual = usualStart.exec(entry);
  let said: unknown;
  return (pointer) => {
    if (usual && pointer === '/actor/label') return usual[1];
    if (usual && pointer === '/address') return usual[2];
    said ??= JSON.parse(entry) as unknown;
    const stated = at(said, pointer);
    return isObject(stated) ? stated.commitment : undefined;
  };
}

/** The pointers of values that do not fit what the leaf committed to. */
export function falseValues(entry: string, values: Readonly<Record<string, OpenedValue>>): string[] {
  const statedAt = commitmentsOf(entry);
  return Object.keys(values).filter((pointer) => {
    const { salt, value } = values[pointer] as OpenedValue;
    const commitment = commitmentOf(salt, value);
    return commitment === undefined || commitment !== statedAt(pointer);
  });
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
