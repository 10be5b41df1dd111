import { type ApiKey, apiKeyDays, type Permission } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import { parseCidr } from '../../platform/config/addresses.ts';
import type { People } from '../../security/access/people.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import { permissionsOfAccount } from '../../security/access/role.repository.ts';
import { covers } from '../../security/access/roles.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import {
  type ProgramCertificate,
  readProgramCertificate,
} from '../../security/crypto/certificates/program-certificate.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import {
  type ApiKeyRecord,
  findApiKeyRecord,
  insertApiKey,
  limitApiKey,
  listApiKeys,
  lockOwner,
  namesOfPeople,
  revokeApiKey,
} from './api-key.repository.ts';

const MAX_KEYS_AN_OWNER = 50;
const DAY_MS = 86_400_000;
const position = z.tuple([z.uuid()]);

export interface ApiKeyInput {
  readonly label: string;
  readonly permissions: readonly Permission[];
  readonly networks?: readonly string[] | undefined;
  readonly deviceGroupIds?: readonly string[] | undefined;
  readonly certificate?: string | undefined;
  readonly expiresInDays?: number | undefined;
}

export type ApiKeyService = ReturnType<typeof createApiKeyService>;

/**
 * Keys of programs. A person's key is made by that person alone and a service account's by whoever manages people, so nobody makes a
 * key that acts in another person's name.
 */
export function createApiKeyService(deps: {
  people: People;
  revocations: Revocations;
  takesCertificates: boolean;
  clock: Clock;
}) {
  const { people, revocations, takesCertificates, clock } = deps;

  function certificateIn(pem: string): ProgramCertificate {
    // A key that no port would take must not be given out as if it were one that is well protected.
    if (!takesCertificates)
      throw invalidField('certificate', 'no port takes certificates of programs: VALTRONICS_KEY_PORT is off');
    const certificate = readCertificate(pem);
    const now = clock.now();
    if (certificate.notAfter.getTime() <= now || certificate.notBefore.getTime() > now)
      throw invalidField('certificate', 'is not valid now');
    return certificate;
  }

  async function create(
    tx: AuditedTx,
    by: UserPrincipal,
    ownerId: string,
    input: ApiKeyInput,
  ): Promise<{ key: ApiKey; secret: string }> {
    const networks = (input.networks ?? []).map(networkAt);
    const wanted = new Set(input.permissions);
    const ofOwner = (await permissionsOfAccount(tx, ownerId)) ?? new Set<Permission>();
    if (!covers(by.permissions, wanted) || !covers(ofOwner, wanted))
      throw new Problem('forbidden', { detail: 'A key holds no permission that its owner and its maker do not hold.' });
    const secret = newOpaqueToken(tokenPrefixes.apiKey);
    const id = newId();
    const createdAt = clock.date();
    const days = input.expiresInDays ?? apiKeyDays.usual;
    const certificate = input.certificate === undefined ? undefined : certificateIn(input.certificate);
    const ends = Math.min(createdAt.getTime() + days * DAY_MS, certificate?.notAfter.getTime() ?? Infinity);
    await insertApiKey(tx, {
      id,
      ownerId,
      creatorId: by.userId,
      label: input.label,
      tokenHash: tokenHash(secret),
      permissions: input.permissions,
      networks,
      deviceScope: input.deviceGroupIds ? 'limited' : 'all',
      certificateSha256: certificate?.sha256 ?? null,
      createdAt,
      expiresAt: new Date(ends),
    });
    if (input.deviceGroupIds && !(await limitApiKey(tx, id, input.deviceGroupIds)))
      throw invalidField('deviceGroupIds', 'there is no such group');
    const found = await findApiKeyRecord(tx, id);
    const [record] = await people.named(tx, found ? [found] : [], namesOfPeople);
    if (!record) throw new Error('the key that was inserted is not there');
    tx.describe({
      resource: { kind: 'api_key', id },
      details: { ownerId, permissions: input.permissions, days, bound: certificate !== undefined },
    });
    return { key: present(record), secret };
  }

  async function mustHaveRoom(tx: AuditedTx, ownerId: string, kind: 'person' | 'service'): Promise<void> {
    const owner = await lockOwner(tx, ownerId);
    if (owner?.kind !== kind) throw invalidField('ownerId', 'there is no such service account');
    if (owner.status !== 'active') throw new Problem('conflict', { detail: 'The account is not active.' });
    if (owner.keys >= MAX_KEYS_AN_OWNER)
      throw new Problem('conflict', { detail: `An account has at most ${MAX_KEYS_AN_OWNER} keys: revoke one first.` });
  }

  return {
    async list(
      reader: Reader,
      query: { limit?: number | undefined; cursor?: string | undefined; ownerId?: string | undefined },
    ) {
      const limit = query.limit ?? DEFAULT_PAGE;
      const [before] = decodeCursor(query.cursor, position) ?? [];
      const rows = await listApiKeys(reader, { ownerId: query.ownerId, before, limit: limit + 1 });
      return pageOf(await people.named(reader, rows, namesOfPeople), limit, present, (row) => [row.id]);
    },

    async createForService(tx: AuditedTx, by: UserPrincipal, input: ApiKeyInput & { readonly ownerId: string }) {
      await mustHaveRoom(tx, input.ownerId, 'service');
      return create(tx, by, input.ownerId, input);
    },

    async createOwn(tx: AuditedTx, by: UserPrincipal, input: ApiKeyInput) {
      await mustHaveRoom(tx, by.userId, 'person');
      return create(tx, by, by.userId, input);
    },

    /**
     * `ownerId` null: whoever's it is. Also of somebody who may more: a key in the wrong hands must be stoppable by whoever notices, and
     * its owner can make another.
     */
    async revoke(tx: AuditedTx, which: { id: string; ownerId: string | null }): Promise<void> {
      if (!(await revokeApiKey(tx, which, clock.date()))) throw notFound();
      tx.describe({ resource: { kind: 'api_key', id: which.id } });
    },

    /** After the revocation is committed. */
    revoked: (keyId: string) => revocations.announce({ keyId }),
  };
}

/** The network in the one spelling that addresses are compared in. */
function networkAt(text: string, index: number): string {
  const network = parseCidr(text);
  if (network === undefined) throw invalidField(`networks.${index}`, 'a network of at least one leading bit');
  // A dual-stack socket's name for an IPv4 address is taken back to IPv4 before it is compared, so such a network would never match.
  if (/^::ffff:/i.test(network.address)) throw invalidField(`networks.${index}`, 'write IPv4 addresses as IPv4');
  return `${network.address.toLowerCase()}/${network.prefix}`;
}

function readCertificate(pem: string): ProgramCertificate {
  try {
    return readProgramCertificate(pem);
  } catch (error) {
    throw invalidField('certificate', error instanceof Error ? error.message : 'cannot be read');
  }
}

const present = (row: ApiKeyRecord): ApiKey => ({
  id: row.id,
  label: row.label,
  owner: { id: row.owner_id, name: row.owner_name, kind: row.owner_kind },
  createdBy: { id: row.creator_id, name: row.creator_name },
  permissions: row.permissions,
  networks: row.networks,
  deviceGroupIds: row.device_group_ids,
  certificateSha256: row.certificate_sha256?.toString('hex') ?? null,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
  lastUsedAt: row.last_used_at?.toISOString() ?? null,
  lastUsedAddress: row.last_used_address,
});
