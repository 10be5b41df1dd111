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

export const fieldsOf = (table: string): readonly Field[] => fieldCatalogue.filter((field) => field.table === table);

export const fieldsOfClass = (wanted: FieldClass): readonly Field[] =>
  fieldCatalogue.filter((field) => field.class === wanted);
