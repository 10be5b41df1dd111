import { createHmac } from 'node:crypto';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Answer, Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';
import { aWebhookReceiver } from '../support/webhook-receiver.ts';

const PATIENCE_MS = 60_000;
const NEW_PASSWORD = 'eleven boats under a copper moon';
const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;
let complaints: string[];

async function signIn(on: Page, email: string, password: string): Promise<void> {
  await on.getByLabel('Email address').fill(email);
  await on.getByLabel('Password', { exact: true }).fill(password);
  await button(on, 'Sign in').click();
}

const ask = (method: string, path: string, body?: unknown): Promise<Answer> =>
  app.call(method, `/api/v1${path}`, { token: admin.accessToken, ...(body === undefined ? {} : { body }) });

/** A rule and the alert it has raised. */
async function aRaisedAlert(name: string): Promise<{ ruleId: string; alertId: string }> {
  const device = await app.aDevice(admin, { name: 'Cold room' });
  const rule = {
    name,
    deviceId: device.id,
    metric: 'temperature',
    condition: 'gt',
    threshold: 8,
    severity: 'critical',
  };
  const ruleId = (await ask('POST', '/alert-rules', rule)).json.id;
  const points = [{ metric: 'temperature', value: 9.25, timestamp: Date.now() }];
  await app.call('POST', '/api/v1/telemetry', { token: device.token, body: { points } });
  const raised = async () => (await ask('GET', `/alerts?deviceId=${device.id}`)).json.items;
  await expect.poll(raised, { timeout: PATIENCE_MS }).toHaveLength(1);
  return { ruleId, alertId: (await raised())[0].id };
}

describe.skipIf(!hasBrowser)('what people do every day, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers({ VALTRONICS_WEBHOOK_ALLOW: '127.0.0.0/8' });
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    page = await aPageOf(browser, app, admin, '/rules');
    complaints = watchComplaints(page);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('an alert is resolved with a note, leaves the open ones, and its history says who and why', once, async () => {
    const { alertId } = await aRaisedAlert('Too warm');
    await page.goto(`${app.origin}/alerts`);
    await button(page.getByRole('table', { name: 'Alerts' }), 'Too warm').click();
    const drawer = page.getByRole('dialog', { name: 'Too warm', exact: true });
    await button(drawer, 'Resolve').click();
    const act = page.getByRole('dialog', { name: 'Resolve “Too warm”' });
    await act.getByLabel('Note').fill('The door was ajar');
    await button(act, 'Resolve').click();
    await act.waitFor({ state: 'detached' });

    await see(page, '“Too warm” resolved');
    await see(drawer, `Resolved by ${admin.email}`);
    await see(drawer, 'The door was ajar');
    await button(drawer, 'Close').click();
    await see(page, 'Nothing is wrong');
    await page.goto(`${app.origin}/alerts?status=resolved`);
    await see(page.getByRole('row').filter({ hasText: 'Too warm' }), admin.email);

    const { json } = await ask('GET', `/alerts/${alertId}`);
    expect(json).toMatchObject({ status: 'resolved', resolvedBy: admin.email });
    expect(json.events.at(-1)).toMatchObject({ kind: 'resolved', by: admin.email, note: 'The door was ajar' });
    expect(complaints).toEqual([]);
  });

  it('a rule is deleted once its name is typed; its open alert clears and stays on record', once, async () => {
    const { ruleId, alertId } = await aRaisedAlert('Far too warm');
    await page.goto(`${app.origin}/rules`);
    await button(page, 'Delete Far too warm').click();
    const dialog = page.getByRole('dialog', { name: 'Delete “Far too warm”?' });
    await dialog.getByRole('textbox').fill('Far too');
    expect(await button(dialog, 'Delete the rule').isDisabled()).toBe(true);
    await dialog.getByRole('textbox').fill('Far too warm');
    await button(dialog, 'Delete the rule').click();
    await dialog.waitFor({ state: 'detached' });

    await see(page, 'Rule “Far too warm” deleted');
    await button(page, 'Delete Far too warm').waitFor({ state: 'detached' });
    await page.goto(`${app.origin}/alerts?status=resolved`);
    await see(page.getByRole('row').filter({ hasText: 'Far too warm' }), 'by itself');

    expect((await ask('GET', `/alert-rules/${ruleId}`)).status).toBe(404);
    expect((await ask('GET', `/alerts/${alertId}`)).json).toMatchObject({ status: 'resolved', resolvedBy: null });
    expect(complaints).toEqual([]);
  });

  it(
    'a webhook shows its secret once, signs the test with it, and the list says how each test went',
    once,
    async () => {
      const receiver = await aWebhookReceiver(204, 500);
      try {
        await page.goto(`${app.origin}/notifications`);
        await button(page, 'New channel').first().click();
        const dialog = page.getByRole('dialog', { name: 'New notification channel' });
        await dialog.getByText('Webhook', { exact: true }).click();
        await dialog.getByLabel('Name').fill('On-call');
        await dialog.getByLabel('URL').fill(receiver.url);
        await button(dialog, 'Add channel').click();
        const shown = page.getByRole('dialog', { name: 'On-call is added' });
        await see(shown, 'Shown this once');
        const secret = (await shown.locator('pre').textContent()) ?? '';
        expect(secret).toMatch(/^whsec_.{40,}$/);
        await button(shown, 'Done').click();
        await shown.waitFor({ state: 'detached' });

        const row = page.getByRole('row').filter({ hasText: 'On-call' });
        await see(row, 'never');
        expect(await page.content()).not.toContain(secret);
        await button(row, 'Actions for On-call').click();
        await page.getByRole('menuitem', { name: 'Change…' }).click();
        const change = page.getByRole('dialog', { name: 'On-call', exact: true });
        await change.getByLabel('URL').waitFor();
        expect(await page.content()).not.toContain(secret);
        await button(change, 'Cancel').click();
        expect((await ask('GET', '/notification-channels')).text).not.toContain(secret);

        const sendATest = async (): Promise<void> => {
          await button(row, 'Actions for On-call').click();
          await page.getByRole('menuitem', { name: 'Send a test' }).click();
          await see(page, 'Test notification queued');
        };
        await sendATest();
        await see(row, /just now|\d+ s ago/);
        const { headers, body } = receiver.received[0] ?? { headers: {}, body: '' };
        const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
        const key = Buffer.from(secret.replace('whsec_', ''), 'base64');
        expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', key).update(signed).digest('base64')}`);

        // On a telephone, where the list has no column for it.
        await page.setViewportSize({ width: 390, height: 844 });
        await see(row, /^delivered (just now|\d+ s ago)/);
        await sendATest();
        await see(row, 'the target answered 500');
        expect((await ask('GET', '/notification-channels')).json.items).toMatchObject([
          { name: 'On-call', lastDeliveredAt: expect.any(String), lastError: 'the target answered 500' },
        ]);
        expect(complaints).toEqual([]);
      } finally {
        receiver.close();
      }
    },
  );

  it('a changed password ends every other session at once, and only the new one signs in', once, async () => {
    const person = await app.aPerson('analyst');
    const elsewhere = await aPageOf(browser, app, person, '/alerts');
    await elsewhere.getByRole('heading', { name: 'Alerts' }).waitFor();
    const here = await aPageOf(browser, app, person, '/account');
    const sessions = here.getByRole('main').getByRole('listitem');
    await expect.poll(() => sessions.count(), { timeout: PATIENCE_MS }).toBe(3);
    await here.getByLabel('Current password').fill('not what it is at all');
    await here.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD);
    await here.getByLabel('New password again').fill(NEW_PASSWORD);
    await button(here, 'Change password').click();
    await see(here, 'Not your current password');
    await here.getByLabel('Current password').fill(person.password);
    await button(here, 'Change password').click();

    await see(here, 'Your other sessions have ended.');
    await expect.poll(() => sessions.count(), { timeout: PATIENCE_MS }).toBe(1);
    await see(sessions, 'This one');
    expect((await app.call('GET', '/api/v1/auth/me', { token: person.accessToken })).status).toBe(401);
    // Nobody touched the other page.
    await button(elsewhere, 'Sign in').waitFor();
    await signIn(elsewhere, person.email, person.password);
    await see(elsewhere, 'Wrong email address or password');
    await signIn(elsewhere, person.email, NEW_PASSWORD);
    await elsewhere.getByRole('heading', { name: 'Alerts' }).waitFor();
    await here.reload();
    await here.getByRole('heading', { name: 'My account' }).waitFor();
  });
});
