import type { DeviceAssignment, Subject, SubjectAssignment } from '@valtronics/contract';
import { seesInClear, type Viewer } from '../../security/fields/show.ts';

export interface SubjectIdentity {
  readonly id: string;
  readonly reference: string;
  readonly name: string | null;
}

export interface SubjectRecord extends SubjectIdentity {
  readonly organisation_id: number;
  /** Which of reference and name could not be opened, and are not theirs (sealed-subjects.ts). */
  readonly closed: readonly ('reference' | 'name')[];
  readonly measured_by: readonly { readonly id: string; readonly name: string }[];
  readonly created_at: Date;
}

export interface AssignmentRecord {
  readonly id: string;
  readonly began_at: Date;
  readonly ended_at: Date | null;
}

export interface AssignmentOfSubject extends AssignmentRecord {
  readonly device_id: string;
  readonly device_name: string;
  readonly device_type: string;
  readonly position: string;
}

export interface AssignmentOfDevice extends AssignmentRecord {
  readonly subject_id: string;
  readonly reference: string;
  readonly name: string | null;
  readonly position: string;
}

/** How personal values are shown. */
export type Sight = 'clear' | 'masked';

/** Whether the answer tells who it is, which is recorded first; the masks themselves are the gate's, by the same catalogue. */
export const sightOf = (viewer: Viewer): Sight =>
  seesInClear('subjects.reference', viewer) || seesInClear('subjects.name', viewer) ? 'clear' : 'masked';

const presentIdentity = ({ id, reference, name }: SubjectIdentity, sight: Sight) => ({
  id,
  reference,
  name,
  masked: sight === 'masked',
});

export function presentSubject(row: SubjectRecord, sight: Sight): Subject {
  return {
    ...presentIdentity(row, sight),
    measuredBy: row.measured_by.map(({ id, name }) => ({ id, name })),
    createdAt: row.created_at.toISOString(),
  };
}

const presentSpan = ({ id, began_at, ended_at }: AssignmentRecord) => ({
  id,
  from: began_at.toISOString(),
  until: ended_at?.toISOString() ?? null,
});

export const presentAssignmentOfSubject = (row: AssignmentOfSubject): SubjectAssignment => ({
  ...presentSpan(row),
  device: { id: row.device_id, name: row.device_name, type: row.device_type },
});

export const presentAssignmentOfDevice = (
  row: AssignmentRecord & { readonly subject_id: string; readonly reference: string; readonly name: string | null },
  sight: Sight,
): DeviceAssignment => ({
  ...presentSpan(row),
  subject: presentIdentity({ id: row.subject_id, reference: row.reference, name: row.name }, sight),
});
