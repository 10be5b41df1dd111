import type { FactorMethod, FactorProof, PasskeyAssertion, PasskeyRequest } from '@valtronics/contract';
import type { Clock } from '../../lib/clock.ts';
import type { FactorPolicy } from '../../security/access/pending.ts';
import type { ProvenFactor } from '../../security/access/principal.ts';
import type { WriteTx } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { KnownPasskey, Passkeys } from '../../security/crypto/passkeys.ts';
import { recoveryCodeHash } from '../../security/crypto/recovery-codes.ts';
import { totpStep } from '../../security/crypto/totp.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import {
  claimPasskeyCounter,
  claimRecoveryCode,
  claimTotpStep,
  countRecoveryCodes,
  hasRecoveryCode,
  isNextCounter,
  listFactors,
} from './factor.repository.ts';
import { type FactorRecord, methodsOf } from './factor.ts';

export interface Whose {
  readonly organisationId: number;
  readonly userId: string;
  readonly role: string;
}

/** A proof that is right, and still has to be used up in the transaction of what it opens. */
export interface Proof {
  readonly factor: ProvenFactor;
  /** False when the same proof was used a moment ago: it is good once. */
  claim(tx: WriteTx): Promise<boolean>;
}

/** The password was proven, and nothing else was asked for. */
export const passwordAlone: Proof = { factor: 'password', claim: async () => true };

export const totpPlace = (organisation: number, factorId: string) => ({
  organisation,
  table: 'factors',
  column: 'secret_sealed',
  row: factorId,
});

/** The person belongs to it, so that a row given to somebody else opens nothing for them. */
export const passkeyPlace = (
  { organisationId, userId }: Pick<Whose, 'organisationId' | 'userId'>,
  factorId: string,
) => ({
  organisation: organisationId,
  table: 'factors',
  column: 'public_key_sealed',
  row: `${factorId}:${userId}`,
});

interface SealedPasskey extends KnownPasskey {
  readonly id: string;
  readonly publicKeySealed: Buffer;
  readonly counter: number;
}

export const storedPasskeys = (factors: readonly FactorRecord[]): SealedPasskey[] =>
  factors.flatMap(({ id, credential_id, public_key_sealed, counter, transports }) =>
    credential_id && public_key_sealed
      ? [{ id, credentialId: credential_id, publicKeySealed: public_key_sealed, counter: counter ?? 0, transports }]
      : [],
  );

export type FactorProofs = ReturnType<typeof createFactorProofs>;

/** Checks what a person proves: codes of an authenticator, passkeys, recovery codes. */
export function createFactorProofs(deps: {
  transactions: Transactions;
  dataKeys: Pick<DataKeys, 'open'>;
  passkeys: Passkeys;
  factorPolicy: FactorPolicy;
  clock: Clock;
}) {
  const { transactions, dataKeys, passkeys, factorPolicy, clock } = deps;

  async function factorsOf({ organisationId, userId, role }: Whose) {
    const { factors, codesLeft } = await transactions.read(organisationId, async (reader) => ({
      factors: await listFactors(reader, userId),
      codesLeft: await countRecoveryCodes(reader, userId),
    }));
    return { factors, methods: methodsOf(factors, codesLeft, factorPolicy.passkeyRoles.includes(role)) };
  }

  async function byCode(whose: Whose, factors: readonly FactorRecord[], code: string): Promise<Proof | undefined> {
    for (const { id, secret_sealed, last_step } of factors) {
      if (secret_sealed === null) continue;
      const secret = await dataKeys.open(secret_sealed, totpPlace(whose.organisationId, id));
      const step = totpStep(secret, code, clock.now());
      if (step !== undefined && step > (last_step ?? -1))
        return { factor: 'totp', claim: (tx) => claimTotpStep(tx, id, step, clock.date()) };
    }
    return undefined;
  }

  async function byPasskey(
    whose: Whose,
    factors: readonly FactorRecord[],
    assertion: PasskeyAssertion,
    challenge: string,
    alone: boolean,
  ): Promise<Proof | undefined> {
    const credentialId = Buffer.from(assertion.id, 'base64url');
    const passkey = storedPasskeys(factors).find((one) => one.credentialId.equals(credentialId));
    if (!passkey) return undefined;
    const { credentialId: known, publicKeySealed } = passkey;
    const publicKey = await dataKeys.open(publicKeySealed, passkeyPlace(whose, passkey.id));
    const shown = await passkeys.verify(assertion, { challenge, passkey: { credentialId: known, publicKey }, alone });
    if (!shown || !isNextCounter(shown.counter, passkey.counter)) return undefined;
    return { factor: 'passkey', claim: (tx) => claimPasskeyCounter(tx, passkey.id, shown.counter, clock.date()) };
  }

  return {
    /** What the person may be asked for; empty when the account has no second factor. */
    async askFor(whose: Whose): Promise<{ methods: FactorMethod[]; passkey: PasskeyRequest | null }> {
      const { factors, methods } = await factorsOf(whose);
      const known = storedPasskeys(factors);
      const isPasskey = methods.includes('passkey');
      return { methods, passkey: isPasskey ? await passkeys.requestFor(known) : null };
    },

    /**
     * The proof, if it is right, unused so far and of a kind the person may use; the caller claims it. Nothing is written here: one that was
     * used before is refused here, where it counts as a wrong one, and of two at the same moment one fails to claim it.
     */
    async check(whose: Whose, shown: FactorProof, challenge: string | null): Promise<Proof | undefined> {
      const { factors, methods } = await factorsOf(whose);
      if (!methods.includes(shown.method)) return undefined;
      if (shown.method === 'passkey')
        return challenge === null ? undefined : byPasskey(whose, factors, shown.assertion, challenge, false);
      if (shown.method === 'totp') return byCode(whose, factors, shown.code);
      const hash = recoveryCodeHash(shown.code);
      if (hash === undefined) return undefined;
      const { organisationId, userId } = whose;
      if (!(await transactions.read(organisationId, (reader) => hasRecoveryCode(reader, userId, hash))))
        return undefined;
      return { factor: 'recovery_code', claim: (tx) => claimRecoveryCode(tx, userId, hash, clock.date()) };
    },

    /** A passkey and nothing else: the authenticator has to have checked the person. */
    async checkAlone(whose: Whose, assertion: PasskeyAssertion, challenge: string): Promise<Proof | undefined> {
      const { factors } = await factorsOf(whose);
      return byPasskey(whose, factors, assertion, challenge, true);
    },
  };
}
