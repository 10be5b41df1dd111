import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server';
import type { PasskeyAssertion, PasskeyAttestation, PasskeyCreation, PasskeyRequest } from '@valtronics/contract';

// Passkeys (WebAuthn Level 3). A passkey signs our challenge together with the origin of the page that asked, so a page that only looks like ours gets
// a signature that is good nowhere. Attestation is not asked for: it would tell which make a person uses and prove nothing we decide by.

const TIMEOUT_MS = 120_000;
/** EdDSA, ES256 and RS256 (IANA COSE): what authenticators in use can do. */
const ALGORITHMS = [-8, -7, -257];

export interface KnownPasskey {
  readonly credentialId: Buffer;
  readonly transports: readonly string[];
}

export interface StoredPasskey extends KnownPasskey {
  /** COSE, as it was registered. */
  readonly publicKey: Buffer;
  readonly counter: number;
}

export interface Passkeys {
  creationFor(
    person: { readonly userId: string; readonly email: string; readonly name: string | null },
    existing: readonly KnownPasskey[],
  ): Promise<PasskeyCreation>;
  /** The new passkey, or undefined when the answer is not one to this challenge from our page. */
  register(
    attestation: PasskeyAttestation,
    challenge: string,
  ): Promise<(StoredPasskey & { readonly backedUp: boolean }) | undefined>;
  /** Without passkeys the browser offers those it has: the sign-in by passkey alone. */
  requestFor(existing: readonly KnownPasskey[]): Promise<PasskeyRequest>;
  /**
   * The counter the passkey reports, or undefined when the proof is not good. `alone`: nothing else was proven, so the authenticator
   * must have checked the person too (PIN or biometrics), which makes it two factors in one.
   */
  verify(
    assertion: PasskeyAssertion,
    expected: {
      readonly challenge: string;
      readonly passkey: Pick<StoredPasskey, 'credentialId' | 'publicKey'>;
      readonly alone: boolean;
    },
  ): Promise<{ readonly counter: number } | undefined>;
}

/** The relying party is the public URL's host; a signature for any other origin is refused. */
export function createPasskeys({ publicUrl }: { publicUrl: URL }): Passkeys {
  const rpId = publicUrl.hostname;
  const expectedOrigin = publicUrl.origin;
  const descriptors = (passkeys: readonly KnownPasskey[]) =>
    passkeys.map(({ credentialId, transports }) => ({
      id: credentialId.toString('base64url'),
      transports: [...transports],
    }));
  const typed = (passkeys: readonly KnownPasskey[]) =>
    descriptors(passkeys).map((passkey) => ({ ...passkey, type: 'public-key' as const }));

  return {
    async creationFor({ userId, email, name }, existing) {
      const options = await generateRegistrationOptions({
        rpName: 'Valtronics',
        rpID: rpId,
        userName: email,
        userDisplayName: name ?? email,
        userID: new TextEncoder().encode(userId),
        timeout: TIMEOUT_MS,
        excludeCredentials: descriptors(existing),
        supportedAlgorithmIDs: ALGORITHMS,
      });
      return {
        rp: { id: rpId, name: 'Valtronics' },
        user: options.user,
        challenge: options.challenge,
        pubKeyCredParams: options.pubKeyCredParams.map(({ alg }) => ({ alg, type: 'public-key' as const })),
        timeout: TIMEOUT_MS,
        excludeCredentials: typed(existing),
        authenticatorSelection: { residentKey: 'preferred', userVerification: 'preferred' },
        attestation: 'none',
      };
    },

    async register(attestation, challenge) {
      const result = await verifyRegistrationResponse({
        response: attestation as never,
        expectedChallenge: challenge,
        expectedOrigin,
        expectedRPID: rpId,
        requireUserVerification: false,
        supportedAlgorithmIDs: ALGORITHMS,
      }).catch(() => undefined);
      if (!result?.verified) return undefined;
      const { credential, credentialBackedUp } = result.registrationInfo;
      return {
        credentialId: Buffer.from(credential.id, 'base64url'),
        publicKey: Buffer.from(credential.publicKey),
        counter: credential.counter,
        transports: credential.transports ?? [],
        backedUp: credentialBackedUp,
      };
    },

    async requestFor(existing) {
      const userVerification = existing.length === 0 ? 'required' : 'preferred';
      const { challenge } = await generateAuthenticationOptions({ rpID: rpId, userVerification });
      return { rpId, challenge, allowCredentials: typed(existing), timeout: TIMEOUT_MS, userVerification };
    },

    async verify(assertion, { challenge, passkey, alone }) {
      const result = await verifyAuthenticationResponse({
        response: assertion as never,
        expectedChallenge: challenge,
        expectedOrigin,
        expectedRPID: rpId,
        requireUserVerification: alone,
        credential: {
          id: passkey.credentialId.toString('base64url'),
          publicKey: new Uint8Array(passkey.publicKey),
          // Our own rule is applied where the counter is stored, in one statement with it.
          counter: 0,
        },
      }).catch(() => undefined);
      return result?.verified ? { counter: result.authenticationInfo.newCounter } : undefined;
    },
  };
}
