import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';

const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;

const rows = () => page.getByRole('table', { name: 'Security events' }).getByRole('row');
const guess = (from: string) =>
  app.call('POST', '/api/v1/auth/login', { body: { email: 'nobody@example.org', password: 'quite wrong' }, from });

describe.skipIf(!hasBrowser)('security events, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    page = await aPageOf(browser, app, admin, '/security-events?address=127.0.0.77');
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it(
    'what happens appears by itself while it is followed, and not when it is not; a row opens every field',
    once,
    async () => {
      const complaints = watchComplaints(page);
      await see(page, 'No event matches');
      await guess('127.0.0.77');
      await rows().filter({ hasText: 'Failed to sign in' }).first().waitFor();
      // Of another address: it is not asked for.
      await guess('127.0.0.78');
      await rows().filter({ hasText: 'Failed to sign in' }).first().getByRole('button').click();
      const drawer = page.getByRole('dialog');
      await see(drawer, 'session.refused');
      await see(drawer, '127.0.0.77');
      await button(drawer, 'All of this event').click();
      await page.waitForURL(/action=session\.refused/);
      await rows().filter({ hasText: '127.0.0.78' }).waitFor();

      await page.getByRole('switch', { name: 'Follow' }).click();
      await page.waitForURL(/follow=0/);
      const before = await rows().count();
      await guess('127.0.0.79');
      await page.waitForTimeout(3000);
      expect(await rows().count()).toBe(before);
      await page.reload();
      await rows().filter({ hasText: '127.0.0.79' }).waitFor();
      expect(complaints).toEqual([]);
    },
  );

  it('a number opens the events it was counted from', once, async () => {
    await page.goto(`${app.origin}/security-events`);
    const failed = page.getByRole('region', { name: 'Failed attempts' }).getByRole('link', { name: /in all$/ });
    const count = Number.parseInt((await failed.textContent()) ?? '', 10);
    expect(count).toBeGreaterThan(1);
    await failed.click();
    await page.waitForURL(/category=authentication&outcome=failure&from=/);
    await expect.poll(() => rows().count(), { timeout: 30_000 }).toBe(count + 1);
    // What ended does not grow.
    expect(await page.getByRole('switch', { name: 'Follow' }).isDisabled()).toBe(true);
  });

  it(
    'detections and scenarios have their lists; others than who runs the instance may not change a scenario',
    once,
    async () => {
      await page.getByRole('tab', { name: 'Detections' }).click();
      await see(page, 'What scenarios concluded from security events, newest first');
      await page.getByRole('tab', { name: 'Scenarios' }).click();
      const scenarios = page.getByRole('table', { name: 'Scenarios' }).getByRole('row');
      await expect.poll(() => scenarios.count(), { timeout: 30_000 }).toBeGreaterThan(10);
      expect(await page.getByRole('switch').first().isDisabled()).toBe(false);
      const other = await app.aPerson('admin', await app.anotherOrganisation());
      const theirs = await aPageOf(browser, app, other, '/security-events/scenarios');
      await theirs.getByRole('switch').first().waitFor();
      expect(await theirs.getByRole('switch').first().isDisabled()).toBe(true);
      await theirs.context().close();
    },
  );
});
