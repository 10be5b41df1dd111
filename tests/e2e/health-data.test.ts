import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';

let app: TestApp;
let browser: Browser;
let operator: Person;
let user: Person;
let device: { id: string; token: string };

describe.skipIf(!hasBrowser)('measurements of people, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    operator = await app.aPerson('operator');
    user = await app.aPerson('user');
    device = await app.aDevice(operator, { name: 'Bed monitor 7', type: 'patient_vitals' });
    const points = Array.from({ length: 120 }, (_, index) => ({
      metric: 'pulse',
      value: 60 + (index % 20),
      unit: 'bpm',
      timestamp: Date.now() - (120 - index) * 20_000,
    }));
    const more = [{ metric: 'battery', value: 93, timestamp: Date.now() - 60_000 }];
    const body = { points: [...points, ...more] };
    expect((await app.call('POST', '/api/v1/telemetry', { token: device.token, body })).status).toBe(200);
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('a metric is marked with what it means; who may sees its chart as before, who may not is told why there is none', {
    timeout: 300_000,
    retry: 0,
  }, async () => {
    const page = await aPageOf(browser, app, operator, `/devices/${device.id}`);
    const complaints = watchComplaints(page);
    await page.getByRole('img', { name: 'pulse of Bed monitor 7' }).waitFor();
    await button(page, 'Mark as health… pulse').click();
    const dialog = page.getByRole('dialog', { name: 'Mark pulse of Bed monitor 7 as health data' });
    await see(dialog, 'This cannot be taken back.');
    await button(dialog, 'Mark pulse').click();
    await see(page, 'Marked as health data: pulse of Bed monitor 7');
    await see(page, /^Health/);
    await button(page, 'Mark as health… battery').waitFor();
    expect(await button(page, 'Mark as health… pulse').count()).toBe(0);
    await page.getByRole('img', { name: 'pulse of Bed monitor 7' }).waitFor();
    expect(complaints).toEqual([]);

    const blind = await aPageOf(browser, app, user, `/devices/${device.id}`);
    const blindComplaints = watchComplaints(blind);
    await see(blind, /These are measurements of a person/);
    await blind.getByRole('img', { name: 'battery of Bed monitor 7' }).waitFor();
    expect(await blind.getByRole('img', { name: 'pulse of Bed monitor 7' }).count()).toBe(0);
    expect(await button(blind, 'Mark as health… battery').getAttribute('aria-disabled')).toBe('true');
    expect(blindComplaints).toEqual([]);
  });
});
