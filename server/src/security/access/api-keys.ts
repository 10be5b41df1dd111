import type { Clock } from '../../lib/clock.ts';
import { addressList } from '../../platform/config/addresses.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { isOpaqueToken, sameBytes, tokenHash, tokenPrefixes } from '../crypto/tokens.ts';
import { type ApiKeyRow, findApiKey, findApiKeyById, touchApiKey } from './api-key.repository.ts';
import type { ApiKeyPrincipal } from './principal.ts';
import { permissionsOf, sameSet } from './roles.ts';

export interface ApiKeys {
  /**
   * Whom a key speaks for, or null: unknown, revoked, expired, or shown from where it may not be used. A key that is bound to a certificate
   * is good on connections that began with it only (RFC 8705, 3: whoever has only the key may have copied it), and one that is not is
   * refused beside a certificate, so that nobody takes it for bound.
   */
  verify(token: string, shown: Shown): Promise<ApiKeyPrincipal | 'bound_api_key' | null>;
  /** Whether a key let in earlier would still be, with the same rights: asks the database, for connections that stay open. */
  isStillValid(principal: ApiKeyPrincipal): Promise<boolean>;
}

export interface Shown {
  readonly address: string;
  /** SHA-256 of the certificate the connection began with. */
  readonly certificate: Buffer | undefined;
}

const TOUCH_EVERY_MS = 60_000;

export const isApiKey = (token: string): boolean => token.startsWith(tokenPrefixes.apiKey);

/**
 * A key's rights are computed at every use and stored nowhere: its own, as far as its owner has them now, as far as its creator has them
 * now. So nobody leaves rights behind in a key that they lost themselves, and a key outlives neither account.
 */
export function createApiKeys({ transactions, clock }: { transactions: Transactions; clock: Clock }): ApiKeys {
  const usable = (row: ApiKeyRow | undefined): row is ApiKeyRow =>
    row?.owner_status === 'active' && row.creator_status === 'active' && row.expires_at.getTime() > clock.now();

  async function touch(row: ApiKeyRow, address: string): Promise<void> {
    const now = clock.now();
    if (row.last_used_at !== null && now - row.last_used_at.getTime() < TOUCH_EVERY_MS) return;
    await transactions.unaudited(row.organisation_id, 'api_key_touch', (tx) =>
      touchApiKey(tx, row.key_id, new Date(now), address),
    );
  }

  return {
    async verify(token, { address, certificate }) {
      if (!isOpaqueToken(token, tokenPrefixes.apiKey)) return null;
      const row = await transactions.read(null, (reader) => findApiKey(reader, tokenHash(token)));
      if (!usable(row)) return null;
      if (row.networks.length > 0 && !addressList(row.networks).contains(address)) return null;
      if (!isSame(row.certificate_sha256, certificate)) return 'bound_api_key';
      await touch(row, address);
      return principalOf(row);
    },
    async isStillValid(principal) {
      const row = await transactions.read(null, (reader) => findApiKeyById(reader, principal.keyId));
      if (!usable(row)) return false;
      const now = principalOf(row);
      return sameSet(now.permissions, principal.permissions) && now.viewers.join() === principal.viewers.join();
    },
  };
}

const isSame = (bound: Buffer | null, shown: Buffer | undefined): boolean =>
  bound === null || shown === undefined ? bound === null && shown === undefined : sameBytes(bound, shown);

function principalOf(row: ApiKeyRow): ApiKeyPrincipal {
  return {
    kind: 'apiKey',
    keyId: row.key_id,
    label: row.label,
    userId: row.owner_id,
    role: row.owner_role,
    creator: { userId: row.creator_id, role: row.creator_role },
    organisationId: row.organisation_id,
    permissions: new Set(row.permissions)
      .intersection(permissionsOf(row.owner_role, row.owner_permissions))
      .intersection(permissionsOf(row.creator_role, row.creator_permissions)),
    viewers: viewersOf(row),
    expiresAt: row.expires_at,
  };
}

function viewersOf(row: ApiKeyRow): readonly string[] {
  const limited = new Set<string>();
  if (row.device_scope === 'limited') limited.add(row.key_id);
  if (row.owner_scope === 'limited') limited.add(row.owner_id);
  if (row.creator_scope === 'limited') limited.add(row.creator_id);
  return [...limited];
}
