import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf } from '../support/browser.ts';

// What a person sees of it: the choice of the organisation, and what is said to whoever writes personal data where none is expected.

let app: TestApp;
let browser: Browser;
let admin: Person;

beforeAll(async () => {
  app = await anAppForBrowsers();
  browser = await aBrowser();
  admin = await app.aPerson('admin');
});
afterAll(async () => {
  await browser?.close();
  await app?.stop();
});

describe('personal data', () => {
  it('is told in a message, hidden once the organisation says so, and refused at its field', async () => {
    const { id } = await app.aDevice(admin, { name: 'Freezer 4' });
    const page = await aPageOf(browser, app, admin, '/settings');
    const choose = async (policy: string) => {
      await app.freshProof(admin);
      await page.goto(`${app.origin}/settings`);
      await page.getByRole('radio', { name: policy }).check();
      await page.getByRole('button', { name: 'Save' }).click();
      await page.getByText('Settings saved').waitFor();
      // As long as a server may go by the policy before.
      await page.waitForTimeout(1_100);
    };
    const describeDevice = async (description: string) => {
      await page.goto(`${app.origin}/devices/${id}`);
      await page.getByRole('button', { name: 'Edit' }).click();
      await page.getByLabel('Description').fill(description);
      await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    };

    await describeDevice('ring +49 170 1234567');
    await page.getByText('This looks like personal data').waitFor();
    await page.getByText(/description: a telephone number\. It was stored, and reported/).waitFor();

    await choose('Hide before storing');
    await describeDevice('ring +49 170 7654321');
    await page.getByText('Personal data was hidden').waitFor();
    await page.goto(`${app.origin}/devices/${id}`);
    expect(await page.locator('main').textContent()).not.toContain('7654321');

    await choose('Refuse');
    await describeDevice('ring ada@example.org');
    await page.getByText('Looks like an email address').waitFor();
    const { rows } = await app.database.admin.query('select description from devices where id = $1', [id]);
    expect(rows).toEqual([{ description: 'ring ********' }]);
    await page.context().close();
  });
});
