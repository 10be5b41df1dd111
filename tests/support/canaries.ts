import { filePieces } from './file-pieces.ts';

// Values that exist once in the world, planted where they may enter, and looked for where they must not come to light: as they are, and as they
// look when somebody has encoded them on the way.

export interface Canary {
  readonly name: string;
  /** Bytes are looked for as they are. */
  readonly value: string | Buffer;
}

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

  return {
    inText: (text: string): string[] => inBytes(Buffer.from(text)),
    /** `canary in file`, of every file below the folder. */
    async inFolder(folder: string): Promise<string[]> {
      const found = new Set<string>();
      for await (const { file, bytes } of filePieces(folder))
        for (const name of inBytes(bytes)) found.add(`${name} in ${file}`);
      return [...found];
    },
  };
}
