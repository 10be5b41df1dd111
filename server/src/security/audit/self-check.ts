import { openCheckpoint } from '../../lib/transparency/checkpoint.ts';
import { leafHash } from '../../lib/transparency/merkle.ts';
import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { createTreeReader } from '../../lib/transparency/tiles.ts';
import type { Finding } from '../../lib/transparency/verify-log.ts';
import { databaseLog, insertedRows } from './log-source.ts';
import type { Reader } from './tokens.ts';
import { lastCheckpoint, listTrees } from './tree.repository.ts';

const NEWEST = 2_000;

/** The newest part of each tree against its leaves, and the last head against what is stored. `valtronics audit verify` looks at all of it. */
export async function checkNewest(
  reader: Reader,
  verifier: NoteVerifier,
): Promise<{ origin: string; finding: Finding }[]> {
  const found: { origin: string; finding: Finding }[] = [];
  for (const tree of await listTrees(reader)) {
    const log = await databaseLog(reader, tree);
    const from = Math.max(0, log.size - NEWEST);
    const findings: Finding[] = [];
    for (const { position, hash, entry } of await log.leaves(from, log.size)) {
      if (entry !== null && hash && !leafHash(entry).equals(hash)) findings.push({ kind: 'edited', position });
    }
    findings.push(...((await log.compareRows?.(from, log.size)) ?? []));
    findings.push(...(await insertedRows(reader, tree.organisation_id)));
    const signed = await lastCheckpoint(reader, tree.id);
    if (signed) {
      const head = openCheckpoint(signed.note, [verifier]);
      const root =
        head.size <= log.size
          ? await createTreeReader(log.tile, log.size)
              .root(head.size)
              .catch(() => undefined)
          : undefined;
      if (!root?.equals(head.root)) findings.push({ kind: 'rewritten', position: null, before: head.size });
    }
    found.push(...findings.map((finding) => ({ origin: tree.origin, finding })));
  }
  return found;
}
