import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aBackupPlace, flip, running } from '../support/backup-place.ts';
import { aBrowser, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';
import { done, newAdministrator, PASSWORD } from '../support/people-at-the-command-line.ts';
import { stopped } from '../support/place.ts';
import { admin, asked, rows, SWITCH } from '../support/point-in-time.ts';
import { valtronics } from '../support/program.ts';

// With a server of its own: what is pressed starts a child of it, which backs its database up.

const shots = process.env.SHOTS;

describe.skipIf(!hasBrowser)('Backups, in a browser', () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await aBrowser();
  });
  afterAll(() => browser?.close());

  async function signedIn(url: string, email: string): Promise<Page> {
    const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
    await page.goto(`${url}/sign-in`);
    await page.getByLabel('Email address').fill(email);
    await page.getByLabel('Password', { exact: true }).fill(PASSWORD);
    await button(page, 'Sign in').click();
    await page.waitForURL((at) => at.pathname !== '/sign-in');
    await page.goto(`${url}/backups`);
    return page;
  }

  /** Which columns there is room for is decided once the new width is measured. */
  const fits = (page: Page, width: number) =>
    expect.poll(() => page.evaluate('document.documentElement.scrollWidth')).toBe(width);

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

  it('says how to set it up; then one is made by hand, seen to come back in a drill, and told when it does not', {
    timeout: 300_000,
    retry: 0,
  }, async () => {
    const place = await aBackupPlace();
    const { env, key, url } = place;
    const {
      VALTRONICS_BACKUP_FOLDER: _folder,
      VALTRONICS_BACKUP_RECIPIENTS: _recipients,
      ...bare
    } = env as Record<string, string>;
    await done(valtronics(newAdministrator('ada@example.org'), { env, input: `${PASSWORD}\n` }));
    let server = await running(bare);
    let page = await signedIn(url, 'ada@example.org');
    await see(page, 'Nothing is backed up');
    await see(page, /^Make an identity on another machine with age-keygen/);
    expect(await button(page, 'Back up now').getAttribute('aria-description')).toBe(
      'There is no place for backups, or nobody who could open them',
    );
    await shoot(page, 'backups-unset');
    await stopped(server);

    server = await running(env);
    page = await signedIn(url, 'ada@example.org');
    const complaints = watchComplaints(page);
    await see(page, 'No backup yet');
    await see(page, 'None is made by itself: VALTRONICS_BACKUP_EVERY_HOURS is 0.');
    await see(page, /^No backup was tried out yet\./);
    await button(page, 'Back up now').click();
    await see(page, 'A backup is being made');
    const row = page.getByRole('row').filter({ hasText: 'valtronics-' });
    await row.waitFor({ timeout: 60_000 });
    await see(row, 'Not yet');
    await shoot(page, 'backups-one');

    await done(valtronics(['backup', 'verify', '--json', '-i', key], { env }));
    await done(valtronics(['backup', 'drill', '--json', '-i', key], { env }));
    const checks = page.getByRole('list', { name: 'What the drill looked at' });
    await checks.waitFor({ timeout: 30_000 });
    await see(checks, 'Rows are all there: passed');
    await see(checks, 'Audit log is as signed: passed');
    await see(row, /^As made, /);
    await see(row, /^Came back, /);
    await shoot(page, 'backups-drilled');
    await page.setViewportSize({ width: 390, height: 900 });
    await see(page, 'Last drill');
    await fits(page, 390);
    await page.setViewportSize({ width: 1440, height: 900 });

    expect(complaints).toEqual([]);

    flip(join(place.folder, readdirSync(place.folder).find((file) => file.endsWith('.age')) ?? ''));
    expect((await valtronics(['backup', 'drill', '-i', key], { env }).finished()).code).toBe(1);
    await see(checks, 'Can be loaded: failed');
    await see(row, /^Not good, /);
    await shoot(page, 'backups-failed');
    await stopped(server);
  });

  it('shows which moments are reached, by the log of a server that runs; that it stands still, and why; and where there are none', {
    timeout: 400_000,
    retry: 0,
  }, async () => {
    const place = await aBackupPlace();
    const { url, dataDir, folder } = place;
    await done(valtronics(newAdministrator('ada@example.org'), { env: place.env, input: `${PASSWORD}\n` }));
    let server = await running(place.env);
    let page = await signedIn(url, 'ada@example.org');
    await see(page, /^Off: VALTRONICS_BACKUP_POINT_IN_TIME_DAYS is 0\./);
    await shoot(page, 'moments-off');
    await stopped(server);

    const env = { ...place.env, VALTRONICS_BACKUP_POINT_IN_TIME_DAYS: '7' };
    server = await running(env);
    page = await signedIn(url, 'ada@example.org');
    const complaints = watchComplaints(page);
    const panel = page.locator('section').filter({ hasText: 'Any moment' });
    await see(panel, 'None yet: the first base is made within a minute or two');
    await shoot(page, 'moments-none');
    await panel.getByText(/^\S.* on, once its log is sent$|^\S.* to \S/).waitFor({ timeout: 120_000 });
    await asked(await admin(dataDir), 'create table marks (n int primary key)');
    await asked(await admin(dataDir), SWITCH);
    await see(panel, / to /);
    await see(panel, /^sent up to /);
    await see(panel, /, nothing waiting$/);
    await see(panel, /^every 7 days, the next /);
    const verified = await done(valtronics(['backup', 'verify', '--json'], { env }));
    expect(verified.json.bases).toMatchObject([{ fault: null }]);
    await see(panel, /^As made, /);
    await shoot(page, 'moments');
    await page.setViewportSize({ width: 390, height: 900 });
    await fits(page, 390);
    await page.setViewportSize({ width: 1440, height: 900 });

    renameSync(folder, `${folder}.away`);
    await rows(dataDir, 1, 1);
    await asked(await admin(dataDir), SWITCH);
    const alert = panel.getByRole('alert');
    await see(alert, /^Sending stands still, since /);
    await see(alert, `there is no ${folder}`);
    await see(panel, /16\.0 MiB waiting/);
    await shoot(page, 'moments-still');
    renameSync(`${folder}.away`, folder);
    await alert.waitFor({ state: 'detached', timeout: 30_000 });
    await see(panel, /, nothing waiting$/);
    expect(complaints).toEqual([]);
    await stopped(server);
  });
});
