import { configurationFields } from './configuration.ts';
import { evidenceFields } from './evidence.ts';
import type { Field, FieldClass } from './field.ts';
import { measuredFields } from './measured.ts';
import { peopleFields } from './people.ts';

/**
 * Every sensitive column and JSON path of the database. Encryption, masking, log redaction, exports and erasure read this list; a test
 * holds it against the schema, so that a column is here or is public, and nothing is forgotten.
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

export const fieldsOf = (table: string): readonly Field[] => fieldCatalogue.filter((field) => field.table === table);

export const fieldsOfClass = (wanted: FieldClass): readonly Field[] =>
  fieldCatalogue.filter((field) => field.class === wanted);
