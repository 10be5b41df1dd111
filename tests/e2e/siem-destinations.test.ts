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
const act = async (destination: string, action: string) => {
  await button(page, `Actions for ${destination}`).click();
  await page.getByRole('menuitem', { name: action }).click();
};

describe.skipIf(!hasBrowser)('SIEM destinations, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    page = await aPageOf(browser, app, admin, '/siem-destinations');
  }, 240_000);
  beforeEach(() => app.freshProof(admin));
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('one of files is added, tested, turned off and deleted', once, async () => {
    const complaints = watchComplaints(page);
    await see(page, 'Events stay here');
    await button(page, 'New destination').first().click();
    const form = dialog('New SIEM destination');
    await form.getByLabel('Kind').selectOption('file');
    await form.getByLabel('Name').fill('Archive');
    await form.getByLabel('Folder').fill('../elsewhere');
    await button(form, 'Add destination').click();
    await see(form, /^Is neither the name of a folder/);
    await form.getByLabel('Folder').fill('archive');
    await form.getByLabel('Format').selectOption('cef');
    await button(form, 'Add destination').click();
    await see(page, 'Archive gets every event from now on');
    const row = page.getByRole('row').filter({ hasText: 'Archive' });
    await see(row, 'Files, CEF');
    await see(row, 'Delivering');

    await act('Archive', 'Send a test');
    const test = dialog('Test of Archive');
    await see(test, /^Taken after \d+ ms$/);
    await button(test, 'Done').click();

    await act('Archive', 'Deliver again…');
    await button(dialog('Deliver again to Archive'), 'Deliver again').click();
    await see(page, /^Archive gets .+ events? again$/);

    await act('Archive', 'Turn off');
    await see(row, 'Off');
    await act('Archive', 'Delete…');
    const remove = dialog('Delete Archive?');
    expect(await button(remove, 'Delete the destination').isDisabled()).toBe(true);
    await remove.getByLabel('Type Archive to go on').fill('Archive');
    await button(remove, 'Delete the destination').click();
    await see(page, 'Events stay here');
    // The browser notes the folder that was refused.
    expect(complaints.filter((each) => !/status of 400/.test(each))).toEqual([]);
  });

  it('a receiver that does not answer is said so, with what it said; a secret is shown once', once, async () => {
    await button(page, 'New destination').first().click();
    const form = dialog('New SIEM destination');
    await form.getByLabel('Kind').selectOption('https');
    await form.getByLabel('Name').fill('SOC');
    await form.getByLabel('URL').fill('https://siem.invalid/events');
    await button(form, 'Add destination').click();
    const made = dialog('The signing secret of SOC');
    const secret = (await made.locator('pre').textContent()) ?? '';
    expect(secret).toMatch(/^whsec_/);
    await button(made, 'Done').click();
    await made.waitFor({ state: 'detached' });
    expect(await page.content()).not.toContain(secret);

    await act('SOC', 'Send a test');
    const test = dialog('Test of SOC');
    await see(test, /^Not taken, after \d+ ms$/);
    expect(await test.locator('pre').textContent()).not.toBe('');
    await button(test, 'Done').click();

    await act('SOC', 'Renew the secret…');
    await button(dialog(/^Renew the signing secret/), 'Renew the secret').click();
    expect(await dialog('The signing secret of SOC').locator('pre').textContent()).not.toBe(secret);
    await button(dialog('The signing secret of SOC'), 'Done').click();
    // What is to be delivered waits, and the list says why.
    const row = page.getByRole('row').filter({ hasText: 'SOC' });
    await see(row, 'Retrying');
  });
});
