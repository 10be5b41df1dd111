import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { backchannelLogoutUrl, callbackUrl } from '../../server/src/features/sign-in-providers/provider.ts';
import type { TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, hasBrowser } from '../support/browser.ts';
import { anOpenIdProvider, type OpenIdProvider } from '../support/openid-provider.ts';
import { providerSignIn } from '../support/provider-sign-in.ts';

// A real browser decides which cookies go along and which are kept when it is sent from one site to another and back: ours is on
// localhost, the provider on 127.0.0.1, which are two sites.

const SLUG = 'company';
let app: TestApp;
let idp: OpenIdProvider;
let browser: Browser;

describe.skipIf(!hasBrowser)('signing in with a provider in a browser', () => {
  beforeAll(async () => {
    app = await anAppForBrowsers({ VALTRONICS_WEBHOOK_ALLOW: '127.0.0.1/32' });
    const publicUrl = new URL(app.origin);
    idp = await anOpenIdProvider(callbackUrl(publicUrl, SLUG), backchannelLogoutUrl(publicUrl, SLUG));
    await providerSignIn(app).aProvider(await app.aPerson('admin'), idp, { slug: SLUG, name: 'Company' });
    browser = await aBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    idp?.close();
    await app?.stop();
  });

  const aPage = async () => (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  const start = () => `${app.origin}/api/v1/auth/oidc/${SLUG}/start?next=/devices`;
  const account = { sub: 'browser', claims: { email: 'browser@example.org', email_verified: true, name: 'Browser' } };

  it('[ASVS 3.3.2, 10.1.2] the cookies survive the way there and back, and the session opens the page', async () => {
    idp.next = { account };
    const page = await aPage();
    await page.goto(`${app.origin}/sign-in`);
    await page.evaluate(`location.assign(${JSON.stringify(start())})`);
    await page.waitForURL(`${app.origin}/devices`);
    await page.getByRole('heading', { name: 'Devices' }).first().waitFor();
    const cookies = await page.context().cookies(app.origin);
    expect(cookies.map(({ name, sameSite, httpOnly, secure }) => [name, sameSite, httpOnly, secure])).toEqual([
      ['__Host-valtronics', 'Strict', true, true],
    ]);
  });

  it('[ASVS 7.6.2] a page of another site that sends the browser here opens no session', async () => {
    idp.next = { account };
    const page = await aPage();
    await page.goto(`${idp.issuer}/nothing-there`);
    await page.evaluate(`location.assign(${JSON.stringify(start())})`);
    await page.waitForURL(`${app.origin}/sign-in`);
    expect(await page.context().cookies(app.origin)).toEqual([]);
  });
});
