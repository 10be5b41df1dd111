import { closeSync, openSync, readdirSync, readFileSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';

// Values that exist once in the world, planted where they may enter, and looked for where they must not come to light: as they are, and as they
// look when somebody has encoded them on the way.

export interface Canary {
  readonly name: string;
  /** Bytes are looked for as they are. */
  readonly value: string | Buffer;
}

const OVERLAP = 1_024;
const CHUNK = 8 * 1024 * 1024;

/** As text, hexadecimal, base64 at each of its three phases, percent-encoded, and as UTF-16. */
function spellingsOf(value: string | Buffer): Buffer[] {
  if (Buffer.isBuffer(value)) return [value];
  const bytes = Buffer.from(value);
  const phases = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes]).toString('base64');
    // What depends on the neighbours is left out at both ends.
    return text.slice(shift === 0 ? 0 : shift + 1, text.length - 4);
  });
  return [value, bytes.toString('hex'), ...phases, encodeURIComponent(value)]
    .map((text) => Buffer.from(text))
    .concat(Buffer.from(value, 'utf16le'))
    .filter(({ length }) => length >= 8);
}

/** Looks for all of them at once. */
export function canarySearch(canaries: readonly Canary[]) {
  const wanted = canaries.map(({ name, value }) => ({ name, spellings: spellingsOf(value) }));
  const inBytes = (bytes: Buffer): string[] =>
    wanted.filter(({ spellings }) => spellings.some((each) => bytes.includes(each))).map(({ name }) => name);

  /** In pieces, since the log of a database has hundreds of megabytes. */
  function inFile(path: string): string[] {
    const { size } = statSync(path);
    if (size <= CHUNK) return inBytes(readFileSync(path));
    const found = new Set<string>();
    const file = openSync(path, 'r');
    try {
      const buffer = Buffer.alloc(CHUNK + OVERLAP);
      for (let position = 0; position < size; position += CHUNK) {
        const read = readSync(file, buffer, 0, buffer.length, position);
        for (const name of inBytes(buffer.subarray(0, read))) found.add(name);
      }
    } finally {
      closeSync(file);
    }
    return [...found];
  }

  return {
    inText: (text: string): string[] => inBytes(Buffer.from(text)),
    /** `canary in file`, of every file below the folder that is not passed over. */
    inFolder(folder: string, passOver: (path: string) => boolean = () => false): string[] {
      return readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => !passOver(path))
        .flatMap((path) => inFile(path).map((name) => `${name} in ${path.slice(folder.length + 1)}`));
    },
  };
}
