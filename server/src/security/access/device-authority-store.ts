import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import {
  createDeviceAuthority,
  type DeviceAuthority,
  openDeviceAuthority,
} from '../crypto/certificates/device-authority.ts';
import type { Sealing } from '../keys/data-keys.ts';
import { findActiveAuthority, insertActiveAuthority } from './device-authority.repository.ts';

const place = (id: string) => ({ organisation: null, table: 'device_authorities', column: 'private_sealed', row: id });
const system = { kind: 'system', id: 'device-authority', label: null } as const;

/** The authority that signs certificates of devices, made at the first start. In the database, so that all servers sign as one. */
export async function loadDeviceAuthority(deps: {
  transactions: Transactions;
  dataKeys: Sealing;
  clock: Clock;
}): Promise<DeviceAuthority> {
  const { transactions, dataKeys, clock } = deps;
  let row = await transactions.readAcross(findActiveAuthority);
  if (!row) {
    const id = newId();
    const { certificatePem, privateKeyPem } = await createDeviceAuthority(clock.date());
    const privateSealed = await dataKeys.seal(privateKeyPem, place(id));
    const who = { organisationId: null, actor: system, event: 'device_authority.created' } as const;
    await transactions.system(who, async (tx) => {
      const kept = await insertActiveAuthority(tx, { id, certificatePem, privateSealed });
      tx.describe({ resource: { kind: 'device_authority', id }, details: { kept } });
    });
    row = await transactions.readAcross(findActiveAuthority);
  }
  if (!row) throw new Error('there is no authority for devices');
  const privateKeyPem = (await dataKeys.open(row.private_sealed, place(row.id))).toString('utf8');
  return openDeviceAuthority({ certificatePem: row.certificate_pem, privateKeyPem });
}
