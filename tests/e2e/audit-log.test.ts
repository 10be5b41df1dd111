import { readFileSync } from 'node:fs';
import type { Browser, Download, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openCheckpoint } from '../../server/src/lib/transparency/checkpoint.ts';
import { parseVerifier } from '../../server/src/lib/transparency/signed-note.ts';
import { verifyProof } from '../../server/src/lib/transparency/verify-offline.ts';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';

const once = { timeout: 300_000, retry: 0 };
/** "audit": whoever holds it is the one sequencer. */
const SEQUENCER_LOCK = 0x6175646974;

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;

const rows = (on: Page = page) => on.getByRole('table', { name: 'Audit log' }).getByRole('row');
const row = (text: string) => rows().filter({ hasText: text });
const dialog = (on: Page = page) => on.getByRole('dialog');
const open = (path: string) => page.goto(`${app.origin}${path}`);
const checkpoint = async (query = '') =>
  (await app.call('GET', `/api/v1/audit-log/checkpoint${query}`, { token: admin.accessToken })).json;

async function saved(from: Locator): Promise<{ name: string; text: string }> {
  const [file] = await Promise.all([page.waitForEvent('download') as Promise<Download>, from.click()]);
  return { name: file.suggestedFilename(), text: readFileSync(await file.path(), 'utf8') };
}

describe.skipIf(!hasBrowser)('the audit log, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    page = await aPageOf(browser, app, admin, '/audit-log');
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it(
    'an event waits, gets its place and is signed before the eyes of whoever looks; its proof is a file a stranger verifies',
    once,
    async () => {
      const complaints = watchComplaints(page);
      // As if the server whose turn it is were slow.
      await app.database.admin.query('select pg_advisory_lock($1)', [SEQUENCER_LOCK]);
      let isHeld = true;
      const release = async () => {
        if (isHeld) await app.database.admin.query('select pg_advisory_unlock($1)', [SEQUENCER_LOCK]);
        isHeld = false;
      };
      try {
        await app.aDevice(admin, { name: 'Fridge' });
        await open('/audit-log?event=device.registered');
        const badge = row('registered a device').locator('[data-status]');
        expect(await badge.textContent()).toBe('Pending');
        expect(await badge.locator('svg').count()).toBe(1);
        await row('registered a device').getByRole('button').click();
        const refusal = await button(dialog(), 'Save the proof').getAttribute('aria-description');
        expect(refusal).toBe('Not signed yet: that takes up to five seconds');
        await release();
        await see(dialog(), /^Signed$/);
        await expect.poll(() => badge.textContent(), { timeout: 60_000 }).toBe('Signed');
        expect(await badge.locator('svg').count()).toBe(1);
      } finally {
        await release();
      }

      await see(dialog(), 'device.registered');
      await see(dialog(), new RegExp(admin.email));
      await see(dialog(), /at position \d+$/);
      const proof = await saved(button(dialog(), 'Save the proof'));
      const { key } = await checkpoint();
      const proven = verifyProof(proof.text, [parseVerifier(key)]);
      expect(proven).toMatchObject({ event: { event: 'device.registered', actor: { id: admin.userId } } });
      expect(proof.name).toBe(`${(proven.event as { id: string }).id}.tlog-proof`);
      expect(proven.values['/actor/label']).toBe(admin.email);
      expect(complaints).toEqual([]);
    },
  );

  it('what is asked for stands in the address: a reload and a link keep it', once, async () => {
    const { id } = await app.aDevice(admin, { name: 'Oven' });
    await open('/audit-log');
    await page.getByRole('combobox', { name: 'Event' }).fill('registered a dev');
    await page.getByRole('option', { name: 'registered a device', exact: true }).click();
    await page.waitForURL(/event=device\.registered/);
    await page.getByRole('textbox', { name: 'Resource id' }).fill(id);
    await page.waitForURL(new RegExp(`resource=${id}`));
    await expect.poll(() => rows().count(), { timeout: 30_000 }).toBe(2);
    await page.reload();
    await row(id.slice(-8)).waitFor();
    expect(await rows().count()).toBe(2);

    // From one event to all by the same actor, and back.
    await row(id.slice(-8)).getByRole('button').click();
    await button(dialog(), 'All by this actor').click();
    await page.waitForURL((url) => url.searchParams.get('actor') === admin.userId && !url.searchParams.has('event'));
    await row('signed in').first().waitFor();
    await page.goBack();
    await page.waitForURL(/event=device\.registered/);

    // Half an address is no filter yet, and no error.
    await open('/audit-log?address=127.0');
    await row('registered a device').first().waitFor();
    await open('/audit-log?to=2020-01-01T00:00:00Z');
    await see(page, 'Nothing matches');
    expect(await button(page, 'Export').isDisabled()).toBe(true);
    await button(page, 'Clear the filters').click();
    await row('registered a device').first().waitFor();
    expect(new URL(page.url()).search).toBe('');
  });

  it('the export holds what is asked for, as JSON or CSV, and stands in the log itself', once, async () => {
    await open('/audit-log?event=device.registered');
    await row('registered a device').first().waitFor();
    const exportAs = async (item: string) => {
      await button(page, 'Export').click();
      return saved(page.getByRole('menuitem', { name: item }));
    };
    const jsonl = await exportAs('JSON, one event a line');
    expect(jsonl.name).toBe('audit-log.jsonl');
    const events = jsonl.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).event);
    expect(new Set(events)).toEqual(new Set(['device.registered']));
    const csv = await exportAs('CSV');
    expect(csv.name).toBe('audit-log.csv');
    expect(csv.text.trimEnd().split('\r\n')).toHaveLength(events.length + 1);
    await open('/audit-log?event=audit.exported');
    await expect.poll(() => row('exported the audit log').count(), { timeout: 30_000 }).toBe(2);
  });

  it('the newest checkpoint is shown, copied and saved, and verifies', once, async () => {
    await open('/audit-log');
    await button(page, 'Checkpoint').click();
    const panel = dialog();
    await see(panel, /Keep a checkpoint somewhere else/);
    const { key, origin } = await checkpoint();
    await see(panel, key);
    const file = await saved(button(panel, 'Save this checkpoint'));
    const kept = openCheckpoint(file.text, [parseVerifier(key)]);
    expect(kept.origin).toBe(origin);
    expect(file.name).toBe(`audit-log-organisation-${kept.size}.checkpoint`);
  });

  it(
    'whoever runs the instance switches to its log; others have no such switch, whatever their address says',
    once,
    async () => {
      await open('/audit-log?event=device.registered');
      await row('registered a device').first().waitFor();
      await page.getByText('The instance', { exact: true }).click();
      await page.waitForURL((url) => url.search === '?of=instance');
      await row('created the key that signs the audit log').waitFor();
      expect(await row('registered a device').count()).toBe(0);
      await button(page, 'Checkpoint').click();
      const { key, origin } = await checkpoint('?of=instance');
      await see(dialog(), key);
      const file = await saved(button(dialog(), 'Save this checkpoint'));
      expect(openCheckpoint(file.text, [parseVerifier(key)]).origin).toBe(origin);
      expect(origin).toMatch(/\/instance$/);

      const other = await app.aPerson('admin', await app.anotherOrganisation());
      const theirs = await aPageOf(browser, app, other, '/audit-log?of=instance');
      await rows(theirs).filter({ hasText: 'signed in' }).first().waitFor();
      expect(await theirs.getByRole('radiogroup', { name: 'Which log' }).count()).toBe(0);
      await theirs.context().close();
    },
  );

  it('on a phone each row still says who, when and whether it is signed', once, async () => {
    await page.setViewportSize({ width: 390, height: 844 });
    await open('/audit-log?event=device.registered');
    const first = row('registered a device').first();
    await see(first, new RegExp(`^\\d{4}-\\d\\d-\\d\\d \\d\\d:\\d\\d · ${admin.email}$`));
    await see(first, /^Signed$/);
    const { scrolled, wide } = await page.evaluate<{ scrolled: number; wide: number }>(
      '({ scrolled: document.documentElement.scrollWidth, wide: innerWidth })',
    );
    expect(scrolled).toBeLessThanOrEqual(wide);
  });
});
