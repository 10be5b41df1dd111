import type { z } from 'zod';
import { invalidField } from './problem.ts';

/** Where a page ended, as an opaque text. It holds only values of the last row, and is checked like any other input. */
export function encodeCursor(position: readonly (string | number | null)[]): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

export function decodeCursor<const T extends z.ZodType>(
  text: string | undefined,
  position: T,
): z.output<T> | undefined {
  if (text === undefined) return undefined;
  try {
    return position.parse(JSON.parse(Buffer.from(text, 'base64url').toString('utf8')));
  } catch {
    throw invalidField('cursor', 'not a cursor of this list');
  }
}

/** Splits one row more than asked for into a page and the cursor of the next. */
export function pageOf<R, T>(
  rows: readonly R[],
  limit: number,
  present: (row: R) => T,
  position: (row: R) => readonly (string | number | null)[],
): { items: T[]; nextCursor: string | null } {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  return {
    items: shown.map(present),
    nextCursor: rows.length > limit && last !== undefined ? encodeCursor(position(last)) : null,
  };
}

export const DEFAULT_PAGE = 100;
