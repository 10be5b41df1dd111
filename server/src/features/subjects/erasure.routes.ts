import * as contract from '@valtronics/contract';
import { z } from 'zod';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { notFound } from '../../lib/problem.ts';
import type { Erasure } from '../../security/erasures/erasure.repository.ts';
import type { Erasures } from '../../security/erasures/erasures.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';

const position = z.tuple([z.iso.datetime(), z.uuid()]);

const present = ({ subjectId, erasedAt, unreadableFrom, certificate }: Erasure): contract.SubjectErasure => ({
  subjectId,
  erasedAt: erasedAt.toISOString(),
  unreadableFrom: unreadableFrom.toISOString(),
  certificate,
});

/** The ledger of erasures, for whoever has to show that somebody is gone. */
export function addErasureRoutes(gate: EndpointGate, erasures: Pick<Erasures, 'find' | 'list'>): void {
  gate.handle(contract.subjectErasuresList, ({ query, read }) =>
    read(async (reader) => {
      const limit = query.limit ?? DEFAULT_PAGE;
      const [erasedAt, subjectId] = decodeCursor(query.cursor, position) ?? [];
      const before = erasedAt && subjectId ? { erasedAt: new Date(erasedAt), subjectId } : undefined;
      const rows = await erasures.list(reader, before, limit + 1);
      return pageOf(rows, limit, present, (row) => [row.erasedAt.toISOString(), row.subjectId]);
    }),
  );

  gate.handle(contract.subjectErasureGet, ({ params, read }) =>
    read(async (reader) => {
      const found = await erasures.find(reader, params.id);
      if (!found) throw notFound();
      return present(found);
    }),
  );
}
