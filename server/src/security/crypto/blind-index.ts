import { createHmac } from 'node:crypto';
import { canonicalJson } from '../../lib/canonical-json.ts';
import { deriveKey } from './derive-key.ts';

// Finding a sealed value by what it says (docs/sealed-fields.md). The index of a value is HMAC-SHA-256 of its text under a key for exactly one
// column of one owner: two columns, or two organisations, never have an index in common, and without the key no guess can be tried. Whoever reads
// the database sees which rows of a column are alike, and nothing else.

const KEY_BYTES = 32;

/** The key of a column's index, of the data key of whose column it is. Another epoch has another data key, so another index. */
export function blindIndexKey(
  dataKey: Uint8Array,
  {
    organisation,
    table,
    column,
  }: { readonly organisation: number | null; readonly table: string; readonly column: string },
): Buffer {
  const label = canonicalJson(['valtronics/blind-index/1', organisation, table, column]);
  return deriveKey(dataKey, Buffer.alloc(0), label, KEY_BYTES);
}

/** The index of a text, at most 32 bytes long. */
export function blindIndex(key: Uint8Array, text: string, bytes: number): Buffer {
  return Buffer.from(createHmac('sha256', key).update(text).digest().subarray(0, bytes));
}
