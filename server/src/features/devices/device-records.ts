import type { Reader, WriteTx } from '../../security/audit/tokens.ts';
import { deviceSerialIndex } from '../../security/keys/blind-indexes.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import { newestKeyEpoch } from '../../security/keys/key-epoch.repository.ts';
import {
  type DeviceFields,
  findDevice,
  insertDevice,
  lockDevice,
  type StoredDevice,
  updateDevice,
} from './device.repository.ts';
import type { DeviceRecord } from './device.ts';
import { type DeviceFilter, type Listed, listDevices } from './device-list.repository.ts';

/** Where the serial number of a device is kept. */
export const serialPlace = (organisation: number, row: string) => ({
  organisation,
  table: 'devices',
  column: 'serial_sealed',
  row,
});

/** A serial number that is not said stays as it is, also where it does not open. */
type ClearFields = Omit<DeviceFields, 'serial'> & { readonly serial: string | null | undefined };
interface Whose {
  readonly organisationId: number;
  readonly id: string;
}
export type DeviceKeys = Pick<DataKeys, 'sealIndexed' | 'openAll' | 'findIndexed'>;

/** Devices with their serial numbers in clear, which are sealed on the way into the database and opened on the way out. */
export function createDeviceRecords(dataKeys: DeviceKeys) {
  async function opened<T extends StoredDevice>(rows: readonly T[]): Promise<(T & DeviceRecord)[]> {
    const sealed = rows.flatMap(({ id, organisation_id, serial_sealed }) =>
      serial_sealed === null ? [] : [{ sealed: serial_sealed, place: serialPlace(organisation_id, id) }],
    );
    const serials = (await dataKeys.openAll(sealed)).values();
    // In clear: written by a server of the release before, since this one started.
    return rows.map((row) => {
      if (row.serial_sealed === null) return { ...row, unreadable: [] };
      const serial = serials.next().value;
      return { ...row, serial: serial ?? null, unreadable: serial === undefined ? ['serial'] : [] };
    });
  }

  const openedOne = async (row: StoredDevice | undefined): Promise<DeviceRecord | undefined> =>
    row && (await opened([row]))[0];

  async function sealed({ id, organisationId, ...fields }: ClearFields & Whose): Promise<DeviceFields> {
    const { serial } = fields;
    if (serial === null || serial === undefined) return { ...fields, serial };
    const place = serialPlace(organisationId, id);
    return { ...fields, serial: await dataKeys.sealIndexed(serial, place, deviceSerialIndex) };
  }

  return {
    /** Rows that something else read or changed. */
    opened,
    find: async (reader: Reader, id: string) => openedOne(await findDevice(reader, id)),
    lock: async (tx: WriteTx, id: string) => openedOne(await lockDevice(tx, id)),

    async insert(tx: WriteTx, device: ClearFields & Whose & { readonly health: boolean }): Promise<DeviceRecord> {
      const { id, organisationId, health } = device;
      const stored = await insertDevice(tx, { ...(await sealed(device)), id, organisationId, health });
      return { ...stored, serial: device.serial ?? null, unreadable: [] };
    },

    async update(tx: WriteTx, device: ClearFields & Whose): Promise<DeviceRecord> {
      const stored = await updateDevice(tx, device.id, await sealed(device));
      const [record] = await opened([stored]);
      if (record === undefined) throw new Error('of one row one is opened');
      return record;
    },

    /** `searchesSerials`: the text may also be the whole of a serial number. Whoever sees a mask must not find out by searching what is behind it. */
    async list(
      reader: Reader,
      organisationId: number,
      { searchesSerials, ...filter }: Omit<DeviceFilter, 'serialIndexes'> & { readonly searchesSerials: boolean },
    ): Promise<(Listed & DeviceRecord)[]> {
      if (!searchesSerials || !filter.text) return opened(await listDevices(reader, { ...filter, serialIndexes: [] }));
      const found = await dataKeys.findIndexed(deviceSerialIndex, organisationId, filter.text, async (indexes) => ({
        found: await listDevices(reader, { ...filter, serialIndexes: indexes }),
        newest: await newestKeyEpoch(reader),
      }));
      return opened(found);
    },
  };
}
