import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, hasBrowser } from '../support/browser.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PATIENCE_MS = 60_000;

let app: TestApp;
let browser: Browser;
let person: Person;
let deviceId: string;
let subjectId: string;
let groupId: string;
let providerId: string;
let incidentId: string;
let resetToken: string;
/** Somebody who has to choose a new password before anything else. */
let beginner: Person;

/** Every page there is, with something on it. */
const pages: [string, () => string][] = [
  ['overview', () => '/'],
  ['devices', () => '/devices'],
  ['registering a device', () => '/devices?register=1'],
  ['device', () => `/devices/${deviceId}`],
  ['people measured', () => '/subjects'],
  ['registering a person measured', () => '/subjects?register=1'],
  ['person measured', () => `/subjects/${subjectId}`],
  ['alerts', () => '/alerts'],
  ['rules', () => '/rules'],
  ['new rule', () => '/rules/new'],
  ['explore', () => '/explore'],
  ['security events', () => '/security-events'],
  ['detections', () => '/security-events/detections'],
  ['scenarios', () => '/security-events/scenarios'],
  ['blocks', () => '/blocks?state=all'],
  ['blocking somebody', () => '/blocks?new=1'],
  ['allow-list', () => '/blocks/allow-list'],
  ['firewalls', () => '/blocks/firewalls'],
  ['incidents', () => '/incidents'],
  ['opening an incident', () => '/incidents?new=1'],
  ['incident', () => `/incidents/${incidentId}`],
  ['SIEM destinations', () => '/siem-destinations'],
  ['new SIEM destination', () => '/siem-destinations?new=1'],
  ['audit log', () => '/audit-log'],
  ['people', () => '/people'],
  ['roles', () => '/people/roles'],
  ['API keys', () => '/api-keys'],
  ['device groups', () => '/device-groups'],
  ['device group', () => `/device-groups/${groupId}`],
  ['claims', () => '/devices/claims'],
  ['making claims', () => '/devices/claims?new=1'],
  ['sign-in providers', () => '/sign-in-providers'],
  ['new sign-in provider', () => '/sign-in-providers/new'],
  ['sign-in provider', () => `/sign-in-providers/${providerId}`],
  ['notifications', () => '/notifications'],
  ['settings', () => '/settings'],
  ['account', () => '/account'],
  ['no such page', () => '/nowhere'],
];

/** What opens over a page: where, and the button that opens it. */
const opened: [string, string, RegExp][] = [
  ['menu of the account', '/', /^Account of/],
  ['dialog to assign a device', '/devices/{device}', /^Assign/],
  ['dialog to end an assignment', '/devices/{device}', /^End/],
  ['menu of a person', '/people', /^Actions for/],
  ['dialog to invite someone', '/people', /^Invite/],
  ['dialog to make a key', '/api-keys', /^New key/],
  ['details of a key', '/api-keys', /^A key/],
  ['menu of a device group', '/device-groups', /^Actions for/],
  ['dialog to add an authenticator app', '/account', /^Add authenticator app/],
  ['dialog to add a passkey', '/account', /^Add passkey/],
];

async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
  // A page on which no rule found anything to look at was not looked at.
  expect(passes.length).toBeGreaterThan(5);
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => `  ${html.slice(0, 200)}`).join('\n')}`);
}

async function settled(page: Page): Promise<void> {
  await page.getByRole('main').waitFor();
  await page.waitForLoadState('networkidle').catch(() => undefined);
  await atRest(page);
}

/** What fades in has its final contrast only afterwards. */
async function atRest(page: Page): Promise<void> {
  await page.waitForFunction(
    "document.querySelectorAll('.mantine-Skeleton-root').length === 0 && document.getAnimations().every((each) => each.playState !== 'running')",
  );
}

async function violationsOf(scheme: 'light' | 'dark'): Promise<Record<string, string[]>> {
  const context = await browser.newContext({
    // Only here: axe is injected, which the page's own policy forbids.
    bypassCSP: true,
    ignoreHTTPSErrors: true,
    colorScheme: scheme,
    reducedMotion: 'reduce',
    viewport: { width: 1280, height: 900 },
  });
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const found: Record<string, string[]> = {};
    const look = async (name: string): Promise<void> => {
      const faults = await seriousFaults(page);
      if (faults.length > 0) found[name] = faults;
    };
    await page.goto(`${app.origin}/sign-in`);
    await page.getByLabel('Email address').waitFor();
    expect(await page.locator('html').getAttribute('data-mantine-color-scheme')).toBe(scheme);
    await page.getByRole('link', { name: 'Company account' }).waitFor();
    await look('sign-in');
    await page.getByRole('link', { name: 'Forgot password?' }).click();
    await page.getByRole('button', { name: 'Mail the link' }).waitFor();
    await look('forgotten password');
    await page.goto(`${app.origin}/reset-password#token=${resetToken}`);
    await page.getByLabel('New password', { exact: true }).waitFor();
    await look('new password by link');
    await page.goto(`${app.origin}/sign-in`);
    const signIn = async ({ email, password }: Person): Promise<void> => {
      await page.getByLabel('Email address').fill(email);
      await page.getByLabel('Password', { exact: true }).fill(password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    };
    await signIn(beginner);
    await page.getByLabel('Current password').waitFor();
    await settled(page);
    await look('what is due first');
    await page.getByRole('button', { name: 'Sign out' }).click();
    await signIn(person);
    // Whichever page it is: the one the person before them left may be asked for.
    await page.getByRole('button', { name: /^Account of/ }).waitFor();
    for (const [name, path] of pages) {
      await page.goto(`${app.origin}${path()}`);
      await settled(page);
      await look(name);
    }
    for (const [name, path, opener] of opened) {
      await page.goto(`${app.origin}${path.replace('{device}', deviceId)}`);
      await settled(page);
      await page.getByRole('button', { name: opener }).first().click();
      await page.getByRole('menu').or(page.getByRole('dialog')).first().waitFor();
      await atRest(page);
      await look(name);
    }
    await app.database.admin.query("update sessions set verified_at = verified_at - interval '1 hour'");
    await page.goto(`${app.origin}/account`);
    await page.getByRole('button', { name: 'Add authenticator app' }).click();
    const proof = page.getByRole('dialog', { name: 'Confirm that it is you' });
    // What lies under it goes on waiting, so it is never at rest; nothing moves where less motion is asked for.
    await proof.getByLabel('Password', { exact: true }).waitFor();
    await look('fresh proof over another dialog');
    await app.freshProof(person);
    return found;
  } finally {
    await context.close();
  }
}

describe.skipIf(!hasBrowser)(
  'every page is usable with a keyboard, a screen reader and weak eyes, as far as axe can tell',
  () => {
    beforeAll(async () => {
      app = await anAppForBrowsers();
      browser = await aBrowser();
      person = await app.aPerson('admin');
      beginner = await app.aPerson('analyst');
      await app.database.admin.query('update users set must_change_password = true where id = $1', [beginner.userId]);
      const forgetful = await app.aPerson('analyst');
      const link = await app.call('POST', `/api/v1/users/${forgetful.userId}/password-reset`, {
        token: person.accessToken,
        body: {},
      });
      resetToken = new URLSearchParams(new URL(link.json.url).hash.slice(1)).get('token') ?? '';
      const device = await app.aDevice(person, { name: 'Cold room', location: 'Cellar' });
      deviceId = device.id;
      const ask = (path: string, body: unknown) =>
        app.call('POST', `/api/v1${path}`, { token: person.accessToken, body });
      subjectId = (await ask('/subjects', { reference: 'MRN-1', name: 'Ines Example' })).json.id;
      groupId = (await ask('/device-groups', { name: 'Cold rooms', deviceIds: [deviceId] })).json.id;
      await app.aKey(person, 'operator', ['device:read'], { deviceGroupIds: [groupId], expiresInDays: 3 });
      for (const until of [new Date().toISOString(), undefined]) {
        const span = { subjectId, from: until ? '2026-01-01T00:00:00.000Z' : new Date().toISOString(), until };
        expect((await ask(`/devices/${deviceId}/assignments`, span)).status).toBe(201);
      }
      const provider = {
        slug: 'company',
        name: 'Company account',
        issuer: 'https://login.example.org',
        clientId: 'valtronics',
        clientSecret: 'a-secret-of-the-client',
        groupsClaim: 'groups',
        roleMapping: [{ group: 'night', role: 'user' }],
        jitEnabled: true,
        emailDomains: ['example.org'],
        trustsSecondFactor: true,
        acceptedAmr: ['otp'],
        maxAuthAgeSeconds: 3600,
        enabled: true,
      };
      providerId = (await ask('/identity-providers', provider)).json.id;
      incidentId = (await ask('/incidents', { title: 'A stolen laptop', severity: 'critical' })).json.id;
      expect((await ask(`/incidents/${incidentId}/breach`, {})).status).toBe(200);
      const block = { scope: 'ip', value: '203.0.113.7', kind: 'ban', seconds: 3600, reason: 'Probing' };
      expect((await ask('/blocks', block)).status).toBe(201);
      expect((await ask('/siem-destinations', { kind: 'file', name: 'Archive', target: 'archive' })).status).toBe(201);
      expect((await ask('/device-provisioning/claims', { count: 3, deviceType: 'freezer' })).status).toBe(201);
      const rule = await app.call('POST', '/api/v1/alert-rules', {
        token: person.accessToken,
        body: { name: 'Too warm', metric: 'temperature', condition: 'gt', threshold: 8, severity: 'warning' },
      });
      expect(rule.status).toBe(201);
      const points = [4, 5, 9].map((value, index) => ({
        metric: 'temperature',
        value,
        unit: '°C',
        timestamp: Date.now() - (3 - index) * 60_000,
      }));
      const sent = await app.call('POST', '/api/v1/telemetry', { token: device.token, body: { points } });
      expect(sent.json).toMatchObject({ accepted: 3 });
    }, 240_000);
    afterAll(async () => {
      await browser?.close();
      await app?.stop();
    });

    for (const scheme of ['light', 'dark'] as const) {
      it(`has no serious or critical fault in ${scheme}`, { timeout: 600_000, retry: 0 }, async () => {
        expect(await violationsOf(scheme)).toEqual({});
      });
    }
  },
);
