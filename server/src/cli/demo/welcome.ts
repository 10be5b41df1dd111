import { relative } from 'node:path';
import type { DemoPerson } from './demo-people.ts';

export interface Welcome {
  readonly url: string;
  readonly caFile: string;
  readonly dataDir: string;
  readonly organisation: string;
  readonly people: readonly DemoPerson[];
}

const WIDTH = 100;

/** Lines stay free of side borders, so that what has to be copied can be. */
export function welcomeText({ url, caFile, organisation, people }: Welcome, platform = process.platform): string {
  const ca = shortPath(caFile);
  const viewer = people.find(({ role }) => role === 'user');
  const widths = {
    role: Math.max(...people.map(({ role }) => role.length)),
    email: Math.max(...people.map(({ email }) => email.length)),
  };
  const title = `─── ${organisation} `;
  return [
    '',
    title.padEnd(WIDTH, '─'),
    '',
    `  Open    ${url}`,
    ...trust(ca, platform),
    '',
    '  Sign in (these passwords are good until the demo starts again)',
    ...people.map(
      ({ role, email, password }) => `    ${role.padEnd(widths.role)}   ${email.padEnd(widths.email)}   ${password}`,
    ),
    '',
    '  Try',
    `    1  Open the live ward: ${url}/devices?type=patient_vitals`,
    `    2  Watch an alert come and go; one comes within two minutes: ${url}/alerts`,
    `    3  Ask the API, which ${url}/docs describes:`,
    `       TOKEN=$(curl -s --cacert ${ca} -H 'Content-Type: application/json' ${url}/api/v1/auth/login \\`,
    `         -d '{"email":"${viewer?.email}","password":"${viewer?.password}"}' | sed 's/.*"accessToken":"\\([^"]*\\).*/\\1/')`,
    `       curl --cacert ${ca} -H "Authorization: Bearer $TOKEN" '${url}/api/v1/telemetry/latest?limit=5'`,
    '    4  Attack it from another terminal, and watch it being noticed: npm run demo:attack',
    '',
    '  Stop    Ctrl-C',
    '',
    '─'.repeat(WIDTH),
    '',
  ].join('\n');
}

function trust(ca: string, platform: NodeJS.Platform): string[] {
  const note = '          It can vouch for this machine only. Or accept the warning of the browser once.';
  if (platform === 'darwin')
    return [`  Trust   security add-trusted-cert -r trustRoot -k ~/Library/Keychains/login.keychain-db ${ca}`, note];
  return [`  Trust   import ${ca} in the browser: settings, certificates, authorities`, note];
}

export function shortPath(path: string): string {
  const near = relative(process.cwd(), path);
  return near !== '' && !near.startsWith('..') ? near : path;
}
