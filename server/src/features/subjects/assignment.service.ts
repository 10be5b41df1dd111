import type { DeviceAssignment, Page, SubjectAssignment } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { DeviceService } from '../devices/device.service.ts';
import {
  deleteAssignment,
  endAssignment,
  findAssignment,
  findOverlap,
  insertAssignment,
  listAssignmentsOfDevice,
  listAssignmentsOfSubject,
  type OtherAssignment,
} from './assignment.repository.ts';
import type { SubjectService } from './subject.service.ts';
import { presentAssignmentOfDevice, presentAssignmentOfSubject, type Sight } from './subject.ts';
import type { SubjectRecords } from './subject-records.ts';

interface PageQuery {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

interface Person {
  readonly userId: string;
  readonly organisationId: number;
}

export interface AssignmentInput {
  readonly subjectId: string;
  readonly from?: string | undefined;
  readonly until?: string | undefined;
  readonly endCurrent?: boolean | undefined;
}

const position = z.tuple([z.string().regex(/^-?\d{1,17}$/), z.uuid()]);

export type AssignmentService = ReturnType<typeof createAssignmentService>;

/**
 * Whom a device measures, over time: one at a time. Every change holds the device's row first, so of two that are made at once the
 * second sees what the first did; the exclusion constraint of the table stands behind it.
 */
export function createAssignmentService(deps: {
  subjects: Pick<SubjectService, 'load' | 'hold'>;
  records: Pick<SubjectRecords, 'opened'>;
  devices: Pick<DeviceService, 'assertThere' | 'lock'>;
  clock: Clock;
}) {
  const { subjects, records, devices, clock } = deps;

  async function ofDevice(reader: Reader, deviceId: string, sight: Sight, query: PageQuery) {
    await devices.assertThere(reader, deviceId);
    const limit = query.limit ?? DEFAULT_PAGE;
    const before = decodeCursor(query.cursor, position);
    const rows = await listAssignmentsOfDevice(reader, { deviceId, before, limit: limit + 1 });
    return pageOf(
      await records.opened(rows),
      limit,
      (row) => presentAssignmentOfDevice(row, sight),
      (row) => [row.position, row.id],
    );
  }

  /** Ends what covers `from`, so that another can begin there. */
  async function endWhatCovers(tx: AuditedTx, deviceId: string, from: Date): Promise<OtherAssignment | undefined> {
    const moment = new Date(from.getTime() + 1);
    const current = await findOverlap(tx, { deviceId, from, until: moment });
    if (!current) return undefined;
    if (current.began_at >= from)
      throw new Problem('conflict', {
        detail: `The current assignment begins at ${current.began_at.toISOString()}, not before the new one: remove it instead.`,
      });
    await endAssignment(tx, current.id, from);
    return current;
  }

  return {
    async ofSubject(
      reader: Reader,
      person: Person,
      subjectId: string,
      query: PageQuery,
    ): Promise<Page<SubjectAssignment>> {
      await subjects.load(reader, person, subjectId);
      const limit = query.limit ?? DEFAULT_PAGE;
      const before = decodeCursor(query.cursor, position);
      const rows = await listAssignmentsOfSubject(reader, { subjectId, before, limit: limit + 1 });
      return pageOf(rows, limit, presentAssignmentOfSubject, (row) => [row.position, row.id]);
    },

    ofDeviceMasked: (reader: Reader, deviceId: string, query: PageQuery): Promise<Page<DeviceAssignment>> =>
      ofDevice(reader, deviceId, 'masked', query),

    async ofDeviceInClear(tx: AuditedTx, deviceId: string, query: PageQuery): Promise<Page<DeviceAssignment>> {
      const found = await ofDevice(tx, deviceId, 'clear', query);
      const subjectIds = [...new Set(found.items.map(({ subject }) => subject.id))];
      tx.describe({ resource: { kind: 'device', id: deviceId }, details: { count: subjectIds.length, subjectIds } });
      return found;
    },

    async assign(tx: AuditedTx, person: Person, deviceId: string, input: AssignmentInput): Promise<DeviceAssignment> {
      const device = await devices.lock(tx, deviceId);
      const subject = await subjects.hold(tx, person, input.subjectId);
      if (!subject) throw invalidField('subjectId', 'no such person');
      const from = input.from === undefined ? clock.date() : new Date(input.from);
      const until = input.until === undefined ? null : new Date(input.until);
      if (until && until <= from) throw invalidField('until', 'must lie after the beginning');
      const ended = input.endCurrent ? await endWhatCovers(tx, deviceId, from) : undefined;
      const other = await findOverlap(tx, { deviceId, from, until });
      if (other) throw overlaps(other, input.subjectId);
      const id = newId();
      const organisationId = device.organisation_id;
      await insertAssignment(tx, { id, organisationId, subjectId: subject.id, deviceId, from, until });
      const made = { id, began_at: from, ended_at: until };
      tx.describe({
        resource: { kind: 'subject', id: subject.id },
        details: {
          deviceId,
          assignmentId: id,
          from: from.toISOString(),
          until: until?.toISOString() ?? null,
          ...(ended ? { ended: { assignmentId: ended.id, subjectId: ended.subject_id } } : {}),
        },
      });
      return presentAssignmentOfDevice(
        { ...made, subject_id: subject.id, reference: subject.reference, name: subject.name },
        'clear',
      );
    },

    async end(
      tx: AuditedTx,
      of: { readonly deviceId: string; readonly assignmentId: string },
      until: Date,
    ): Promise<DeviceAssignment> {
      await devices.lock(tx, of.deviceId);
      const assignment = await findAssignment(tx, of);
      if (!assignment) throw notFound();
      if (until <= assignment.began_at) throw invalidField('until', 'must lie after the beginning');
      const span = { deviceId: of.deviceId, from: assignment.began_at, until, exceptId: assignment.id };
      const other = await findOverlap(tx, span);
      if (other) throw overlaps(other, assignment.subject_id);
      await endAssignment(tx, assignment.id, until);
      tx.describe({
        resource: { kind: 'subject', id: assignment.subject_id },
        details: { ...of, until: until.toISOString() },
      });
      const [ended] = await records.opened([{ ...assignment, ended_at: until }]);
      if (ended === undefined) throw notFound();
      return presentAssignmentOfDevice(ended, 'clear');
    },

    async remove(tx: AuditedTx, of: { readonly deviceId: string; readonly assignmentId: string }): Promise<void> {
      await devices.lock(tx, of.deviceId);
      const assignment = await findAssignment(tx, of);
      if (!assignment) throw notFound();
      await deleteAssignment(tx, assignment.id);
      tx.describe({
        resource: { kind: 'subject', id: assignment.subject_id },
        details: {
          ...of,
          removed: true,
          from: assignment.began_at.toISOString(),
          until: assignment.ended_at?.toISOString() ?? null,
        },
      });
    },
  };
}

/** Says when, and never whom: the answer goes into logs and on screens. */
function overlaps({ began_at, ended_at, subject_id }: OtherAssignment, subjectId: string): Problem {
  const who = subject_id === subjectId ? 'this person' : 'somebody else';
  const end = ended_at ? `until ${ended_at.toISOString()}` : 'with no end yet';
  return new Problem('conflict', {
    detail: `The device measures ${who} from ${began_at.toISOString()} ${end}. End that first, or send endCurrent.`,
  });
}
