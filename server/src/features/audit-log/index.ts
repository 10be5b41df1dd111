// Audit log: who did what, to read, to export and to verify. Rows are written by `security/audit`, in the transaction of the change they describe.
import { Readable } from 'node:stream';
import * as contract from '@valtronics/contract';
import { z } from 'zod';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { listAuditEvents } from './audit-log.repository.ts';
import {
  consistency,
  eventProof,
  exportLines,
  firstOfExport,
  newestCheckpoint,
  presentEvent,
} from './audit-log.service.ts';

const position = z.tuple([z.iso.datetime(), z.uuid()]);

export function createAuditLog({ gate, verifier }: { gate: EndpointGate; verifier: NoteVerifier }): void {
  gate.handle(contract.auditEventsList, async ({ query, read }) => {
    const limit = query.limit ?? DEFAULT_PAGE;
    const before = decodeCursor(query.cursor, position);
    const rows = await read((reader) => listAuditEvents(reader, query, { before, limit: limit + 1 }));
    return pageOf(rows, limit, presentEvent, (row) => [row.exact, row.id]);
  });

  // Recorded with the first rows in hand, and sent only then.
  gate.handle(contract.auditEventsExport, async ({ body: { format, ...filter }, principal, read, write }) => {
    const first = await write(async (tx) => {
      const rows = await firstOfExport(tx, filter);
      tx.describe({ resource: null, details: { format, ...filter } });
      return rows;
    });
    return {
      contentType: format === 'csv' ? 'text/csv; charset=utf-8' : 'application/x-ndjson',
      headers: { 'content-disposition': `attachment; filename="audit-log.${format}"` },
      body: Readable.from(exportLines(read, filter, format, first, principal)),
    };
  });

  gate.handle(contract.auditLogCheckpoint, ({ query, read }) =>
    read((reader) => newestCheckpoint(reader, query.of, verifier)),
  );
  gate.handle(contract.auditLogProof, ({ query, read }) => read((reader) => consistency(reader, query)));
  gate.handle(contract.auditEventProof, async ({ params, read }) => {
    const { proof } = await read((reader) => eventProof(reader, params.id, verifier));
    return {
      contentType: 'text/plain; charset=utf-8',
      headers: { 'content-disposition': `attachment; filename="${params.id}.tlog-proof"` },
      body: proof,
    };
  });
}
