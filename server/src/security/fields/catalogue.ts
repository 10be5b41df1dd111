import { configurationFields } from './configuration.ts';
import { evidenceFields } from './evidence.ts';
import type { Field } from './field.ts';
import { measuredFields } from './measured.ts';
import { peopleFields } from './people.ts';

/**
 * Every sensitive column and JSON path of the database. Masking, reveal and log redaction read this list; tests hold it against the schema, so that
 * a column is here or is public, and against what is sealed (`sealed-columns.ts`).
 */
export const fieldCatalogue: readonly Field[] = [
  ...peopleFields,
  ...measuredFields,
  ...evidenceFields,
  ...configurationFields,
];

const byId = new Map(fieldCatalogue.map((field) => [field.id, field]));

export function fieldOf(id: string): Field {
  const field = byId.get(id);
  if (field === undefined) throw new Error(`${id} is not in the field catalogue`);
  return field;
}
