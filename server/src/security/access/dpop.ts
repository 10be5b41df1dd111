import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Transactions } from '../audit/transactions.types.ts';
import { DpopProofError, type ProofTarget, verifyDpopProof } from '../crypto/dpop-proof.ts';
import { insertProof, removeExpiredProofs } from './dpop.repository.ts';

export interface DpopProofs {
  /**
   * Takes the proof a request came with: the thumbprint of the key it proves, or a DpopProofError. Only of the key `of`, if given. The same
   * proof is taken once, by whichever server it is shown to.
   */
  take(text: string, target: ProofTarget, of?: string): Promise<string>;
  readonly job: Job;
}

const ROWS_PER_TRANSACTION = 5_000;
/** Another server's clock may be behind and still take what is too old here. */
const KEPT_LONGER_MS = 60_000;

/**
 * Proofs taken are rows of a table that all servers share, so that one that was overheard cannot be shown to the next server. What is in it
 * is bounded by time (a proof is good for two minutes) and by what can get there: after the limits of the address, and for an access
 * token only with a good one, so nobody fills it faster than the rates allow.
 */
export function createDpopProofs({ transactions, clock }: { transactions: Transactions; clock: Clock }): DpopProofs {
  return {
    async take(text, target, of) {
      const proof = await verifyDpopProof(text, target, clock.now());
      if (of !== undefined && proof.thumbprint !== of) throw new DpopProofError('another-key');
      const keepUntil = new Date(proof.validUntil + KEPT_LONGER_MS);
      const isFirst = await transactions.unowned('proof_taken', (tx) => insertProof(tx, proof.hash, keepUntil));
      if (!isFirst) throw new DpopProofError('used');
      return proof.thumbprint;
    },
    job: {
      name: 'dpop_proofs',
      everySeconds: 60,
      async run(signal) {
        const run = () =>
          transactions.unaudited(null, 'housekeeping', (tx) =>
            removeExpiredProofs(tx, clock.date(), ROWS_PER_TRANSACTION),
          );
        while ((await run()) >= ROWS_PER_TRANSACTION && !signal.aborted);
      },
    },
  };
}
