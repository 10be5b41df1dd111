import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Person, TestApp } from '../support/app.ts';
import { aBrowser, ageProof, anAppForBrowsers, aPageAt, aPageOf, hasBrowser } from '../support/browser.ts';
import { aVirtualAuthenticator, totpCodeOf } from '../support/browser-factors.ts';

const NEW_PASSWORD = 'eleven boats under a copper moon';
const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let admin: Person;

const button = (on: Page | Locator, name: string | RegExp) =>
  on.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name });
const heading = (on: Page, name: string) => on.getByRole('heading', { name, exact: true });
const dialog = (on: Page, name: string) => on.getByRole('dialog', { name, exact: true });
const see = (on: Page | Locator, text: string | RegExp) =>
  on.getByText(text).filter({ visible: true }).first().waitFor();
const codesOn = (on: Page) => on.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem').allTextContents();
const withoutPasskeys = (context: BrowserContext) => context.addInitScript('delete window.PublicKeyCredential');

async function signIn(on: Page, { email, password }: Person): Promise<void> {
  await on.getByLabel('Email address').fill(email);
  await on.getByLabel('Password', { exact: true }).fill(password);
  await button(on, 'Sign in').click();
}

async function keepCodes(on: Page): Promise<string[]> {
  await button(on, 'Continue').waitFor();
  const codes = await codesOn(on);
  await on.getByLabel('I keep these codes in a safe place').check();
  await button(on, 'Continue').click();
  return codes;
}

describe.skipIf(!hasBrowser)('what is due before anything else, and one’s own account, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers({ VALTRONICS_PASSKEY_REQUIRED_ROLES: 'operator' });
    browser = await aBrowser();
    admin = await app.aPerson('admin');
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it(
    'a role that must have a passkey sets one up before anything else, and no other factor will do',
    once,
    async () => {
      const page = await aPageOf(browser, app, await app.aPerson('operator'), '/devices');
      await aVirtualAuthenticator(page);
      await heading(page, 'Set up a passkey').waitFor();
      await page.goto(`${app.origin}/rules`);
      await heading(page, 'Set up a passkey').waitFor();
      expect(await page.getByRole('navigation').count()).toBe(0);
      expect(await button(page, /^Authenticator app/).count()).toBe(0);
      await button(page, /^Passkey/).click();
      await button(page, 'Make the passkey').click();
      await heading(page, 'Keep your recovery codes').waitFor();
      expect(await keepCodes(page)).toHaveLength(10);
      await heading(page, 'Rules').waitFor();
      await page.context().close();
    },
  );

  it('a session from before the account had a factor proves it before anything else, and goes on', once, async () => {
    const person = await app.aPerson('analyst');
    const [open, other] = [
      await aPageOf(browser, app, person, '/devices'),
      await aPageOf(browser, app, person, '/account'),
    ];
    await heading(open, 'Devices').waitFor();
    await button(other, 'Add authenticator app').click();
    const add = dialog(other, 'Add an authenticator app');
    const key = (await add.locator('pre').textContent()) ?? '';
    await add.getByLabel('End my other sessions').uncheck();
    await add.getByLabel('Code', { exact: true }).fill(totpCodeOf(key));
    await keepCodes(other);
    await see(other.getByRole('list', { name: 'Second factors' }), 'Authenticator app');

    await open.goto(`${app.origin}/alerts`);
    await heading(open, 'Confirm that it is you').waitFor();
    expect(await open.getByRole('navigation').count()).toBe(0);
    // The step was used to add it; half a minute later the app shows another code.
    await app.database.admin.query('update factors set last_step = 0 where last_step is not null');
    await open.getByLabel('Code', { exact: true }).fill(totpCodeOf(key));
    await heading(open, 'Alerts').waitFor();
    await open.context().close();
    await other.context().close();
  });

  it('recovery codes are renewed after a fresh proof by passkey; the old ones are worth nothing', once, async () => {
    const person = await app.aPerson('analyst');
    const page = await aPageOf(browser, app, person, '/account');
    await aVirtualAuthenticator(page);
    await button(page, 'Add passkey').click();
    await button(dialog(page, 'Add a passkey'), 'Make the passkey').click();
    const old = await keepCodes(page);
    await see(page, /^10 left/);

    await ageProof(app, person.userId);
    const proven = page.waitForRequest((request) => request.url().endsWith('/auth/step-up'));
    await button(page, 'Make new ones').click();
    await button(dialog(page, 'Make new recovery codes?'), 'Make new ones').click();
    expect((await proven).postDataJSON()).toMatchObject({ method: 'passkey' });
    const renewed = await keepCodes(page);
    expect(renewed).toHaveLength(10);
    expect(renewed.filter((code) => old.includes(code))).toEqual([]);

    const elsewhere = await aPageAt(browser, app, '/sign-in', withoutPasskeys);
    await signIn(elsewhere, person);
    await elsewhere.getByLabel('Recovery code').fill(old[0] ?? '');
    await button(elsewhere, 'Continue').click();
    await see(elsewhere, 'No such code is left');
    await elsewhere.getByLabel('Recovery code').fill(renewed[0] ?? '');
    await button(elsewhere, 'Continue').click();
    await button(elsewhere, /^Account of/).waitFor();
    await elsewhere.context().close();
    await page.context().close();
  });

  it('a person changes their own name, and others see it', once, async () => {
    const person = await app.aPerson('user');
    const page = await aPageOf(browser, app, person, '/account');
    await page.getByLabel('Name', { exact: true }).fill('Ines Example');
    await button(page, 'Save').click();
    await see(page, 'Name changed');
    await button(page, 'Account of Ines Example').waitFor();
    const others = await aPageOf(browser, app, admin, `/people?text=${encodeURIComponent(person.email)}`);
    await others.getByRole('row').filter({ hasText: 'Ines Example' }).waitFor();
    await others.context().close();
    await page.context().close();
  });

  it(
    'a person is invited again: the link made before is no longer good, the new one opens the account',
    once,
    async () => {
      const page = await aPageOf(browser, app, admin, '/people?invite=1');
      const invite = dialog(page, 'Invite a person');
      await invite.getByLabel('Email address').fill('new.person@example.org');
      await button(invite, 'Invite').click();
      const linkIn = async (shown: Locator) => new URL((await shown.locator('pre').textContent()) ?? '');
      const first = await linkIn(dialog(page, 'new.person@example.org is invited'));
      await button(page.getByRole('dialog'), 'Done').click();

      await button(page, 'Actions for new.person@example.org').click();
      await page.getByRole('menuitem', { name: 'Invite again…' }).click();
      const again = dialog(page, 'Invite new.person@example.org again');
      await button(again, 'Make a link').click();
      const second = await linkIn(again);
      expect(second.hash).not.toBe(first.hash);

      const theirs = await aPageAt(browser, app, first.pathname + first.hash);
      await heading(theirs, 'This invitation is no longer valid').waitFor();
      await theirs.goto('about:blank');
      await theirs.goto(second.href);
      await theirs.getByLabel('Password', { exact: true }).fill(NEW_PASSWORD);
      await theirs.getByLabel('Password again').fill(NEW_PASSWORD);
      await button(theirs, 'Create the account').click();
      await button(theirs, /^Account of/).waitFor();
      await theirs.context().close();
      await page.context().close();
    },
  );
});
