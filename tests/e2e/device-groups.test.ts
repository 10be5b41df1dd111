import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';

const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;

const dialog = (on: Page, name: string) => on.getByRole('dialog', { name, exact: true });
const heading = (on: Page, name: string) => on.getByRole('heading', { name, exact: true });
const deviceRows = (on: Page) => on.getByRole('table', { name: 'Devices' }).locator('tbody').getByRole('row');

describe.skipIf(!hasBrowser)('device groups, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    for (const name of ['Freezer A', 'Freezer B', 'Oven']) await app.aDevice(admin, { name });
    page = await aPageOf(browser, app, admin, '/device-groups');
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it(
    'a group is made and filled; who is limited to it sees its devices, and none once it is deleted',
    once,
    async () => {
      const complaints = watchComplaints(page);
      await see(page, 'No device groups yet');
      await button(page, 'New group').first().click();
      const create = dialog(page, 'New device group');
      await button(create, 'Create and choose devices').click();
      await see(create, /^Too small/);
      await create.getByLabel('Name').fill('Cold rooms');
      await button(create, 'Create and choose devices').click();
      await heading(page, 'Cold rooms').waitFor();
      await see(page, '0 devices; nobody is limited to it');

      await page.getByLabel('Search devices').fill('freezer');
      await page.getByRole('row').filter({ hasText: 'Oven' }).waitFor({ state: 'detached' });
      await page.getByRole('checkbox', { name: 'Select Freezer A' }).check();
      await page.getByRole('checkbox', { name: 'Select Freezer B' }).check();
      const changes = page.getByRole('region', { name: 'Changes of the group' });
      await see(changes, '2 devices chosen');
      // What is not saved is not lost by a click beside it.
      await page.getByRole('link', { name: 'People', exact: true }).click();
      await button(dialog(page, 'Leave without saving?'), 'Stay').click();
      await button(changes, 'Save devices').click();
      await see(page, 'Cold rooms holds 2 devices');
      await changes.waitFor({ state: 'detached' });
      await page.getByLabel('Search devices').fill('');
      await page.getByRole('row').filter({ hasText: 'Oven' }).waitFor();
      await page.getByText('In the group', { exact: true }).click();
      await page.getByRole('row').filter({ hasText: 'Oven' }).waitFor({ state: 'detached' });
      expect(await deviceRows(page).count()).toBe(2);

      const person = await app.aPerson('user');
      await page.goto(`${app.origin}/people`);
      const row = page.getByRole('row').filter({ hasText: person.email });
      await see(row, 'every device');
      await button(row, `Actions for ${person.email}`).click();
      await page.getByRole('menuitem', { name: 'Change…' }).click();
      const change = dialog(page, person.email);
      await change.getByText('Device groups only').click();
      await change.getByRole('combobox', { name: 'Device groups' }).click();
      await page.getByRole('option', { name: 'Cold rooms (2)' }).click();
      await page.keyboard.press('Tab');
      await button(change, 'Save').click();
      await see(page, `${person.email} changed`);
      await see(row, 'Cold rooms');
      const theirs = await aPageOf(browser, app, person, '/devices');
      await see(theirs, 'Freezer A');
      expect(await deviceRows(theirs).count()).toBe(2);
      expect(await theirs.content()).not.toContain('Oven');

      await page.goto(`${app.origin}/device-groups`);
      await button(page, 'Actions for Cold rooms').click();
      await page.getByRole('menuitem', { name: 'Delete…' }).click();
      const remove = dialog(page, 'Delete the group Cold rooms?');
      await see(remove, /^1 account is limited to it: they stay limited, and see its 2 devices no more/);
      expect(await button(remove, 'Delete the group').isDisabled()).toBe(true);
      await remove.getByRole('textbox').fill('Cold rooms');
      await button(remove, 'Delete the group').click();
      await see(page, 'No device groups yet');
      await theirs.reload();
      await see(theirs, 'No devices yet');

      // And back to the whole fleet.
      await page.goto(`${app.origin}/people`);
      await see(row, 'no group');
      await button(row, `Actions for ${person.email}`).click();
      await page.getByRole('menuitem', { name: 'Change…' }).click();
      await see(change, /^There is no device group yet/);
      await change.getByText('Every device').click();
      await button(change, 'Save').click();
      await see(row, 'every device');
      await theirs.reload();
      await see(theirs, 'Oven');
      await theirs.context().close();
      expect(complaints).toEqual([]);
    },
  );

  it('a name that is taken is refused under the field, and nobody limits themselves', once, async () => {
    for (const name of ['Ward 3', 'Ward 4'])
      expect(
        (await app.call('POST', '/api/v1/device-groups', { token: admin.accessToken, body: { name } })).status,
      ).toBe(201);
    await page.goto(`${app.origin}/device-groups`);
    await button(page, 'Actions for Ward 4').click();
    await page.getByRole('menuitem', { name: 'Rename…' }).click();
    const rename = dialog(page, 'Rename Ward 4');
    await rename.getByLabel('Name').fill('ward 3');
    await button(rename, 'Rename').click();
    await see(rename, 'There is a group of this name');
    expect(await rename.getByLabel('Name').getAttribute('aria-invalid')).toBe('true');
    await rename.getByLabel('Name').fill('Ward 5');
    await button(rename, 'Rename').click();
    await page.getByRole('link', { name: 'Ward 5' }).waitFor();

    await page.goto(`${app.origin}/people`);
    await button(page, `Actions for ${admin.email}`).click();
    await page.getByRole('menuitem', { name: 'Change…' }).click();
    const own = dialog(page, admin.email);
    await see(own, 'Your own role and devices are changed by another administrator.');
    expect(await own.getByRole('radio', { name: 'Device groups only' }).isDisabled()).toBe(true);
  });

  it('chooses out of ten thousand devices, and no more than a group holds', once, async () => {
    await app.database.admin.query(
      `insert into devices (id, organisation_id, name, type, location)
       select gen_random_uuid(), $1, 'Sensor ' || lpad(n::text, 5, '0'), case when n % 4 = 0 then 'pump' else 'valve' end, 'Hall ' || n % 7
       from generate_series(1, 10000) n`,
      [app.organisationId],
    );
    await page.goto(`${app.origin}/device-groups?new=1`);
    const create = dialog(page, 'New device group');
    await create.getByLabel('Name').fill('Pumps');
    await button(create, 'Create and choose devices').click();
    await heading(page, 'Pumps').waitFor();
    const changes = page.getByRole('region', { name: 'Changes of the group' });
    await button(page, 'Choose all').click();
    await see(changes, 'More than 5,000 devices');
    const refused = button(changes, 'Save devices');
    expect(await refused.getAttribute('aria-description')).toBe('A group holds at most 5,000 devices');
    await button(changes, 'Discard').click();

    await page.getByRole('combobox', { name: 'Type' }).click();
    await page.getByRole('option', { name: 'Pump' }).click();
    await page.waitForURL(/type=pump/);
    await button(page, 'Choose all that match').click();
    await see(changes, '2,500 devices chosen');
    await button(changes, 'Save devices').click();
    await see(page, 'Pumps holds 2,500 devices');
    const { rows } = await app.database.admin.query<{ type: string; devices: number }>(
      `select type, count(*)::int as devices from device_group_devices join devices on devices.id = device_id
       join device_groups g on g.id = group_id where g.name = 'Pumps' group by type`,
    );
    expect(rows).toEqual([{ type: 'pump', devices: 2500 }]);
  });
});
