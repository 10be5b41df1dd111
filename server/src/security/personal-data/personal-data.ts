import { type PersonalDataPolicy, personalDataKinds } from '@valtronics/contract';
import { boundedCache } from '../../lib/bounded-cache.ts';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { SecurityEvents, SecurityReport } from '../events/security-event.ts';
import type { FoundField, PersonalDataOutcome } from './personal-data.types.ts';
import { readPersonalDataPolicy } from './personal-data-policy.repository.ts';
import { readFields } from './read-fields.ts';

/** Who sent it, and how. */
export type PersonalDataSender = Pick<SecurityReport, 'transport'> &
  Partial<Pick<SecurityReport, 'address' | 'user' | 'deviceId' | 'http' | 'requestId'>> & {
    readonly organisationId: number;
  };

export interface PersonalData {
  /**
   * What the policy of the organisation makes of a message with personal data in a field that is not for it; undefined where there is
   * none. It is reported without a word of what it is. Throws a `personal_data` problem where the policy is to refuse.
   */
  judge(
    message: unknown,
    fields: readonly string[],
    sender: PersonalDataSender,
  ): Promise<PersonalDataOutcome | undefined> | undefined;
  /** For a door whose messages are no objects with fields: what is in force, */
  policyOf(organisationId: number): Promise<PersonalDataPolicy>;
  /** and what was found. */
  report(found: readonly FoundField[], policy: PersonalDataPolicy, sender: PersonalDataSender): void;
}

/** So long another policy may be in force on a server after it was changed, and so seldom a flood asks the database. */
const POLICY_MS = 1_000;
/** Fields that one report names. */
const MAX_TOLD = 20;
const MAX_ORGANISATIONS = 10_000;

/**
 * Finds personal data where none is expected, on write. Finding it is no defence against somebody who hides it; it is for those who do not
 * think of it, so it costs the others nothing: the policy is asked for only once something was found.
 */
export function createPersonalData(deps: {
  transactions: Pick<Transactions, 'read'>;
  events: SecurityEvents;
  clock: Clock;
}): PersonalData {
  const { transactions, events, clock } = deps;
  const policies = boundedCache<Promise<PersonalDataPolicy>>(MAX_ORGANISATIONS, clock);

  function policyOf(organisationId: number): Promise<PersonalDataPolicy> {
    const key = String(organisationId);
    const known = policies.get(key);
    if (known) return known;
    const read = transactions.read(organisationId, readPersonalDataPolicy);
    policies.set(key, read, clock.now() + POLICY_MS);
    // One that failed is asked for again; whoever waits for it hears of it.
    read.catch(() => policies.delete(key));
    return read;
  }

  function report(found: readonly FoundField[], policy: PersonalDataPolicy, sender: PersonalDataSender): void {
    events.report({
      action: 'personal_data.found',
      outcome: policy === 'refuse' ? 'failure' : 'success',
      reason: `policy_${policy}`,
      ...sender,
      details: { fields: found.slice(0, MAX_TOLD).map(({ path, kinds }) => `${path}: ${kinds.join(', ')}`) },
    });
  }

  async function applied(
    found: readonly FoundField[],
    hidden: unknown,
    message: unknown,
    sender: PersonalDataSender,
  ): Promise<PersonalDataOutcome> {
    const policy = await policyOf(sender.organisationId);
    report(found, policy, sender);
    if (policy === 'refuse') throw personalDataProblem(found);
    return { policy, found, message: policy === 'mask' ? hidden : message };
  }

  return {
    judge(message, fields, sender) {
      const { found, hidden } = readFields(message, fields);
      return found.length === 0 ? undefined : applied(found, hidden, message, sender);
    },
    policyOf,
    report,
  };
}

export const sayKinds = ({ kinds }: FoundField): string =>
  `looks like ${kinds.map((kind) => personalDataKinds[kind].text).join(' and ')}`;

const personalDataProblem = (found: readonly FoundField[]): Problem =>
  new Problem('personal_data', {
    detail: 'This organisation takes no personal data in texts that are not for it. Keep it with the person measured.',
    errors: found.map((field) => ({ path: field.path, message: sayKinds(field) })),
  });
