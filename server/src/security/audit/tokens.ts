import type { Kysely } from 'kysely';
import type { AuditSubject } from './audit-event.ts';

/**
 * Tokens are how the compiler knows that a write is accounted for: repository functions that change data take a `WriteTx`, and the
 * only makers of one are `transactions.ts` (for the gate, jobs and the command line). A repository cannot open its own transaction,
 * so a change cannot happen beside the audit log.
 */
declare const token: unique symbol;

export interface Reader {
  readonly [token]: 'read' | 'audited' | 'system' | 'unaudited';
  readonly db: Kysely<unknown>;
}

/** Handed out by the gate's `write`; the declared event is appended in the same transaction, which fails if nothing was described. */
export interface AuditedTx extends Reader {
  readonly [token]: 'audited';
  /** Says what the event is about; required once per transaction. */
  describe(subject: AuditSubject): void;
}

/** For jobs and the command line: the actor is the machine, the event is named where the transaction is opened. */
export interface SystemTx extends Reader {
  readonly [token]: 'system';
  describe(subject: AuditSubject): void;
}

/** For what is no change of the product's state; the reasons are a pinned list. */
export interface UnauditedTx extends Reader {
  readonly [token]: 'unaudited';
}

export type WriteTx = AuditedTx | SystemTx | UnauditedTx;

/** Why a write needs no event. The list is pinned by a test and only shrinks. */
export const unauditedReasons = {
  session_touch: 'when a session was last used is bookkeeping of every request',
  last_places: 'from where a session or a credential was used last is bookkeeping of every request',
  session_cache: 'which Redis sessions are served from is bookkeeping among servers',
  proof_taken: 'that a proof of possession was shown is remembered for two minutes, so that it cannot be shown again',
  api_key_touch: 'when and from where a key was last used is bookkeeping of every request',
  password_rehash: 'the same password under stronger parameters: for its owner and everybody else nothing changed',
  account_mail: 'mail to people about their account follows from recorded events',
  challenge: 'a proof under way is no sign-in yet; its end is recorded',
  departure: 'a person left for a provider or came back; what became of it is recorded',
  new_series: 'a series appears with its first point, which the journal records',
  point_ids: 'the time given to a point goes with the id its device gave it, until the point is stored',
  telemetry_effects: 'rollups and latest values follow from the journal',
  rule_effects: 'alerts raised and cleared by rules are their own history',
  device_presence: 'coming and going is kept as device events',
  command_progress: 'the command history keeps each step',
  outbox: 'deliveries are kept in the history of the alert',
  device_alert: 'an alert a device raises is its own history',
  security_events: 'what happened to security is a record itself, and most of it comes from strangers',
  detection: 'what is concluded follows from security events, and what is done about it has events of its own',
  guess_counters: 'what keeps guessers out counts attempts; refused sign-ins and blocks have events of their own',
  siem_progress: 'how far a SIEM has been told is bookkeeping of deliveries',
  audit_sequence: 'what the log itself does with its events: their places, tiles and checkpoints',
  backup_runs: 'how far a backup or a drill is, is bookkeeping; what comes of it has events of its own',
  data_key: 'a data key comes with the first value sealed by it; epochs have events of their own',
  seal_marked: 'the same values, sealed; that they shall be is recorded, and that they are',
  reseal: 'the same values, sealed, or sealed under the next key epoch, whose beginning is recorded',
  housekeeping: 'expired rows are removed by declared retention',
} as const satisfies Record<string, string>;
export type UnauditedReason = keyof typeof unauditedReasons;
