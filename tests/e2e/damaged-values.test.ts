import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, hasBrowser, see, watchComplaints } from '../support/browser.ts';

const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;
let [hurt, whole]: { userId: string; email: string; name: string }[] = [];
const devices: { id: string; name: string }[] = [];

const rows = (table: string) => page.getByRole('table', { name: table, exact: true }).getByRole('row');
/** As the owner of the database. Every other byte stays. */
const alter = (table: string, column: string, id: string) =>
  app.database.admin.query(
    `update ${table} set ${column} = set_byte(${column}, 75, get_byte(${column}, 75) # 1) where id = $1`,
    [id],
  );
async function somebodyCalled(name: string) {
  const { userId, email } = await app.aPerson('operator');
  const changed = await app.call('PATCH', `/api/v1/users/${userId}`, { token: admin.accessToken, body: { name } });
  expect(changed.status, changed.text).toBe(200);
  return { userId, email, name };
}

describe.skipIf(!hasBrowser)('values that somebody altered in the database, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    [hurt, whole] = [await somebodyCalled('Ada Altered'), await somebodyCalled('Grace Whole')];
    for (const [name, serial] of [
      ['Altered monitor', 'SN-ALTERED'],
      ['Whole monitor', 'SN-WHOLE'],
    ] as const)
      devices.push({ id: (await app.aDevice(admin, { name, serial })).id, name });
    for (const column of ['name_sealed', 'email_sealed']) await alter('users', column, hurt?.userId ?? '');
    await alter('devices', 'serial_sealed', devices[0]?.id ?? '');
    page = await aPageOf(browser, app, admin, '/people');
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('the list of people has everybody: whom it concerns as unreadable, all others as ever', once, async () => {
    const complaints = watchComplaints(page);
    await page.reload();
    await rows('People')
      .filter({ hasText: 'Grace Whole' })
      .filter({ hasText: whole?.email ?? '' })
      .waitFor();
    await rows('People').filter({ hasText: admin.email }).waitFor();
    const unreadable = rows('People').filter({ hasText: /unreadable.*unreadable/ });
    await unreadable.filter({ hasText: 'Operator' }).waitFor();
    expect(await unreadable.count()).toBe(1);
    // The three of them below the head.
    expect(await rows('People').count()).toBe(4);
    expect(await page.content()).not.toContain('Ada Altered');
    expect(complaints).toEqual([]);
  });

  it(
    'the list of devices has all of them, and the page of the one says that its serial does not open',
    once,
    async () => {
      await page.goto(`${app.origin}/devices`);
      for (const { name } of devices) await rows('Devices').filter({ hasText: name }).waitFor();
      const serialOf = async (id = '') => {
        await page.goto(`${app.origin}/devices/${id}`);
        return page.locator('dl > div').filter({ has: page.locator('dt', { hasText: /^Serial$/ }) });
      };
      await see(await serialOf(devices[0]?.id), 'unreadable');
      await see(await serialOf(devices[1]?.id), 'SN-WHOLE');
    },
  );

  it('each is a critical security event that says which value it is, once', once, async () => {
    await page.goto(`${app.origin}/security-events?action=data.tampered`);
    const told = rows('Security events').filter({ hasText: /critical/i });
    await expect.poll(() => told.count(), { timeout: 60_000 }).toBe(3);
    await told.first().getByRole('button').click();
    const drawer = page.getByRole('dialog');
    await see(drawer, 'data.tampered');
    await see(drawer, /serial_sealed|email_sealed|name_sealed/);
    // Read again, it is not told again.
    await page.goto(`${app.origin}/people`);
    await rows('People').filter({ hasText: 'Grace Whole' }).waitFor();
    const { rows: stored } = await app.database.admin.query(
      `select details->>'column' as altered, details->>'row' as id from security_events
        where action = 'data.tampered' order by 1`,
    );
    expect(stored).toEqual([
      { altered: 'email_sealed', id: hurt?.userId },
      { altered: 'name_sealed', id: hurt?.userId },
      { altered: 'serial_sealed', id: devices[0]?.id },
    ]);
  });
});
