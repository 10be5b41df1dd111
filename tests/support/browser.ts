import { existsSync } from 'node:fs';
import { type Browser, type BrowserContext, chromium, type Locator, type Page } from 'playwright-core';
import { ensureWebIsBuilt } from '../../server/src/build-web.ts';
import { anApp, freshAddress, type Person, type TestApp } from './app.ts';
import { freePorts } from './free-ports.ts';

const PLACES = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];
const executablePath = PLACES.find((place) => existsSync(place));

/** Without a browser on this machine the tests that need one are skipped; `tests/run` installs it or says so. */
export const hasBrowser = executablePath !== undefined;

/** A real browser that talks to nobody but us. */
export function aBrowser(): Promise<Browser> {
  return chromium.launch({
    ...(executablePath === undefined ? {} : { executablePath }),
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}

/** The platform with its dashboard, at the URL it believes to be at: links, cookies and origins fit. */
export async function anAppForBrowsers(env: Record<string, string> = {}): Promise<TestApp> {
  await ensureWebIsBuilt();
  const [port] = await freePorts(1);
  return anApp({
    env: { VALTRONICS_HTTP_PORT: String(port), VALTRONICS_PUBLIC_URL: `https://localhost:${port}`, ...env },
  });
}

const PATIENCE_MS = 60_000;

/** A page in a browser of its own; `before` prepares that browser. */
export async function aPageAt(
  browser: Browser,
  app: TestApp,
  path: string,
  before?: (context: BrowserContext) => Promise<unknown>,
): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1440, height: 900 } });
  await before?.(context);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  await page.goto(`${app.origin}${path}`);
  return page;
}

/** The same, signed in without the form, which would be most of the time. */
export async function aPageOf(
  browser: Browser,
  app: TestApp,
  { email, password }: Pick<Person, 'email' | 'password'>,
  path: string,
  before?: (context: BrowserContext) => Promise<unknown>,
): Promise<Page> {
  const session = await app.call('POST', '/api/v1/auth/session', {
    body: { email, password },
    headers: { origin: app.origin },
    from: freshAddress(),
  });
  if (session.status !== 200) throw new Error(`no session: ${session.text}`);
  const [, name = '', value = ''] = /^([^=]+)=([^;]+)/.exec(String(session.headers['set-cookie'])) ?? [];
  return aPageAt(browser, app, path, async (context) => {
    await context.addCookies([{ name, value, url: app.origin, secure: true }]);
    await before?.(context);
  });
}

/** As if the last proof of this person were an hour ago. */
export const ageProof = (app: TestApp, userId: string) =>
  app.database.admin.query(`update sessions set verified_at = verified_at - interval '1 hour' where user_id = $1`, [
    userId,
  ]);

/** Collects whatever a browser would complain about: errors on the console, violated policies, exceptions. */
export function watchComplaints(page: Page): string[] {
  const complaints: string[] = [];
  page.on('console', (message) => {
    const isViolation = /Content Security Policy/i.test(message.text());
    if (message.type() === 'error' || isViolation) complaints.push(`${message.text()} (${message.location().url})`);
  });
  page.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
  return complaints;
}

export const button = (on: Page | Locator, name: string) => on.getByRole('button', { name, exact: true });

/** What a narrow page says in one place and a wide one in another is there twice and shown once. */
export const see = (on: Page | Locator, text: string | RegExp) =>
  on.getByText(text).filter({ visible: true }).first().waitFor();
