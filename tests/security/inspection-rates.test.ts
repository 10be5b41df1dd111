import { expect, test } from 'vitest';
import { inspectText } from '../../server/src/security/inspection/inspect.ts';
import { inspectHead, inspectValue } from '../../server/src/security/inspection/inspect-request.ts';
import { beginWork } from '../../server/src/security/inspection/pattern.ts';
import { BLOCK_AT } from '../../server/src/security/inspection/signature.ts';
import { attackSources, attackStrings, isHeldBack } from '../support/attack-strings.ts';
import { ordinaryRequests } from '../support/ordinary-requests.ts';

// How much of what others attack with is refused, and how much of an ordinary day.

const ORDINARY = 10_000;
const isRefused = (text: string): boolean => {
  beginWork();
  return inspectText(text).score >= BLOCK_AT;
};
const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(2)} %`;

test('at least 95 % of attack strings that nobody tuned by are refused', () => {
  const missing = Object.entries(attackSources).filter(([, isThere]) => !isThere);
  if (missing.length > 0) {
    console.error(`SKIPPED, not installed: ${missing.map(([name]) => name).join(', ')}`);
    expect(process.env['CI'], 'CI skips nothing').toBeUndefined();
  }
  const all = attackStrings();
  const held = all.filter(isHeldBack);
  const tuned = all.filter((attack) => !isHeldBack(attack));
  const refused = held.filter(({ text }) => isRefused(text)).length;
  const refusedOfTuned = tuned.filter(({ text }) => isRefused(text)).length;
  const figures = `held back ${refused} of ${held.length} (${percent(refused, held.length)}), the others ${refusedOfTuned} of ${tuned.length} (${percent(refusedOfTuned, tuned.length)})`;
  console.info(`attack strings refused: ${figures}`);
  if (missing.length === 0) expect(held.length).toBeGreaterThan(2_000);
  expect(refused / held.length).toBeGreaterThanOrEqual(0.95);
  // Of each kind, not only of the one that there is most of.
  const sources = [...new Set(held.map(({ source }) => source.split(' ')[0] ?? ''))];
  for (const source of sources) {
    const of = held.filter((attack) => attack.source.startsWith(source));
    const share = of.filter(({ text }) => isRefused(text)).length / of.length;
    console.info(`  ${source}: ${percent(share, 1)} of ${of.length}`);
    expect(share, source).toBeGreaterThanOrEqual(0.9);
  }
});

test('of 10,000 ordinary requests none is refused, and hardly one is reported', () => {
  const refused: unknown[] = [];
  let reported = 0;
  let count = 0;
  for (const { url, headers, body } of ordinaryRequests(ORDINARY)) {
    const { pathname, searchParams } = new URL(url, 'https://fleet.example.org');
    const head = { path: pathname, query: Object.fromEntries(searchParams), headers };
    const verdicts = [inspectHead(head), inspectValue(body, 'body')];
    count += 1;
    for (const verdict of verdicts) {
      if (verdict?.blocked) refused.push(verdict);
      else if (verdict) reported += 1;
    }
  }
  console.info(`ordinary requests: ${refused.length} of ${count} refused, ${reported} reported`);
  expect(count).toBe(ORDINARY);
  expect(refused).toEqual([]);
  expect(reported / ORDINARY).toBeLessThan(0.005);
});
