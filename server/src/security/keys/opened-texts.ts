import { openValue, type Place } from '../crypto/sealed-value.ts';

// A page of a hundred people is three hundred values, each with a key of its own to derive. Lists show the same ones again and again, so what was opened
// is remembered. Why this is safe:
// - It hangs on the data key it was opened with, weakly: a key that is destroyed, retired or no longer kept takes what it opened along, and whoever can
//   read this memory reads that key as well, which opens everything.
// - It is asked by all bytes of the sealed value and the whole place. The same bytes in the same place under the same key were authentic and will be;
//   anything else is not found here and is verified as ever.

/** Values remembered in all; then all are forgotten at once. */
const MAX_TEXTS = 20_000;
/** Longer ones are no fields of a list. */
const MAX_SEALED_BYTES = 600;

export interface OpenedTexts {
  /** The text of a sealed value, or a SealError. */
  open(key: Buffer, sealed: Uint8Array, place: Place): string;
}

export function createOpenedTexts(): OpenedTexts {
  let opened = new WeakMap<Buffer, Map<string, string>>();
  let count = 0;

  return {
    open(key, sealed, place) {
      if (sealed.length > MAX_SEALED_BYTES) return openValue(key, sealed, place).toString();
      let texts = opened.get(key);
      const name = nameOf(sealed, place);
      const known = texts?.get(name);
      if (known !== undefined) return known;
      const text = openValue(key, sealed, place).toString();
      if (count >= MAX_TEXTS) {
        opened = new WeakMap();
        texts = undefined;
        count = 0;
      }
      if (texts === undefined) {
        texts = new Map();
        opened.set(key, texts);
      }
      texts.set(name, text);
      count += 1;
      return text;
    },
  };
}

/** No two have one name: the length says where the sealed bytes begin, and of a place only the row, its last part, could hold a line end. */
function nameOf(sealed: Uint8Array, { organisation, table, column, row }: Place): string {
  const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.byteLength).toString('latin1');
  return `${sealed.length}\n${organisation}\n${table}\n${column}\n${row}\n${bytes}`;
}
