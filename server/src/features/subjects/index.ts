// Persons measured (patients, residents, animals, batches): who they are, who may see that, and which device measures whom when.
import type { Clock } from '../../lib/clock.ts';
import type { Erasures } from '../../security/erasures/erasures.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { DeviceService } from '../devices/device.service.ts';
import { createAssignmentService } from './assignment.service.ts';
import { addSubjectRoutes } from './subject.routes.ts';
import { createSubjectService } from './subject.service.ts';
import { createSubjectRecords, type SubjectKeys } from './subject-records.ts';

export function createSubjects(deps: {
  gate: EndpointGate;
  devices: Pick<DeviceService, 'load' | 'lock'>;
  dataKeys: SubjectKeys;
  erasures: Pick<Erasures, 'record' | 'isErased' | 'finish'>;
  clock: Clock;
}): void {
  const records = createSubjectRecords(deps.dataKeys);
  const subjects = createSubjectService({ ...deps, records });
  const assignments = createAssignmentService({ ...deps, subjects, records });
  addSubjectRoutes({ gate: deps.gate, subjects, assignments });
}
