import { gzipSync } from 'node:zlib';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/app.ts';
import { aBrowser, anAppForBrowsers, hasBrowser } from '../support/browser.ts';

const BUDGET_KB = 250;

let app: TestApp;
let browser: Browser;

beforeAll(async () => {
  if (!hasBrowser) return;
  app = await anAppForBrowsers();
  browser = await aBrowser();
}, 180_000);
afterAll(async () => {
  await browser?.close();
  await app?.stop();
});

describe.skipIf(!hasBrowser)('the sign-in page', () => {
  it(`loads at most ${BUDGET_KB} KB, compressed`, async () => {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    const sizes = new Map<string, number>();
    const measuring: Promise<void>[] = [];
    page.on('response', (response) => {
      const measure = async () => {
        sizes.set(new URL(response.url()).pathname, gzipSync(await response.body()).length);
      };
      measuring.push(measure());
    });
    await page.goto(`${app.origin}/sign-in`);
    await page.getByLabel('Email').waitFor();
    await page.waitForLoadState('networkidle');
    await Promise.all(measuring);
    // The page, its program and at least one more file: a list that misses them measures nothing.
    expect(sizes.size).toBeGreaterThan(2);
    expect([...sizes.keys()].some((path) => path.endsWith('.js'))).toBe(true);
    const kilobytes = [...sizes.values()].reduce((sum, size) => sum + size, 0) / 1024;
    expect(kilobytes, JSON.stringify([...sizes])).toBeLessThan(BUDGET_KB);
  });
});
