import { readFileSync } from 'node:fs';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';

let app: TestApp;
let browser: Browser;
let operator: Person;
let analyst: Person;
let device: { id: string };

describe.skipIf(!hasBrowser)('people who are measured, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers();
    browser = await aBrowser();
    operator = await app.aPerson('operator');
    analyst = await app.aPerson('analyst');
    device = await app.aDevice(operator, { name: 'Bed monitor 4', type: 'patient_vitals', health: true });
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('[ASVS 8.2.3, 8.3.1] somebody is registered, assigned and ended; the analyst sees that it happened, and masks', {
    timeout: 300_000,
    retry: 0,
  }, async () => {
    const page = await aPageOf(browser, app, operator, '/subjects');
    const complaints = watchComplaints(page);
    await see(page, 'Nobody is measured yet');
    await button(page, 'Register person').first().click();
    const register = page.getByRole('dialog', { name: 'Register a person measured' });
    await button(register, 'Register').click();
    await see(register, /too small|at least|required/i);
    await register.getByLabel('Reference').fill('MRN-0042');
    await register.getByLabel('Name').fill('Ines Example');
    await button(register, 'Register').click();
    await page.getByRole('heading', { name: 'Ines Example' }).waitFor();
    await see(page, 'No device has measured this person');
    const subjectPath = new URL(page.url()).pathname;

    await page.goto(`${app.origin}/devices/${device.id}`);
    const measures = page.getByRole('region', { name: 'Person measured' });
    await see(measures, 'nobody');
    await button(measures, 'Assign…').click();
    const assign = page.getByRole('dialog', { name: 'Whom does Bed monitor 4 measure?' });
    await button(assign, 'Assign').click();
    await see(assign, 'Choose a person');
    await assign.getByRole('combobox', { name: 'Person' }).fill('0042');
    await page.getByRole('option', { name: 'Ines Example · MRN-0042' }).click();
    await button(assign, 'Assign').click();
    await see(page, 'Bed monitor 4 measures Ines Example');
    await measures.getByRole('link', { name: 'Ines Example' }).waitFor();

    // The list says so, finds her, and keeps what was searched over a reload.
    await page.goto(`${app.origin}/subjects`);
    const row = page.getByRole('row').filter({ hasText: 'Ines Example' });
    await row.getByRole('link', { name: 'Bed monitor 4' }).waitFor();
    await page.getByLabel('Search reference or name').fill('nobody of that name');
    await see(page, 'Nobody matches');
    await page.getByLabel('Search reference or name').fill('ines');
    await row.waitFor();
    await page.waitForURL(/text=ines/);
    await page.reload();
    await row.waitFor();

    const masked = await aPageOf(browser, app, analyst, '/subjects');
    await see(masked, 'names and references are hidden from your role');
    await masked.getByRole('link', { name: 'Bed monitor 4' }).click();
    const theirs = masked.getByRole('region', { name: 'Person measured' });
    await theirs.getByRole('link', { name: /^Person …/ }).click();
    await masked.getByRole('heading', { name: /^Person …/ }).waitFor();
    expect(new URL(masked.url()).pathname).toBe(subjectPath);
    await see(masked, 'Bed monitor 4');
    expect(await masked.content()).not.toMatch(/Ines|MRN-0042/);
    expect(await button(masked, 'Delete').getAttribute('aria-description')).toContain('device:write');

    await page.goto(`${app.origin}/devices/${device.id}`);
    await button(measures, 'End…').click();
    const end = page.getByRole('dialog', { name: 'End the assignment' });
    await button(end, 'End').click();
    await see(page, 'Bed monitor 4 no longer measures Ines Example');
    await see(measures, /nobody now/);
    await measures.getByRole('link', { name: 'Ines Example' }).click();
    await see(page.getByRole('list', { name: 'Assignments over time' }), 'Bed monitor 4');

    await button(page, 'Delete').click();
    const remove = page.getByRole('dialog', { name: 'Delete Ines Example?' });
    await see(remove, /all assignments go, past ones too/);
    await remove.getByRole('textbox').fill('MRN-0042');
    await button(remove, 'Delete the person').click();
    await see(page, 'Nobody is measured yet');

    // What is left of her is her id, and the certificate that says from when.
    await button(page, 'Erased').click();
    await page.getByRole('heading', { name: 'Erased' }).waitFor();
    const save = page.getByRole('button', { name: `Save the certificate of …${subjectPath.slice(-8)}` });
    const [file] = await Promise.all([page.waitForEvent('download'), save.click()]);
    expect(file.suggestedFilename()).toBe(`erasure-${subjectPath.split('/').at(-1)}.txt`);
    const certificate = readFileSync((await file.path()) ?? '', 'utf8');
    expect(certificate).toContain(subjectPath.split('/').at(-1));
    expect(certificate).not.toMatch(/Ines|MRN-0042/);
    expect(complaints).toEqual([]);
  });
});
