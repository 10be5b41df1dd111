import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** How a requirement can be verified; see README.md. */
export type VerificationClass = 'B' | 'S' | 'P' | 'D' | 'W' | 'N';

export interface Requirement {
  /** Without the leading V: `6.2.1`. */
  id: string;
  level: 1 | 2 | 3;
  chapter: string;
  class: VerificationClass;
  text: string;
}

export const chapterNumber = (id: string): number => Number(id.split('.')[0]);

/** OWASP ASVS 5.0.0 in the order of the standard. */
export function readRequirements(): Requirement[] {
  const [, ...rows] = readFileSync(join(import.meta.dirname, 'asvs5.csv'), 'utf8')
    .trim()
    .split(/\r?\n/);
  return rows.map((row) => {
    const [id, level, chapter, verification, text] = fieldsOf(row);
    if (!id || !chapter || !text || !/^[123]$/.test(level ?? '') || !/^[BSPDWN]$/.test(verification ?? '')) {
      throw new Error(`asvs5.csv has a row that is no requirement: ${row}`);
    }
    return {
      id: id.replace(/^V/, ''),
      level: Number(level) as Requirement['level'],
      chapter,
      class: verification as VerificationClass,
      text,
    };
  });
}

/** One row of RFC 4180; no field of this file spans lines. */
function fieldsOf(row: string): string[] {
  return [...row.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,"]*))/g)].map(
    ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain ?? '',
  );
}
