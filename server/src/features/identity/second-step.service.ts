import type { ChallengeAnswer, PasskeyRequest, SecondStep } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { Problem } from '../../lib/problem.ts';
import type { WriteTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { KeyRing } from '../../security/crypto/key-ring.ts';
import type { Passkeys } from '../../security/crypto/passkeys.ts';
import { tokenHash } from '../../security/crypto/tokens.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import type { AccountMailbox } from './account-mailbox.ts';
import { type SessionKind, spendChallenge, spendPasswordless } from './challenge.repository.ts';
import { CHALLENGE_MS, type Challenges } from './challenges.ts';
import { countRecoveryCodes, findPasskeyOwner } from './factor.repository.ts';
import type { FactorProofs, Proof } from './factor-proofs.ts';
import { guessedAccount } from './guessed-account.ts';
import type { Account } from './user.ts';
import type { UserRecords } from './user-records.ts';
import type { Visitor } from './visitor.ts';

/** An account and what was proven for it; what opens a session claims the proof in the same transaction. */
export interface Proven {
  readonly account: Account;
  readonly proof: Proof;
}

const PASSWORDLESS_PREFIX = 'vtw_';
/** Of a question that lies nowhere with us: it hangs on the root key, so that asking costs a stranger no key of the database. */
const passwordlessPlace = { organisation: null, table: 'challenges', column: 'passwordless', row: 'any' };
const passwordless = z.strictObject({ challenge: z.string(), expiresAt: z.number() });

export type SecondStepService = ReturnType<typeof createSecondStepService>;

/** The second step of a sign-in, and the sign-in by passkey that has only one. */
export function createSecondStepService(deps: {
  transactions: Transactions;
  records: Pick<UserRecords, 'findAccount'>;
  keyRing: KeyRing;
  passkeys: Passkeys;
  challenges: Challenges;
  proofs: FactorProofs;
  mailbox: AccountMailbox;
  guessing: Pick<Guessing, 'check'>;
  clock: Clock;
}) {
  const { transactions, records, keyRing, passkeys, challenges, proofs, mailbox, guessing, clock } = deps;
  const whoseOf = ({ organisation_id, user_id, role }: Account) => ({
    organisationId: organisation_id,
    userId: user_id,
    role,
  });
  const accountOf = (organisationId: number, userId: string) =>
    transactions.read(organisationId, (reader) => records.findAccount(reader, userId));

  /** Undefined where the password is all the account has. */
  async function begin(account: Account, sessionKind: SessionKind): Promise<SecondStep | undefined> {
    const { methods, passkey } = await proofs.askFor(whoseOf(account));
    if (methods.length === 0) return undefined;
    const { token, expiresAt } = await challenges.open({
      organisationId: account.organisation_id,
      userId: account.user_id,
      purpose: 'sign_in',
      sessionKind,
      provenPassword: account.password_hash === null ? null : tokenHash(account.password_hash),
      passkeyChallenge: passkey?.challenge ?? null,
    });
    return { challengeId: token, methods, passkey, expiresAt: expiresAt.toISOString() };
  }

  /** What was asked is authenticated by us and kept by the caller, so a stranger's question costs no row. */
  async function beginAlone(): Promise<{ challengeId: string; passkey: PasskeyRequest; expiresAt: string }> {
    const passkey = await passkeys.requestFor([]);
    const expiresAt = clock.now() + CHALLENGE_MS;
    const sealed = keyRing.seal(JSON.stringify({ challenge: passkey.challenge, expiresAt }), passwordlessPlace);
    const challengeId = PASSWORDLESS_PREFIX + sealed.toString('base64url');
    return { challengeId, passkey, expiresAt: new Date(expiresAt).toISOString() };
  }

  async function refuse(account: Account, visitor: Visitor, method: string): Promise<never> {
    const actor = { kind: 'anonymous', id: account.user_id, label: null } as const;
    const { address, requestId } = visitor;
    await transactions.refused(
      { organisationId: account.organisation_id, actor, address, requestId },
      'session.refused',
      { resource: { kind: 'user', id: account.user_id }, details: { factor: method } },
    );
    throw new Problem('invalid_factor');
  }

  /** The right password and then a wrong factor: somebody may know the password, so its owner is told (ASVS 6.3.5). */
  async function warn(account: Account, visitor: Visitor): Promise<void> {
    const to = { organisationId: account.organisation_id, email: account.email };
    await transactions.unaudited(account.organisation_id, 'account_mail', (tx) =>
      mailbox.put(tx, to, { kind: 'second_factor_failed', from: visitor.address }),
    );
  }

  async function finish(answer: ChallengeAnswer, sessionKind: SessionKind, visitor: Visitor): Promise<Proven> {
    if (answer.challengeId.startsWith(PASSWORDLESS_PREFIX)) return finishAlone(answer, visitor);
    const challenge = await challenges.find(answer.challengeId, 'sign_in');
    const account = await accountOf(challenge.organisationId, challenge.user_id);
    const { password_hash: hash } = account ?? { password_hash: null };
    const samePassword =
      hash === null ? challenge.proven_password === null : challenge.proven_password?.equals(tokenHash(hash));
    // Disabled or given another password since the first step: what was proven then is worth nothing now.
    if (account?.status !== 'active' || challenge.session_kind !== sessionKind || !samePassword)
      throw new Problem('gone');
    const { address, deviceCookie } = visitor;
    const proof = await guessing.check(
      {
        address,
        account: guessedAccount({ email: account.email, userId: account.user_id }),
        factor: answer.method,
        deviceCookie,
      },
      async () => (await proofs.check(whoseOf(account), answer, challenge.passkey_challenge)) ?? null,
    );
    if (proof === null) {
      await warn(account, visitor);
      return refuse(account, visitor, answer.method);
    }
    const claim = async (tx: WriteTx) => {
      if (!(await spendChallenge(tx, challenge.tokenHash, clock.date())) || !(await proof.claim(tx))) return false;
      if (proof.factor === 'recovery_code') await tellOfRecoveryCode(tx, account, visitor);
      return true;
    };
    return { account, proof: { factor: proof.factor, claim } };
  }

  async function tellOfRecoveryCode(tx: WriteTx, account: Account, visitor: Visitor): Promise<void> {
    const left = await countRecoveryCodes(tx, account.user_id);
    const to = { organisationId: account.organisation_id, email: account.email };
    await mailbox.put(tx, to, { kind: 'recovery_code_used', left, from: visitor.address });
  }

  async function finishAlone(answer: ChallengeAnswer, visitor: Visitor): Promise<Proven> {
    const asked = openPasswordless(answer.challengeId);
    if (answer.method !== 'passkey' || asked === undefined || asked.expiresAt <= clock.now()) throw new Problem('gone');
    const { assertion } = answer;
    const owner = await transactions.read(null, (reader) =>
      findPasskeyOwner(reader, Buffer.from(assertion.id, 'base64url')),
    );
    const account = owner && (await accountOf(owner.organisation_id, owner.user_id));
    // An unknown passkey, a disabled account and a wrong signature are told apart in the log only.
    if (account?.status !== 'active') throw new Problem('invalid_factor');
    const { address, deviceCookie } = visitor;
    const proof = await guessing.check(
      {
        address,
        account: guessedAccount({ email: account.email, userId: account.user_id }),
        factor: 'passkey',
        deviceCookie,
      },
      async () => (await proofs.checkAlone(whoseOf(account), assertion, asked.challenge)) ?? null,
    );
    if (proof === null) return refuse(account, visitor, 'passkey');
    const spent = {
      tokenHash: tokenHash(answer.challengeId),
      organisationId: account.organisation_id,
      userId: account.user_id,
      expiresAt: new Date(asked.expiresAt),
      now: clock.date(),
    };
    const claim = async (tx: WriteTx) => (await spendPasswordless(tx, spent)) && (await proof.claim(tx));
    return { account, proof: { factor: proof.factor, claim } };
  }

  function openPasswordless(token: string): z.infer<typeof passwordless> | undefined {
    const sealed = Buffer.from(token.slice(PASSWORDLESS_PREFIX.length), 'base64url');
    // One spelling for one token: it is kept by the hash of its text.
    if (PASSWORDLESS_PREFIX + sealed.toString('base64url') !== token) return undefined;
    try {
      return passwordless.parse(JSON.parse(keyRing.open(sealed, passwordlessPlace).toString('utf8')));
    } catch {
      return undefined;
    }
  }

  return { begin, beginAlone, finish };
}
