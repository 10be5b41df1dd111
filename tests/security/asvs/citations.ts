import type { Citation } from './verdicts.ts';

const doc = (name: string, text: string): Citation => ({ file: `docs/${name}.md`, text });
const crypto = (name: string, text: string): Citation => ({ file: `server/src/security/crypto/${name}.ts`, text });

const GCM = crypto('sealed-value', "createCipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES })");
const ARGON2 = crypto('password-hashing', 'const parameters = { memory: 65_536, passes: 3, parallelism: 1 } as const;');

/** Where a requirement of class P, D or W is met: the document and what stands in it, or the line of source. */
export const citations: Readonly<Record<string, readonly Citation[]>> = {
  '1.1.2': [
    { file: 'server/src/platform/mail/mail-html.ts', text: 'export const escapeHtml' },
    { file: 'web/src/ui/csv.ts', text: 'export function toCsv' },
  ],
  '6.1.1': [
    doc('sign-in-defence', '## The controls'),
    doc('sign-in-defence', '## No lock-out by strangers'),
    doc('sign-in-defence', '## Settings'),
  ],
  '6.1.2': [doc('passwords', '## Words of the context')],
  '6.1.3': [doc('authentication', '## The ways'), doc('authentication', '## What holds for all of them')],
  '6.4.4': [doc('authentication', '## Lost factors (ASVS 6.4.4)')],
  '6.5.2': [crypto('recovery-codes', '125 random bits each: beyond the 112 from which a fast hash may keep them')],
  '6.5.3': [
    crypto('totp', 'export const newTotpSecret = (): Buffer => randomBytes(SECRET_BYTES);'),
    crypto('recovery-codes', 'Array.from(randomBytes(GROUPS * GROUP_LENGTH)'),
  ],
  '7.1.1': [doc('sessions', '## How long'), doc('sessions', '## Why so long (NIST SP 800-63B-4)')],
  '7.1.2': [doc('sessions', '## How many')],
  '7.1.3': [doc('openid-connect', '## Sessions (ASVS 7.1.3, 7.6.1, 7.6.2)')],
  '8.1.1': [doc('access', '## Functions (ASVS 8.1.1)'), doc('access', '## Data (ASVS 8.1.1, 8.1.3)')],
  '8.1.2': [doc('field-access', '# Who may read and write which field'), doc('access', '## Fields (ASVS 8.1.2)')],
  '8.1.3': [doc('authentication', '## Circumstances that decide (ASVS 8.1.3, 8.1.4)')],
  '8.1.4': [doc('authentication', '## Circumstances that decide (ASVS 8.1.3, 8.1.4)')],
  '11.2.1': [
    crypto('sealed-value', "from 'node:crypto';"),
    crypto('signing-keys', "from 'jose';"),
    crypto('passkeys', "from '@simplewebauthn/server';"),
    crypto('totp', "from 'otplib';"),
  ],
  '11.2.4': [
    crypto('tokens', 'return a.length === b.length && timingSafeEqual(a, b);'),
    crypto('password-hashing', 'return timingSafeEqual(actual, tag) && hash !== null;'),
    crypto('sealed-value', 'if (!timingSafeEqual(commitment, header.subarray(COMMITMENT_START))) throw refused();'),
  ],
  '11.2.5': [crypto('sealed-value', 'Every refusal looks the same to the caller.')],
  '11.3.1': [GCM],
  '11.3.2': [GCM],
  '11.3.3': [GCM],
  '11.3.4': [crypto('sealed-value', 'a key and nonce pair repeats only if a salt does')],
  '11.4.2': [ARGON2, doc('passwords', '## How they are stored')],
  '11.4.4': [ARGON2],
  '11.5.2': [crypto('tokens', "return prefix + randomBytes(TOKEN_BYTES).toString('base64url');")],
  '11.6.1': [crypto('signing-keys', "export const signingAlgorithms = ['ES256', 'EdDSA'] as const;")],
  '12.3.4': [{ file: 'server/src/platform/db/connection-policy.ts', text: "mode === 'verify-full' ? verifiedTls(" }],
  '13.2.2': [{ file: 'ARCHITECTURE.md', text: '## Whom the database trusts' }],
  '13.2.1': [
    { file: 'server/src/platform/db/roles.ts', text: '/** One random password for each role. */' },
    { file: 'ARCHITECTURE.md', text: '## Whom the database trusts' },
  ],
  '13.2.3': [{ file: 'server/src/platform/db/provision.ts', text: "randomBytes(32).toString('base64url')" }],
  '15.2.4': [{ file: 'package.json', text: '"allowScripts"' }],
};
