import { fieldMark } from '@valtronics/contract';
import { z } from 'zod';
import { fullMask } from '../../lib/masking.ts';
import { fieldOf } from './catalogue.ts';
import type { Field } from './field.ts';
import { fieldOfShape, maskOf, sightOn, type Viewer } from './show.ts';

// Features answer with what is in the database; what of it goes out is decided here, from the marks of the contract and the catalogue. A
// feature can neither forget it nor decide otherwise, and who sees everything of an answer gets it as it is.

interface Leaf {
  readonly kind: 'leaf';
  readonly fields: readonly Field[];
  readonly own: boolean;
  readonly person: readonly string[] | undefined;
  /** What stands for a value that is not to be seen and is no text; undefined: nothing can, so there is no answer. */
  readonly blank: unknown;
  readonly isText: boolean;
}
type Plan =
  | Leaf
  | { readonly kind: 'members'; readonly members: ReadonlyMap<string, Plan> }
  | { readonly kind: 'items'; readonly of: Plan };

/** Shows a value to somebody; `within`: the object it stands in. */
type Show = (value: unknown, within: unknown) => unknown;

const plans = new WeakMap<z.ZodType, { readonly plan: Plan | undefined }>();

/** Which fields of the catalogue a schema holds, and where; throws for what is declared wrongly, so that a server with it does not start. */
export function planOf(schema: z.ZodType): Plan | undefined {
  const known = plans.get(schema);
  if (known) return known.plan;
  const plan = find(schema, false);
  plans.set(schema, { plan });
  return plan;
}

function find(schema: z.ZodType, nullable: boolean): Plan | undefined {
  const mark = fieldMark(schema);
  if (mark?.shown === 'revealed') return undefined;
  if (mark) {
    const fields = mark.fields.map(fieldOf);
    const own = mark.shown === 'own';
    if ((own || mark.person) && !fields.every(({ ownInClear }) => ownInClear))
      throw new Error(`${mark.fields.join(', ')} is declared as somebody’s own and is not shown to them as such`);
    return { kind: 'leaf', fields, own, person: mark.person?.split('.'), ...standIn(schema, nullable) };
  }
  if (schema instanceof z.ZodObject) {
    const members = Object.entries(schema.shape as Record<string, z.ZodType>).flatMap(([name, member]) => {
      const plan = find(member, false);
      return plan ? ([[name, plan]] as const) : [];
    });
    return members.length > 0 ? { kind: 'members', members: new Map(members) } : undefined;
  }
  if (schema instanceof z.ZodArray) return itemsOf(find(schema.element as z.ZodType, false));
  if (schema instanceof z.ZodRecord) return itemsOf(find(schema.valueType as z.ZodType, false));
  if (schema instanceof z.ZodNullable) return find(schema.unwrap() as z.ZodType, true);
  if (schema instanceof z.ZodOptional) return find(schema.unwrap() as z.ZodType, nullable);
  if (schema instanceof z.ZodUnion)
    return schema.options.map((option) => find(option as z.ZodType, nullable)).reduce(merged, undefined);
  if (schema instanceof z.ZodPipe) return find(schema.out as z.ZodType, nullable);
  return undefined;
}

const itemsOf = (of: Plan | undefined): Plan | undefined => of && { kind: 'items', of };

/** An answer is one of several shapes: what is marked in one of them is shown by its mark in all. */
function merged(one: Plan | undefined, other: Plan | undefined): Plan | undefined {
  if (!one || !other) return one ?? other;
  if (one.kind !== 'members' || other.kind !== 'members')
    throw new Error('shapes of an answer hold fields in two ways');
  const members = new Map(one.members);
  for (const [name, plan] of other.members) {
    const both = merged(members.get(name), plan);
    if (both) members.set(name, both);
  }
  return { kind: 'members', members };
}

function standIn(schema: z.ZodType, nullable: boolean): Pick<Leaf, 'blank' | 'isText'> {
  if (schema instanceof z.ZodNullable) return standIn(schema.unwrap() as z.ZodType, true);
  const isText = schema instanceof z.ZodString;
  if (nullable) return { blank: null, isText };
  if (isText) return { blank: fullMask, isText };
  if (schema instanceof z.ZodUnknown) return { blank: null, isText: true };
  if (schema instanceof z.ZodArray) return { blank: [], isText };
  return { blank: schema instanceof z.ZodRecord ? {} : undefined, isText };
}

/** The answer as this viewer may see it; for whoever sees all of it the function does nothing. */
export function showing(schema: z.ZodType, viewer: Viewer): <T>(answer: T) => T {
  const plan = planOf(schema);
  const show = plan && resolved(plan, viewer);
  return show ? <T>(answer: T) => show(answer, undefined) as T : (answer) => answer;
}

function resolved(plan: Plan, viewer: Viewer): Show | undefined {
  if (plan.kind === 'leaf') return resolvedLeaf(plan, viewer);
  if (plan.kind === 'items') {
    const show = resolved(plan.of, viewer);
    return show && ((value) => eachOf(value, show));
  }
  const members = [...plan.members].flatMap(([name, member]) => {
    const show = resolved(member, viewer);
    return show ? ([[name, show]] as const) : [];
  });
  if (members.length === 0) return undefined;
  return (value) => {
    if (!isObject(value)) return value;
    const copy: Record<string, unknown> = { ...value };
    for (const [name, show] of members) if (Object.hasOwn(copy, name)) copy[name] = show(copy[name], value);
    return copy;
  };
}

function resolvedLeaf(leaf: Leaf, viewer: Viewer): Show | undefined {
  if (leaf.fields.every((field) => sightOn(field, viewer, leaf.own) === 'clear')) return undefined;
  return (value, within) => {
    const own = leaf.own || (leaf.person !== undefined && isOf(viewer, at(within, leaf.person)));
    const field = fieldOfShape(leaf.fields, value);
    const sight = field ? sightOn(field, viewer, own) : 'hidden';
    if (field && sight === 'clear') return value;
    if (field && sight === 'masked' && leaf.isText) return maskOf(field, value);
    if (leaf.blank === undefined) throw new Error(`${leaf.fields.map(({ id }) => id).join(', ')} cannot be hidden`);
    return leaf.blank;
  };
}

const isOf = ({ userId }: Viewer, person: unknown): boolean => userId !== undefined && person === userId;
const isObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;
const at = (within: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>((value, name) => (isObject(value) ? value[name] : undefined), within);

function eachOf(value: unknown, show: Show): unknown {
  if (Array.isArray(value)) return value.map((item) => show(item, value));
  if (!isObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, show(item, value)]));
}
