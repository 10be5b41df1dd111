/** One line of a CSV file: its fields, or why it has none. */
export type CsvLine = {
  /** Counted from 1. */
  readonly line: number;
  /** About how many bytes of the file have been read with it; exact at the end of each chunk. */
  readonly bytes: number;
} & ({ readonly fields: readonly string[] } | { readonly fault: string });

/** Longer lines are no measurements; they are reported and skipped without ever being held in memory. */
export const longestLine = 65_536;

/**
 * The fields of one line: separated by commas, quoted where needed with `""` for a quote (RFC 4180). A quoted field does not reach
 * over the end of its line: one missing quote then costs one line, not the rest of the file.
 */
export function splitFields(text: string): string[] | null {
  const fields: string[] = [];
  let position = 0;
  for (;;) {
    if (text[position] === '"') {
      let field = '';
      let from = position + 1;
      for (;;) {
        const quote = text.indexOf('"', from);
        if (quote < 0) return null;
        field += text.slice(from, quote);
        position = quote + 1;
        if (text[position] !== '"') break;
        field += '"';
        from = position + 1;
      }
      if (position < text.length && text[position] !== ',') return null;
      fields.push(field);
    } else {
      const comma = text.indexOf(',', position);
      const end = comma < 0 ? text.length : comma;
      const field = text.slice(position, end);
      if (field.includes('"')) return null;
      fields.push(field);
      position = end;
    }
    if (position >= text.length) return fields;
    position++;
  }
}

/** Reads a CSV file piece by piece, whatever its line ends (LF, CRLF, CR) and with or without a byte order mark; empty lines are skipped. */
export async function* csvLines(chunks: AsyncIterable<Buffer>): AsyncGenerator<CsvLine, void, undefined> {
  // It also takes a byte order mark off the beginning.
  const decoder = new TextDecoder('utf-8');
  let rest = '';
  let line = 0;
  let overlong = false;
  let endedWithReturn = false;
  let bytesBefore = 0;

  function lineOf(text: string, bytes: number): CsvLine | null {
    line++;
    if (overlong || text.length > longestLine) {
      overlong = false;
      return { line, bytes, fault: `longer than ${longestLine} characters` };
    }
    if (text.trim() === '') return null;
    const fields = splitFields(text);
    return fields ? { line, bytes, fields } : { line, bytes, fault: 'a quote is missing or misplaced' };
  }

  for await (const chunk of chunks) {
    let text = decoder.decode(chunk, { stream: true });
    // The other half of a CRLF that was cut by the chunks.
    if (endedWithReturn && text.startsWith('\n')) text = text.slice(1);
    if (text.length > 0) endedWithReturn = text.endsWith('\r');
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    for (const [index, each] of lines.entries()) {
      const read = lineOf(each, bytesBefore + (chunk.length * (index + 1)) / lines.length);
      if (read) yield read;
    }
    bytesBefore += chunk.length;
    if (rest.length > longestLine) {
      overlong = true;
      rest = '';
    }
  }
  rest += decoder.decode();
  if (rest !== '' || overlong) {
    const read = lineOf(rest, bytesBefore);
    if (read) yield read;
  }
}
