import { permissions } from '@valtronics/contract';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, aPageOf, button, hasBrowser, see, watchComplaints } from '../support/browser.ts';
import { callAsDevice } from '../support/device-certificates.ts';
import { aSelfSignedCertificate } from '../support/self-signed-certificate.ts';

const PATIENCE_MS = 60_000;
const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let admin: Person;
let page: Page;

const dialog = (on: Page, name: string) => on.getByRole('dialog', { name, exact: true });
const statusOf = async (secret: string, path = '/devices') =>
  (await app.call('GET', `/api/v1${path}`, { token: secret, from: freshAddress() })).status;
/** As if the last proof were an hour ago. */
const age = ({ userId }: Person) =>
  app.database.admin.query(`update sessions set verified_at = verified_at - interval '1 hour' where user_id = $1`, [
    userId,
  ]);

describe.skipIf(!hasBrowser)('API keys and service accounts, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers({ VALTRONICS_KEY_PORT: '0' });
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    page = await aPageOf(browser, app, admin, '/api-keys');
    await page.context().grantPermissions(['clipboard-read', 'clipboard-write']);
  }, 240_000);
  beforeEach(() => app.freshProof(admin));
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it('a service account is made, and a key whose secret works until it is revoked', once, async () => {
    const complaints = watchComplaints(page);
    await see(page, 'No API keys yet');
    await see(page, /^A service account stands for a program: nobody can sign in to it/);
    expect(await button(page, 'New key').getAttribute('aria-description')).toMatch(/^Create a service account first/);
    await button(page, 'New service account').first().click();
    const account = dialog(page, 'New service account');
    await button(account, 'Create account').click();
    await see(account, /^Too small/);
    await account.getByLabel('Name').fill('Export to the warehouse');
    await account.getByLabel('Role').selectOption('analyst');
    await button(account, 'Create account').click();

    const key = dialog(page, 'New API key');
    await expect
      .poll(() => key.getByRole('combobox', { name: 'Service account' }).inputValue(), { timeout: PATIENCE_MS })
      .toBe('Export to the warehouse · Analyst');
    const closed = key.getByRole('checkbox', { name: /device:write$/ });
    await expect.poll(() => closed.isDisabled(), { timeout: PATIENCE_MS }).toBe(true);
    await see(key, 'The account does not hold it: its role is Analyst');

    await key.getByLabel('Networks', { exact: true }).fill('home');
    await key.getByLabel('Networks', { exact: true }).press('Enter');
    await key.getByLabel('Ends after').fill('366');
    await button(key, 'Create key').click();
    await see(key, /^home: An address or a network/);
    await see(key, 'At least one');
    expect(await key.getByText(/^Too (small|big)/).count()).toBe(2);

    await key.getByLabel('Label').fill('Nightly export');
    await key.getByRole('checkbox', { name: /device:read$/ }).check();
    await key.getByRole('checkbox', { name: /telemetry:read$/ }).check();
    await key.getByLabel('Networks', { exact: true }).press('Backspace');
    // Nothing the browser can know: the schema lets it through, and the server's words stand under the same field.
    await key.getByLabel('Networks', { exact: true }).fill('0.0.0.0/0 ');
    await key.getByLabel('Ends after').fill('30');
    await button(key, 'Create key').click();
    await see(key, '0.0.0.0/0: A network of at least one leading bit');
    await key.getByLabel('Networks', { exact: true }).press('Backspace');
    await key.getByLabel('Networks', { exact: true }).fill('127.0.0.0/8');
    await button(key, 'Create key').click();

    const made = dialog(page, 'The key “Nightly export” is made');
    await see(made, /^It is not shown again\./);
    const secret = (await made.locator('pre').first().textContent()) ?? '';
    expect(secret).toMatch(/^vtk_[A-Za-z0-9_-]{43}$/);
    await button(made, 'Copy: API key').click();
    expect(await page.evaluate('navigator.clipboard.readText()')).toBe(secret);
    expect([await statusOf(secret), await statusOf(secret, '/alerts')]).toEqual([200, 403]);
    await button(made, 'Done').click();
    await made.waitFor({ state: 'detached' });
    expect(await page.content()).not.toContain(secret);

    await page.goto(`${app.origin}/api-keys`);
    const row = page.getByRole('row').filter({ hasText: 'Nightly export' });
    await see(row, 'Export to the warehouse, a service account');
    await see(row, 'Device: read · Telemetry: read');
    await see(row, '127.0.0.0/8');
    await see(row, `by ${admin.email}`);
    await see(row, /^in (29|30) d$/);
    await see(row, /^127\.\d+\.\d+\.\d+$/);
    await button(row, 'Nightly export Export to the warehouse, a service account').click();
    const details = dialog(page, 'Nightly export');
    await see(details, 'See measurements');
    await see(details, /from 127\.\d+\.\d+\.\d+$/);
    await button(details, 'Revoke…').click();

    await age(admin);
    const revoke = dialog(page, 'Revoke the key “Nightly export”?');
    await see(revoke, /It acts for Export to the warehouse/);
    await button(revoke, 'Revoke the key').click();
    const proof = dialog(page, 'Confirm that it is you');
    await proof.getByLabel('Password', { exact: true }).fill(admin.password);
    expect(await statusOf(secret)).toBe(200);
    await button(proof, 'Continue').click();
    await see(page, 'The key “Nightly export” is revoked');
    expect(await statusOf(secret)).toBe(401);
    await see(page, 'No API keys yet');
    // The browser notes our own wrong network and the proof that was too old.
    expect(complaints.filter((each) => !/status of 40[01]/.test(each))).toEqual([]);
  });

  it('the list is filtered by owner in the address, and says which keys end soon or have ended', once, async () => {
    const soon = await app.aKey(admin, 'operator', ['device:read'], { label: 'Ends first', expiresInDays: 13 });
    const later = await app.aKey(admin, 'user', ['device:read'], { label: 'Ends last' });
    const ended = await app.aKey(admin, 'user', ['device:read'], { label: 'Has ended' });
    await app.database.admin.query(
      `update api_keys set created_at = now() - interval '9 days', expires_at = now() - interval '2 days' where id = $1`,
      [ended.id],
    );
    await page.goto(`${app.origin}/api-keys`);
    const row = (text: string) => page.getByRole('row').filter({ hasText: text });
    await see(row('Ends first'), /^Soon, in 12 d$/);
    await see(row('Has ended'), /^Expired 2 d ago$/);
    expect(
      await row('Ends last')
        .getByText(/Soon|Expired/)
        .count(),
    ).toBe(0);

    await page.getByRole('combobox', { name: 'Owner' }).fill('as operator');
    await page.getByRole('option', { name: 'A program as operator · Operator' }).click();
    await page.waitForURL(new RegExp(`ownerId=${soon.ownerId}`));
    await row('Ends last').waitFor({ state: 'detached' });
    await page.reload();
    await row('Ends first').waitFor();
    expect(await row('Ends last').count()).toBe(0);
    // From the account, too.
    await page.goto(`${app.origin}/people?kind=service&text=as+user`);
    const accounts = page.getByRole('row').filter({ hasText: 'A program as user' });
    await expect.poll(() => accounts.count(), { timeout: PATIENCE_MS }).toBe(2);
    expect(await page.getByRole('row').filter({ hasText: admin.email }).count()).toBe(0);
    await page.goto(`${app.origin}/api-keys?ownerId=${later.ownerId}`);
    await button(row('Ends last'), 'Revoke the key Ends last of A program as user').click();
    await button(dialog(page, 'Revoke the key “Ends last”?'), 'Revoke the key').click();
    await see(page, 'A program as user has no key');
  });

  it('permissions that the maker does not hold cannot be chosen, and say why', once, async () => {
    const held = ['user:manage', 'device:read'] as const;
    const maker = await app.aPerson(await app.aRole('key-maker', held));
    await app.aKey(admin, 'admin', ['device:read']);
    const theirs = await aPageOf(browser, app, maker, '/api-keys?new=key');
    const key = dialog(theirs, 'New API key');
    await key.getByRole('combobox', { name: 'Service account' }).fill('as admin');
    await theirs.getByRole('option', { name: 'A program as admin · Admin' }).click();
    const boxes = key.getByRole('checkbox');
    const open: (string | null)[] = [];
    for (const box of await boxes.all()) if (await box.isEnabled()) open.push(await box.getAttribute('value'));
    expect(open.toSorted()).toEqual([...held].toSorted());
    expect(await boxes.count()).toBe(permissions.length);
    expect(await key.getByText('You do not hold it yourself').count()).toBe(permissions.length - held.length);
    await theirs.context().close();
  });

  it('a key is bound to a certificate, and what is none is said under the field', once, async () => {
    const identity = aSelfSignedCertificate('program.example.org');
    const own = await aPageOf(browser, app, admin, '/account');
    await button(own, 'New key of mine').click();
    const form = dialog(own, 'New API key of mine');
    await form.getByLabel('Label').fill('Bound');
    await form.getByRole('checkbox', { name: /device:read$/ }).check();
    await form.getByLabel('Certificate', { exact: true }).fill('MIIB');
    await button(form, 'Create key').click();
    await see(form, 'One certificate in PEM');
    await form.getByLabel('Certificate', { exact: true }).fill(identity.cert);
    await button(form, 'Create key').click();
    const made = dialog(own, 'The key “Bound” is made');
    const secret = (await made.locator('pre').first().textContent()) ?? '';
    expect(await statusOf(secret)).toBe(401);
    const headers = { authorization: `Bearer ${secret}` };
    const answer = await callAsDevice(app, identity, 'GET', '/api/v1/devices', { port: app.keyPort, headers });
    expect(answer.status).toBe(200);
    await button(made, 'Done').click();
    await own.context().close();
    await page.goto(`${app.origin}/api-keys`);
    await button(page, `Bound ${admin.email}, a person`).click();
    await see(dialog(page, 'Bound'), 'Only with the certificate of this SHA-256');
  });

  it('everybody makes keys of their own, which act in their name and end when they say so', once, async () => {
    const analyst = await app.aPerson('analyst');
    const own = await aPageOf(browser, app, analyst, '/account');
    await see(own, /^None yet: with a key a program acts in your name/);
    await button(own, 'New key of mine').click();
    const form = dialog(own, 'New API key of mine');
    expect(await form.getByRole('checkbox', { name: /device:write$/ }).isDisabled()).toBe(true);
    // Who may not read groups is not asked for any.
    expect(await form.getByText('Device groups only').count()).toBe(0);
    await form.getByLabel('Label').fill('My notebook');
    await form.getByRole('checkbox', { name: /device:read$/ }).check();
    await age(analyst);
    await button(form, 'Create key').click();
    const proof = dialog(own, 'Confirm that it is you');
    await proof.getByLabel('Password', { exact: true }).fill(analyst.password);
    await button(proof, 'Continue').click();
    const made = dialog(own, 'The key “My notebook” is made');
    const secret = (await made.locator('pre').first().textContent()) ?? '';
    await button(made, 'Done').click();
    const me = await app.call('GET', '/api/v1/auth/me', { token: secret });
    expect(me.json).toMatchObject({ email: analyst.email, permissions: ['device:read'] });

    const mine = own.getByRole('list', { name: 'My API keys' }).getByRole('listitem');
    await see(mine, 'Device: read · from anywhere');
    await button(mine, 'Revoke the key My notebook').click();
    const revoke = dialog(own, 'Revoke the key “My notebook”?');
    await see(revoke, /^It acts for you\./);
    await button(revoke, 'Revoke the key').click();
    await see(own, /^None yet: with a key/);
    expect(await statusOf(secret)).toBe(401);
    await own.context().close();
  });
});
