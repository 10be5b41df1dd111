import type { PasskeyAttestation } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import type { FactorPolicy } from '../../security/access/pending.ts';
import type { ProvenFactor, UserPrincipal } from '../../security/access/principal.ts';
import { requiresFactor } from '../../security/access/role.repository.ts';
import type { AuditedTx, Reader, WriteTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { Passkeys } from '../../security/crypto/passkeys.ts';
import { newRecoveryCodes, recoveryCodeHash } from '../../security/crypto/recovery-codes.ts';
import { newTotpSecret, totpSecretText, totpStep, totpUri } from '../../security/crypto/totp.ts';
import type { Sealing } from '../../security/keys/data-keys.ts';
import type { AccountMailbox } from './account-mailbox.ts';
import { spendChallenge } from './challenge.repository.ts';
import type { Challenges, FoundChallenge } from './challenges.ts';
import {
  countRecoveryCodes,
  deleteFactor,
  deleteFactorsOf,
  insertFactor,
  listFactors,
  type NewFactor,
  replaceRecoveryCodes,
} from './factor.repository.ts';
import { MAX_FACTORS, presentFactor } from './factor.ts';
import { passkeyPlace, storedPasskeys, totpPlace } from './factor-proofs.ts';
import { proveSession, revokeSessionsOf } from './session.repository.ts';
import { lockUser } from './user.repository.ts';

export interface NewFactorAnswer {
  readonly label: string;
  readonly endOtherSessions?: boolean | undefined;
}
type WhatIsNew = Pick<NewFactor, 'id' | 'kind'> & Partial<NewFactor>;

const challengePlace = (organisation: number, row: string) => ({
  organisation,
  table: 'challenges',
  column: 'secret_sealed',
  row,
});

export type FactorService = ReturnType<typeof createFactorService>;

/** Setting up, removing and recovering a person's own second factors. */
export function createFactorService(deps: {
  transactions: Transactions;
  dataKeys: Sealing;
  passkeys: Passkeys;
  challenges: Challenges;
  factorPolicy: FactorPolicy;
  mailbox: AccountMailbox;
  clock: Clock;
}) {
  const { transactions, dataKeys, passkeys, challenges, factorPolicy, mailbox, clock } = deps;

  /** The first factor comes with recovery codes, or one lost telephone would lock its owner out. */
  async function freshRecoveryCodes(tx: WriteTx, by: UserPrincipal): Promise<string[]> {
    const codes = newRecoveryCodes();
    const hashes = codes.flatMap((code) => recoveryCodeHash(code) ?? []);
    await replaceRecoveryCodes(tx, by, hashes, clock.date());
    return codes;
  }

  async function ofThisSession(
    by: UserPrincipal,
    token: string,
    purpose: 'enrol_totp' | 'enrol_passkey',
  ): Promise<FoundChallenge> {
    const challenge = await challenges.find(token, purpose);
    if (challenge.user_id !== by.userId || challenge.session_id !== by.sessionId) throw new Problem('gone');
    return challenge;
  }

  /** Keeps the factor; the session counts as proven with it from here on. Returns the ids of sessions that ended. */
  async function add(
    tx: AuditedTx,
    by: UserPrincipal,
    challenge: FoundChallenge,
    { label, endOtherSessions = true }: NewFactorAnswer,
    factor: WhatIsNew,
  ) {
    const now = clock.date();
    await lockUser(tx, by.userId);
    if (!(await spendChallenge(tx, challenge.tokenHash, now))) throw new Problem('gone');
    const before = await listFactors(tx, by.userId);
    // Asked again under the lock: a factor may have come since the request was let in, and what was proven then no longer is enough.
    if (by.factor === 'password' && before.length > 0) throw new Problem('step_up_required');
    if (before.length >= MAX_FACTORS)
      throw new Problem('conflict', { detail: `An account has at most ${MAX_FACTORS} factors: remove one first.` });
    const { organisationId, userId } = by;
    if (!(await insertFactor(tx, { ...factor, label, organisationId, userId, now })))
      throw new Problem('conflict', { detail: 'This passkey is registered already.' });
    const proven: ProvenFactor = by.factor === 'passkey' ? by.factor : factor.kind;
    if (!(await proveSession(tx, { sessionId: by.sessionId, factor: proven, tokenHash: null, now })))
      throw new Problem('not_authenticated');
    const needsCodes = before.length === 0 || (await countRecoveryCodes(tx, userId)) === 0;
    const recoveryCodes = needsCodes ? await freshRecoveryCodes(tx, by) : null;
    const others = { userId, exceptId: by.sessionId };
    const ended = endOtherSessions ? await revokeSessionsOf(tx, others, 'second factor added', now) : [];
    await mailbox.put(tx, by, { kind: 'factor_added', factor: label });
    tx.describe({
      resource: { kind: 'factor', id: factor.id },
      details: { kind: factor.kind, endedSessions: ended.length },
    });
    const kept = (await listFactors(tx, userId)).find(({ id }) => id === factor.id);
    if (!kept) throw new Error('a factor vanished while it was added');
    return { answer: { factor: presentFactor(kept), recoveryCodes }, ended };
  }

  return {
    async list(reader: Reader, userId: string) {
      const items = (await listFactors(reader, userId)).map(presentFactor);
      return { items, recoveryCodesLeft: await countRecoveryCodes(reader, userId) };
    },

    async beginTotp(by: UserPrincipal) {
      const secret = newTotpSecret();
      const { token, expiresAt } = await challenges.open(
        { organisationId: by.organisationId, userId: by.userId, purpose: 'enrol_totp', sessionId: by.sessionId },
        (row) => dataKeys.seal(secret, challengePlace(by.organisationId, row)),
      );
      return {
        challengeId: token,
        secret: totpSecretText(secret),
        uri: totpUri(secret, by.email),
        expiresAt: expiresAt.toISOString(),
      };
    },

    /** The authenticator a code was shown of, to be kept with `add`. */
    async confirmTotp(by: UserPrincipal, token: string, code: string) {
      const challenge = await ofThisSession(by, token, 'enrol_totp');
      if (challenge.secret_sealed === null) throw new Problem('gone');
      const place = challengePlace(by.organisationId, challenge.tokenHash.toString('hex'));
      const secret = await dataKeys.open(challenge.secret_sealed, place);
      const lastStep = totpStep(secret, code, clock.now());
      if (lastStep === undefined) throw invalidField('code', 'not the code of this authenticator now');
      const id = newId();
      const secretSealed = await dataKeys.seal(secret, totpPlace(by.organisationId, id));
      return { challenge, factor: { id, kind: 'totp', secretSealed, lastStep } satisfies WhatIsNew };
    },

    async beginPasskey(by: UserPrincipal, name: string | null) {
      const { organisationId, userId, sessionId, email } = by;
      const existing = storedPasskeys(await transactions.read(organisationId, (reader) => listFactors(reader, userId)));
      const options = await passkeys.creationFor({ userId, email, name }, existing);
      const { token, expiresAt } = await challenges.open({
        organisationId,
        userId,
        purpose: 'enrol_passkey',
        sessionId,
        passkeyChallenge: options.challenge,
      });
      return { challengeId: token, options, expiresAt: expiresAt.toISOString() };
    },

    async confirmPasskey(by: UserPrincipal, token: string, attestation: PasskeyAttestation) {
      const challenge = await ofThisSession(by, token, 'enrol_passkey');
      const made = await passkeys.register(attestation, challenge.passkey_challenge ?? '');
      if (made === undefined) throw invalidField('attestation', 'not a passkey made for this page and question');
      const id = newId();
      const { publicKey, ...rest } = made;
      const publicKeySealed = await dataKeys.seal(publicKey, passkeyPlace(by, id));
      return { challenge, factor: { id, kind: 'passkey', ...rest, publicKeySealed } satisfies WhatIsNew };
    },

    add,

    /** The last factor stays where the role needs one: its owner would be locked out at the next request. */
    async remove(tx: AuditedTx, by: UserPrincipal, id: string): Promise<void> {
      await lockUser(tx, by.userId);
      const all = await listFactors(tx, by.userId);
      const rest = all.filter((factor) => factor.id !== id);
      if (rest.length === all.length) throw notFound();
      const needsPasskey = factorPolicy.passkeyRoles.includes(by.role);
      const needsFactor =
        needsPasskey || factorPolicy.secondFactorRoles.includes(by.role) || (await requiresFactor(tx, by.role));
      const isEnough = needsPasskey ? rest.some(({ kind }) => kind === 'passkey') : rest.length > 0;
      if (needsFactor && !isEnough)
        throw new Problem('conflict', { detail: 'Your role needs it: set up another one before you remove it.' });
      const removed = await deleteFactor(tx, { id, userId: by.userId });
      if (!removed) throw notFound();
      // Codes that stand in for nothing would be a second password.
      if (rest.length === 0) await deleteFactorsOf(tx, by.userId);
      await mailbox.put(tx, by, { kind: 'factor_removed', factor: removed.label ?? removed.kind });
      tx.describe({ resource: { kind: 'factor', id }, details: { kind: removed.kind } });
    },

    async renewRecoveryCodes(tx: AuditedTx, by: UserPrincipal): Promise<string[]> {
      await lockUser(tx, by.userId);
      if ((await listFactors(tx, by.userId)).length === 0)
        throw new Problem('conflict', { detail: 'Recovery codes stand in for a second factor: set one up first.' });
      const codes = await freshRecoveryCodes(tx, by);
      await mailbox.put(tx, by, { kind: 'recovery_codes_renewed' });
      tx.describe({ resource: { kind: 'user', id: by.userId }, details: { codes: codes.length } });
      return codes;
    },
  };
}
