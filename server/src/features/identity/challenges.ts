import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { isOpaqueToken, newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import {
  type ChallengeRecord,
  findChallenge,
  findChallengeOwner,
  insertChallenge,
  type NewChallenge,
} from './challenge.repository.ts';

/** Long enough to fetch a telephone, short enough that nobody finds one lying about (ASVS 6.5.5 allows ten minutes). */
export const CHALLENGE_MS = 5 * 60_000;

export interface OpenChallenge {
  readonly token: string;
  readonly expiresAt: Date;
}
export interface FoundChallenge extends ChallengeRecord {
  readonly tokenHash: Buffer;
  readonly organisationId: number;
}

export type Challenges = ReturnType<typeof createChallenges>;

/** Proofs under way: each is known by 256 random bits, belongs to one person and one purpose, and is good once. */
export function createChallenges({ transactions, clock }: { transactions: Transactions; clock: Clock }) {
  return {
    async open(
      what: Omit<NewChallenge, 'tokenHash' | 'expiresAt' | 'secretSealed'>,
      sealSecret?: (row: string) => Promise<Buffer>,
    ): Promise<OpenChallenge> {
      const token = newOpaqueToken(tokenPrefixes.challenge);
      const hash = tokenHash(token);
      const expiresAt = new Date(clock.now() + CHALLENGE_MS);
      const secret = sealSecret === undefined ? {} : { secretSealed: await sealSecret(hash.toString('hex')) };
      await transactions.unaudited(what.organisationId, 'challenge', (tx) =>
        insertChallenge(tx, { ...what, ...secret, tokenHash: hash, expiresAt }),
      );
      return { token, expiresAt };
    },

    /** The open challenge of this token and purpose; a used, expired or invented one is `gone`. */
    async find(token: string, purpose: ChallengeRecord['purpose']): Promise<FoundChallenge> {
      const gone = new Problem('gone', { detail: 'This took too long or was finished elsewhere. Begin again.' });
      if (!isOpaqueToken(token, tokenPrefixes.challenge)) throw gone;
      const hash = tokenHash(token);
      const owner = await transactions.read(null, (reader) => findChallengeOwner(reader, hash));
      if (!owner) throw gone;
      const found = await transactions.read(owner.organisation_id, (reader) =>
        findChallenge(reader, hash, clock.date()),
      );
      if (found?.purpose !== purpose) throw gone;
      return { ...found, tokenHash: hash, organisationId: owner.organisation_id };
    },
  };
}
