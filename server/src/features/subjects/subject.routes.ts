import * as contract from '@valtronics/contract';
import { revealed } from '../../security/fields/reveal.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { AssignmentService } from './assignment.service.ts';
import type { SubjectService } from './subject.service.ts';
import { sightOf } from './subject.ts';

/** Clear values come out of a `write`, which records that they were read before the answer goes; masks out of a `read`. */
export function addSubjectRoutes(deps: {
  gate: EndpointGate;
  subjects: SubjectService;
  assignments: AssignmentService;
}): void {
  const { gate, subjects, assignments } = deps;

  gate.handle(contract.subjectsList, ({ query, principal, read, write }) =>
    sightOf(principal) === 'clear'
      ? write((tx) => subjects.listInClear(tx, principal, query))
      : read((reader) => subjects.listMasked(reader, principal, query)),
  );

  gate.handle(contract.subjectRegister, ({ body, principal, write }) =>
    write((tx) => subjects.register(tx, principal, body)),
  );

  gate.handle(contract.subjectGet, ({ params, principal, read, write }) =>
    sightOf(principal) === 'clear'
      ? write((tx) => subjects.getInClear(tx, principal, params.id))
      : read((reader) => subjects.getMasked(reader, principal, params.id)),
  );

  gate.handle(contract.subjectChange, ({ params, body, principal, write }) =>
    write((tx) => subjects.change(tx, principal, params.id, body)),
  );

  gate.handle(contract.subjectDelete, async ({ params, principal, read, write }) => {
    // Again, since their key could not be destroyed when they were removed: there is nothing left to write.
    if (!(await read((reader) => subjects.isErased(reader, params.id))))
      await write((tx) => subjects.remove(tx, principal, params.id));
    await subjects.erased(principal, params.id);
    return undefined;
  });

  gate.handle(contract.subjectReveal, ({ params, body, principal, write }) =>
    write(async (tx) => revealed(tx, principal, body, 'subjects', await subjects.load(tx, principal, params.id))),
  );

  gate.handle(contract.subjectAssignmentsList, ({ params, query, principal, read }) =>
    read((reader) => assignments.ofSubject(reader, principal, params.id, query)),
  );

  gate.handle(contract.deviceAssignmentsList, async ({ params, query, principal, read, write }) => {
    const masked = await read((reader) => assignments.ofDeviceMasked(reader, params.id, query));
    // That a device measures nobody says nothing of a person: most devices are looked at without an event.
    if (sightOf(principal) === 'masked' || masked.items.length === 0) return masked;
    return write((tx) => assignments.ofDeviceInClear(tx, params.id, query));
  });

  gate.handle(contract.deviceAssign, ({ params, body, principal, write }) =>
    write((tx) => assignments.assign(tx, principal, params.id, body)),
  );

  gate.handle(contract.deviceUnassign, ({ params, body, write }) =>
    write((tx) =>
      assignments.end(tx, { deviceId: params.id, assignmentId: params.assignmentId }, new Date(body.until)),
    ),
  );

  gate.handle(contract.assignmentRemove, async ({ params, write }) => {
    await write((tx) => assignments.remove(tx, { deviceId: params.id, assignmentId: params.assignmentId }));
    return undefined;
  });
}
