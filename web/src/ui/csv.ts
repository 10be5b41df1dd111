import { download } from './download.ts';

export type CsvCell = string | number | boolean | null | undefined;

/**
 * A cell that begins like a formula would be run by a spreadsheet: it gets a quote in front (numbers do not). Some take the wide signs of East
 * Asian keyboards for the same, and pass over the white space before them.
 */
const startsFormula = /^[=+\-@\t\r\n＝＋－＠]/;

function cellText(cell: CsvCell): string {
  if (cell === null || cell === undefined) return '';
  if (typeof cell !== 'string') return String(cell);
  const safe = startsFormula.test(cell) ? `'${cell}` : cell;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** RFC 4180: CRLF, quotes where they are needed. */
export function toCsv(header: readonly string[], rows: Iterable<readonly CsvCell[]>): string {
  const lines = [header.map(cellText).join(',')];
  for (const row of rows) lines.push(row.map(cellText).join(','));
  return `${lines.join('\r\n')}\r\n`;
}

export const downloadCsv = (name: string, text: string) => download(`${name}.csv`, text, 'text/csv;charset=utf-8');
