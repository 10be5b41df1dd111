import { setTimeout as delay } from 'node:timers/promises';
import { type NoteVerifier, verifierText } from '../../lib/transparency/signed-note.ts';
import type { Finding } from '../../lib/transparency/verify-log.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { SecurityEvents } from '../events/security-event.ts';
import type { Sealing } from '../keys/data-keys.ts';
import { loadAuditKey } from './audit-key.ts';
import { type CheckpointFile, openCheckpointFile } from './checkpoint-file.ts';
import { pruneAuditLog } from './pruning.ts';
import { checkNewest } from './self-check.ts';
import { createSequencer, type SignedCheckpoint } from './sequencer.ts';
import type { Transactions } from './transactions.types.ts';

/** Within a second of the commit an event has its place: this often it is looked for. */
const SEQUENCE_SECONDS = 0.5;
/** A stop waits no longer for a run that hangs: what was not signed is signed at the next start. */
const SIGN_WITHIN_MS = 8_000;
const SELF_CHECK_SECONDS = 600;
const PRUNE_SECONDS = 86_400;

export interface AuditProofs {
  readonly verifier: NoteVerifier;
  readonly jobs: readonly Job[];
  /** Gives what waits its place and signs, now. Also what the last moments before a stop are for. */
  signNow(): Promise<void>;
}

/** The audit log as something a stranger can verify: its key, the sequencer, and what is looked after. */
export async function openAuditProofs(deps: {
  transactions: Pick<Transactions, 'unaudited' | 'readAcross' | 'system'>;
  dataKeys: Sealing;
  events: SecurityEvents;
  host: string;
  retentionDays: number;
  checkpointFile: string | undefined;
  log: Logger;
}): Promise<AuditProofs> {
  const { transactions, dataKeys, events, host, retentionDays, log } = deps;
  const key = await loadAuditKey({ transactions, dataKeys, host });
  const sequencer = createSequencer({
    transactions,
    key,
    // Nothing is appended to a history that is not the one that was signed; its events wait until somebody has looked at it.
    onDamaged: ({ origin, before }) =>
      tampered(origin, { kind: 'rewritten', position: null, ...(before === undefined ? {} : { before }) }),
    onFailed: (origin, error) => log.error({ err: error, origin }, 'events of this log have no place yet'),
  });
  const file: CheckpointFile | undefined =
    deps.checkpointFile === undefined ? undefined : openCheckpointFile(deps.checkpointFile, key.verifier, log);

  function tampered(origin: string, finding: Finding): void {
    log.error({ origin, ...finding }, 'the audit log is not what was signed');
    events.report({
      action: 'audit.tampered',
      outcome: 'failure',
      transport: 'system',
      reason: finding.kind,
      details: { origin, ...finding },
    });
  }

  function report(signed: readonly SignedCheckpoint[]): void {
    for (const { organisationId, origin, size, note } of signed) {
      events.report({
        action: 'audit.checkpoint',
        outcome: 'success',
        transport: 'system',
        organisationId,
        details: { origin, size, note },
      });
    }
    file?.append(signed);
  }

  async function run(options?: { signNow: boolean }): Promise<void> {
    if (await file?.contradicts(transactions, tampered)) return;
    report(await sequencer.run(options));
  }

  log.info({ key: verifierText(key.verifier) }, 'the audit log is signed with this key');
  return {
    verifier: key.verifier,
    signNow: () =>
      Promise.race([
        run({ signNow: true }),
        delay(SIGN_WITHIN_MS, undefined, { ref: false }).then(() => {
          throw new Error(`nothing was signed within ${SIGN_WITHIN_MS / 1000} s`);
        }),
      ]),
    jobs: [
      { name: 'audit.sequence', everySeconds: SEQUENCE_SECONDS, timeoutSeconds: 300, run: () => run() },
      {
        name: 'audit.self_check',
        everySeconds: SELF_CHECK_SECONDS,
        run: () => checkNewest(transactions, key.verifier, tampered),
      },
      {
        name: 'audit.prune',
        everySeconds: PRUNE_SECONDS,
        run: (signal) => pruneAuditLog({ transactions, retentionDays, signal }),
      },
    ],
  };
}
