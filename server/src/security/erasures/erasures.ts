import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Clock } from '../../lib/clock.ts';
import { signerOf, signNote } from '../../lib/transparency/signed-note.ts';
import type { AuditKey } from '../audit/audit-key.ts';
import type { WriteTx } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import type { KeyStores } from '../keys/open-key-store.ts';
import { insertErasure, listErasures, removeErased } from './erasure.repository.ts';

// Erasing a person measured: their row goes, a line in the ledger says so, and after that their key is destroyed, with which whatever was sealed for them
// opens no more, in no backup of the database either. The ledger and the key store's list of the destroyed each bring the other up to date at every start:
// whoever was killed between the two, whoever restored an older backup of the database and whoever restored an older copy of the key store ends up with
// both. A copy of the key store from before brings the key back as long as it is kept, so the certificate says from when it is not.

/** Copies of the key store are kept no longer (docs/key-store.md). */
export const KEY_STORE_COPY_DAYS = 7;
const HEADING = 'valtronics-erasure/1';
const DAY_MS = 86_400_000;
const AT_ONCE = 500;
const system = { kind: 'system', id: 'erasures', label: null } as const;

export interface Erasures {
  /** In the transaction that removes their rows. */
  record(tx: WriteTx, subject: { organisationId: number; subjectId: string; by: string }): Promise<void>;
  /** After its commit: from here on nothing that was sealed for them opens. */
  finish(organisationId: number, subjectId: string): Promise<void>;
  /** At the start: what the ledger and the key store know of erasures, each from the other. Returns how many were done again. */
  replay(): Promise<number>;
}

export function createErasures(deps: {
  readonly transactions: Pick<Transactions, 'readAcross' | 'system'>;
  readonly dataKeys: Pick<DataKeys, 'destroySubject'>;
  readonly keyStores: Pick<KeyStores, 'existing'>;
  readonly auditKey: () => Promise<AuditKey>;
  readonly clock: Clock;
}): Erasures {
  const { transactions, dataKeys, keyStores, auditKey, clock } = deps;

  async function insert(
    tx: WriteTx,
    erased: { organisationId: number; subjectId: string; by: string | null; erasedAt: Date },
  ) {
    const { verifier, seed } = await auditKey();
    const unreadableFrom = new Date(erased.erasedAt.getTime() + KEY_STORE_COPY_DAYS * DAY_MS);
    const content = {
      subject: erased.subjectId,
      erasedAt: erased.erasedAt.toISOString(),
      unreadableFrom: unreadableFrom.toISOString(),
    };
    const certificate = signNote(`${HEADING}\n${canonicalJson(content)}\n`, signerOf(verifier.name, seed));
    await insertErasure(tx, { ...erased, unreadableFrom, certificate });
  }

  async function ledger(): Promise<Map<string, number>> {
    const known = new Map<string, number>();
    for (let after: string | undefined; ; ) {
      const from = after;
      const rows = await transactions.readAcross((reader) => listErasures(reader, from, AT_ONCE));
      for (const { subjectId, organisationId } of rows) known.set(subjectId, organisationId);
      after = rows.at(-1)?.subjectId;
      if (after === undefined) return known;
    }
  }

  return {
    record: (tx, subject) => insert(tx, { ...subject, erasedAt: clock.date() }),

    finish: (organisationId, subjectId) => dataKeys.destroySubject(organisationId, subjectId),

    async replay() {
      const store = await keyStores.existing();
      const destroyed = new Map((await store?.listDestroyed())?.map((one) => [one.subject, one]));
      const known = await ledger();
      let done = 0;
      for (const [subject, organisation] of known) {
        if (destroyed.has(subject)) continue;
        await dataKeys.destroySubject(organisation, subject);
        done += 1;
      }
      for (const { organisation, subject, destroyedAt } of destroyed.values()) {
        if (known.has(subject)) continue;
        const who = { organisationId: null, actor: system, event: 'subject.deleted' } as const;
        await transactions.system(who, async (tx) => {
          const isBack = await removeErased(tx, organisation, subject);
          await insert(tx, { organisationId: organisation, subjectId: subject, by: null, erasedAt: destroyedAt });
          tx.describe({ resource: { kind: 'subject', id: subject }, details: { again: isBack } });
        });
        done += 1;
      }
      return done;
    },
  };
}
