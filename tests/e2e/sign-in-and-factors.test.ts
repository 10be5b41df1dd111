import type { Browser, BrowserContext, Locator, Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freshAddress, type Person, type TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, hasBrowser, watchComplaints } from '../support/browser.ts';
import { aVirtualAuthenticator, totpCodeOf } from '../support/browser-factors.ts';

const PATIENCE_MS = 60_000;
const NEW_PASSWORD = 'eleven boats under a copper moon';
const once = { timeout: 300_000, retry: 0 };

let app: TestApp;
let browser: Browser;
let context: BrowserContext;
let page: Page;
let admin: Person;
let totpKey = '';
let recoveryCodes: string[] = [];

const button = (on: Page | Locator, name: string | RegExp) =>
  on.getByRole('button', typeof name === 'string' ? { name, exact: true } : { name });
const heading = (on: Page, name: string) => on.getByRole('heading', { name, exact: true });
const dialog = (on: Page, name: string) => on.getByRole('dialog', { name, exact: true });
const see = (on: Page | Locator, text: string | RegExp) =>
  on.getByText(text).filter({ visible: true }).first().waitFor();

async function aPage(path = '/sign-in', before?: (context: BrowserContext) => Promise<void>): Promise<Page> {
  context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  await before?.(context);
  const made = await context.newPage();
  made.setDefaultTimeout(PATIENCE_MS);
  await made.goto(`${app.origin}${path}`);
  return made;
}

async function signIn(on: Page, email: string, password: string): Promise<void> {
  await on.getByLabel('Email address').fill(email);
  await on.getByLabel('Password', { exact: true }).fill(password);
  await button(on, 'Sign in').click();
}

async function signOut(on: Page): Promise<void> {
  await button(on, /^Account of/).click();
  await on.getByRole('menuitem', { name: 'Sign out' }).click();
  await on.getByLabel('Email address').waitFor();
}

async function openActions(on: Page, email: string, item: string): Promise<void> {
  await on.goto(`${app.origin}/people`);
  await button(on, `Actions for ${email}`).click();
  await on.getByRole('menuitem', { name: item }).click();
}

/** As if half a minute had passed, after which the app shows another code. */
const nextCode = async (): Promise<string> => {
  await app.database.admin.query('update factors set last_step = 0 where last_step is not null');
  return totpCodeOf(totpKey);
};
/** As if the last proof were an hour ago. */
const age = ({ userId }: Person) =>
  app.database.admin.query(`update sessions set verified_at = verified_at - interval '1 hour' where user_id = $1`, [
    userId,
  ]);

describe.skipIf(!hasBrowser)('signing in and proving again, in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers({ VALTRONICS_MFA_REQUIRED_ROLES: 'admin,operator' });
    browser = await aBrowser();
    admin = await app.aPerson('admin');
    page = await aPage();
  }, 240_000);
  afterAll(async () => {
    await browser?.close();
    await app?.stop();
  });

  it(
    '[ASVS 6.2.6, 6.2.7] a password field masks what is typed, shows it on demand, and takes pasting and managers',
    once,
    async () => {
      const field = page.getByLabel('Password', { exact: true });
      expect(await field.getAttribute('type')).toBe('password');
      expect(await field.getAttribute('autocomplete')).toBe('current-password');
      expect(await page.getByLabel('Email address').getAttribute('autocomplete')).toBe('username');
      await page.getByLabel('Email address').fill('copied words');
      await page.getByLabel('Email address').press('Control+A');
      await page.getByLabel('Email address').press('Control+C');
      await field.press('Control+V');
      expect(await field.inputValue()).toBe('copied words');
      await page.locator('.mantine-PasswordInput-visibilityToggle').click();
      expect(await field.getAttribute('type')).toBe('text');
      await page.reload();
    },
  );

  it(
    '[ASVS 7.4.4] an administrator without a second factor sees its enrolment, the way out, and nothing else',
    once,
    async () => {
      const complaints = watchComplaints(page);
      await signIn(page, admin.email, admin.password);
      await heading(page, 'Set up a second factor').waitFor();
      await page.goto(`${app.origin}/people`);
      await heading(page, 'Set up a second factor').waitFor();
      expect(await page.getByRole('navigation').count()).toBe(0);
      await button(page, 'Sign out').click();
      await page.getByLabel('Email address').waitFor();
      await signIn(page, admin.email, admin.password);

      await button(page, /^Authenticator app/).click();
      await page.getByRole('img', { name: /^QR code/ }).waitFor();
      totpKey = (await page.locator('pre').textContent()) ?? '';
      expect(totpKey).toMatch(/^[A-Z2-7]{32,}$/);
      const rightCode = totpCodeOf(totpKey);
      await page.getByLabel('Code', { exact: true }).fill(rightCode === '000000' ? '000001' : '000000');
      await see(page, 'Not the code of this authenticator now');
      // The sixth digit sends it.
      await page.getByLabel('Code', { exact: true }).fill(totpCodeOf(totpKey));

      await heading(page, 'Keep your recovery codes').waitFor();
      recoveryCodes = await page.getByRole('list', { name: 'Recovery codes' }).getByRole('listitem').allTextContents();
      expect(recoveryCodes).toHaveLength(10);
      expect(await button(page, 'Continue').isDisabled()).toBe(true);
      const download = page.waitForEvent('download');
      await button(page, 'Download').click();
      expect((await download).suggestedFilename()).toBe('valtronics-recovery-codes.txt');
      await page.getByLabel('I keep these codes in a safe place').check();
      await button(page, 'Continue').click();
      await heading(page, 'Overview').waitFor();
      expect(await page.content()).not.toContain(recoveryCodes[0]);
      // The browser notes our wrong code itself.
      expect(complaints.filter((each) => !each.includes('status of 400'))).toEqual([]);
    },
  );

  it(
    'the authenticator app is asked for after the password, and a wrong code says so under the field',
    once,
    async () => {
      await signOut(page);
      await signIn(page, admin.email, admin.password);
      await heading(page, 'Confirm that it is you').waitFor();
      const field = page.getByLabel('Code', { exact: true });
      expect(await field.getAttribute('autocomplete')).toBe('one-time-code');
      await see(page, /^Good until \d\d:\d\d:\d\d$/);
      const right = await nextCode();
      await field.fill(right === '000000' ? '000001' : '000000');
      await see(page, /^Not the code of now/);
      await field.fill(await nextCode());
      await heading(page, 'Overview').waitFor();
    },
  );

  it('a sign-in that took too long says so and begins again', once, async () => {
    await signOut(page);
    await signIn(page, admin.email, admin.password);
    await heading(page, 'Confirm that it is you').waitFor();
    await app.database.admin.query(`update challenges set expires_at = now() - interval '1 minute'`);
    await page.getByLabel('Code', { exact: true }).fill(await nextCode());
    await see(page, 'This took too long or was finished elsewhere.');
    await button(page, 'Sign in again').click();
    await page.getByLabel('Email address').waitFor();
  });

  it('a recovery code stands in for it, once', once, async () => {
    await signIn(page, admin.email, admin.password);
    await button(page, 'Use a recovery code').click();
    await page.getByLabel('Recovery code').fill(recoveryCodes[0] ?? '');
    await button(page, 'Continue').click();
    await heading(page, 'Overview').waitFor();
    await page.goto(`${app.origin}/account`);
    await see(page, /^9 left/);
    await see(page, /recovery code/);
  });

  it('a passkey is added, is the second step at once, and signs in without a password', once, async () => {
    await aVirtualAuthenticator(page);
    await button(page, 'Add passkey').click();
    const add = dialog(page, 'Add a passkey');
    await add.getByLabel('Name').fill('This laptop');
    await add.getByLabel('End my other sessions').uncheck();
    await button(add, 'Make the passkey').click();
    await see(page.getByRole('list', { name: 'Second factors' }), 'This laptop');

    // The news of the ended session may overtake the way to the sign-in, which then leads back to this page.
    await signOut(page);
    await signIn(page, admin.email, admin.password);
    await button(page, /^Account of/).waitFor();

    await signOut(page);
    await button(page, 'Sign in with a passkey').click();
    await button(page, /^Account of/).waitFor();
    await page.goto(`${app.origin}/account`);
    const mine = page.getByRole('listitem').filter({ hasText: 'This one' });
    await see(mine, /passkey/);
  });

  it('where the browser has no WebAuthn, the other factors are offered and nothing hangs', once, async () => {
    const old = await aPage('/sign-in', async (made) => {
      await made.addInitScript('delete window.PublicKeyCredential');
    });
    await old.getByLabel('Email address').waitFor();
    expect(await button(old, 'Sign in with a passkey').count()).toBe(0);
    await signIn(old, admin.email, admin.password);
    await see(old, 'This browser cannot use passkeys.');
    await old.getByLabel('Code', { exact: true }).fill(await nextCode());
    await heading(old, 'Overview').waitFor();
    await old.context().close();
  });

  it('[ASVS 7.5.3] inviting a person asks for a fresh proof in place, and the form goes on', once, async () => {
    await age(admin);
    // A passkey would answer by itself: here the person uses the code.
    const other = await aPage('/sign-in', async (made) => {
      await made.addInitScript('delete window.PublicKeyCredential');
    });
    await signIn(other, admin.email, admin.password);
    await other.getByLabel('Code', { exact: true }).fill(await nextCode());
    await heading(other, 'Overview').waitFor();
    await other.goto(`${app.origin}/people?invite=1`);
    const invite = dialog(other, 'Invite a person');
    await invite.getByLabel('Email address').fill('new.person@example.org');
    await age(admin);
    await button(invite, 'Invite').click();
    const proof = dialog(other, 'Confirm that it is you');
    await proof.waitFor();

    await other.keyboard.press('Escape');
    await proof.waitFor({ state: 'detached' });
    // Cancelled: the form is still there, with what was typed and the server's words.
    await see(invite, 'Confirm that it is you');
    expect(await invite.getByLabel('Email address').inputValue()).toBe('new.person@example.org');

    await button(invite, 'Invite').click();
    await proof.getByLabel('Code', { exact: true }).fill(await nextCode());
    await dialog(other, 'new.person@example.org is invited').waitFor();
    await see(other, 'It could not be mailed, so give it to them yourself.');
    await other.context().close();
  });

  it('[ASVS 7.5.2] several calls that wait for a proof share one dialog, and all of them go on', once, async () => {
    const person = await app.aPerson('analyst');
    for (const _ of [1, 2]) await app.call('POST', '/api/v1/auth/login', { body: person });
    const own = await aPage();
    await signIn(own, person.email, person.password);
    await heading(own, 'Overview').waitFor();
    await own.goto(`${app.origin}/account`);
    const others = button(own, /^End the session of/);
    await others.first().waitFor();
    const count = await others.count();
    expect(count).toBeGreaterThan(0);
    await age(person);
    await own.evaluate(
      `document.querySelectorAll('button[aria-label^="End the session of"]').forEach((each) => each.click())`,
    );
    const proof = dialog(own, 'Confirm that it is you');
    await proof.getByLabel('Password', { exact: true }).fill('not what it is at all');
    await button(proof, 'Continue').click();
    await see(proof, 'Not your password');
    await proof.getByLabel('Password', { exact: true }).fill(person.password);
    await button(proof, 'Continue').click();
    await proof.waitFor({ state: 'detached' });
    await expect.poll(() => others.count(), { timeout: PATIENCE_MS }).toBe(0);
    await heading(own, 'My account').waitFor();
    await own.context().close();
  });

  it('the last factor of a role that needs one stays, and the page says why', once, async () => {
    await page.goto(`${app.origin}/account`);
    await app.freshProof(admin);
    await button(page, 'Remove Authenticator app').click();
    await button(page.getByRole('dialog'), 'Remove').click();
    await see(page, '“Authenticator app” removed');
    await button(page, 'Remove This laptop').click();
    await button(page.getByRole('dialog'), 'Remove').click();
    await see(page.getByRole('dialog'), 'Your role needs it: set up another one before you remove it.');
    await button(page.getByRole('dialog'), 'Cancel').click();
    await see(page.getByRole('list', { name: 'Second factors' }), 'This laptop');
  });

  it('[ASVS 7.4.5] an administrator sees and ends the sessions of a person, who signs in anew', once, async () => {
    const person = await app.aPerson('analyst');
    const theirs = await aPage();
    await signIn(theirs, person.email, person.password);
    await heading(theirs, 'Overview').waitFor();
    await app.freshProof(admin);
    await openActions(page, person.email, 'Sessions…');
    const sessions = dialog(page, `Sessions of ${person.email}`);
    await expect.poll(() => sessions.getByRole('listitem').count(), { timeout: PATIENCE_MS }).toBe(2);
    await button(sessions, 'End all').click();
    await see(page, '2 sessions have ended');
    // Nobody touched the other page.
    await button(theirs, 'Sign in').waitFor();
    await theirs.context().close();
  });

  it('an administrator resets the second factors of a person who lost them, and their sessions end', once, async () => {
    const person = await app.aPerson('analyst');
    await app.database.admin.query(
      `insert into factors (id, organisation_id, user_id, kind, label, secret_sealed)
       select gen_random_uuid(), organisation_id, id, 'totp', 'Lost telephone', 'x' from users where id = $1`,
      [person.userId],
    );
    await app.freshProof(admin);
    await page.goto(`${app.origin}/people`);
    const row = page.getByRole('row').filter({ hasText: person.email });
    await see(row, 'Authenticator app');
    await button(row, `Actions for ${person.email}`).click();
    await page.getByRole('menuitem', { name: 'Reset second factors…' }).click();
    await see(page.getByRole('dialog'), /their sessions end, and they are told by mail/);
    await button(page.getByRole('dialog'), 'Reset').click();
    await see(page, `Second factors of ${person.email} reset`);
    await see(row, 'none');
    expect((await app.call('GET', '/api/v1/auth/me', { token: person.accessToken })).status).toBe(401);
  });

  it('who must change the password does so before anything else, and goes on where they were', once, async () => {
    const person = await app.aPerson('analyst');
    const theirs = await aPage();
    await signIn(theirs, person.email, person.password);
    await heading(theirs, 'Overview').waitFor();
    await app.freshProof(admin);
    await openActions(page, person.email, 'Ask for a new password…');
    await button(page.getByRole('dialog'), 'Ask for it').click();
    await see(page, `${person.email} chooses a new password next`);
    await theirs.goto(`${app.origin}/devices`);
    await heading(theirs, 'Choose a new password').waitFor();
    await theirs.getByLabel('Current password').fill(person.password);
    await theirs.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD);
    await theirs.getByLabel('New password again').fill(NEW_PASSWORD);
    await button(theirs, 'Change password').click();
    await heading(theirs, 'Devices').waitFor();
    await theirs.context().close();
  });

  it('who is one too many at this moment gets in a moment later, without being told', once, async () => {
    const person = await app.aPerson('analyst');
    const other = await aPage();
    let asked = 0;
    await other.route('**/api/v1/auth/session', async (route) => {
      if (route.request().method() !== 'POST') return route.continue();
      asked += 1;
      if (asked > 1) return route.continue();
      // The server's own words, for what it says when an address has used up its allowance.
      const from = freshAddress();
      const ask = () =>
        app.call('POST', '/api/v1/auth/passkey/begin', { body: {}, from, headers: { origin: app.origin } });
      const refused = (await Promise.all(Array.from({ length: 12 }, ask))).find(({ status }) => status === 429);
      const { 'content-type': contentType, 'retry-after': retryAfter } = refused?.headers ?? {};
      const headers = { 'content-type': String(contentType), 'retry-after': String(retryAfter) };
      return route.fulfill({ status: 429, headers, body: refused?.text ?? '' });
    });
    await signIn(other, person.email, person.password);
    await heading(other, 'Overview').waitFor();
    expect(asked).toBe(2);
    await other.context().close();
  });

  it('a forgotten password is asked for in the same words, whether there is such an account or not', once, async () => {
    const stranger = await aPage('/sign-in');
    const said: string[] = [];
    for (const email of [admin.email, 'nobody@example.org']) {
      await stranger.goto(`${app.origin}/sign-in`);
      await stranger.getByRole('link', { name: 'Forgot password?' }).click();
      // The page loads on demand, and until it is there the sign-in stands with a field of the same name.
      await heading(stranger, 'Forgot password?').waitFor();
      await stranger.getByLabel('Email address').fill(email);
      await button(stranger, 'Mail the link').click();
      await heading(stranger, 'Look into your mailbox').waitFor();
      said.push(((await stranger.getByRole('main').textContent()) ?? '').replace(email, '…'));
    }
    expect(said[0]).toBe(said[1]);
    await stranger.context().close();
  });

  it(
    '[ASVS 6.4.3] a password is replaced with a link, good once, and the second factor is asked for as before',
    once,
    async () => {
      await app.freshProof(admin);
      await openActions(page, admin.email, 'Link for a new password…');
      const made = page.getByRole('dialog');
      await button(made, 'Make a link').click();
      const url = (await made.locator('pre').textContent()) ?? '';
      await page.goto(url);
      await heading(page, 'Choose a new password').waitFor();
      await see(page, admin.email);
      await page.getByLabel('New password', { exact: true }).fill(NEW_PASSWORD);
      await page.getByLabel('New password again').fill(NEW_PASSWORD);
      await button(page, 'Change password').click();
      await see(page, 'Sign in with it. Your second factor, if you have one, stays as it was.');
      await signIn(page, admin.email, admin.password);
      await see(page, 'Wrong email address or password');
      const answered = page.waitForResponse((response) => response.url().endsWith('/auth/session/verify'));
      await signIn(page, admin.email, NEW_PASSWORD);
      expect((await answered).status()).toBe(200);
      await heading(page, 'Overview').waitFor();

      const again = await aPage(new URL(url).pathname + new URL(url).hash);
      await heading(again, 'This link is no longer valid').waitFor();
      await again.context().close();
    },
  );

  it(
    '[ASVS 14.3.1] signing out leaves nothing of the person in the page, even when the server cannot be reached',
    once,
    async () => {
      await page.goto(`${app.origin}/account`);
      await see(page, new RegExp(admin.email));
      await page.context().setOffline(true);
      await button(page, /^Account of/).click();
      await page.getByRole('menuitem', { name: 'Sign out' }).click();
      await see(page, /This page is cleared, but the session is still open/);
      await expect.poll(() => page.content(), { timeout: PATIENCE_MS }).not.toContain(admin.email);
      await page.context().setOffline(false);
      await page.goto(`${app.origin}/account`);
      await signOut(page);
      await page.goBack();
      await page.getByLabel('Email address').waitFor();
      await expect.poll(() => page.content(), { timeout: PATIENCE_MS }).not.toContain(admin.email);
    },
  );
});
