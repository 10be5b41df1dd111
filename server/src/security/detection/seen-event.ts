import type { SecurityEvent } from '../events/security-event.ts';
import { addressKey } from '../shield/client-address.ts';
import type { Match } from './scenario.ts';

/** A security event as detection reads it from the table. */
export interface SeenEvent {
  readonly position: number;
  /** Milliseconds. */
  readonly at: number;
  readonly organisationId: number | null;
  readonly action: string;
  readonly outcome: SecurityEvent['outcome'];
  readonly transport: SecurityEvent['transport'];
  readonly address: string | null;
  readonly userId: string | null;
  readonly deviceId: string | null;
  readonly method: string | null;
  readonly route: string | null;
  readonly status: number | null;
  readonly reason: string | null;
  readonly count: number;
  readonly details: Readonly<Record<string, unknown>>;
}

type Value = string | number | boolean | null | undefined;
export type FieldOf = (event: SeenEvent) => Value;

const own: Readonly<Record<string, FieldOf>> = {
  // As blocks and limits count it: an IPv6 network is one caller.
  address: ({ address }) => (address === null ? null : addressKey(address)),
  user: ({ userId }) => userId,
  device: ({ deviceId }) => deviceId,
  organisation: ({ organisationId }) => organisationId,
  instance: () => 'instance',
  // Known or claimed: who tries a name learns nothing, but it is one more name tried.
  account: ({ userId, details }) => userId ?? (details.account as Value),
  method: ({ method }) => method,
  route: ({ route }) => route,
  status: ({ status }) => status,
  reason: ({ reason }) => reason,
};

export function fieldOf(name: string): FieldOf {
  const known = own[name];
  if (known) return known;
  const detail = name.slice('details.'.length);
  return ({ details }) => {
    const value = details[detail];
    return typeof value === 'object' ? null : (value as Value);
  };
}

/** Whether an event is meant; its action is looked up before. */
export function matcherOf({ outcome, transports, where = {} }: Match): (event: SeenEvent) => boolean {
  const tests: ((event: SeenEvent) => boolean)[] = [];
  if (outcome !== undefined) tests.push((event) => event.outcome === outcome);
  if (transports !== undefined) tests.push((event) => transports.includes(event.transport));
  for (const [name, wanted] of Object.entries(where)) {
    const read = fieldOf(name);
    if (Array.isArray(wanted)) tests.push((event) => (wanted as readonly Value[]).includes(read(event)));
    else if (typeof wanted === 'object') {
      tests.push((event) => {
        const value = read(event);
        return (value !== null && value !== undefined) === wanted.exists;
      });
    } else tests.push((event) => read(event) === wanted);
  }
  return (event) => tests.every((test) => test(event));
}
