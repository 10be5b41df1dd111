import { canonicalJson } from '../../lib/canonical-json.ts';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import { signerOf, signNote } from '../../lib/transparency/signed-note.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { AuditKey } from '../audit/audit-key.ts';
import type { Reader, WriteTx } from '../audit/tokens.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import type { DataKeys } from '../keys/data-keys.ts';
import type { KeyStores } from '../keys/open-key-store.ts';
import {
  type Erasure,
  findErasure,
  findOrganisations,
  insertErasure,
  isErased,
  listErasures,
  listLatestErasures,
  removeErased,
} from './erasure.repository.ts';

// Erasing a person measured: their row goes, a line in the ledger says so, and after that their key is destroyed, with which whatever was sealed for them
// opens no more, in no backup of the database either. The ledger and the key store's list of the destroyed each bring the other up to date at every start
// and every ten minutes: whoever was killed between the two, whoever restored an older backup of the database and whoever restored an older copy of the
// key store ends up with both. A copy of the key store from before brings the key back as long as it is kept, so the certificate says from when it is not.

/** Copies of the key store are kept no longer (docs/key-store.md). */
export const KEY_STORE_COPY_DAYS = 7;
const HEADING = 'valtronics-erasure/1';
const DAY_MS = 86_400_000;
const AT_ONCE = 500;
const NOT_DESTROYED = 'somebody who was erased is not gone everywhere yet: it is tried again';
const system = { kind: 'system', id: 'erasures', label: null } as const;

export interface Erasures {
  /** In the transaction that removes their rows. `by`: null for somebody at the machine, whom the audit log has. */
  record(tx: WriteTx, subject: { organisationId: number; subjectId: string; by: string | null }): Promise<void>;
  /** What the ledger has of them. */
  find(reader: Reader, subjectId: string): Promise<Erasure | undefined>;
  /** Latest first, behind that one. */
  list(
    reader: Reader,
    before: { readonly erasedAt: Date; readonly subjectId: string } | undefined,
    limit: number,
  ): Promise<Erasure[]>;
  /** Whether the reader's organisation erased them, and nothing of them is in the database: what may be left to do is to `finish`. */
  isErased(reader: Reader, subjectId: string): Promise<boolean>;
  /**
   * After its commit: from here on nothing that was sealed for them opens. Again is no fault. Throws a Problem `unavailable` where the key could not be
   * destroyed now; `replay` does it later.
   */
  finish(organisationId: number, subjectId: string): Promise<void>;
  /** What the ledger and the key store know of erasures, each from the other. Returns how many were done again. Throws a KeyStoreError. */
  replay(): Promise<number>;
  /** Finds also what was not finished while the server runs: the key store was busy, the disk full. */
  readonly job: Job;
}

export function createErasures(deps: {
  readonly transactions: Pick<Transactions, 'readAcross' | 'system'>;
  readonly dataKeys: Pick<DataKeys, 'destroySubject'>;
  readonly keyStores: Pick<KeyStores, 'existing'>;
  readonly auditKey: () => Promise<AuditKey>;
  readonly clock: Clock;
  readonly log: Pick<Logger, 'error'>;
}): Erasures {
  const { transactions, dataKeys, keyStores, auditKey, clock, log } = deps;

  async function insert(
    tx: WriteTx,
    { verifier, seed }: AuditKey,
    erased: { organisationId: number; subjectId: string; by: string | null; erasedAt: Date },
  ) {
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

  const erasures: Erasures = {
    record: async (tx, subject) => insert(tx, await auditKey(), { ...subject, erasedAt: clock.date() }),

    find: findErasure,
    list: listLatestErasures,
    isErased,

    async finish(organisationId, subjectId) {
      try {
        await dataKeys.destroySubject(organisationId, subjectId);
      } catch (error) {
        log.error({ err: error, subjectId }, NOT_DESTROYED);
        throw new Problem('unavailable', {
          detail:
            'Their row is removed, but their key could not be destroyed yet. It will be as soon as the key store can be written; deleting them again tells whether it is.',
        });
      }
    },

    async replay() {
      const store = await keyStores.existing();
      const destroyed = new Map((await store?.listDestroyed())?.map((one) => [one.subject, one]));
      const known = await ledger();
      let done = 0;
      /** One that fails keeps no other from being done. */
      const attempt = async (subjectId: string, work: () => Promise<void>): Promise<void> => {
        try {
          await work();
          done += 1;
        } catch (error) {
          log.error({ err: error, subjectId }, NOT_DESTROYED);
        }
      };
      for (const [subject, organisation] of known) {
        if (destroyed.has(subject)) continue;
        await attempt(subject, () => dataKeys.destroySubject(organisation, subject));
      }
      const unknown = [...destroyed.values()].filter(({ subject }) => !known.has(subject));
      if (unknown.length === 0) return done;
      // Of an organisation that was made after the backup there is nobody here, and no place in the ledger.
      const ids = [...new Set(unknown.map(({ organisation }) => organisation))];
      const here = await transactions.readAcross((reader) => findOrganisations(reader, ids));
      const key = await auditKey();
      for (const { organisation, subject, destroyedAt } of unknown) {
        if (!here.has(organisation)) continue;
        const who = { organisationId: null, actor: system, event: 'subject.deleted' } as const;
        await attempt(subject, () =>
          transactions.system(who, async (tx) => {
            const isBack = await removeErased(tx, organisation, subject);
            await insert(tx, key, {
              organisationId: organisation,
              subjectId: subject,
              by: null,
              erasedAt: destroyedAt,
            });
            tx.describe({ resource: { kind: 'subject', id: subject }, details: { again: isBack } });
          }),
        );
      }
      return done;
    },

    job: {
      name: 'erasures',
      everySeconds: 600,
      async run() {
        await erasures.replay();
      },
    },
  };
  return erasures;
}
