// Audit log: who did what, to read. Rows are written by `security/audit`, in the transaction of the change they describe.
import * as contract from '@valtronics/contract';
import { z } from 'zod';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { type AuditEventRow, listAuditEvents } from './audit-log.repository.ts';

const position = z.tuple([z.iso.datetime(), z.uuid()]);

export function createAuditLog({ gate }: { gate: EndpointGate }): void {
  gate.handle(contract.auditEventsList, async ({ query, read }) => {
    const limit = query.limit ?? DEFAULT_PAGE;
    const before = decodeCursor(query.cursor, position);
    const rows = await read((reader) => listAuditEvents(reader, { ...query, before, limit: limit + 1 }));
    return pageOf(rows, limit, present, (row) => [row.position, row.id]);
  });
}

function present(row: AuditEventRow): contract.AuditEvent {
  return {
    id: row.id,
    at: row.at.toISOString(),
    event: row.event,
    outcome: row.outcome,
    actor: { kind: row.actor_kind, id: row.actor_id, label: row.actor_label },
    resource:
      row.resource_kind !== null && row.resource_id !== null ? { kind: row.resource_kind, id: row.resource_id } : null,
    address: row.address,
    requestId: row.request_id,
    details: row.details,
  };
}
