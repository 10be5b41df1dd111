import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { AxeResults } from 'axe-core';
import type { Browser, Page, Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, hasBrowser } from '../support/browser.ts';

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const PATIENCE_MS = 60_000;
const schemes = ['light', 'dark'] as const;
type Scheme = (typeof schemes)[number];

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
/** The administrator of an organisation that has nothing yet. */
let newcomer: Person;

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
  ['keys', () => '/keys'],
  ['the erased', () => '/subjects/erased'],
  ['backups', () => '/backups'],
  ['field catalogue', () => '/field-catalogue'],
  ['field of the catalogue', () => '/field-catalogue?field=devices.serial'],
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

/** What evidence is read on: also on a telephone in the night, and on the wide screen of whoever is on duty. */
const EVIDENCE = new Set([
  'security events',
  'detections',
  'scenarios',
  'blocks',
  'blocking somebody',
  'allow-list',
  'firewalls',
  'incidents',
  'opening an incident',
  'incident',
  'SIEM destinations',
  'new SIEM destination',
  'audit log',
]);
const USUAL = 1280;
const NARROW = 390;
const WIDE = 1440;

async function seriousFaults(page: Page): Promise<string[]> {
  if (!(await page.evaluate('"axe" in window'))) await page.evaluate(AXE);
  const { violations, passes } = await page.evaluate<AxeResults>('axe.run(document, { resultTypes: ["violations"] })');
  // A page on which no rule found anything to look at was not looked at.
  expect(passes.length).toBeGreaterThan(5);
  const across = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth');
  return [
    ...violations
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .map(({ id, help, nodes }) => `${id}: ${help}\n${nodes.map(({ html }) => `  ${html.slice(0, 200)}`).join('\n')}`),
    ...(across === 0 ? [] : [`the page is ${across} px wider than the screen`]),
  ];
}

/** What the page has asked for and not yet been given. */
function requestsOf(page: Page): ReadonlySet<Request> {
  const open = new Set<Request>();
  page.on('request', (request) => {
    // What the document before it asked for nobody waits for any more.
    if (request.isNavigationRequest() && request.frame() === page.mainFrame()) open.clear();
    open.add(request);
  });
  for (const end of ['requestfinished', 'requestfailed'] as const)
    page.on(end as 'requestfinished', (request) => open.delete(request));
  return open;
}

const TWO_FRAMES_AND_A_REST =
  'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => requestIdleCallback(() => done(), { timeout: 5000 }))))';

/** All that was asked for has come and is shown, and nothing shown has asked for more. */
async function settled(page: Page, requests: ReadonlySet<Request>): Promise<void> {
  await page.getByRole('main').waitFor();
  let quiet = 0;
  while (quiet < 2) {
    await atRest(page);
    await page.evaluate(TWO_FRAMES_AND_A_REST);
    quiet = requests.size === 0 ? quiet + 1 : 0;
  }
}

/** What fades in has its final contrast only afterwards. */
async function atRest(page: Page): Promise<void> {
  await page.waitForFunction(
    "document.querySelectorAll('.mantine-Skeleton-root').length === 0 && document.getAnimations().every((each) => each.playState !== 'running')",
  );
}

/** The page as it stands goes over to this scheme, as when the evening comes; what fades has its final contrast only afterwards. */
async function turn(page: Page, scheme: Scheme): Promise<void> {
  await page.emulateMedia({ colorScheme: scheme });
  await page.locator(`html[data-mantine-color-scheme="${scheme}"]`).waitFor();
  await page.evaluate(TWO_FRAMES_AND_A_REST);
  await page.waitForFunction(
    "document.getAnimations().every((each) => !(each instanceof CSSTransition) || each.playState !== 'running')",
  );
}

type Found = Record<Scheme, Record<string, string[]>>;
interface Looking {
  readonly page: Page;
  readonly requests: ReadonlySet<Request>;
  /** In both schemes; what evidence is read on in two widths as well. */
  look(name: string): Promise<void>;
  signIn(person: Person): Promise<void>;
}

/** By scheme and page. Each page is opened once and looked at in both. */
async function violations(visit: (looking: Looking) => Promise<void>): Promise<Found> {
  const context = await browser.newContext({
    // Only here: axe is injected, which the page's own policy forbids.
    bypassCSP: true,
    ignoreHTTPSErrors: true,
    colorScheme: schemes[0],
    reducedMotion: 'reduce',
    viewport: { width: USUAL, height: 900 },
  });
  let looked = 0;
  try {
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    const requests = requestsOf(page);
    const found: Found = { light: {}, dark: {} };
    const look = async (name: string): Promise<void> => {
      for (const width of EVIDENCE.has(name) ? [NARROW, WIDE] : [USUAL]) {
        if (page.viewportSize()?.width !== width) {
          await page.setViewportSize({ width, height: 900 });
          await atRest(page);
        }
        // Where it is already is looked at first.
        const order = looked % 2 === 0 ? schemes : schemes.toReversed();
        looked += 1;
        for (const scheme of order) {
          await turn(page, scheme);
          const faults = await seriousFaults(page);
          if (faults.length > 0) found[scheme][`${name}, ${width} px`] = faults;
        }
      }
      await page.setViewportSize({ width: USUAL, height: 900 });
    };
    const signIn = async ({ email, password }: Person): Promise<void> => {
      await page.getByLabel('Email address').fill(email);
      await page.getByLabel('Password', { exact: true }).fill(password);
      await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    };
    await visit({ page, requests, look, signIn });
    return found;
  } finally {
    await context.close();
  }
}

async function everyPage({ page, requests, look, signIn }: Looking): Promise<void> {
  await page.goto(`${app.origin}/sign-in`);
  await page.getByLabel('Email address').waitFor();
  await page.getByRole('link', { name: 'Company account' }).waitFor();
  await look('sign-in');
  await page.getByRole('link', { name: 'Forgot password?' }).click();
  await page.getByRole('button', { name: 'Mail the link' }).waitFor();
  await look('forgotten password');
  await page.goto(`${app.origin}/reset-password#token=${resetToken}`);
  await page.getByLabel('New password', { exact: true }).waitFor();
  await look('new password by link');
  await page.goto(`${app.origin}/sign-in`);
  await signIn(beginner);
  await page.getByLabel('Current password').waitFor();
  await settled(page, requests);
  await look('what is due first');
  await page.getByRole('button', { name: 'Sign out' }).click();
  await signIn(person);
  // Whichever page it is: the one the person before them left may be asked for.
  await page.getByRole('button', { name: /^Account of/ }).waitFor();
  for (const [name, path] of pages) {
    await page.goto(`${app.origin}${path()}`);
    await settled(page, requests);
    await look(name);
  }
  for (const [name, path, opener] of opened) {
    // What opens may ask for a proof, and the last one may be long ago by now.
    await app.freshProof(person);
    await page.goto(`${app.origin}${path.replace('{device}', deviceId)}`);
    await settled(page, requests);
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
}

/** As a new organisation sees it: nothing has happened yet, and what belongs to the instance is not theirs. */
async function everyEmptyPage({ page, requests, look, signIn }: Looking): Promise<void> {
  await page.goto(`${app.origin}/sign-in`);
  await signIn(newcomer);
  await page.getByRole('button', { name: /^Account of/ }).waitFor();
  for (const [name, path] of pages.filter(([name]) => EVIDENCE.has(name) && name !== 'incident')) {
    await page.goto(`${app.origin}${path()}`);
    await settled(page, requests);
    await look(name);
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
      newcomer = await app.aPerson('admin', await app.anotherOrganisation());
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

    it('has no serious or critical fault in light nor in dark', { timeout: 900_000, retry: 0 }, async () => {
      expect(await violations(everyPage)).toEqual({ light: {}, dark: {} });
    });

    it('nor has what evidence is read on while there is none', { timeout: 600_000, retry: 0 }, async () => {
      expect(await violations(everyEmptyPage)).toEqual({ light: {}, dark: {} });
    });
  },
);
