import { signInProblems } from '@valtronics/contract';
import type { Browser, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backchannelLogoutUrl, callbackUrl } from '../../server/src/features/sign-in-providers/provider.ts';
import type { Person, TestApp } from '../support/app.ts';
import {
  aBrowser,
  ageProof,
  anAppForBrowsers,
  aPageAt,
  aPageOf,
  hasBrowser,
  watchComplaints,
} from '../support/browser.ts';
import { anOpenIdProvider, type OpenIdProvider } from '../support/openid-provider.ts';

const PATIENCE_MS = 60_000;
const SLUG = 'company';
const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let idp: OpenIdProvider;
let browser: Browser;
let admin: Person;
let page: Page;
/** Signed in by the provider, which made the account; stays open. */
let nurse: Page;

const button = (on: Page | Locator, name: string) => on.getByRole('button', { name, exact: true });
const heading = (on: Page, name: string) => on.getByRole('heading', { name, exact: true });
const dialog = (on: Page, name: string) => on.getByRole('dialog', { name, exact: true });
const providerLink = (on: Page) => on.getByRole('link', { name: 'Company account', exact: true });
const see = (on: Page | Locator, text: string | RegExp) =>
  on.getByText(text).filter({ visible: true }).first().waitFor();

const ask = async (path: string) => (await app.call('GET', `/api/v1${path}`, { token: admin.accessToken })).json;
const accountOf = async (email: string) => (await ask(`/users?text=${encodeURIComponent(email)}`)).items[0];

const personAt = (sub: string, email: string, groups: string[]) => ({
  sub,
  claims: { email, email_verified: true, name: sub, groups },
});

describe.skipIf(!hasBrowser)('providers, from the first button to the last session, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers({ VALTRONICS_WEBHOOK_ALLOW: '127.0.0.1/32' });
    const publicUrl = new URL(app.origin);
    idp = await anOpenIdProvider(callbackUrl(publicUrl, SLUG), backchannelLogoutUrl(publicUrl, SLUG));
    admin = await app.aPerson('admin');
    browser = await aBrowser();
    page = await aPageOf(browser, app, admin, '/sign-in-providers');
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    idp?.close();
    await app?.stop();
  });

  it(
    'one is added: its addresses stand there before it is saved, faults under their fields, and it begins off',
    once,
    async () => {
      await heading(page, 'Everybody signs in here').waitFor();
      await button(page, 'Add provider').first().click();
      await heading(page, 'New sign-in provider').waitFor();
      await button(page, 'Add provider').click();
      expect(await page.getByText('Is needed').count()).toBe(5);

      await page.getByLabel('Name', { exact: true }).fill('Company account');
      await page.getByLabel('Slug').fill(SLUG);
      await page.getByText(callbackUrl(new URL(app.origin), SLUG), { exact: true }).waitFor();
      await page.getByText(backchannelLogoutUrl(new URL(app.origin), SLUG), { exact: true }).waitFor();
      await page.getByLabel('Issuer').fill(idp.issuer);
      await page.getByLabel('Client id').fill(idp.clientId);
      await page.getByLabel('Client secret').fill(idp.clientSecret);
      await page.getByLabel('Make accounts for people it vouches for').check();
      await page.getByLabel('Claim that holds the groups').fill('groups');
      await page.getByLabel('Scope that asks for them').fill('groups');
      for (const [index, group, role] of [
        [1, 'everybody', 'user'],
        [2, 'night', 'operator'],
      ] as const) {
        await button(page, 'Add a group').click();
        await page.getByLabel(`Group ${index}`, { exact: true }).fill(group);
        await page.getByLabel(`Role of group ${index}`).selectOption(role);
      }
      await button(page, 'Move group 2 up').click();
      await button(page, 'Add provider').click();
      await see(page, 'Name the domains accounts are made for');
      await page.getByLabel('Domains of their email addresses').fill('example.org');
      await button(page, 'Add provider').click();

      await heading(page, 'Company account').waitFor();
      await see(page, 'Off');
      const [made] = (await ask('/identity-providers')).items;
      expect(made).toMatchObject({
        slug: SLUG,
        enabled: false,
        emailDomains: ['example.org'],
        roleMapping: [
          { group: 'night', role: 'operator' },
          { group: 'everybody', role: 'user' },
        ],
        defaultRole: null,
      });
      expect(await page.getByLabel('Client secret').inputValue()).toBe('');
      expect(await page.content()).not.toContain(idp.clientSecret);
    },
  );

  it('a role that its giver may not give is there, closed, and says why', once, async () => {
    const role = await app.aRole('people-only', ['user:manage', 'device:read', 'telemetry:read', 'alert:read']);
    const own = await aPageOf(browser, app, await app.aPerson(role), '/sign-in-providers/new');
    const roles = own.getByLabel('Role where no group fits');
    await roles.getByRole('option', { name: 'User', exact: true }).waitFor({ state: 'attached' });
    const closed = await roles.locator('option:disabled').allTextContents();
    expect(closed).toEqual(['Admin', 'Operator', 'Analyst'].map((name) => `${name} (may more than you may)`));
    await own.context().close();
  });

  it('the test shows what the provider answers, and a scope it does not know', once, async () => {
    await button(page, 'Test').click();
    await see(page, 'It answers, and all that is needed is there.');
    await see(page, `${idp.issuer}/token`);
    await page.getByLabel('Scope that asks for them').fill('teams');
    await button(page, 'Save').click();
    await see(page, 'Company account saved');
    await button(page, 'Test').click();
    await see(page, 'It answers, but does not know the scope teams.');
    await page.getByLabel('Scope that asks for them').fill('groups');
    await button(page, 'Save').click();
    await expect
      .poll(async () => (await ask('/identity-providers')).items[0].groupsScope, { timeout: PATIENCE_MS })
      .toBe('groups');
  });

  it('enabled, it is offered below the form, which stays where it is; who is not let in reads why', once, async () => {
    expect((await ask('/auth/providers')).items).toEqual([]);
    await button(page, 'Enable').click();
    await see(page, 'Company account is enabled');
    expect((await ask('/auth/providers')).items).toEqual([{ slug: SLUG, name: 'Company account' }]);

    const held = Promise.withResolvers<void>();
    const stranger = await aPageAt(browser, app, '/sign-in', async (context) => {
      await context.route('**/api/v1/auth/providers', async (route) => {
        await held.promise;
        await route.continue();
      });
    });
    const field = stranger.getByLabel('Email address');
    await field.fill('some');
    const before = await field.boundingBox();
    held.resolve();
    await providerLink(stranger).waitFor();
    expect(await field.boundingBox()).toEqual(before);
    expect(await field.inputValue()).toBe('some');

    idp.next = { account: personAt('stranger', 'stranger@elsewhere.example', ['night']) };
    await providerLink(stranger).click();
    await stranger.waitForURL(/\/sign-in\?problem=no_account$/);
    await stranger.getByRole('alert').filter({ hasText: signInProblems.no_account }).waitFor();
    await stranger.context().close();
  });

  it(
    'a person signs in by its button and has an account with the role of the first group that fits',
    once,
    async () => {
      idp.next = { account: personAt('nurse', 'nurse@example.org', ['everybody', 'night']) };
      nurse = await aPageAt(browser, app, '/sign-in?next=/devices%3Ftext%3Dk%C3%BChl');
      const complaints = watchComplaints(nurse);
      await providerLink(nurse).click();
      await heading(nurse, 'Devices').waitFor();
      expect(new URL(nurse.url()).searchParams.get('text')).toBe('kühl');
      expect(await accountOf('nurse@example.org')).toMatchObject({ role: 'operator', status: 'active' });
      expect(complaints).toEqual([]);
    },
  );

  it(
    'where only the provider can ask again, a fresh proof comes from there, and the last way in stays',
    once,
    async () => {
      const { id } = await accountOf('nurse@example.org');
      await nurse.goto(`${app.origin}/account`);
      await ageProof(app, id);
      const unlink = async () => {
        await button(nurse, 'Unlink Company account').click();
        await button(dialog(nurse, 'Unlink Company account?'), 'Unlink').click();
      };
      await unlink();
      const proof = dialog(nurse, 'Confirm that it is you');
      const there = proof.getByRole('link', { name: 'Prove it at Company account', exact: true });
      await there.waitFor();
      expect(await proof.getByLabel('Password').count()).toBe(0);
      await there.click();
      await proof.waitFor({ state: 'detached' });
      await heading(nurse, 'My account').waitFor();
      await unlink();
      await see(dialog(nurse, 'Unlink Company account?'), 'This is your only way to sign in.');
    },
  );

  it('a person links it after a fresh proof, signs in by it, and unlinks it', once, async () => {
    const analyst = await app.aPerson('analyst');
    idp.next = { account: personAt('analyst at work', 'other@example.org', []) };
    const own = await aPageOf(browser, app, analyst, '/account');
    await button(own, 'Link Company account').waitFor();
    await ageProof(app, analyst.userId);
    await button(own, 'Link Company account').click();
    const proof = dialog(own, 'Confirm that it is you');
    await proof.getByLabel('Password', { exact: true }).fill(analyst.password);
    await button(proof, 'Continue').click();
    await own.waitForURL(/\/account\?linked=company$/);
    await see(own, 'Company account is linked');
    await button(own, 'Unlink Company account').waitFor();
    expect(await button(own, 'Link Company account').count()).toBe(0);

    const elsewhere = await aPageAt(browser, app, '/sign-in?next=/account');
    await providerLink(elsewhere).click();
    await see(elsewhere, new RegExp(`^${analyst.email} · Analyst`));

    await button(own, 'Unlink Company account').click();
    await button(dialog(own, 'Unlink Company account?'), 'Unlink').click();
    await see(own, 'Company account unlinked');
    // Its session ends with the link, although nobody touched that page.
    await button(elsewhere, 'Sign in').waitFor();
    await providerLink(elsewhere).click();
    await elsewhere.getByRole('alert').filter({ hasText: signInProblems.no_role }).waitFor();
    await elsewhere.context().close();

    // At the provider somebody else signs in now.
    await own.context().clearCookies({ domain: '127.0.0.1' });
    idp.next = { account: personAt('nurse', 'nurse@example.org', ['night']) };
    await button(own, 'Link Company account').click();
    await own.waitForURL(/\/account\?problem=identity_taken$/);
    await own.getByRole('alert').filter({ hasText: signInProblems.identity_taken }).waitFor();
    await own.context().close();
  });

  it('deleted by its name, it unlinks everybody and ends the sessions it opened', once, async () => {
    await nurse.goto(`${app.origin}/devices`);
    await heading(nurse, 'Devices').waitFor();
    await page.goto(`${app.origin}/sign-in-providers`);
    await button(page, 'Delete Company account').click();
    const question = dialog(page, 'Delete Company account?');
    await see(question, /Everybody is unlinked from it and the sessions it opened end at once/);
    const confirm = button(question, 'Delete Company account');
    expect(await confirm.isDisabled()).toBe(true);
    await question.getByRole('textbox').fill('Company account');
    await confirm.click();
    await heading(page, 'Everybody signs in here').waitFor();
    await expect.poll(() => button(nurse, 'Sign in').count(), { timeout: PATIENCE_MS }).toBe(1);
    expect((await ask('/identity-providers')).items).toEqual([]);
    await nurse.goto(`${app.origin}/sign-in`);
    await nurse.waitForLoadState('networkidle');
    expect(await providerLink(nurse).count()).toBe(0);
  });
});
