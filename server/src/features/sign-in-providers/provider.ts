import type { IdentityProvider, Role, RoleOfGroup, SignInProblem } from '@valtronics/contract';
import type { Place } from '../../security/crypto/sealed-value.ts';

/** A provider as it is stored, without its secret. */
export interface Provider {
  readonly id: string;
  readonly organisationId: number;
  readonly slug: string;
  readonly name: string;
  readonly issuer: string;
  readonly clientId: string;
  readonly groupsScope: string | null;
  readonly groupsClaim: string | null;
  readonly roleMapping: readonly RoleOfGroup[];
  readonly defaultRole: Role | null;
  readonly managesRole: boolean;
  readonly jitEnabled: boolean;
  readonly emailDomains: readonly string[];
  readonly trustsSecondFactor: boolean;
  readonly acceptedAcr: readonly string[];
  readonly acceptedAmr: readonly string[];
  readonly maxAuthAgeSeconds: number | null;
  readonly enabled: boolean;
  readonly listed: boolean;
  readonly createdAt: Date;
}

/** Where the client secret of a provider is kept. */
export const clientSecretPlace = (organisation: number, providerId: string): Place => ({
  organisation,
  table: 'identity_providers',
  column: 'client_secret_sealed',
  row: providerId,
});

/** Addresses of ours that a provider knows. Made of the configured URL and never of a Host header, which a stranger writes. */
export const callbackUrl = (publicUrl: URL, slug: string): string =>
  new URL(`/api/v1/auth/oidc/${slug}/callback`, publicUrl).href;
export const backchannelLogoutUrl = (publicUrl: URL, slug: string): string =>
  new URL(`/api/v1/auth/oidc/${slug}/backchannel-logout`, publicUrl).href;

export function presentProvider(provider: Provider, publicUrl: URL): IdentityProvider {
  const { organisationId: _, createdAt, roleMapping, emailDomains, acceptedAcr, acceptedAmr, ...same } = provider;
  return {
    ...same,
    roleMapping: [...roleMapping],
    emailDomains: [...emailDomains],
    acceptedAcr: [...acceptedAcr],
    acceptedAmr: [...acceptedAmr],
    callbackUrl: callbackUrl(publicUrl, provider.slug),
    backchannelLogoutUrl: backchannelLogoutUrl(publicUrl, provider.slug),
    createdAt: createdAt.toISOString(),
  };
}

/** Nobody is signed in. `problem` is what the person is told; `reason` is for the log and the audit log and holds no personal value. */
export class SignInRefusal extends Error {
  override readonly name = 'SignInRefusal';
  readonly problem: SignInProblem;
  readonly reason: string;
  /** Whom it was about, where that is proven. */
  readonly userId: string | undefined;

  constructor(problem: SignInProblem, reason: string, options: ErrorOptions & { userId?: string } = {}) {
    super(`${problem}: ${reason}`, options);
    this.problem = problem;
    this.reason = reason;
    this.userId = options.userId;
  }
}

/**
 * The role the groups of a person lead to: of the first line of the mapping that names one of them, else the default, else none
 * (null), and then they may not come in. Undefined: the provider has no say in roles.
 */
export function roleOfGroups(
  provider: Pick<Provider, 'groupsClaim' | 'roleMapping' | 'defaultRole'>,
  groups: readonly string[],
): Role | null | undefined {
  if (provider.groupsClaim === null) return undefined;
  const held = new Set(groups);
  return provider.roleMapping.find(({ group }) => held.has(group))?.role ?? provider.defaultRole;
}
