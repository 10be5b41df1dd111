import { createHmac } from 'node:crypto';
import type { FactorProof, SecondStep } from '@valtronics/contract';
import type { ManualClock } from '../../server/src/lib/clock.ts';
import { type Answer, type CallOptions, freshAddress, type Person } from './app.ts';
import { aMailServer, type TestMailServer } from './mail-server.ts';
import { aSoftwarePasskey, type SoftwarePasskey } from './passkey.ts';
import { aSignInTest, type SignInTest } from './signing-in.ts';

export interface Authenticator {
  readonly factorId: string;
  readonly secret: Buffer;
  readonly recoveryCodes: readonly string[] | null;
  /** The code of now, or of so many steps from now. */
  code(steps?: number): string;
}

type SessionKind = 'token' | 'browser';

/** Signing in with more than a password, with mail that arrives. */
export interface FactorTest extends SignInTest {
  readonly mail: TestMailServer;
  /** For calls of a browser: a cookie is good only from our own pages. */
  asBrowser(cookie: string): CallOptions;
  enrolTotp(as: CallOptions, more?: Record<string, unknown>): Promise<Authenticator>;
  enrolPasskey(
    as: CallOptions,
    passkey?: SoftwarePasskey,
    more?: Record<string, unknown>,
  ): Promise<{ passkey: SoftwarePasskey; answer: Answer }>;
  /** The right password; what is asked for then. */
  begin(person: Person, kind?: SessionKind, more?: CallOptions): Promise<SecondStep>;
  finish(challengeId: string, proof: FactorProof, kind?: SessionKind, more?: CallOptions): Promise<Answer>;
  /** Both steps with the code of now. */
  signInWith(person: Person, authenticator: Authenticator): Promise<{ accessToken: string; refreshToken: string }>;
  stepUpBegin(as: CallOptions): Promise<Answer>;
  stepUp(as: CallOptions, challengeId: string, proof: object): Promise<Answer>;
  /** Somebody with an authenticator, whose session is proven with it; the next code is a fresh one. */
  somebodyWithTotp(role: Person['role']): Promise<{ person: Person; authenticator: Authenticator }>;
}

export const cookieOf = ({ headers }: Answer): string =>
  /__Host-valtronics=vts_[\w-]+/.exec(String(headers['set-cookie']))?.[0] ?? '';

export async function aFactorTest(clock: ManualClock, env: Record<string, string> = {}): Promise<FactorTest> {
  const mail = await aMailServer();
  const test = await aSignInTest(clock, { VALTRONICS_SMTP_URL: mail.url, ...env });
  const { app, post } = test;
  const asBrowser = (cookie: string): CallOptions => ({ cookie, headers: { origin: app.origin } });
  const nextStep = () => clock.advance(30_000);
  const pathsOf = { token: ['/auth/login', '/auth/mfa/verify'], browser: ['/auth/session', '/auth/session/verify'] };
  const originOf = (kind: SessionKind, more: CallOptions): CallOptions =>
    kind === 'browser' ? { headers: { origin: app.origin }, ...more } : more;

  const enrolTotp: FactorTest['enrolTotp'] = async (as, more = {}) => {
    const begun = await post('/auth/factors/totp/begin', {}, as);
    if (begun.status !== 200) throw new Error(`no authenticator begun: ${begun.text}`);
    const secret = fromBase32(begun.json.secret);
    const code = (steps = 0) => totpCode(secret, clock.now() + steps * 30_000);
    const body = { challengeId: begun.json.challengeId, code: code(), label: 'Telephone', ...more };
    const added = await post('/auth/factors/totp', body, as);
    if (added.status !== 201) throw new Error(`no authenticator added: ${added.text}`);
    for (const one of [begun.json.secret, begun.json.challengeId, ...(added.json.recoveryCodes ?? [])])
      test.secrets.add(one);
    return { factorId: added.json.factor.id, secret, recoveryCodes: added.json.recoveryCodes, code };
  };

  const begin: FactorTest['begin'] = async ({ email, password }, kind = 'token', more = {}) => {
    const answer = await post(pathsOf[kind][0] ?? '', { email, password }, originOf(kind, more));
    if (answer.status !== 200 || !answer.json.mfa) throw new Error(`no second step: ${answer.text}`);
    test.secrets.add(answer.json.mfa.challengeId);
    return answer.json.mfa;
  };
  const finish: FactorTest['finish'] = async (challengeId, proof, kind = 'token', more = {}) =>
    test.remember(await post(pathsOf[kind][1] ?? '', { challengeId, ...proof }, originOf(kind, more)));

  return {
    ...test,
    mail,
    asBrowser,
    enrolTotp,
    begin,
    finish,
    async enrolPasskey(as, passkey = aSoftwarePasskey(app.origin), more = {}) {
      const begun = await post('/auth/factors/passkeys/begin', {}, as);
      if (begun.status !== 200) throw new Error(`no passkey begun: ${begun.text}`);
      const { challengeId, options } = begun.json;
      const body = { challengeId, attestation: passkey.create(options), label: 'Key ring', ...more };
      return { passkey, answer: await post('/auth/factors/passkeys', body, as) };
    },
    async signInWith(person, authenticator) {
      const { challengeId } = await begin(person);
      const answer = await finish(challengeId, { method: 'totp', code: authenticator.code() });
      if (answer.status !== 200) throw new Error(`no sign-in: ${answer.text}`);
      return answer.json;
    },
    stepUpBegin: (as) => post('/auth/step-up/begin', {}, as),
    stepUp: (as, challengeId, proof) => post('/auth/step-up', { challengeId, ...proof }, as),
    async somebodyWithTotp(role) {
      const person = await test.person(role);
      const authenticator = await enrolTotp({ token: person.accessToken, from: freshAddress() });
      nextStep();
      return { person, authenticator };
    },
  };
}

/** RFC 6238 once more, so that the server's own is not measured with itself. */
export function totpCode(secret: Buffer, at: number): string {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(at / 30_000)));
  const mac = createHmac('sha1', secret).update(counter).digest();
  const offset = (mac.at(-1) ?? 0) & 0x0f;
  return String((mac.readUInt32BE(offset) & 0x7fff_ffff) % 1_000_000).padStart(6, '0');
}

/** RFC 4648, 6. */
export function fromBase32(text: string): Buffer {
  const bits = [...text.replace(/=+$/, '')]
    .map((letter) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter).toString(2).padStart(5, '0'))
    .join('');
  return Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
}
