import type { Device, DeviceClaim } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { notFound, Problem } from '../../lib/problem.ts';
import type { AuditActor } from '../../security/audit/audit-event.ts';
import type { AuditedTx, Reader, SystemTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { isOpaqueToken, newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { PersonalData } from '../../security/personal-data/personal-data.ts';
import type { DeviceService } from './device.service.ts';
import { presentDevice } from './device.ts';
import { type DeviceCertificateService, type HandedOut, requestedKey, told } from './device-certificate.service.ts';
import {
  countOpenClaims,
  endClaim,
  type FoundClaim,
  findClaim,
  insertClaims,
  listOpenClaims,
} from './device-claim.repository.ts';

type WriteAs = <T>(
  who: { organisationId: number; actor: AuditActor },
  work: (tx: AuditedTx) => Promise<T>,
) => Promise<T>;

const DEFAULT_MINUTES = 1440;
const MAX_LISTED = 1000;
/** Of one organisation: claims lying about are keys lying about. */
const MAX_OPEN = 10_000;

export type DeviceProvisioningService = ReturnType<typeof createDeviceProvisioningService>;

/**
 * Devices by the hundred, without a person at each. A claim is good for exactly one device, and there are as many as devices: one claim
 * for many would be a secret they all share, and whoever reads it out of one could enrol devices of their own among them until somebody
 * counts. Like this a stolen claim is worth one device, and is noticed, because the one it was meant for is turned away.
 */
export function createDeviceProvisioningService(deps: {
  devices: DeviceService;
  certificates: DeviceCertificateService;
  transactions: Pick<Transactions, 'read'>;
  personalData: Pick<PersonalData, 'judge'>;
  clock: Clock;
}) {
  const { devices, certificates, transactions, personalData, clock } = deps;

  /** Unknown, used, withdrawn and expired look alike: whoever tries tokens learns nothing of those there have been. */
  const refused = () =>
    new Problem('gone', { detail: 'This claim is not valid, or no longer: it was used, withdrawn or has expired.' });

  async function find(token: string): Promise<FoundClaim> {
    if (!isOpaqueToken(token, tokenPrefixes.claim)) throw refused();
    const found = await transactions.read(null, (reader) => findClaim(reader, tokenHash(token)));
    if (!found || found.expires_at.getTime() <= clock.now()) throw refused();
    return found;
  }

  return {
    async list(reader: Reader): Promise<{ items: DeviceClaim[]; nextCursor: null }> {
      const rows = await listOpenClaims(reader, clock.date(), MAX_LISTED);
      const items = rows.map((row) => ({
        id: row.id,
        deviceType: row.device_type,
        namePrefix: row.name_prefix,
        createdAt: row.created_at.toISOString(),
        expiresAt: row.expires_at.toISOString(),
      }));
      return { items, nextCursor: null };
    },

    async create(
      tx: AuditedTx | SystemTx,
      organisationId: number,
      input: {
        count?: number | undefined;
        deviceType: string;
        namePrefix?: string | undefined;
        validMinutes?: number | undefined;
      },
    ): Promise<{ claims: { id: string; token: string }[]; expiresAt: string }> {
      const { count = 1, deviceType, namePrefix = deviceType, validMinutes = DEFAULT_MINUTES } = input;
      const createdAt = clock.date();
      if ((await countOpenClaims(tx, createdAt)) + count > MAX_OPEN)
        throw new Problem('conflict', { detail: `At most ${MAX_OPEN} claims can be open; withdraw some.` });
      const expiresAt = new Date(createdAt.getTime() + validMinutes * 60_000);
      const claims = Array.from({ length: count }, () => ({
        id: newId(),
        token: newOpaqueToken(tokenPrefixes.claim),
      }));
      const hashed = claims.map(({ id, token }) => ({ id, tokenHash: tokenHash(token) }));
      const batchId = newId();
      await insertClaims(tx, { batchId, organisationId, claims: hashed, deviceType, namePrefix, createdAt, expiresAt });
      tx.describe({
        resource: { kind: 'device_claims', id: batchId },
        details: { count, deviceType, expiresAt: expiresAt.toISOString() },
      });
      return { claims, expiresAt: expiresAt.toISOString() };
    },

    async withdraw(tx: AuditedTx, id: string): Promise<void> {
      if (!(await endClaim(tx, id, clock.date()))) throw notFound();
      tx.describe({ resource: { kind: 'device_claim', id } });
    },

    /** The claim, the device and its certificate come about in one transaction: of two that use a claim at once, one has nothing. */
    async enrol(
      writeAs: WriteAs,
      input: { claimToken: string; name?: string | undefined; serial?: string | undefined; csr: string },
    ): Promise<HandedOut & { device: Device; organisationId: number }> {
      const claim = await find(input.claimToken);
      // A request that cannot be read is said to be so and leaves the claim unused: the device may try again.
      const key = await requestedKey(input.csr);
      const deviceId = newId();
      const issued = await certificates.sign({ deviceId, organisation: claim.organisation_public_id }, key);
      const organisationId = claim.organisation_id;
      // Who asks is nobody yet, so the gate could not: the claim tells whose policy it is.
      const judged = await personalData.judge(input, ['name'], { organisationId, deviceId, transport: 'http' });
      const { name } = (judged?.message ?? input) as typeof input;
      const actor = { kind: 'device', id: deviceId, label: null } as const;
      return writeAs({ organisationId, actor }, async (tx) => {
        if (!(await endClaim(tx, claim.claim_id, clock.date()))) throw refused();
        const device = await devices.add(tx, organisationId, deviceId, {
          name: name ?? `${claim.name_prefix} ${deviceId.slice(-8)}`,
          type: claim.device_type,
          serial: input.serial,
        });
        const handedOut = await certificates.store(tx, issued, { organisationId, deviceId });
        tx.describe({
          resource: { kind: 'device', id: deviceId },
          details: { claimId: claim.claim_id, batchId: claim.batch_id, type: claim.device_type, ...told(handedOut) },
        });
        return { ...handedOut, device: presentDevice(device), organisationId };
      });
    },
  };
}
