import type { Severity } from '@valtronics/contract';
import type { WriteTx } from '../../security/audit/tokens.ts';

/** What another feature has to say to the people who are told of alerts. */
export interface Notice {
  /** The same key is told to each channel once. */
  readonly key: string;
  readonly organisationId: number;
  /** Of a webhook's body: public, add and never rename. */
  readonly type: string;
  readonly severity: Severity;
  /** The subject of a mail. */
  readonly subject: string;
  readonly title: string;
  readonly lines: readonly (readonly [name: string, value: string])[];
  readonly path: string;
  readonly linkText: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface NoticeBoard {
  /** In the caller's transaction: it is told if that commits. Returns the names of the channels it goes to. */
  put(tx: WriteTx, notice: Notice, at: Date): Promise<readonly string[]>;
  /** After the commit: what waits leaves now. */
  sendSoon(): void;
}
