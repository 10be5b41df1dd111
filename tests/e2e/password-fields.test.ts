import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, hasBrowser } from '../support/browser.ts';

describe.skipIf(!hasBrowser)('the password fields of the web', () => {
  let browser: Browser;
  let site: TestApp;
  let person: Person;

  beforeAll(async () => {
    site = await anAppForBrowsers();
    person = await site.aPerson('admin');
    browser = await aBrowser();
  }, 300_000);
  afterAll(async () => {
    await browser?.close();
    await site?.stop();
  });

  async function aPage(path: string): Promise<Page> {
    const context = await browser.newContext({ ignoreHTTPSErrors: true });
    await context.grantPermissions(['clipboard-read', 'clipboard-write'], { origin: site.origin });
    const page = await context.newPage();
    await page.goto(site.origin + path);
    return page;
  }

  /** What a password manager and a person with a clipboard meet. */
  async function fieldsOf(page: Page): Promise<{ type: string; autocomplete: string; hasLimit: boolean }[]> {
    const fields = page.locator('main input[autocomplete$="-password"], form input[autocomplete$="-password"]');
    await fields.first().waitFor({ timeout: 60_000 });
    return Promise.all(
      (await fields.all()).map(async (field) => ({
        type: (await field.getAttribute('type')) ?? 'text',
        autocomplete: (await field.getAttribute('autocomplete')) ?? '',
        hasLimit: (await field.getAttribute('maxlength')) !== null,
      })),
    );
  }

  async function pastesInto(page: Page, label: string): Promise<void> {
    const field = page.getByLabel(label, { exact: true });
    const pasted = 'forty wooden spoons, pasted in one go';
    await page.evaluate(`navigator.clipboard.writeText(${JSON.stringify(pasted)})`);
    await field.click();
    await page.keyboard.press('ControlOrMeta+V');
    expect(await field.inputValue()).toBe(pasted);
    // It may be looked at as a whole and is hidden again.
    const toggle = field.locator('xpath=following::button[1]');
    await toggle.click();
    expect(await field.getAttribute('type')).toBe('text');
    await toggle.click();
    expect(await field.getAttribute('type')).toBe('password');
  }

  it('[ASVS 6.2.6, 6.2.7] hide what is typed, take what is pasted, and tell password managers what they are', async () => {
    const page = await aPage('/sign-in');
    expect(await fieldsOf(page)).toEqual([{ type: 'password', autocomplete: 'current-password', hasLimit: false }]);
    await pastesInto(page, 'Password');
    await page.getByLabel('Email address').fill(person.email);
    await page.getByLabel('Password', { exact: true }).fill(person.password);
    await page.getByRole('button', { name: 'Sign in', exact: true }).click();
    await page.waitForURL((url) => url.pathname !== '/sign-in', { timeout: 60_000 });

    await page.goto(`${site.origin}/account`);
    expect(await fieldsOf(page)).toEqual([
      { type: 'password', autocomplete: 'current-password', hasLimit: false },
      { type: 'password', autocomplete: 'new-password', hasLimit: false },
      { type: 'password', autocomplete: 'new-password', hasLimit: false },
    ]);
    await pastesInto(page, 'New password');

    const invited = await site.call('POST', '/api/v1/users', {
      token: person.accessToken,
      body: { email: 'browser@example.org', role: 'user' },
    });
    const { pathname, hash } = new URL(invited.json.invitation.url);
    const welcome = await aPage(pathname + hash);
    expect(await fieldsOf(welcome)).toEqual([
      { type: 'password', autocomplete: 'new-password', hasLimit: false },
      { type: 'password', autocomplete: 'new-password', hasLimit: false },
    ]);
  }, 180_000);
});
