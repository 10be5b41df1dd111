import { describe, expect, test } from 'vitest';
import { commonPasswords } from '../../security/crypto/common-passwords.ts';
import { passwordFault } from '../../security/crypto/password-policy.ts';
import { newPassphrase } from './passphrase.ts';
import { createStartReport } from './start-report.ts';
import { welcomeText } from './welcome.ts';

function aTerminal(isTTY: boolean) {
  const written: string[] = [];
  return { isTTY, columns: 80, written, write: (text: string) => written.push(text) };
}

describe('the report of the start', () => {
  test('is one line for each step, with its time, and nothing else where nobody watches', async () => {
    const terminal = aTerminal(false);
    let now = 0;
    const report = createStartReport(terminal, () => now);
    await report.step('Database', async (progress) => {
      progress(0.5, 'half');
      now += 1_240;
      return 'ready';
    });
    expect(terminal.written).toEqual([expect.stringMatching(/^ {2}Database {4}ready +1\.2 s\n$/)]);
  });

  test('shows how far a long step is in a line of its own width, redrawn in place', async () => {
    const terminal = aTerminal(true);
    let now = 0;
    await createStartReport(terminal, () => now).step('History', async (progress) => {
      for (let share = 0; share <= 1; share += 0.01) {
        now += 10;
        progress(share, '123,456 points');
      }
      return 'done';
    });
    const drawn = terminal.written.filter((text) => text.includes('points'));
    // Ten times a second at most: a hundred reports within a second.
    expect(drawn.length).toBeGreaterThan(5);
    expect(drawn.length).toBeLessThan(12);
    for (const text of drawn) {
      expect(text.startsWith('\r\u001b[2K')).toBe(true);
      expect(text.length - '\r\u001b[2K'.length).toBeLessThanOrEqual(80);
    }
    expect(terminal.written.at(-1)).toMatch(/History {5}done +1\.0 s\n$/);
  });

  test('a step that fails leaves no line behind', async () => {
    const terminal = aTerminal(false);
    const step = createStartReport(terminal).step('Server', () => Promise.reject(new Error('port taken')));
    await expect(step).rejects.toThrow('port taken');
    expect(terminal.written).toEqual([]);
  });
});

test('passphrases differ, are easy to type, and pass the policy', async () => {
  const account = { email: 'operator@lakeside.example', name: 'Omar (operator)', organisation: 'Lakeside' };
  const lists = { common: await commonPasswords(), host: 'localhost' };
  const phrases = Array.from({ length: 2_000 }, () => newPassphrase());
  expect(new Set(phrases).size).toBe(phrases.length);
  for (const phrase of phrases) {
    expect(phrase).toMatch(/^[a-z]{5}(-[a-z]{5}){3}$/);
    expect(passwordFault(phrase, account, lists)).toBeUndefined();
  }
});

test('the welcome names the address, the authority, every person with their password, and four things to try', () => {
  const people = (['admin', 'user'] as const).map((role) => ({
    role,
    email: `${role}@lakeside.example`,
    password: `password-of-${role}`,
  }));
  const text = welcomeText(
    { url: 'https://localhost:8000', caFile: '/srv/demo/tls/ca.pem', dataDir: '/srv/demo', organisation: 'X', people },
    'linux',
  );
  expect(text).toContain('Open    https://localhost:8000');
  expect(text).toContain('/srv/demo/tls/ca.pem');
  for (const { role, email, password } of people)
    expect(text.split('\n')).toContainEqual(expect.stringMatching(new RegExp(`${role} +${email} +${password}$`)));
  expect(text.match(/^ {4}\d {2}/gm)).toEqual(['    1  ', '    2  ', '    3  ', '    4  ']);
  expect(welcomeText({ url: 'x', caFile: 'ca.pem', dataDir: '.', organisation: 'X', people }, 'darwin')).toContain(
    'security add-trusted-cert',
  );
});
