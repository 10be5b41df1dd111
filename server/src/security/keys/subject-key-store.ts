/** Keys of subjects live apart from the data (docs/decisions/0007-key-hierarchy.md). All are wrapped; the store knows none in clear. */
export interface SubjectKeyStore {
  /** Made with the store; the database remembers which store is its own. */
  readonly id: string;
  find(subject: StoredSubject, epoch: number): Promise<Buffer | undefined>;
  /** The first key of a subject in an epoch stays; for a subject whose keys were destroyed none is kept. */
  insert(subject: StoredSubject, epoch: number, wrapped: Uint8Array): Promise<void>;
  /** All keys of the subject, overwritten, and a mark that there must never be one again. Again is no fault. */
  destroy(subject: StoredSubject, now: Date): Promise<void>;
  isDestroyed(subject: StoredSubject): Promise<boolean>;
  /** Everybody whose keys were destroyed; it survives what is restored of the database. */
  listDestroyed(): Promise<readonly DestroyedSubject[]>;
  /** How many keys each epoch has. */
  countByEpoch(): Promise<ReadonlyMap<number, number>>;
  /** The keys of a retired epoch. */
  deleteEpoch(epoch: number): Promise<void>;
  /** A whole and consistent copy in a new file, which must not be there yet. It holds no trace of what was destroyed. */
  backup(file: string): Promise<void>;
  close(): void;
}

export interface DestroyedSubject extends StoredSubject {
  readonly destroyedAt: Date;
}

export interface StoredSubject {
  readonly organisation: number;
  readonly subject: string;
}
