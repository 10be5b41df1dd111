import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';

const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;

const dialog = (name: string | RegExp) => page.getByRole('dialog', { name });

describe.skipIf(!hasBrowser)('blocks, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    page = await aPageOf(browser, app, admin, '/blocks');
  }, 240_000);
  beforeEach(() => app.freshProof(admin));
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('an address is blocked by hand, refused from then on, and let in again with one click', once, async () => {
    const complaints = watchComplaints(page);
    const stranger = () =>
      app.call('POST', '/api/v1/auth/login', {
        body: { email: 'nobody@example.org', password: 'something quite wrong' },
        from: '127.0.0.66',
      });
    await see(page, 'Nobody is kept out');
    await button(page, 'Block somebody').first().click();
    const form = dialog('Block somebody');
    await form.getByLabel('Which').fill('somewhere');
    await form.getByLabel('Reason').fill('Guessing all night');
    await button(form, 'Keep out').click();
    await see(form, 'Not an address');
    await form.getByLabel('Which').fill('127.0.0.66');
    await button(form, 'Keep out').click();
    await see(page, '127.0.0.66 is kept out');
    await expect.poll(async () => (await stranger()).json.code, { timeout: 10_000 }).toBe('address_blocked');

    const row = page.getByRole('row').filter({ hasText: '127.0.0.66' });
    await see(row, 'Guessing all night');
    await see(row, `by ${admin.email}`);
    expect(await row.getByRole('link', { name: 'Events' }).getAttribute('href')).toMatch(
      /^\/security-events\?address=127\.0\.0\.66&from=/,
    );
    await button(row, 'Lift the block of 127.0.0.66').click();
    const lift = dialog('Lift the block of 127.0.0.66?');
    await see(lift, /because of: Guessing all night/);
    await button(lift, 'Lift the block').click();
    await see(page, 'The block of 127.0.0.66 is lifted');
    await expect.poll(async () => (await stranger()).json.code, { timeout: 10_000 }).toBe('invalid_credentials');
    await page.goto(`${app.origin}/blocks?state=all`);
    await see(row, 'Lifted');
    await button(row, '127.0.0.66 Address').click();
    await see(dialog('Block of 127.0.0.66'), /^Spared until$/);
    // The browser notes the address that was none.
    expect(complaints.filter((each) => !/status of 400/.test(each))).toEqual([]);
  });

  it('who is on the allow-list is never blocked, and a firewall gets its key once', once, async () => {
    await page.goto(`${app.origin}/blocks`);
    await page.getByRole('tab', { name: 'Allow-list' }).click();
    await button(page, 'Never block…').first().click();
    const form = dialog('Never block');
    await form.getByLabel('Address or network').fill('198.51.100.0/24');
    await form.getByLabel('Note').fill('Office');
    await button(form, 'Never block it').click();
    await see(page, '198.51.100.0/24 is never blocked');
    await button(page, 'Remove 198.51.100.0/24').click();
    await button(dialog(/^Take 198/), 'Take it off').click();
    await see(page, '198.51.100.0/24 may be blocked again');

    await page.getByRole('tab', { name: 'Firewalls' }).click();
    await button(page, 'New firewall').first().click();
    await dialog('New firewall').getByLabel('Name').fill('Gateway');
    await button(dialog('New firewall'), 'Make a key').click();
    const made = dialog('The key of Gateway');
    const key = (await made.locator('pre').first().textContent()) ?? '';
    expect(key).toMatch(/^vtb_/);
    await button(made, 'Done').click();
    await made.waitFor({ state: 'detached' });
    expect(await page.content()).not.toContain(key);
    const asked = () => app.call('GET', '/v1/decisions/stream?startup=true', { headers: { 'x-api-key': key } });
    expect((await asked()).status).toBe(200);
    await button(page, 'Remove the firewall Gateway').click();
    await button(dialog(/^Remove the firewall Gateway/), 'End its key').click();
    await see(page, 'No firewall obeys');
    expect((await asked()).status).not.toBe(200);
  });

  it('administrators of another organisation are told what is not theirs', once, async () => {
    const other = await app.aPerson('admin', await app.anotherOrganisation());
    const theirs = await aPageOf(browser, app, other, '/blocks/allow-list');
    await see(theirs, 'The allow-list is not open to you');
    await theirs.goto(`${app.origin}/blocks?new=1`);
    const form = theirs.getByRole('dialog', { name: 'Block somebody' });
    const choices = form.getByLabel('Who').locator('option');
    await expect.poll(() => choices.allTextContents(), { timeout: 30_000 }).toEqual(['Person', 'Device']);
    await theirs.context().close();
  });
});
