import type { z } from 'zod';

/** From which field of the catalogue a property of an answer or of a live message stems. */
export interface FieldMark {
  /** `table.column`. Of several the value has the one whose shape it has: who acted is called by their name or else by their email address. */
  readonly fields: readonly [string, ...string[]];
  /**
   * `own`: the answer is about whoever asks and nobody else. `revealed`: it was asked for with a reason, and that is recorded. Both are
   * pinned lists in the tests.
   */
  readonly shown?: 'own' | 'revealed';
  /** Where in the object it stands in the id of the person it is about is: theirs is shown to them as their own. */
  readonly person?: string;
}

const marks = new WeakMap<z.ZodType, FieldMark>();

/**
 * Declares that a property stems from a field of the catalogue (`server/src/security/fields`): the gate shows it in clear, masked or not
 * at all according to who asks. Put it around everything else, since what a schema is turned into afterwards is another schema.
 */
export function field<S extends z.ZodType>(
  fields: string | FieldMark['fields'],
  schema: S,
  how: Omit<FieldMark, 'fields'> = {},
): S {
  const marked = schema.clone() as S;
  marks.set(marked, { fields: typeof fields === 'string' ? [fields] : fields, ...how });
  return marked;
}

export const fieldMark = (schema: z.ZodType): FieldMark | undefined => marks.get(schema);

/** Who did something, as others are told: by name, or by email address where there is no name. */
export const actingPerson = (schema: z.ZodString): z.ZodString => field(['users.name', 'users.email'], schema);
