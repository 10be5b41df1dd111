import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { isGood } from '../../lib/transparency/verdict-text.ts';
import type { Reader } from '../audit/tokens.ts';
import { verifyDatabase } from '../audit/verify-database.ts';
import { SealError } from '../crypto/sealed-value.ts';
import { listErasures } from '../erasures/erasure.repository.ts';
import type { Sealing } from '../keys/data-keys.ts';
import type { KeyStores } from '../keys/open-key-store.ts';
import { sealedColumns } from '../keys/sealed-columns.ts';
import { KeyStoreError } from '../keys/subject-key.repository.ts';
import { sampleSealed, sealedForSubjects } from './sealed-sample.repository.ts';

/** What a drill found out. `unknown`: it could not be looked at, which is no success. */
export interface DrillCheck {
  readonly check: 'load' | 'rows' | 'audit_log' | 'sealed_values' | 'erasures';
  readonly outcome: 'passed' | 'failed' | 'unknown';
  readonly detail: string;
}

const MOST_NAMED = 5;
const SAMPLE = 20;
const AT_ONCE = 500;

/** Counted in the database, apart from what the copying said. */
export function checkRows(expected: ReadonlyMap<string, number>, counted: ReadonlyMap<string, number>): DrillCheck {
  const names = new Set([...expected.keys(), ...counted.keys()]);
  const wrong = [...names].filter((name) => expected.get(name) !== counted.get(name));
  const total = [...counted.values()].reduce((sum, count) => sum + count, 0);
  return wrong.length === 0
    ? { check: 'rows', outcome: 'passed', detail: `${total} rows in ${counted.size} tables` }
    : { check: 'rows', outcome: 'failed', detail: `other numbers of rows in ${wrong.slice(0, MOST_NAMED).join(', ')}` };
}

/** Every leaf, tile and checkpoint, and every row against its leaf. */
export async function checkAuditLog(
  reader: Reader,
  keys: readonly NoteVerifier[],
  signal: AbortSignal,
): Promise<DrillCheck> {
  const verdicts = await verifyDatabase(reader, { keys, checkpoints: [] }, () => signal.throwIfAborted());
  const events = verdicts.reduce((sum, { size }) => sum + size, 0);
  if (verdicts.length === 0)
    return { check: 'audit_log', outcome: 'unknown', detail: 'there was no signed log yet when the backup was made' };
  const bad = verdicts.filter((verdict) => !isGood([verdict])).map(({ origin }) => origin);
  return bad.length === 0
    ? {
        check: 'audit_log',
        outcome: 'passed',
        detail: `${events} entries of ${verdicts.length} logs, as they were signed`,
      }
    : { check: 'audit_log', outcome: 'failed', detail: `not as signed: ${bad.slice(0, MOST_NAMED).join(', ')}` };
}

/** Some values of every sealed column, each opened for the place it was sealed for. */
export async function checkSealedValues(reader: Reader, dataKeys: Sealing): Promise<DrillCheck> {
  const bad: string[] = [];
  let [values, columns, withoutKey] = [0, 0, 0];
  for (const column of sealedColumns) {
    const sample = await sampleSealed(reader, column, SAMPLE);
    if (sample.length > 0) columns += 1;
    for (const { place, subject, value } of sample) {
      values += 1;
      const outcome = await dataKeys.open(value, place, subject).then(() => 'open', refusalOf);
      // Of who was erased since, or where the key store is not: that is what the key store is for, and no fault of the backup.
      if (outcome === 'no key' && subject !== undefined) withoutKey += 1;
      else if (outcome !== 'open') bad.push(`${column.table}.${column.column}`);
    }
  }
  if (bad.length > 0) {
    const names = [...new Set(bad)].slice(0, MOST_NAMED).join(', ');
    return {
      check: 'sealed_values',
      outcome: 'failed',
      detail: `${bad.length} of ${values} values do not open: ${names}`,
    };
  }
  const without = withoutKey === 0 ? '' : `, but for ${withoutKey} of persons whose keys are not in the key store here`;
  const detail = `${values} values of ${columns} columns open${without}; ${sealedColumns.length - columns} columns are empty`;
  return { check: 'sealed_values', outcome: 'passed', detail };
}

function refusalOf(error: unknown): 'no key' | 'refused' {
  if (error instanceof KeyStoreError) return 'no key';
  if (error instanceof SealError) return error.problem === 'no-key' ? 'no key' : 'refused';
  throw error;
}

/**
 * Whoever was erased, by the ledger in the backup or, since it was made, by the key store: whatever of theirs the backup still holds must not
 * open.
 */
export async function checkErasures(
  reader: Reader,
  { dataKeys, keyStores }: { dataKeys: Sealing; keyStores: Pick<KeyStores, 'existing'> },
): Promise<DrillCheck> {
  const erased = new Set<string>();
  try {
    for (const { subject } of (await (await keyStores.existing())?.listDestroyed()) ?? []) erased.add(subject);
  } catch (error) {
    if (!(error instanceof KeyStoreError)) throw error;
    const detail = 'the key store is not here, so nobody knows who was erased since the backup was made';
    return { check: 'erasures', outcome: 'unknown', detail };
  }
  for (let after: string | undefined; ; ) {
    const rows = await listErasures(reader, after, AT_ONCE);
    for (const { subjectId } of rows) erased.add(subjectId);
    after = rows.at(-1)?.subjectId;
    if (after === undefined) break;
  }
  const held = new Set<string>();
  const readable = new Set<string>();
  const ids = [...erased];
  for (const column of sealedColumns.filter(({ owner }) => owner === 'subject')) {
    for (let start = 0; start < ids.length; start += AT_ONCE) {
      const rows = await sealedForSubjects(reader, column, ids.slice(start, start + AT_ONCE));
      for (const { place, subject = '', value } of rows) {
        held.add(subject);
        if ((await dataKeys.open(value, place, subject).then(() => 'open', refusalOf)) === 'open')
          readable.add(subject);
      }
    }
  }
  return readable.size === 0
    ? {
        check: 'erasures',
        outcome: 'passed',
        detail: `${erased.size} persons were erased; of ${held.size} the backup holds something, and nothing of it opens`,
      }
    : { check: 'erasures', outcome: 'failed', detail: `${readable.size} persons who were erased can be read` };
}
