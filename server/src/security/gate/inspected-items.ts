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
