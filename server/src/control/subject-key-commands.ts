import { z } from 'zod';
import type { EraseSubject } from '../features/subjects/subject-erasing.ts';
import { Problem } from '../lib/problem.ts';
import type { AuditActor } from '../security/audit/audit-event.ts';
import type { Erasures } from '../security/erasures/erasures.ts';
import type { KeyEpochs } from '../security/keys/key-epochs.ts';
import type { KeyStoreCopies } from '../security/keys/key-store-copies.ts';
import type { KeyStores } from '../security/keys/open-key-store.ts';
import { KeyStoreError } from '../security/keys/subject-key.repository.ts';

const none = z.strictObject({});

export const subjectKeyCommandShapes = {
  'keys.subjects.backup': {
    input: none,
    output: z.strictObject({
      name: z.string(),
      place: z.string(),
      keys: z.int(),
      thrownAwayAt: z.iso.datetime(),
      deleted: z.array(z.string()),
    }),
  },
  'keys.subjects.destroy': {
    input: z.strictObject({ subject: z.uuid('give the id of the person: a UUID, as their page shows it') }),
    output: z.strictObject({ subject: z.uuid(), again: z.boolean() }),
  },
  'keys.subjects.lost': {
    input: none,
    output: z.strictObject({ store: z.uuid(), file: z.string() }),
  },
  'keys.subjects.accept-loss': {
    input: z.strictObject({ store: z.uuid() }),
    output: z.strictObject({ lost: z.uuid(), store: z.uuid(), destroyed: z.int() }),
  },
} as const;

export interface SubjectKeyCare {
  readonly keyStores: Pick<KeyStores, 'lost' | 'acceptLoss'>;
  readonly copies: Pick<KeyStoreCopies, 'make'>;
  readonly epochs: Pick<KeyEpochs, 'advance'>;
  readonly erasures: Pick<Erasures, 'replay'>;
  readonly eraseSubject: EraseSubject;
}

/** What is done about the keys of persons at the machine; see docs/key-store.md. */
export function subjectKeyCommands(care: SubjectKeyCare, actorOf: (uid: number) => AuditActor) {
  const { keyStores, copies, epochs, erasures, eraseSubject } = care;
  return {
    async 'keys.subjects.backup'(uid: number) {
      const { thrownAwayAt, deleted, ...made } = await copies.make(actorOf(uid));
      return { ...made, thrownAwayAt: thrownAwayAt.toISOString(), deleted: [...deleted] };
    },

    'keys.subjects.destroy': async (uid: number, { subject }: { subject: string }) => ({
      ...(await eraseSubject(actorOf(uid), subject)),
    }),

    'keys.subjects.lost': async () => ({ ...(await told(keyStores.lost())) }),

    async 'keys.subjects.accept-loss'(uid: number, { store }: { store: string }) {
      const accepted = await told(keyStores.acceptLoss(actorOf(uid), store));
      // Keys that are made from now on are of another epoch than those that were lost: what these sealed is told as without a key, for good. Under a new
      // key of their own epoch it would look altered.
      await epochs.advance(actorOf(uid));
      // The new one knows of nobody yet whose key must never be made again.
      return { lost: store, store: accepted, destroyed: await erasures.replay() };
    },
  };
}

async function told<T>(work: Promise<T>): Promise<T> {
  return work.catch((error: unknown) => {
    throw error instanceof KeyStoreError ? new Problem('conflict', { detail: error.message }) : error;
  });
}
