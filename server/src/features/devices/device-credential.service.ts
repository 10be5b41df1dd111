import type { DeviceCredential } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { DeviceService } from './device.service.ts';
import { presentCredential } from './device.ts';
import {
  countUsableCredentials,
  expireOthers,
  insertCredential,
  listCredentials,
  revokeCredential,
} from './device-credential.repository.ts';

/** Enough to rotate with overlap; more would be keys that nobody knows any longer. */
const MAX_USABLE = 20;
const MAX_LISTED = 1000;

export type DeviceCredentialService = ReturnType<typeof createDeviceCredentialService>;

export function createDeviceCredentialService({ devices, clock }: { devices: DeviceService; clock: Clock }) {
  return {
    async list(reader: Reader, deviceId: string): Promise<{ items: DeviceCredential[]; nextCursor: null }> {
      await devices.assertThere(reader, deviceId);
      const rows = await listCredentials(reader, { deviceId, limit: MAX_LISTED });
      return { items: rows.map(presentCredential), nextCursor: null };
    },

    /** Also returns the credentials whose end has moved. */
    async create(
      tx: AuditedTx,
      deviceId: string,
      input: {
        readonly label?: string | undefined;
        readonly expiresAt?: string | undefined;
        readonly othersExpireInSeconds?: number | undefined;
      },
    ): Promise<{ id: string; token: string; shortened: string[] }> {
      const device = await devices.lock(tx, deviceId);
      const now = clock.date();
      const expiresAt = input.expiresAt === undefined ? null : new Date(input.expiresAt);
      if (expiresAt && expiresAt <= now) throw invalidField('expiresAt', 'lies in the past');
      if ((await countUsableCredentials(tx, deviceId, now)) >= MAX_USABLE)
        throw new Problem('conflict', { detail: `A device has at most ${MAX_USABLE} credentials; revoke some.` });
      const id = newId();
      const token = newOpaqueToken(tokenPrefixes.device);
      await insertCredential(tx, {
        id,
        organisationId: device.organisation_id,
        deviceId,
        label: input.label || null,
        tokenHash: tokenHash(token),
        createdAt: now,
        expiresAt,
      });
      const shortened =
        input.othersExpireInSeconds === undefined
          ? []
          : await expireOthers(tx, {
              deviceId,
              exceptId: id,
              at: new Date(now.getTime() + input.othersExpireInSeconds * 1000),
            });
      tx.describe({
        resource: { kind: 'device', id: deviceId },
        details: { credentialId: id, expiresAt: expiresAt?.toISOString() ?? null, shortened },
      });
      return { id, token, shortened };
    },

    async revoke(tx: AuditedTx, deviceId: string, credentialId: string): Promise<void> {
      const outcome = await revokeCredential(tx, { deviceId, credentialId, at: clock.date() });
      if (outcome === 'unknown') throw notFound();
      tx.describe({ resource: { kind: 'device', id: deviceId }, details: { credentialId, outcome } });
    },
  };
}
