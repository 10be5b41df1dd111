import { plainDetails, type Salts } from './audit-leaf.ts';
import { commitmentOfBytes } from './commitment.ts';

// Nearly every row is what its leaf says, and nearly all of it stands in the leaf as it is. So the bytes of the one are looked for in the
// bytes of the other, and texts are made where they are needed only: that halved the time a look at a log takes.

/** Fields of the event of a leaf, in the order they are given. */
export const leafFields = [
  'id',
  'at',
  'event',
  'outcome',
  'actorKind',
  'actorId',
  'actorLabel',
  'resourceKind',
  'resourceId',
  'address',
  'requestId',
  'details',
] as const;
const fieldAt = Object.fromEntries(leafFields.map((name, index) => [name, index])) as Record<
  (typeof leafFields)[number],
  number
>;

const [QUOTE, BACKSLASH, SPACE] = [0x22, 0x5c, 0x20];
const parts = {
  actor: Buffer.from('{"actor":{"id":'),
  actorKind: Buffer.from(',"kind":'),
  actorLabel: Buffer.from(',"label":'),
  address: Buffer.from('},"address":'),
  at: Buffer.from(',"at":'),
  details: Buffer.from(',"details":'),
  event: Buffer.from(',"event":'),
  id: Buffer.from(',"id":'),
  outcome: Buffer.from(',"kind":"event","outcome":'),
  requestId: Buffer.from(',"requestId":'),
  resource: Buffer.from(',"resource":'),
  resourceId: Buffer.from('{"id":'),
  resourceEnd: Buffer.from('}'),
  end: Buffer.from(',"version":1}'),
  null: Buffer.from('null'),
  commitment: Buffer.from('{"commitment":"'),
  commitmentEnd: Buffer.from('"}'),
};

/** Bytes of details, and how many different ones are remembered. */
const [MOST_REMEMBERED_BYTES, MOST_REMEMBERED] = [512, 10_000];
const remembered = new Map<string, Buffer | undefined>();

/**
 * Whether the row is plainly the one of the leaf at `start` to before `end`, with every personal value and its salt. True is what `isWhole` would
 * say; false says nothing yet.
 */
export type IsPlain = (start: number, end: number, salts: Salts) => boolean;

/** Where the fields of a row begin and end; a beginning below 0: null. */
interface FieldBounds {
  start(field: number): number;
  end(field: number): number;
}

/** For leaves and rows that lie in the same bytes, in UTF-8: the fields of an event in the order above, from the one at `first` on. */
export function createPlainLeaves(bytes: Buffer, row: FieldBounds, first: number): IsPlain {
  let at = 0;

  function is(part: Uint8Array): boolean {
    for (let index = 0; index < part.length; index += 1, at += 1) if (bytes[at] !== part[index]) return false;
    return true;
  }

  /** A text in JSON, or null. One with an escape in it is none of the usual; so no text can reach beyond the quotes it stands in. */
  function isText(field: number): boolean {
    const end = row.end(first + field);
    let from = row.start(first + field);
    if (from < 0) return is(parts.null);
    if (bytes[at] !== QUOTE) return false;
    at += 1;
    for (; from < end; from += 1, at += 1) {
      const byte = bytes[from] as number;
      if (byte !== bytes[at] || byte < SPACE || byte === QUOTE || byte === BACKSLASH) return false;
    }
    at += 1;
    return bytes[at - 1] === QUOTE;
  }

  function isCommitment(field: number, salt: unknown): boolean {
    const start = row.start(first + field);
    if (start < 0) return salt === undefined && is(parts.null);
    if (typeof salt !== 'string' || !is(parts.commitment)) return false;
    const made = commitmentOfBytes(salt, bytes, start, row.end(first + field));
    if (made === undefined) return false;
    for (let index = 0; index < made.length; index += 1, at += 1)
      if (bytes[at] !== made.charCodeAt(index)) return false;
    return is(parts.commitmentEnd);
  }

  function isDetails(): boolean {
    const start = row.start(first + fieldAt.details);
    if (start < 0) return false;
    const said = statedOf(bytes, start, row.end(first + fieldAt.details));
    return said !== undefined && is(said);
  }

  function isResource(): boolean {
    if (row.start(first + fieldAt.resourceKind) < 0 && row.start(first + fieldAt.resourceId) < 0) return is(parts.null);
    return (
      is(parts.resourceId) &&
      isText(fieldAt.resourceId) &&
      is(parts.actorKind) &&
      isText(fieldAt.resourceKind) &&
      is(parts.resourceEnd)
    );
  }

  return (start, end, salts) => {
    at = start;
    return (
      is(parts.actor) &&
      isText(fieldAt.actorId) &&
      is(parts.actorKind) &&
      isText(fieldAt.actorKind) &&
      is(parts.actorLabel) &&
      isCommitment(fieldAt.actorLabel, salts['/actor/label']) &&
      is(parts.address) &&
      isCommitment(fieldAt.address, salts['/address']) &&
      is(parts.at) &&
      isText(fieldAt.at) &&
      is(parts.details) &&
      isDetails() &&
      is(parts.event) &&
      isText(fieldAt.event) &&
      is(parts.id) &&
      isText(fieldAt.id) &&
      is(parts.outcome) &&
      isText(fieldAt.outcome) &&
      is(parts.requestId) &&
      isText(fieldAt.requestId) &&
      is(parts.resource) &&
      isResource() &&
      is(parts.end) &&
      at === end
    );
  };
}

/** What a leaf says where the details are these; undefined: not without committing to something. Most events have details like others. */
function statedOf(bytes: Buffer, start: number, end: number): Buffer | undefined {
  const text = bytes.toString('utf8', start, end);
  if (end - start > MOST_REMEMBERED_BYTES) return made(text);
  const known = remembered.get(text);
  if (known !== undefined || remembered.has(text)) return known;
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  const said = made(text);
  remembered.set(text, said);
  return said;
}

function made(text: string): Buffer | undefined {
  const said = plainDetails(JSON.parse(text));
  return said === undefined ? undefined : Buffer.from(said);
}
