import { readFile } from 'node:fs/promises';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshAddress, type TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, hasBrowser, watchComplaints } from '../support/browser.ts';
import { aCertificateRequest } from '../support/certificate-requests.ts';
import { callAsDevice } from '../support/device-certificates.ts';

const PATIENCE_MS = 60_000;
const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let page: Page;
let complaints: string[];
/** Id and token of each claim, as the file says it. */
let claims: { id: string; token: string }[];

const button = (on: Page | Locator, name: string) => on.getByRole('button', { name, exact: true });
const saved = async (on: Locator, name: string) => {
  const [file] = await Promise.all([page.waitForEvent('download'), button(on, name).click()]);
  return readFile(await file.path(), 'utf8');
};
const rows = () => page.getByRole('table', { name: 'Claims' }).getByRole('row').filter({ hasText: 'Hall 3' });
const enrol = (claimToken: string) => {
  const { csr, key } = aCertificateRequest();
  const body = { claimToken, csr };
  return { key, answer: app.call('POST', '/api/v1/device-provisioning/enrol', { body, from: freshAddress() }) };
};

describe.skipIf(!hasBrowser)('claims for devices to come, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers({ VALTRONICS_DEVICE_PORT: '0' });
    browser = await aBrowser();
    page = await aPageOf(browser, app, await app.aPerson('operator'), '/devices');
    complaints = watchComplaints(page);
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('are made by the dozen, shown once, and listed without their tokens', once, async () => {
    await button(page, 'Provision many…').click();
    await page.getByRole('heading', { name: 'No open claim' }).waitFor();
    await button(page, 'New claims').first().click();
    const form = page.getByRole('dialog', { name: 'New claims' });
    await form.getByLabel('How many').fill('501');
    await button(form, 'Make them').click();
    await form.getByText(/<=500/).waitFor();
    await form.getByLabel('How many').fill('3');
    await form.getByLabel('Type').fill('freezer');
    await form.getByLabel('Names begin with').fill('Hall 3');
    await button(form, 'Make them').click();

    const made = page.getByRole('dialog', { name: '3 claims are made' });
    await made.getByText('Shown this once').waitFor();
    const lines = (await saved(made, 'Download as text')).trim().split('\n');
    const [, ...table] = (await saved(made, 'Download as CSV')).trim().split('\r\n');
    claims = table.map((line) => {
      const [id = '', token = ''] = line.split(',');
      return { id, token };
    });
    expect(claims.map(({ token }) => token)).toEqual(lines);
    expect(new Set(lines).size).toBe(3);
    await page.keyboard.press('Escape');
    await made.waitFor();
    await button(made, 'Done').click();
    await made.waitFor({ state: 'detached' });
    await expect.poll(() => rows().count(), { timeout: PATIENCE_MS }).toBe(3);
    for (const token of lines) expect(await page.content()).not.toContain(token);
  });

  it('one lets a device enrol and send, and is gone from the list', once, async () => {
    const { key, answer } = enrol(claims[0]?.token ?? '');
    const { status, json } = await answer;
    expect(status).toBe(201);
    expect(json.name).toMatch(/^Hall 3 /);
    const sent = await callAsDevice(app, { key, cert: json.pem }, 'POST', '/api/v1/telemetry', {
      body: { points: [{ metric: 'temperature', value: -18 }] },
    });
    expect(sent.status).toBe(200);
    await page.reload();
    await expect.poll(() => rows().count(), { timeout: PATIENCE_MS }).toBe(2);
    expect((await enrol(claims[0]?.token ?? '').answer).status).toBe(410);
  });

  it('one is withdrawn after a question that names it, and no device gets in by it', once, async () => {
    const { id, token } = claims[1] ?? { id: '', token: '' };
    await page.getByLabel(`Select the claim ${id.slice(-8)}`).check();
    await button(page, 'Withdraw 1').click();
    const question = page.getByRole('dialog', { name: `Withdraw the claim …${id.slice(-8)} for Hall 3?` });
    await button(question, 'Withdraw').click();
    await question.waitFor({ state: 'detached' });
    await expect.poll(() => rows().count(), { timeout: PATIENCE_MS }).toBe(1);
    expect((await enrol(token).answer).status).toBe(410);
    expect((await enrol(claims[2]?.token ?? '').answer).status).toBe(201);
    expect(complaints).toEqual([]);
  });
});
