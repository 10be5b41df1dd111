// Persons measured (patients, residents, animals, batches): who they are, who may see that, and which device measures whom when.
import type { Clock } from '../../lib/clock.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Erasures } from '../../security/erasures/erasures.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { DeviceService } from '../devices/device.service.ts';
import { createAssignmentService } from './assignment.service.ts';
import { addErasureRoutes } from './erasure.routes.ts';
import { addSubjectRoutes } from './subject.routes.ts';
import { createSubjectService } from './subject.service.ts';
import { createSubjectErasing, type EraseSubject } from './subject-erasing.ts';
import { createSubjectRecords, type SubjectKeys } from './subject-records.ts';

export function createSubjects(deps: {
  gate: EndpointGate;
  devices: Pick<DeviceService, 'assertThere' | 'lock'>;
  dataKeys: SubjectKeys;
  transactions: Pick<Transactions, 'readAcross' | 'system'>;
  erasures: Pick<Erasures, 'record' | 'isErased' | 'find' | 'list' | 'finish'>;
  clock: Clock;
}): { readonly erase: EraseSubject } {
  const records = createSubjectRecords(deps.dataKeys);
  const subjects = createSubjectService({ ...deps, records });
  const assignments = createAssignmentService({ ...deps, subjects, records });
  addSubjectRoutes({ gate: deps.gate, subjects, assignments });
  addErasureRoutes(deps.gate, deps.erasures);
  return { erase: createSubjectErasing(deps) };
}
