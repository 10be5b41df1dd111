import { randomUUID } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';

const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;

const dialog = (on: Page, name: string | RegExp) => on.getByRole('dialog', { name });
const figure = (label: string) => page.getByRole('link', { name: new RegExp(`${label}$`) });

describe.skipIf(!hasBrowser)('incidents, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    page = await aPageOf(browser, app, admin, '/incidents');
  }, 240_000);
  beforeEach(() => app.freshProof(admin));
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it(
    'one is opened by hand, acknowledged, contained and resolved, and says all of it in its timeline',
    once,
    async () => {
      const complaints = watchComplaints(page);
      await see(page, 'Nothing to deal with');
      await button(page, 'Open an incident').first().click();
      const form = dialog(page, 'Open an incident');
      await button(form, 'Open incident').click();
      await see(form, /^Too small/);
      await form.getByLabel('What happened').fill('A laptop was stolen');
      await form.getByLabel('Severity').selectOption('high');
      await form.getByLabel('About').selectOption('ip');
      await button(form, 'Open incident').click();
      await see(form, 'Say which');
      await form.getByLabel('Which').fill('203.0.113.7');
      await form.getByLabel('What is known').fill('Out of a car');
      await button(form, 'Open incident').click();

      await page.getByRole('heading', { name: 'A laptop was stolen' }).waitFor();
      const timeline = page.getByRole('list', { name: 'Timeline, newest first' });
      await see(timeline, 'Out of a car');
      await button(page, 'Acknowledge').click();
      const acknowledge = dialog(page, 'Acknowledge: A laptop was stolen');
      await acknowledge.getByLabel('Note').fill('On it');
      await button(acknowledge, 'Acknowledge').click();
      await see(timeline, 'On it');
      expect(await button(page, 'Acknowledge').getAttribute('aria-description')).toBe('Acknowledged already');
      // Who takes it first owns it.
      expect(await button(page, 'Take it').getAttribute('aria-description')).toBe('It is yours already');
      await button(page, 'Contain').click();
      await button(dialog(page, /^Contain/), 'Contain').click();
      await see(timeline, 'Contained');
      await page.getByLabel('Note').fill('The disk was encrypted');
      await button(page, 'Add note').click();
      await see(timeline, 'The disk was encrypted');
      await button(page, 'Resolve').click();
      const resolve = dialog(page, /^Resolve/);
      await button(resolve, 'Resolve').click();
      await see(resolve, /^Too small/);
      await resolve.getByLabel('How it was dealt with').fill('Wiped from afar');
      await button(resolve, 'Resolve').click();
      await button(page, 'Reopen').waitFor();
      await see(timeline, 'Wiped from afar');
      expect(await timeline.getByRole('listitem').count()).toBe(5);
      expect(complaints).toEqual([]);
    },
  );

  it('a breach runs its clock until the authority was told', once, async () => {
    const opened = await app.call('POST', '/api/v1/incidents', {
      token: admin.accessToken,
      body: { title: 'Readings were read', severity: 'critical' },
    });
    await page.goto(`${app.origin}/incidents/${opened.json.id}`);
    await button(page, 'Flag as a breach').click();
    const flag = dialog(page, /^Flag as a breach/);
    await see(flag, /within 72 hours/);
    await flag.getByLabel('Aware of it since').fill('2020-01-01T00:00');
    await button(flag, 'Flag as a breach').click();
    await see(flag, 'at most 30 days ago');
    const at = new Date(Date.now() - 60 * 3_600_000);
    const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
    await flag.getByLabel('Aware of it since').fill(local);
    await button(flag, 'Flag as a breach').click();
    await see(page, /^1[12] h left$/);
    // The list says it, too, and its figure opens what runs.
    await page.goto(`${app.origin}/incidents`);
    await figure('for the authority').click();
    await page.waitForURL(/breach=running/);
    await page.getByRole('link', { name: /^Readings were read/ }).click();
    await button(page, 'The authority has been told').click();
    const told = dialog(page, /^Record the notification/);
    await told.getByLabel('To whom, and under which reference').fill('BfDI 2026/17');
    await button(told, 'Record the notification').click();
    await see(page, /^Told with 1[12] h/);
    expect(await button(page, 'No breach').count()).toBe(0);
  });

  it(
    'what was detected stands in the timeline with the events behind it; filters stay in the address',
    once,
    async () => {
      const opened = await app.call('POST', '/api/v1/incidents', {
        token: admin.accessToken,
        body: { title: 'Guessing', severity: 'low', subject: { scope: 'ip', value: '198.51.100.9' } },
      });
      const detection = randomUUID();
      const event = randomUUID();
      await app.database.admin.query(
        `insert into security_events (id, at, category, action, outcome, level, transport, source_address, reason)
       values ($1, now(), 'authentication', 'session.refused', 'failure', 'warning', 'http', '198.51.100.9', 'wrong_password')`,
        [event],
      );
      await app.database.admin.query(
        `insert into incident_detections (detection_id, incident_id, organisation_id, at, scenario, name, family, severity, technique,
         scope, subject, first_at, last_at, count, events)
       values ($1, $2, $3, now(), 'password-guessing', 'Password guessing', 'T1110', 'medium', 'T1110.001', 'ip', '198.51.100.9',
         now(), now(), 5, $4)`,
        [detection, opened.json.id, app.organisationId, [event]],
      );
      await page.goto(`${app.origin}/incidents?status=all&subject=198.51.100.9`);
      await expect.poll(() => page.getByRole('row').count(), { timeout: 30_000 }).toBe(2);
      await page.getByRole('link', { name: /^Guessing/ }).click();
      const timeline = page.getByRole('list', { name: 'Timeline, newest first' });
      await see(timeline, /^Address 198\.51\.100\.9 failed to sign in/);
      expect(await timeline.getByRole('link', { name: '5 events' }).getAttribute('href')).toBe(
        `/security-events?detectionId=${detection}`,
      );
      await page.getByRole('switch', { name: 'Events' }).uncheck();
      await expect.poll(() => timeline.getByText('failed to sign in').count()).toBe(0);
      await see(timeline, 'Password guessing');
    },
  );

  it('what is done elsewhere shows at once, in the list and in one that is open', once, async () => {
    const soon = { timeout: 20_000 };
    const as = { token: admin.accessToken };
    await page.goto(`${app.origin}/incidents`);
    await page.getByRole('table').first().waitFor();
    const body = { title: 'Opened elsewhere', severity: 'high' };
    const { json } = await app.call('POST', '/api/v1/incidents', { ...as, body });
    const row = page.getByRole('link', { name: /^Opened elsewhere/ });
    await row.waitFor(soon);
    await row.click();
    const timeline = page.getByRole('list', { name: 'Timeline, newest first' });
    await timeline.waitFor();
    const noted = await app.call('POST', `/api/v1/incidents/${json.id}/notes`, {
      ...as,
      body: { note: 'Seen on the wall' },
    });
    expect(noted.status).toBeLessThan(300);
    await timeline.getByText('Seen on the wall').waitFor(soon);
  });

  it('who may not see them is told so', once, async () => {
    const analyst = await app.aPerson('analyst');
    const theirs = await aPageOf(browser, app, analyst, '/incidents');
    await see(theirs, 'The list of incidents is not open to you');
    expect(await theirs.getByRole('link', { name: 'Incidents' }).count()).toBe(0);
    await theirs.context().close();
  });
});
