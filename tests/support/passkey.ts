import { createHash, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import type { PasskeyAssertion, PasskeyAttestation } from '@valtronics/contract';

/** What an authenticator and the browser around it may do otherwise than they should. */
export interface PasskeyWays {
  readonly origin?: string;
  readonly rpId?: string;
  readonly challenge?: string;
  /** Whether the authenticator checked the person: PIN or biometrics. It did unless told. */
  readonly userVerified?: boolean;
  /** What the signature counter says; one more than before unless told. */
  readonly counter?: number;
  readonly signWith?: KeyObject;
  readonly type?: string;
}

/** An authenticator as a program: a P-256 key that registers without attestation and signs (WebAuthn Level 3, 6.3). */
export interface SoftwarePasskey {
  readonly credentialId: string;
  readonly privateKey: KeyObject;
  /** The answer to `navigator.credentials.create`. */
  create(asked: { readonly challenge: string }, ways?: PasskeyWays): PasskeyAttestation;
  /** The answer to `navigator.credentials.get`. */
  get(asked: { readonly challenge: string }, ways?: PasskeyWays): PasskeyAssertion;
}

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const ATTESTED_DATA = 0x40;

/** `counts`: false for one that is synchronised and always reports 0. */
export function aSoftwarePasskey(origin: string, { counts = true } = {}): SoftwarePasskey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { x = '', y = '' } = publicKey.export({ format: 'jwk' });
  const id = randomBytes(32);
  const credentialId = id.toString('base64url');
  let counter = 0;

  const clientData = (type: string, challenge: string, ways: PasskeyWays): Buffer =>
    Buffer.from(
      JSON.stringify({
        type: ways.type ?? type,
        challenge: ways.challenge ?? challenge,
        origin: ways.origin ?? origin,
        crossOrigin: false,
      }),
    );
  function authenticatorData(ways: PasskeyWays, attested?: Buffer): Buffer {
    const head = Buffer.alloc(5);
    const verified = (ways.userVerified ?? true) ? USER_VERIFIED : 0;
    head.writeUInt8(USER_PRESENT | verified | (attested === undefined ? 0 : ATTESTED_DATA));
    if (counts) counter += 1;
    if (ways.counter !== undefined) counter = ways.counter;
    head.writeUInt32BE(counter, 1);
    return Buffer.concat([sha256(ways.rpId ?? new URL(origin).hostname), head, attested ?? Buffer.alloc(0)]);
  }
  const shell = { id: credentialId, rawId: credentialId, type: 'public-key', clientExtensionResults: {} } as const;

  return {
    credentialId,
    privateKey,
    create({ challenge }, ways = {}) {
      // COSE: an elliptic curve key (1: 2) for ES256 (3: -7) on P-256 (-1: 1) with its coordinates.
      const key = cborMap([
        [cborInt(1), cborInt(2)],
        [cborInt(3), cborInt(-7)],
        [cborInt(-1), cborInt(1)],
        [cborInt(-2), cborBytes(Buffer.from(x, 'base64url'))],
        [cborInt(-3), cborBytes(Buffer.from(y, 'base64url'))],
      ]);
      const length = Buffer.alloc(2);
      length.writeUInt16BE(id.length);
      const attested = Buffer.concat([Buffer.alloc(16), length, id, key]);
      const attestation = cborMap([
        [cborText('fmt'), cborText('none')],
        [cborText('attStmt'), cborMap([])],
        [cborText('authData'), cborBytes(authenticatorData(ways, attested))],
      ]);
      return {
        ...shell,
        response: {
          clientDataJSON: clientData('webauthn.create', challenge, ways).toString('base64url'),
          attestationObject: attestation.toString('base64url'),
          transports: ['internal'],
        },
      };
    },
    get({ challenge }, ways = {}) {
      const client = clientData('webauthn.get', challenge, ways);
      const data = authenticatorData(ways);
      const signature = sign('sha256', Buffer.concat([data, sha256(client)]), ways.signWith ?? privateKey);
      return {
        ...shell,
        response: {
          clientDataJSON: client.toString('base64url'),
          authenticatorData: data.toString('base64url'),
          signature: signature.toString('base64url'),
        },
      };
    },
  };
}

const sha256 = (data: string | Buffer): Buffer => createHash('sha256').update(data).digest();

// CBOR (RFC 8949, 3) as far as an attestation needs it: the major type in the upper three bits, then the argument.
function cborHead(major: number, argument: number): Buffer {
  if (argument < 24) return Buffer.from([(major << 5) | argument]);
  if (argument < 256) return Buffer.from([(major << 5) | 24, argument]);
  return Buffer.from([(major << 5) | 25, argument >> 8, argument & 0xff]);
}
const cborInt = (value: number): Buffer => (value < 0 ? cborHead(1, -1 - value) : cborHead(0, value));
const cborBytes = (bytes: Buffer): Buffer => Buffer.concat([cborHead(2, bytes.length), bytes]);
const cborText = (text: string): Buffer => Buffer.concat([cborHead(3, Buffer.byteLength(text)), Buffer.from(text)]);
const cborMap = (pairs: readonly (readonly [Buffer, Buffer])[]): Buffer =>
  Buffer.concat([cborHead(5, pairs.length), ...pairs.flat()]);
