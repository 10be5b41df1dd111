import type { NoteVerifier } from '../../lib/transparency/signed-note.ts';
import { findingText, isGood } from '../../lib/transparency/verdict-text.ts';
import type { FileVerdict } from '../../lib/transparency/verify-offline.ts';
import type { Reader } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
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
  transactions: Pick<Transactions, 'readAcross' | 'copyAcross'>,
  keys: readonly NoteVerifier[],
  signal: AbortSignal,
): Promise<DrillCheck> {
  const verdicts = await verifyDatabase(transactions, { keys, checkpoints: [] }, () => signal.throwIfAborted());
  const events = verdicts.reduce((sum, { size }) => sum + size, 0);
  if (verdicts.length === 0)
    return { check: 'audit_log', outcome: 'unknown', detail: 'there was no signed log yet when the backup was made' };
  const bad = verdicts.filter((verdict) => !isGood([verdict])).map(whatIsBad);
  return bad.length === 0
    ? {
        check: 'audit_log',
        outcome: 'passed',
        detail: `${events} entries of ${verdicts.length} logs, as they were signed`,
      }
    : { check: 'audit_log', outcome: 'failed', detail: `not as signed: ${bad.slice(0, MOST_NAMED).join('; ')}` };
}

/** The first that was found in a log; `audit verify` on the restored database shows the rest. */
function whatIsBad({ origin, findings: [first, ...others], badNotes }: FileVerdict): string {
  const found = [
    ...(first ? [findingText(first)] : []),
    ...(others.length > 0 ? [`${others.length} more findings`] : []),
    ...(badNotes > 0 ? [`${badNotes} checkpoints that are not signed with its key`] : []),
  ];
  return `${origin} (${found.join(', ')})`;
}

interface Keys {
  readonly dataKeys: Sealing;
  readonly keyStores: Pick<KeyStores, 'existing'>;
}

/**
 * Some values of every sealed column, each opened for the place it was sealed for. Whoever was erased may be unreadable, and nobody else: of others whose
 * keys went with a retired epoch, or with the key store, a restore of this backup would bring back nothing.
 */
export async function checkSealedValues(reader: Reader, { dataKeys, keyStores }: Keys): Promise<DrillCheck> {
  const bad: string[] = [];
  const withoutKey = new Map<string, number>();
  let [values, columns] = [0, 0];
  for (const column of sealedColumns) {
    const sample = await sampleSealed(reader, column, SAMPLE);
    if (sample.length > 0) columns += 1;
    for (const { place, subject, value } of sample) {
      values += 1;
      const outcome = await dataKeys.open(value, place, subject).then(() => 'open', refusalOf);
      if (outcome === 'no key' && subject !== undefined) withoutKey.set(subject, (withoutKey.get(subject) ?? 0) + 1);
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
  // Asked for afterwards, so that who is erased meanwhile is among them.
  const erased = withoutKey.size === 0 ? new Set() : await erasedPersons(reader, keyStores);
  if (erased === undefined) {
    const detail = `${withoutKey.size} persons cannot be read here, since the key store is not here`;
    return { check: 'sealed_values', outcome: 'unknown', detail };
  }
  const lost = [...withoutKey.keys()].filter((subject) => !erased.has(subject));
  if (lost.length > 0) {
    const detail = `${lost.length} persons cannot be read any more, though they were not erased: their keys are not in the key store`;
    return { check: 'sealed_values', outcome: 'failed', detail };
  }
  const without = [...withoutKey.values()].reduce((sum, count) => sum + count, 0);
  const butFor = without === 0 ? '' : `, but for ${without} of persons who were erased`;
  const detail = `${values} values of ${columns} columns open${butFor}; ${sealedColumns.length - columns} columns are empty`;
  return { check: 'sealed_values', outcome: 'passed', detail };
}

/** By the ledger in the backup and, since it was made, by the key store. Undefined where that is not here. */
async function erasedPersons(reader: Reader, keyStores: Keys['keyStores']): Promise<Set<string> | undefined> {
  const erased = new Set<string>();
  try {
    for (const { subject } of (await (await keyStores.existing())?.listDestroyed()) ?? []) erased.add(subject);
  } catch (error) {
    if (error instanceof KeyStoreError) return undefined;
    throw error;
  }
  for (let after: string | undefined; ; ) {
    const rows = await listErasures(reader, after, AT_ONCE);
    for (const { subjectId } of rows) erased.add(subjectId);
    after = rows.at(-1)?.subjectId;
    if (after === undefined) return erased;
  }
}

function refusalOf(error: unknown): 'no key' | 'refused' {
  if (error instanceof KeyStoreError) return 'no key';
  if (error instanceof SealError) return error.problem === 'no-key' ? 'no key' : 'refused';
  throw error;
}

/** Whoever was erased: whatever of theirs the backup still holds must not open. */
export async function checkErasures(reader: Reader, { dataKeys, keyStores }: Keys): Promise<DrillCheck> {
  const erased = await erasedPersons(reader, keyStores);
  if (erased === undefined) {
    const detail = 'the key store is not here, so nobody knows who was erased since the backup was made';
    return { check: 'erasures', outcome: 'unknown', detail };
  }
  const held = new Set<string>();
  const readable = new Set<string>();
  const ids = [...erased];
  for (const column of sealedColumns.filter(({ subjectColumn }) => subjectColumn !== undefined)) {
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
