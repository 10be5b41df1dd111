import { type RawBuilder, sql } from 'kysely';

/** Stands in no text of JSON: there a control character is escaped (RFC 8259, section 7). */
const BETWEEN = '\u001e';

/**
 * Texts of JSON, which none is empty, as an array of PostgreSQL's. In a parameter that is an array each would be escaped here and read there
 * character by character.
 */
export const textsOfJson = (texts: readonly string[]): RawBuilder<string[]> =>
  sql`string_to_array(${texts.join(BETWEEN)}, ${BETWEEN})`;
