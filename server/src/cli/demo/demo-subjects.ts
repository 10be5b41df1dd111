import { deviceAssign, subjectRegister, subjectsList } from '@valtronics/contract';
import type { ApiClient } from '../api-client.ts';
import type { RegisteredDevice } from '../register-fleet.ts';

/** Nobody real: the reference says so, and so does the surname. Each lies in the bed whose monitor bears the name. */
const patients = [
  { reference: 'DEMO-0001', name: 'Ines Invented', monitor: 'Patient monitor 3-01' },
  { reference: 'DEMO-0002', name: 'Tomas Makebelieve', monitor: 'Patient monitor 3-02' },
  { reference: 'DEMO-0003', name: 'Wilma Fictitious', monitor: 'Patient monitor 3-03' },
  { reference: 'DEMO-0004', name: 'Noah Nobody', monitor: 'Patient monitor ICU-1' },
  { reference: 'DEMO-0005', name: 'Greta Pretend', monitor: undefined },
] as const;

/** Registers the invented patients and assigns their monitors, without doubling what an interrupted first start left. */
export async function createDemoSubjects(
  api: ApiClient,
  members: readonly RegisteredDevice[],
  fromMs: number,
): Promise<void> {
  const { items } = await api.call(subjectsList, { query: { text: 'DEMO-', limit: 200 } });
  const known = new Map(items.map((subject) => [subject.reference, subject]));
  for (const { reference, name, monitor } of patients) {
    const subject = known.get(reference) ?? (await api.call(subjectRegister, { body: { reference, name } }));
    const device = members.find(({ device: { name: called } }) => called === monitor);
    if (!device || subject.measuredBy.length > 0) continue;
    await api.call(deviceAssign, {
      params: { id: device.deviceId },
      body: { subjectId: subject.id, from: new Date(fromMs).toISOString() },
    });
  }
}
