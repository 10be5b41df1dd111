import type { IdentityProvider, identityProviderChange, identityProviderCreate, Page } from '@valtronics/contract';
import type { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import { mustMayGive, mustSeeEverything } from '../../security/access/giving.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import {
  countProviders,
  deleteProvider,
  findProvider,
  insertProvider,
  listProviders,
  updateProvider,
} from './provider.repository.ts';
import { clientSecretPlace, type Provider, presentProvider } from './provider.ts';
import { endProviderSessions } from './provider-session.repository.ts';

const MAX_PROVIDERS = 20;

export type ProviderService = ReturnType<typeof createProviderService>;

/** Which providers an organisation trusts, and with what. */
export function createProviderService(deps: {
  dataKeys: Pick<DataKeys, 'seal'>;
  outbound: Pick<Outbound, 'fault'>;
  publicUrl: URL;
  clock: Clock;
}) {
  const { dataKeys, outbound, publicUrl, clock } = deps;

  async function load(reader: Reader, id: string): Promise<Provider> {
    const provider = await findProvider(reader, id);
    if (provider === undefined) throw notFound();
    return provider;
  }

  const sealed = (provider: Provider, secret: string) =>
    dataKeys.seal(secret, clientSecretPlace(provider.organisationId, provider.id));

  return {
    load,

    async list(reader: Reader): Promise<Page<IdentityProvider>> {
      const providers = await listProviders(reader, MAX_PROVIDERS);
      return { items: providers.map((provider) => presentProvider(provider, publicUrl)), nextCursor: null };
    },

    get: async (reader: Reader, id: string): Promise<IdentityProvider> =>
      presentProvider(await load(reader, id), publicUrl),

    async create(tx: AuditedTx, by: UserPrincipal, input: z.infer<typeof identityProviderCreate.body>) {
      const fault = faultOfIssuer(input.issuer) ?? outbound.fault(input.issuer);
      if (fault !== undefined) throw invalidField('issuer', fault);
      const { clientSecret, ...given } = input;
      const provider: Provider = {
        ...safeDefaults,
        ...withoutUndefined(given),
        id: newId(),
        organisationId: by.organisationId,
        createdAt: clock.date(),
      };
      checkPolicy(provider);
      await mayGiveRoles(tx, by, provider);
      if ((await countProviders(tx, by.organisationId)) >= MAX_PROVIDERS)
        throw new Problem('conflict', { detail: `An organisation has at most ${MAX_PROVIDERS} providers.` });
      if (!(await insertProvider(tx, provider, await sealed(provider, clientSecret))))
        throw new Problem('conflict', { detail: 'The slug is taken, or this issuer is set up already.' });
      const { slug, issuer } = provider;
      tx.describe({ resource: { kind: 'identity_provider', id: provider.id }, details: { slug, issuer } });
      return presentProvider(provider, publicUrl);
    },

    /** Returns the sessions that ended with it, to be announced after the commit. */
    async change(
      tx: AuditedTx,
      by: UserPrincipal,
      id: string,
      { clientSecret, ...change }: z.infer<typeof identityProviderChange.body>,
    ): Promise<{ provider: IdentityProvider; ended: string[] }> {
      const before = await load(tx, id);
      const provider: Provider = { ...before, ...withoutUndefined(change) };
      checkPolicy(provider);
      await mayGiveRoles(tx, by, provider);
      await updateProvider(tx, provider, clientSecret === undefined ? null : await sealed(provider, clientSecret));
      // What was believed until now is no reason to stay in.
      const isTrustedLess =
        (before.enabled && !provider.enabled) || (before.trustsSecondFactor && !provider.trustsSecondFactor);
      const ended = isTrustedLess
        ? await endProviderSessions(tx, { providerId: id }, 'sign-in provider trusted less', clock.date())
        : [];
      const changed = [...Object.keys(change), ...(clientSecret === undefined ? [] : ['clientSecret'])];
      tx.describe({
        resource: { kind: 'identity_provider', id },
        details: { slug: provider.slug, changed, ...(ended.length > 0 ? { endedSessions: ended.length } : {}) },
      });
      return { provider: presentProvider(provider, publicUrl), ended };
    },

    async remove(tx: AuditedTx, id: string): Promise<string[]> {
      const provider = await load(tx, id);
      // Disabled first, which waits for sign-ins that are just being finished: none of them may outlive this.
      await updateProvider(tx, { ...provider, enabled: false }, null);
      const ended = await endProviderSessions(tx, { providerId: id }, 'sign-in provider removed', clock.date());
      await deleteProvider(tx, id);
      tx.describe({
        resource: { kind: 'identity_provider', id },
        details: { slug: provider.slug, endedSessions: ended.length },
      });
      return ended;
    },
  };
}

/** Nobody gets in by a provider until somebody has said who. */
const safeDefaults = {
  groupsScope: null,
  groupsClaim: null,
  roleMapping: [],
  defaultRole: null,
  managesRole: false,
  jitEnabled: false,
  emailDomains: [],
  trustsSecondFactor: false,
  acceptedAcr: [],
  acceptedAmr: [],
  maxAuthAgeSeconds: null,
  enabled: false,
  listed: true,
} as const;

/** A provider gives roles: whoever may not give one by hand must not give it by way of a provider. */
async function mayGiveRoles(tx: AuditedTx, by: UserPrincipal, { roleMapping, defaultRole }: Provider): Promise<void> {
  mustSeeEverything(by);
  const roles = new Set([...roleMapping.map(({ role }) => role), ...(defaultRole === null ? [] : [defaultRole])]);
  for (const role of roles) await mustMayGive(tx, by, role);
}

/** OpenID Connect Discovery 1.0, 3: no query and no fragment. Compared as text later on, so it is kept exactly as given. */
function faultOfIssuer(issuer: string): string | undefined {
  if (/[?#\\]/.test(issuer) || issuer !== issuer.trim()) return 'has no query and no fragment';
  return issuer.endsWith('/.well-known/openid-configuration') ? 'is the address without /.well-known/…' : undefined;
}

/** What would let in everybody, or nobody, without saying so. */
function checkPolicy(provider: Provider): void {
  const { jitEnabled, emailDomains, groupsClaim, groupsScope, roleMapping, defaultRole } = provider;
  if (jitEnabled && emailDomains.length === 0)
    throw invalidField('emailDomains', 'name the domains accounts are made for');
  if (jitEnabled && defaultRole === null && roleMapping.length === 0)
    throw invalidField('defaultRole', 'no role for the accounts that are made');
  if (groupsClaim === null && (roleMapping.length > 0 || groupsScope !== null || provider.managesRole))
    throw invalidField('groupsClaim', 'name the claim that holds the groups');
  if (provider.trustsSecondFactor && provider.acceptedAcr.length + provider.acceptedAmr.length === 0)
    throw invalidField('acceptedAcr', 'name an acr or amr value that stands for a second factor');
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };
const withoutUndefined = <T extends object>(given: T): Defined<T> =>
  Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as Defined<T>;
