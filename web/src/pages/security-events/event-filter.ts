import { type SecurityEventBody, securityCategories, securityEventsList, securityLevels } from '@valtronics/contract';
import { isWithin } from '../../ui/networks.ts';
import { oneOf } from '../../ui/use-search-state.ts';

const outcomes = ['success', 'failure', 'unknown'] as const;

/** What the address of the page asks for; what the server would not understand is left out. */
export function eventFilter(get: (key: string) => string | undefined) {
  const fields = securityEventsList.query.shape;
  const sound = <K extends 'address' | 'deviceId' | 'detectionId' | 'from' | 'to'>(key: K): string | undefined => {
    const value = get(key);
    return value !== undefined && fields[key].safeParse(value).success ? value : undefined;
  };
  return {
    category: oneOf(securityCategories, get('category')),
    action: get('action')?.slice(0, 80),
    level: oneOf(securityLevels, get('level')),
    outcome: oneOf(outcomes, get('outcome')),
    address: sound('address'),
    userId: get('userId')?.slice(0, 80),
    deviceId: sound('deviceId'),
    detectionId: sound('detectionId'),
    from: sound('from'),
    to: sound('to'),
  };
}
export type EventFilter = ReturnType<typeof eventFilter>;

/** Whether an event that is heard of belongs into the list. Which detection it will lead to is not known yet. */
export function matches(event: SecurityEventBody, filter: EventFilter): boolean {
  const { category, action, level, outcome, address, userId, deviceId, detectionId, from, to } = filter;
  if (detectionId !== undefined) return false;
  if (address !== undefined && !isWithin(event.address, address)) return false;
  const wanted: [string | undefined, string | null | undefined][] = [
    [category, event.category],
    [action, event.action],
    [level, event.level],
    [outcome, event.outcome],
    [userId, event.user?.id],
    [deviceId, event.deviceId],
  ];
  if (wanted.some(([asked, is]) => asked !== undefined && asked !== is)) return false;
  const at = Date.parse(event.at);
  return (from === undefined || at >= Date.parse(from)) && (to === undefined || at < Date.parse(to));
}
