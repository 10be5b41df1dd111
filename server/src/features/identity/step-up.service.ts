import type { ChallengeAnswer } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { UserPrincipal } from '../../security/access/principal.ts';
import type { AuditedTx, WriteTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import { newOpaqueToken, tokenHash, tokenPrefixes } from '../../security/crypto/tokens.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import { spendChallenge } from './challenge.repository.ts';
import type { Challenges } from './challenges.ts';
import { strongerOf } from './factor.ts';
import type { FactorProofs, Proof } from './factor-proofs.ts';
import { guessedAccount } from './guessed-account.ts';
import type { Passwords } from './passwords.ts';
import { proveSession } from './session.repository.ts';
import { findPasswordHash } from './user.repository.ts';
import type { Visitor } from './visitor.ts';

type Answer =
  | ChallengeAnswer
  | { readonly challengeId: string; readonly method: 'password'; readonly password: string };

export type StepUpService = ReturnType<typeof createStepUpService>;

/** Proving again who one is, in a session that is open: with a factor where there is one, else with the password. */
export function createStepUpService(deps: {
  transactions: Transactions;
  passwords: Passwords;
  challenges: Challenges;
  proofs: FactorProofs;
  guessing: Pick<Guessing, 'check'>;
  clock: Clock;
}) {
  const { transactions, passwords, challenges, proofs, guessing, clock } = deps;

  async function byPassword(by: UserPrincipal, password: string): Promise<Proof | undefined> {
    const { methods } = await proofs.askFor(by);
    // The password was proven at sign-in; beside a second factor it would be no further proof.
    if (methods.length > 0) return undefined;
    const hash = await transactions.read(by.organisationId, (reader) => findPasswordHash(reader, by.userId));
    if (!(await passwords.verify(hash, password))) return undefined;
    // Still the one that was proven, when the proof takes effect.
    return { factor: 'password', claim: async (tx) => (await findPasswordHash(tx, by.userId)) === hash };
  }

  return {
    async begin(by: UserPrincipal) {
      const { methods, passkey } = await proofs.askFor(by);
      const hash = await transactions.read(by.organisationId, (reader) => findPasswordHash(reader, by.userId));
      const { token, expiresAt } = await challenges.open({
        organisationId: by.organisationId,
        userId: by.userId,
        sessionId: by.sessionId,
        purpose: 'step_up',
        passkeyChallenge: passkey?.challenge ?? null,
      });
      return {
        challengeId: token,
        // None: the account was made by a provider, which alone can ask again.
        methods: methods.length > 0 || hash === null ? methods : (['password'] as const),
        passkey,
        expiresAt: expiresAt.toISOString(),
      };
    },

    /** The proof, if it is right: used up by `prove`. Slow for a password; never inside a transaction. */
    async check(by: UserPrincipal, answer: Answer, { address, deviceCookie, requestId }: Visitor): Promise<Proof> {
      const challenge = await challenges.find(answer.challengeId, 'step_up');
      if (challenge.user_id !== by.userId || challenge.session_id !== by.sessionId) throw new Problem('gone');
      const factor = answer.method === 'password' ? 'password_again' : answer.method;
      // Without the address: a block of it is for strangers, and this session was let in before.
      const proof = await guessing.check({ account: guessedAccount(by), factor, deviceCookie }, async () => {
        if (answer.method === 'password') return (await byPassword(by, answer.password)) ?? null;
        return (await proofs.check(by, answer, challenge.passkey_challenge)) ?? null;
      });
      if (proof === null) {
        const actor = { kind: 'user', id: by.userId, label: by.email } as const;
        await transactions.refused(
          { organisationId: by.organisationId, actor, address, requestId },
          'session.refused',
          {
            resource: { kind: 'session', id: by.sessionId },
            details: { factor: answer.method },
          },
        );
        throw new Problem('invalid_factor');
      }
      const claim = async (tx: WriteTx) =>
        (await spendChallenge(tx, challenge.tokenHash, clock.date())) && (await proof.claim(tx));
      return { factor: proof.factor, claim };
    },

    /** A browser gets a new session token, so that one copied before the proof is worth nothing after it (ASVS 7.2.4). */
    async prove(tx: AuditedTx, by: UserPrincipal, proof: Proof): Promise<{ token: string | null; verifiedAt: string }> {
      if (!(await proof.claim(tx))) throw new Problem('invalid_factor');
      const token = by.via === 'cookie' ? newOpaqueToken(tokenPrefixes.session) : null;
      const now = clock.date();
      const factor = strongerOf(by.factor, proof.factor);
      const newHash = token === null ? null : tokenHash(token);
      if (!(await proveSession(tx, { sessionId: by.sessionId, factor, tokenHash: newHash, now })))
        throw new Problem('not_authenticated');
      tx.describe({ resource: { kind: 'session', id: by.sessionId }, details: { factor: proof.factor } });
      return { token, verifiedAt: now.toISOString() };
    },
  };
}
