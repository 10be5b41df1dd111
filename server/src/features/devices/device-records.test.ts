import * as contract from '@valtronics/contract';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aDatabase, type TestDatabase } from '../../../../tests/support/database.ts';
import { anOrganisation, devicesUnderTest } from '../../../../tests/support/devices.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import { serialPlace } from './device-records.ts';

let database: TestDatabase;
let subject: Awaited<ReturnType<typeof devicesUnderTest>>;
let ann: UserPrincipal;

beforeAll(async () => {
  database = await aDatabase();
  subject = await devicesUnderTest(database);
  ann = await anOrganisation(database);
});
afterAll(async () => {
  await subject.stop();
  await database.drop();
});

const register = (fields: Record<string, unknown>) =>
  subject.call(ann, contract.deviceRegister, { body: { name: 'Fridge 1', type: 'thermometer', ...fields } });

describe('serial number', () => {
  const stored = async (id: string) =>
    (await database.admin.query('select serial, serial_sealed, serial_index from devices where id = $1', [id])).rows[0];

  test('is sealed in the database for its row and column, and found by the whole of it however it is written', async () => {
    const { device } = await register({ serial: 'SN 55-118' });
    const { serial, serial_sealed, serial_index } = await stored(device.id);
    expect([device.serial, serial, serial_index.length]).toEqual(['SN 55-118', null, 8]);
    const { dataKeys } = subject;
    const place = serialPlace(ann.organisationId, device.id);
    expect((await dataKeys.open(serial_sealed, place)).toString()).toBe('SN 55-118');
    await expect(dataKeys.open(serial_sealed, { ...place, row: 'another' })).rejects.toThrow();
    const found = async (text: string) =>
      (await subject.call(ann, contract.devicesList, { query: { text } })).items.map(({ id }: { id: string }) => id);
    expect(await found('sn  55-118')).toEqual([device.id]);
    expect(await found('SN 55-11')).toEqual([]);
  });

  test('that does not open is told as such, stays as it lies there until another is given, and keeps nobody from revoking what the device has, nor from deleting it', async () => {
    const { device, credential } = await register({ serial: 'SN-9' });
    await database.admin.query(
      'update devices set serial_sealed = set_byte(serial_sealed, 60, get_byte(serial_sealed, 60) # 1) where id = $1',
      [device.id],
    );
    const of = { params: { id: device.id } };
    expect(await subject.call(ann, contract.deviceGet, of)).toMatchObject({ serial: null, unreadable: 'serial' });
    const before = await stored(device.id);
    const change = (body: object) => subject.call(ann, contract.deviceChange, { ...of, body });
    expect(await change({ location: 'Lab' })).toMatchObject({ serial: null, unreadable: 'serial', location: 'Lab' });
    expect(await stored(device.id)).toEqual(before);
    await subject.call(ann, contract.credentialCreate, { ...of, body: {} });
    await subject.call(ann, contract.credentialRevoke, { params: { id: device.id, credentialId: credential.id } });
    const listed = await subject.call(ann, contract.credentialsList, of);
    expect(listed.items).toHaveLength(2);
    expect(listed.items).toContainEqual(expect.objectContaining({ id: credential.id, revokedAt: expect.any(String) }));
    await subject.call(ann, contract.deviceDelete, of);
    expect((await database.admin.query('select from devices where id = $1', [device.id])).rows).toEqual([]);
  });

  test.each([
    ['another', 'SN-11'],
    ['none', null],
  ])('that does not open goes when %s is given', async (_, serial) => {
    const { device } = await register({ serial: 'SN-10' });
    await database.admin.query('update devices set serial_sealed = set_byte(serial_sealed, 0, 9) where id = $1', [
      device.id,
    ]);
    const of = { params: { id: device.id } };
    expect(await subject.call(ann, contract.deviceChange, { ...of, body: { serial } })).toMatchObject({
      serial,
      unreadable: null,
    });
    expect(await subject.call(ann, contract.deviceGet, of)).toMatchObject({ serial, unreadable: null });
  });

  test('is taken away with its index, and goes on where a server of the release before wrote it', async () => {
    const { device } = await register({ serial: 'SN-1' });
    const change = (body: object) => subject.call(ann, contract.deviceChange, { params: { id: device.id }, body });
    expect(await change({ serial: null })).toMatchObject({ serial: null });
    expect(await stored(device.id)).toEqual({ serial: null, serial_sealed: null, serial_index: null });
    await database.admin.query('update devices set serial = $1 where id = $2', ['SN-2', device.id]);
    expect(await change({ location: 'Lab' })).toMatchObject({ serial: 'SN-2' });
    expect(await stored(device.id)).toMatchObject({ serial: null, serial_sealed: expect.anything() });
  });
});
