// Persons measured (patients, residents, animals, batches): who they are, who may see that, and which device measures whom when.
import type { Clock } from '../../lib/clock.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { DeviceService } from '../devices/device.service.ts';
import { createAssignmentService } from './assignment.service.ts';
import { addSubjectRoutes } from './subject.routes.ts';
import { createSubjectService } from './subject.service.ts';

export function createSubjects(deps: {
  gate: EndpointGate;
  devices: Pick<DeviceService, 'load' | 'lock'>;
  clock: Clock;
}): void {
  const subjects = createSubjectService(deps);
  addSubjectRoutes({ gate: deps.gate, subjects, assignments: createAssignmentService({ ...deps, subjects }) });
}
