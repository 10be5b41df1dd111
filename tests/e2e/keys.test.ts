import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../server/src/lib/clock.ts';
import { advisoryLocks } from '../../server/src/platform/db/advisory-locks.ts';
import { createLeadership } from '../../server/src/platform/db/leadership.ts';
import { createTransactions } from '../../server/src/security/audit/transactions.ts';
import { createKeyRing } from '../../server/src/security/crypto/key-ring.ts';
import { openDataKeys } from '../../server/src/security/keys/open-data-keys.ts';
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
import { rootKeyOf } from '../support/data-keys.ts';

const shots = process.env.SHOTS;
let app: TestApp;
let browser: Browser;
let admin: Person;

describe.skipIf(!hasBrowser)('keys and their rotation, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  async function shoot(page: Page, name: string) {
    if (!shots) return;
    mkdirSync(shots, { recursive: true });
    for (const width of [1440, 390])
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme });
        await page.setViewportSize({ width, height: 900 });
        await page.waitForTimeout(300);
        await page.screenshot({ path: join(shots, `${name}-${width}-${colorScheme}.png`), fullPage: width === 390 });
      }
    await page.setViewportSize({ width: 1440, height: 900 });
  }

  const epochRow = (page: Page, number: number) =>
    page
      .getByRole('table', { name: 'Key epochs' })
      .getByRole('row')
      .filter({ has: page.getByRole('cell', { name: String(number), exact: true }).first() });

  it('says where the root key lies and how to move it; a rotation is begun with a fresh proof and seen to its end', {
    timeout: 300_000,
    retry: 0,
  }, async () => {
    const page = await aPageOf(browser, app, admin, '/keys');
    const complaints = watchComplaints(page);
    await see(page, /^It lies beside the data: .*VALTRONICS_TRANSIT_KEY.* docs\/root-key\.md has the steps\.$/);
    await see(page, join(app.dataDir, 'root.key'));
    await see(page, /^None is under way\. Epoch 2 began/);
    await see(page, 'Nobody is measured yet: the first person who is registered makes it.');
    await see(epochRow(page, 2), 'Active');
    await see(epochRow(page, 1), 'Replaced');
    await see(
      page,
      /^Values counted .* Nothing is sealed any more under epoch 1: at the machine, valtronics keys retire/,
    );
    await shoot(page, 'keys-idle');

    await app.call('POST', '/api/v1/subjects', { token: admin.accessToken, body: { reference: 'MRN-1' } });
    await ageProof(app, admin.userId);
    await button(page, 'Rotate the keys').click();
    const dialog = page.getByRole('dialog', { name: 'Begin key epoch 3?' });
    await see(dialog, /^New keys seal everything from then on/);
    await button(dialog, 'Rotate the keys').click();
    const proof = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await proof.getByLabel('Password', { exact: true }).fill(admin.password);
    await button(proof, 'Continue').click();
    await see(page, 'The rotation has begun');
    await see(page, /^Finished: \d+ values are sealed under the newest epoch\.$/);
    await see(epochRow(page, 3), 'Active');
    await see(epochRow(page, 2), 'Replaced');
    await see(page, join(app.dataDir, 'keys', 'subjects.db'));
    await see(page, /^No copy of it is made: .* Set VALTRONICS_KEY_STORE_COPY_FOLDER /);
    await shoot(page, 'keys-finished');
    expect(
      (await app.database.admin.query(`select 1 from audit_events where event = 'key_rotation.requested'`)).rowCount,
    ).toBe(1);
    // A call that needs a proof is refused first, which Chromium notes.
    expect(complaints.filter((complaint) => !/401/.test(complaint))).toEqual([]);
    await page.context().close();
  });

  it('one that was killed is told and gone on with, without another epoch; one of another process is followed', {
    timeout: 300_000,
    retry: 0,
  }, async () => {
    // What a kill leaves: the epoch, and its values as they were.
    const { inner, maintenance } = app.database;
    const transactions = createTransactions({ server: inner, maintenance });
    const rootKey = rootKeyOf(app);
    const other = await openDataKeys({
      transactions,
      rootKey,
      keyRing: createKeyRing(rootKey),
      dataDir: app.dataDir,
      clock: systemClock,
    });
    await other.epochs.advance({ kind: 'cli', id: 'cli:0', label: null });
    const lock = createLeadership(app.database.connection('maintenance'), advisoryLocks.keyRotation);
    expect(await lock.hold()).toBe(true);

    const page = await aPageOf(browser, app, admin, '/keys');
    const complaints = watchComplaints(page);
    await see(page, /^Another process on this database is at it\./);
    await page.getByRole('progressbar', { name: 'Values sealed again' }).waitFor({ state: 'attached' });
    await see(epochRow(page, 3), 'Being renewed');
    expect(await button(page, 'Rotate the keys').getAttribute('aria-description')).toBe('A rotation is under way');
    await shoot(page, 'keys-running');

    await lock.release();
    await see(page, /^It stopped: \d+ values are still sealed under older epochs\. They open as ever\./);
    await see(epochRow(page, 3), 'Not finished');
    await shoot(page, 'keys-unfinished');
    await app.freshProof(admin);
    await button(page, 'Go on with the rotation').click();
    await button(page.getByRole('dialog', { name: 'Go on with the rotation?' }), 'Go on').click();
    await see(page, /^Finished: \d+ values/);
    await see(epochRow(page, 4), 'Active');
    await see(epochRow(page, 3), 'Replaced');
    expect(await epochRow(page, 5).count()).toBe(0);
    expect(complaints).toEqual([]);
    await page.context().close();
  });

  it('a key store that is missing is told, and found again; others than who runs the instance see none', {
    timeout: 300_000,
    retry: 0,
  }, async () => {
    const file = join(app.dataDir, 'keys', 'subjects.db');
    renameSync(file, `${file}.away`);
    const page = await aPageOf(browser, app, admin, '/keys');
    const complaints = watchComplaints(page);
    await see(page.getByRole('alert'), /^It is missing: nothing that is sealed for a person opens/);
    await shoot(page, 'keys-store-missing');
    await page.setViewportSize({ width: 390, height: 900 });
    await see(page, 'Root key');
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(390);
    renameSync(`${file}.away`, file);
    await page.reload();
    await see(page, 'of nobody');
    expect(complaints).toEqual([]);
    await page.context().close();

    const stranger = await app.aPerson('admin', await app.anotherOrganisation());
    const theirs = await aPageOf(browser, app, stranger, '/keys');
    await see(theirs, 'The page of keys is not open to you');
    await theirs.context().close();
    const analyst = await aPageOf(browser, app, await app.aPerson('analyst'), '/keys');
    await see(analyst, /system:admin/);
    await analyst.context().close();
  });
});
