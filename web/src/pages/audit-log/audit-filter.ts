import { auditEventsList } from '@valtronics/contract';
import { oneOf } from '../../ui/use-search-state.ts';

const outcomes = ['success', 'failure'] as const;

/** What the address of the page asks for; what the server would not understand is left out. */
export function auditFilter(get: (key: string) => string | undefined) {
  const fields = auditEventsList.query.shape;
  const sound = (key: 'address' | 'from' | 'to'): string | undefined => {
    const value = get(key);
    return value !== undefined && fields[key].safeParse(value).success ? value : undefined;
  };
  return {
    event: get('event')?.slice(0, 80),
    outcome: oneOf(outcomes, get('outcome')),
    actorId: get('actor')?.slice(0, 80),
    resourceId: get('resource')?.slice(0, 80),
    address: sound('address'),
    from: sound('from'),
    to: sound('to'),
  };
}

/** The names of the filters in the address, all of them empty. */
export const noFilter = {
  event: null,
  outcome: null,
  actor: null,
  resource: null,
  address: null,
  from: null,
  to: null,
} as const;
