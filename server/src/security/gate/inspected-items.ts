import type { InspectionExemption } from '@valtronics/contract';
import { inspectItem, inspectValue, type Verdict } from '../inspection/inspect-request.ts';

/** Stands where an item was that is refused; whoever checks the items lists it and takes the rest. */
export const refusedItem = Symbol('an item that looks like an attack');

/** A list of which more items than these are attacks is not a list with a bad item in it: all of it is refused. */
const MAX_REFUSED = 10;

export interface InspectedItems {
  /** Of what stands around the list, or of all of it; or the first item that is only told. */
  readonly verdict: Verdict | undefined;
  /** Of the items that were taken out. */
  readonly refused: readonly Verdict[];
}

/**
 * Inspects a message with a list of items that are checked one by one, and takes out those that are refused: a thousand measurements are
 * not lost for one. All of it is refused where nothing would be left, where many are, and where the work of one request is done.
 */
export function inspectItems(
  message: Readonly<Record<string, unknown>>,
  name: string,
  exemptions?: readonly InspectionExemption[],
): InspectedItems {
  const items = message[name];
  if (!Array.isArray(items)) return { verdict: inspectValue(message, 'body', exemptions), refused: [] };
  let verdict = inspectValue({ ...message, [name]: [] }, 'body', exemptions);
  if (verdict?.blocked) return { verdict, refused: [] };
  const refused: Verdict[] = [];
  for (const [index, item] of items.entries()) {
    const found = inspectItem(item, `body.${name}[${index}]`, exemptions);
    if (found === undefined) continue;
    if (!found.blocked) {
      verdict ??= found;
      continue;
    }
    refused.push(found);
    items[index] = refusedItem;
    if (found.class === 'evasion' || refused.length > MAX_REFUSED || refused.length === items.length)
      return { verdict: refused[0], refused: [] };
  }
  return { verdict, refused };
}

/**
 * Takes out of a list what was found in its items afterwards, in the same way and within the same limits; answers with the findings that
 * this does not settle.
 */
export function takeOut(message: unknown, name: string | undefined, verdicts: readonly Verdict[]): readonly Verdict[] {
  const items = name === undefined ? undefined : (message as Readonly<Record<string, unknown>> | null)?.[name];
  if (!Array.isArray(items)) return verdicts;
  const prefix = `body.${name}[`;
  const indexOf = ({ where }: Verdict): number =>
    where.startsWith(prefix) ? Number.parseInt(where.slice(prefix.length), 10) : Number.NaN;
  const bad = verdicts.filter((verdict) => verdict.blocked && items[indexOf(verdict)] !== undefined);
  const indices = new Set(bad.map(indexOf));
  const gone = items.filter((item) => item === refusedItem).length + indices.size;
  if (gone > MAX_REFUSED || gone >= items.length) return verdicts;
  for (const index of indices) items[index] = refusedItem;
  return verdicts.filter((verdict) => !bad.includes(verdict));
}
