import { readFile } from 'node:fs/promises';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, hasBrowser, watchComplaints } from '../support/browser.ts';
import { aCertificateRequest } from '../support/certificate-requests.ts';
import { callAsDevice, type Identity } from '../support/device-certificates.ts';

const PATIENCE_MS = 60_000;
const once = { timeout: 300_000, retry: 0 };
const POINT = { points: [{ metric: 'temperature', value: 21 }] };

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;
let complaints: string[];
let device: { id: string; token: string };

const button = (name: string, within: Page | ReturnType<Page['getByRole']> = page) =>
  within.getByRole('button', { name, exact: true });
const sends = async (identity: Identity) =>
  (await callAsDevice(app, identity, 'POST', '/api/v1/telemetry', { body: POINT })).status;

async function saved(name: string): Promise<string> {
  const [file] = await Promise.all([page.waitForEvent('download'), button(name).click()]);
  return readFile(await file.path(), 'utf8');
}

describe.skipIf(!hasBrowser)('certificates of a device, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers({ VALTRONICS_DEVICE_PORT: '0' });
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    device = await app.aDevice(admin, { name: 'Cold room' });
    const { headers } = await app.call('POST', '/api/v1/auth/session', {
      body: { email: admin.email, password: admin.password },
      headers: { origin: app.origin },
      from: freshAddress(),
    });
    const [, name = '', value = ''] = /^([^=]+)=([^;]+)/.exec(String(headers['set-cookie'])) ?? [];
    const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
    await context.addCookies([{ name, value, url: app.origin, secure: true }]);
    page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    complaints = watchComplaints(page);
    await page.goto(`${app.origin}/devices/${device.id}?tab=credentials`);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('one is issued with a key shown once, works, and is revoked after a question', once, async () => {
    await button('New certificate').click();
    const dialog = page.getByRole('dialog', { name: 'New certificate' });
    await dialog.getByLabel('Label').fill('of the bench');
    await button('Issue', dialog).click();
    await dialog.getByText('Shown this once').waitFor();
    const identity = { key: await saved('Download the key'), cert: await saved('Download the certificate') };
    await button('Done', dialog).click();
    await dialog.waitFor({ state: 'detached' });
    expect(await page.content()).not.toContain('PRIVATE KEY');
    expect(await sends(identity)).toBe(200);

    const row = page
      .getByRole('list', { name: 'Certificates' })
      .getByRole('listitem')
      .filter({ hasText: 'of the bench' });
    await button('Revoke', row).click();
    const question = page.getByRole('dialog', { name: 'Revoke this certificate?' });
    expect(await sends(identity)).toBe(200);
    await button('Revoke', question).click();
    await question.waitFor({ state: 'detached' });
    await row.getByText('Revoked', { exact: true }).waitFor();
    expect(await sends(identity)).toBe(401);
    expect(complaints).toEqual([]);
  });

  it('one is issued for the device’s own request; a request that is none is told under its field', once, async () => {
    const { csr, key } = aCertificateRequest();
    await button('New certificate').click();
    const dialog = page.getByRole('dialog', { name: 'New certificate' });
    const field = dialog.getByLabel('Certificate request of the device');
    await field.fill('hello');
    await button('Issue', dialog).click();
    await dialog.getByText('Is not a PKCS#10 request in PEM').waitFor();
    await field.fill(csr);
    await button('Issue', dialog).click();
    const cert = await saved('Download the certificate');
    expect(await dialog.getByText('Shown this once').count()).toBe(0);
    await button('Done', dialog).click();
    expect(await sends({ cert, key })).toBe(200);
    // The browser itself says that the first try was answered 400.
    expect(complaints.filter((line) => !/status of 400/.test(line))).toEqual([]);
  });
});
