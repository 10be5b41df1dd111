import type { IdentityProvider, identityProviderChange, Role } from '@valtronics/contract';
import type { z } from 'zod';
import { type FieldErrors, orNull, type useContractForm } from '../../ui/forms/use-contract-form.ts';

/** A line of the table of groups; the key stays with it while lines are moved. */
export interface GroupLine {
  readonly key: number;
  readonly group: string;
  readonly role: Role;
}

const twelveHours = 43_200;

/** What the form holds: of a provider, or of a new one, where nothing is allowed that was not said. */
export const providerValues = (provider?: IdentityProvider) => ({
  name: provider?.name ?? '',
  slug: provider?.slug ?? '',
  issuer: provider?.issuer ?? '',
  clientId: provider?.clientId ?? '',
  clientSecret: '',
  jitEnabled: provider?.jitEnabled ?? false,
  emailDomains: (provider?.emailDomains ?? []).join('\n'),
  groupsScope: provider?.groupsScope ?? '',
  groupsClaim: provider?.groupsClaim ?? '',
  roleMapping: (provider?.roleMapping ?? []).map((line, key): GroupLine => ({ ...line, key })),
  defaultRole: provider?.defaultRole ?? '',
  managesRole: provider?.managesRole ?? false,
  trustsSecondFactor: provider?.trustsSecondFactor ?? false,
  acceptedAcr: (provider?.acceptedAcr ?? []).join('\n'),
  acceptedAmr: (provider?.acceptedAmr ?? []).join('\n'),
  endsByAge: typeof provider?.maxAuthAgeSeconds === 'number',
  maxAuthAgeSeconds: (provider?.maxAuthAgeSeconds ?? twelveHours) as number | string,
  listed: provider?.listed ?? true,
});
export type ProviderValues = ReturnType<typeof providerValues>;
export type ProviderForm = ReturnType<typeof useContractForm<ProviderValues>>;

/** One in a line, or however they were pasted; none of them holds a space. */
const wordsOf = (text: string) => text.split(/\s+/).filter((word) => word !== '');

/** What an administrator decides and may change later, as the API takes it; whether it is enabled has a button of its own. */
export function policyOf(values: ProviderValues) {
  return {
    name: values.name.trim(),
    clientId: values.clientId.trim(),
    jitEnabled: values.jitEnabled,
    emailDomains: wordsOf(values.emailDomains),
    groupsScope: orNull(values.groupsScope),
    groupsClaim: orNull(values.groupsClaim),
    roleMapping: values.roleMapping.map(({ group, role }) => ({ group: group.trim(), role })),
    defaultRole: orNull(values.defaultRole),
    managesRole: values.managesRole,
    trustsSecondFactor: values.trustsSecondFactor,
    acceptedAcr: wordsOf(values.acceptedAcr),
    acceptedAmr: wordsOf(values.acceptedAmr),
    // An emptied field is no number, which the schema says under it.
    maxAuthAgeSeconds: values.endsByAge ? (values.maxAuthAgeSeconds as number) : null,
    listed: values.listed,
  } satisfies z.input<typeof identityProviderChange.body>;
}

/** Only what changed is sent, since that is what the audit log keeps. An empty secret leaves the one there is. */
export function changesOf(provider: IdentityProvider, values: ProviderValues) {
  const changed = Object.entries(policyOf(values)).filter(
    ([key, value]) => JSON.stringify(value) !== JSON.stringify(provider[key as keyof IdentityProvider]),
  );
  return {
    ...Object.fromEntries(changed),
    ...(values.clientSecret === '' ? {} : { clientSecret: values.clientSecret }),
  };
}

const needed = ['name', 'slug', 'issuer', 'clientId'] as const;

/** What the schema would say of an empty field in words about letters. */
export function missing(values: ProviderValues, needsSecret: boolean): Record<string, string> {
  const fields = needsSecret ? ([...needed, 'clientSecret'] as const) : needed;
  return Object.fromEntries(fields.filter((key) => values[key].trim() === '').map((key) => [key, 'Is needed']));
}

/** What is wrong with a field or with something in it. */
export const faultIn = (errors: FieldErrors, key: string): string | undefined =>
  errors[key] ?? Object.entries(errors).find(([path]) => path.startsWith(`${key}.`))?.[1];
