import { Problem } from '../../lib/problem.ts';
import type { Leadership } from '../../platform/db/leadership.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { KeyEpoch, KeyEpochs } from './key-epochs.ts';
import type { KeyStores } from './open-key-store.ts';
import type { Resealing, ResealingProgress } from './resealing.ts';
import { KeyStoreError } from './subject-key.repository.ts';

export interface RotationProgress extends ResealingProgress {
  readonly state: 'idle' | 'running' | 'done' | 'failed';
  /** Values that open under no key there is. They stay as they are, and keep their epoch from being retired. */
  readonly unreadable: number;
}

export interface DataKeyRotation {
  /** The epochs, and how many values each has sealed. */
  status(): Promise<(KeyEpoch & { readonly values: number })[]>;
  /**
   * Makes the next epoch and begins to seal again what is under others; this goes on by itself and can be followed with `progress`. `resume`: makes
   * none, and only goes on with what somebody else did not finish, or is under way here. One at a time, of all processes on the database: throws a
   * Problem `conflict`, and has made no epoch then.
   */
  begin(actor: AuditActor, options: { readonly resume: boolean }): Promise<void>;
  progress(): RotationProgress;
  /** What is sealed under the epoch opens no more, for good: it has no keys any more, here or in the key store. Throws a Problem `conflict`. */
  retire(actor: AuditActor, epoch: number): Promise<void>;
  /** After the batch under way. */
  stop(): Promise<void>;
}

export function createDataKeyRotation(deps: {
  readonly epochs: Pick<KeyEpochs, 'list' | 'advance' | 'retire'>;
  readonly resealing: Resealing;
  readonly keyStores: Pick<KeyStores, 'existing'>;
  /** Of the lock for rotations. It ends with its session, so nobody who was killed keeps it. */
  readonly leadership: Leadership;
  readonly log: Pick<Logger, 'error'>;
}): DataKeyRotation {
  const { epochs, resealing, keyStores, leadership, log } = deps;
  const stopping = new AbortController();
  let progress: RotationProgress = { state: 'idle', done: 0, total: 0, unreadable: 0 };
  let beginning: Promise<void> | undefined;
  let underWay: Promise<void> | undefined;

  /** How it ended. */
  async function sealAgain(): Promise<RotationProgress> {
    progress = { state: 'running', done: 0, total: 0, unreadable: 0 };
    const { signal } = stopping;
    try {
      const { unreadable } = await resealing.run({
        signal,
        onProgress: (made) => {
          progress = { ...progress, ...made };
        },
      });
      return { state: 'done', done: progress.total, total: progress.total, unreadable };
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, 'values could not be sealed again under the new key epoch');
      return { ...progress, state: 'failed' };
    }
  }

  async function start(actor: AuditActor, resume: boolean): Promise<void> {
    if (!(await leadership.hold()))
      throw new Problem('conflict', {
        detail: 'Another process on this database is sealing its values again: wait for it.',
      });
    try {
      if (!resume) await epochs.advance(actor);
    } catch (error) {
      await leadership.release();
      throw error;
    }
    underWay = sealAgain().then(async (end) => {
      // Over it is when the next one may begin.
      await leadership.release();
      progress = end;
      underWay = undefined;
    });
  }

  /** Keys of epochs that are retired. Whoever was killed between the two has left them. */
  async function clearKeyStore(): Promise<void> {
    const store = await keyStores.existing();
    if (store === undefined) return;
    for (const { epoch, status } of await epochs.list()) if (status === 'retired') await store.deleteEpoch(epoch);
  }

  return {
    async status() {
      const values = await resealing.countByEpoch();
      return (await epochs.list()).map((epoch) => ({ ...epoch, values: values.get(epoch.epoch) ?? 0 }));
    },

    async begin(actor, { resume }) {
      if ((beginning ?? underWay) !== undefined) {
        if (resume) return beginning;
        throw new Problem('conflict', {
          detail: 'Values are still being sealed again: wait for it, or follow it with --resume.',
        });
      }
      beginning = start(actor, resume).finally(() => {
        beginning = undefined;
      });
      return beginning;
    },

    progress: () => progress,

    async retire(actor, epoch) {
      // First: with the key store missing nothing is retired, or its keys of the epoch would stay for whoever finds it.
      await clearKeyStore().catch((error: unknown) => {
        throw error instanceof KeyStoreError ? new Problem('conflict', { detail: error.message }) : error;
      });
      await epochs.retire(actor, epoch, async () => ((await resealing.countByEpoch()).get(epoch) ?? 0) > 0);
      await clearKeyStore();
    },

    async stop() {
      stopping.abort();
      await beginning?.catch(() => undefined);
      await underWay;
    },
  };
}
