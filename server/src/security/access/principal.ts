import type { Access, Pending, Permission, Role } from '@valtronics/contract';

/** What a session was proven with, weakest first; `provider` is a second factor an OpenID provider vouched for. */
export type ProvenFactor = 'password' | 'recovery_code' | 'totp' | 'provider' | 'passkey';

export interface UserPrincipal {
  readonly kind: 'user';
  readonly userId: string;
  readonly organisationId: number;
  readonly role: Role;
  readonly permissions: ReadonlySet<Permission>;
  /** Whose sight of devices bounds theirs: their own id if they are limited to device groups, else nobody's. */
  readonly viewers: readonly string[];
  readonly email: string;
  readonly sessionId: string;
  /** A cookie is sent by the browser on its own, so its writes must also prove their origin. */
  readonly via: 'cookie' | 'token';
  /** When the person last proved who they are; step-up looks at it. */
  readonly verifiedAt: Date;
  readonly factor: ProvenFactor;
  /** What must be done before anything else. */
  readonly pending: Pending | null;
  readonly expiresAt: Date;
}

/** A program that shows an API key. It acts in its owner's name and can prove nothing anew. */
export interface ApiKeyPrincipal {
  readonly kind: 'apiKey';
  readonly keyId: string;
  readonly label: string;
  /** The owner, a person or a service account: whom what it does belongs to. */
  readonly userId: string;
  readonly role: Role;
  /** Whose rights bound the key's besides the owner's. */
  readonly creator: { readonly userId: string; readonly role: Role };
  readonly organisationId: number;
  /** The key's own, as far as its owner and its creator have them now. */
  readonly permissions: ReadonlySet<Permission>;
  /** Those of key, owner and creator that are limited to device groups: it sees what all of them see. */
  readonly viewers: readonly string[];
  readonly expiresAt: Date;
}

/** Who acts in an organisation with permissions: a person, or a key in somebody's name. */
export type Member = UserPrincipal | ApiKeyPrincipal;

export interface DevicePrincipal {
  readonly kind: 'device';
  readonly deviceId: string;
  readonly organisationId: number;
  readonly credentialId: string;
  readonly deviceType: string;
  readonly expiresAt: Date | null;
}

export interface AnonymousPrincipal {
  readonly kind: 'anonymous';
}

/** Holder of the scrape token: may read `/metrics` and nothing else. */
export interface ScraperPrincipal {
  readonly kind: 'scraper';
}

/** A firewall elsewhere: may ask what to keep out and nothing else. */
export interface BouncerPrincipal {
  readonly kind: 'bouncer';
  readonly bouncerId: string;
  /** Whose rows it sees: it is a firewall of whoever runs the instance. */
  readonly organisationId: number;
}

/** Whoever proved to belong to an organisation. */
export type KnownPrincipal = Member | DevicePrincipal;

export type Principal = KnownPrincipal | AnonymousPrincipal | ScraperPrincipal | BouncerPrincipal;

/** Which principals an access rule lets in, so that a handler never has to ask. */
export type PrincipalFor<A extends Access> = A extends { kind: 'open' }
  ? Principal
  : A extends { kind: 'device' }
    ? DevicePrincipal
    : A extends { kind: 'bouncer' }
      ? BouncerPrincipal
      :
          | UserPrincipal
          | (A extends { orDevice: true } ? DevicePrincipal : never)
          | (A extends { orKey: true } ? ApiKeyPrincipal : never);

/** The key under which a principal's own rate limit is counted. */
export function principalKey(principal: Principal): string | undefined {
  if (principal.kind === 'user') return `user:${principal.userId}`;
  if (principal.kind === 'apiKey') return `key:${principal.keyId}`;
  if (principal.kind === 'device') return `device:${principal.deviceId}`;
  if (principal.kind === 'bouncer') return `bouncer:${principal.bouncerId}`;
  return undefined;
}
