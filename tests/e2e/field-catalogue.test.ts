import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import {
  aBrowser,
  ageProof,
  anAppForBrowsers,
  aPageOf,
  button,
  hasBrowser,
  see,
  watchComplaints,
} from '../support/browser.ts';

let app: TestApp;
let browser: Browser;
let admin: Person;
let analyst: Person;
let user: Person;
let subjectId: string;
let deviceId: string;

describe.skipIf(!hasBrowser)('the field catalogue and what it masks, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    [admin, analyst, user] = [await app.aPerson('admin'), await app.aPerson('analyst'), await app.aPerson('user')];
    const as = { token: admin.accessToken };
    const body = { reference: 'MRN-0815', name: 'Ines Quark' };
    subjectId = (await app.call('POST', '/api/v1/subjects', { ...as, body })).json.id;
    deviceId = (await app.aDevice(admin, { name: 'Bed monitor 4', serial: 'SN-55-118' })).id;
    await app.call('POST', `/api/v1/devices/${deviceId}/assignments`, { ...as, body: { subjectId } });
    const channel = { name: 'Night shift', kind: 'email', target: 'night.shift@example.org' };
    await app.call('POST', '/api/v1/notification-channels', { ...as, body: channel });
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  const factOf = (page: Page, name: string): Locator =>
    page.locator('dl > div').filter({ has: page.locator('dt', { hasText: new RegExp(`^${name}$`) }) });

  it('an analyst reveals a name with a reason and a fresh proof; it is masked again after a minute', {
    timeout: 300_000,
    retry: 0,
  }, async () => {
    const page = await aPageOf(browser, app, analyst, '/account');
    const complaints = watchComplaints(page);
    await page.clock.install();
    await page.goto(`${app.origin}/subjects/${subjectId}`);
    await page.getByRole('heading', { name: /^Person …/ }).waitFor();
    expect(await page.content()).not.toMatch(/Ines|MRN-0815/);
    const name = factOf(page, 'Name');
    await name.getByRole('button', { name: /^Reveal the name/ }).click();
    const dialog = page.getByRole('dialog', { name: 'Reveal the name?' });
    await see(dialog, 'stands in the audit log; the name does not');
    await dialog.getByLabel('Reason').fill('short');
    await button(dialog, 'Reveal').click();
    await see(dialog, /too small|at least|10/i);
    await ageProof(app, analyst.userId);
    await dialog.getByLabel('Reason').fill('The ward called: whose bed is it?');
    await button(dialog, 'Reveal').click();
    const proof = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await proof.getByLabel('Password', { exact: true }).fill(analyst.password);
    await button(proof, 'Continue').click();
    await see(name, 'Ines Quark');
    // Nothing that was not asked for.
    expect(await page.content()).not.toContain('MRN-0815');
    await page.clock.fastForward(59_000);
    expect(await name.textContent()).toContain('Ines Quark');
    await page.clock.fastForward(2_000);
    await name.getByRole('button', { name: /^Reveal the name/ }).waitFor();
    expect(await page.content()).not.toMatch(/Ines|MRN-0815/);

    await page.goto(`${app.origin}/devices/${deviceId}`);
    const serial = factOf(page, 'Serial');
    await see(serial, '********');
    await serial.getByRole('button', { name: 'Reveal the serial of Bed monitor 4' }).click();
    await page.getByLabel('Reason').fill('Compared with the delivery note');
    await button(page.getByRole('dialog'), 'Reveal').click();
    await see(serial, 'SN-55-118');
    await serial.getByRole('button', { name: 'Hide the serial of Bed monitor 4' }).click();
    await see(serial, '********');

    const { rows } = await app.database.admin.query(
      `select details from audit_events where event = 'field.revealed' order by at, id`,
    );
    expect(rows.map(({ details }) => details)).toEqual([
      { fields: ['name'], reason: 'The ward called: whose bed is it?' },
      { fields: ['serial'], reason: 'Compared with the delivery note' },
    ]);
    // A call that needs a proof is refused first, which Chromium notes.
    expect(complaints.filter((complaint) => !/401|reveal/.test(complaint))).toEqual([]);
    await page.context().close();
  });

  it('who may not reveal sees the mask, and a button that says why', { timeout: 120_000, retry: 0 }, async () => {
    const page = await aPageOf(browser, app, user, `/subjects/${subjectId}`);
    const reveal = page.getByRole('button', { name: /^Reveal the name/ });
    await reveal.waitFor();
    expect(await reveal.getAttribute('aria-description')).toBe('Your role may not reveal the name');
    await reveal.click({ force: true });
    expect(await page.getByRole('dialog').count()).toBe(0);
    await page.goto(`${app.origin}/notifications`);
    await see(page, 'n*********t@example.org');
    const newChannel = page.getByRole('button', { name: 'New channel' }).first();
    expect(await newChannel.getAttribute('aria-description')).toContain('config:manage');
    await page.context().close();
  });

  it('the catalogue is searched and filtered, says when nothing matches, and shows what is decided about a field', {
    timeout: 120_000,
    retry: 0,
  }, async () => {
    const page = await aPageOf(browser, app, admin, '/field-catalogue');
    const complaints = watchComplaints(page);
    await page.getByRole('heading', { name: 'Field catalogue' }).waitFor();
    const rows = page.getByRole('row').filter({ has: page.getByRole('cell') });
    await page.getByLabel('Search fields').fill('devices serial_sealed');
    await page.waitForURL(/text=devices/);
    const row = page.getByRole('row').filter({ hasText: 'devices.serial_sealed' });
    await see(row, 'Identifier');
    await see(row, 'device:write');
    await expect.poll(() => rows.count()).toBe(1);
    await row.click();
    const drawer = page.getByRole('dialog', { name: 'devices.serial_sealed' });
    await see(drawer, 'alert:acknowledge or analytics:export, with a fresh proof and a reason');
    await see(drawer, 'until the device is deleted');
    await page.keyboard.press('Escape');
    await page.getByLabel('Search fields').fill('no such field');
    await see(page, 'No field matches');
    await page.getByLabel('Search fields').fill('');
    await page.waitForURL((url) => !url.searchParams.has('text'));
    await page.getByRole('combobox', { name: 'Class' }).click();
    await page.getByRole('option', { name: 'Secret' }).click();
    await page.waitForURL(/class=secret/);
    await see(page, 'account_mails.message_sealed');
    await page.reload();
    await see(page, 'account_mails.message_sealed');
    expect(await page.getByText('devices.serial').count()).toBe(0);
    expect(complaints).toEqual([]);

    const other = await aPageOf(browser, app, analyst, '/field-catalogue');
    await see(other, /system:admin/);
    await page.context().close();
    await other.context().close();
  });
});
