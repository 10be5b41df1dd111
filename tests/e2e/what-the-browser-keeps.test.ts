import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, hasBrowser } from '../support/browser.ts';

const PATIENCE_MS = 60_000;
const once = { timeout: 300_000, retry: 0 };
const HOSTILE = '<img src=x onerror=alert(1)><b id="bold">&amp;';

let app: TestApp;
let browser: Browser;
let admin: Person;
let deviceId: string;

async function aPage(): Promise<Page> {
  const session = await app.call('POST', '/api/v1/auth/session', {
    body: { email: admin.email, password: admin.password },
    headers: { origin: app.origin },
    from: freshAddress(),
  });
  const [, name = '', value = ''] = /^([^=]+)=([^;]+)/.exec(String(session.headers['set-cookie'])) ?? [];
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  await context.addCookies([{ name, value, url: app.origin, secure: true, httpOnly: true }]);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  return page;
}

const inside = (page: Page): Promise<string> => page.evaluate('document.documentElement.outerHTML');

describe.skipIf(!hasBrowser)('a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    deviceId = (await app.aDevice(admin)).id;
    // Inspection refuses such a name, so it is there as what another way in might have left.
    await app.database.admin.query('update devices set name = $1, location = $1', [HOSTILE]);
  }, 180_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('[ASVS 1.2.1, 3.2.2] shows markup in names as text, wherever it stands', once, async () => {
    const page = await aPage();
    for (const path of ['/', '/devices', `/devices/${deviceId}`]) {
      await page.goto(`${app.origin}${path}`);
      await page.getByText(HOSTILE).filter({ visible: true }).first().waitFor();
      expect([path, await page.locator('img[src="x"], #bold').count()]).toEqual([path, 0]);
    }
    await page.context().close();
  });

  it('[ASVS 7.4.4] offers to sign out on every page', once, async () => {
    const page = await aPage();
    const pages = ['/', '/devices', `/devices/${deviceId}`, '/subjects', '/alerts', '/rules', '/rules/new', '/explore'];
    for (const path of [
      ...pages,
      '/audit-log',
      '/people',
      '/people/roles',
      '/notifications',
      '/settings',
      '/account',
    ]) {
      await page.goto(`${app.origin}${path}`);
      await page.getByRole('button', { name: /^Account of/ }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).waitFor();
    }
    await page.context().close();
  });

  it(
    '[ASVS 14.3.1, 14.3.3] stores nothing of anybody, and shows nothing any more once they signed out',
    once,
    async () => {
      const page = await aPage();
      for (const path of ['/account', `/devices/${deviceId}`, '/devices']) {
        await page.goto(`${app.origin}${path}`);
        await page.getByRole('button', { name: /^Account of/ }).waitFor();
      }
      const kept = 'JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie])';
      const databases = 'indexedDB.databases().then((all) => all.length)';
      const cacheNames = 'caches.keys().then((all) => all.length)';
      const before = await page.evaluate<string>(kept);
      expect(before).not.toMatch(/@|vt[a-z]_|eyJ|onerror/);
      expect([await page.evaluate(databases), await page.evaluate(cacheNames)]).toEqual([0, 0]);
      await page.getByText(HOSTILE).filter({ visible: true }).first().waitFor();

      await page.getByRole('button', { name: /^Account of/ }).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await page.getByLabel('Email address').waitFor();
      const gone = async () => expect(await inside(page)).not.toMatch(new RegExp(`onerror|${admin.email}|${deviceId}`));
      await gone();
      await page.goBack();
      await page.getByLabel('Email address').waitFor();
      await gone();
      expect(await page.evaluate<string>(kept)).not.toMatch(/@|vt[a-z]_|eyJ|onerror/);
      await page.context().close();
    },
  );
});
