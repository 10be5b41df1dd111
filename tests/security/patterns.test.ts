import { globSync, readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

// Patterns of our own: none takes exponential time on a text made for it (CWE-1333).

/** A literal where an expression may begin, which is where it cannot be a division. */
const LITERAL =
  /(?:^|[=(:,[!&|?{};+>]\s*|return\s+)\/((?:[^/\\[\n*]|\\.|\[(?:[^\]\\\n]|\\.)*\])(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])*)\/[dgimsuvy]*/gm;
const TOKEN = /\\.|\[(?:[^\]\\]|\\.)*\]|\((?:\?(?:[:=!]|<[=!]|<\w+>))?|\)|\||[*+]|\{\d+,\}|[\s\S]/g;

/**
 * Whether what is repeated without end could be read in several ways: it repeats something without end itself, or holds alternatives. That
 * is what lets a backtracking engine try exponentially many.
 */
function isSuspect(pattern: string): boolean {
  const groups = [{ endless: false, branches: false }];
  let closed: { endless: boolean; branches: boolean } | undefined;
  for (const [token] of pattern.matchAll(TOKEN)) {
    const group = groups.at(-1);
    if (token.startsWith('(')) groups.push({ endless: false, branches: false });
    else if (token === ')') {
      closed = groups.pop();
      const around = groups.at(-1);
      if (around && closed?.endless) around.endless = true;
      continue;
    } else if (token === '|' && group) group.branches = true;
    else if (/^(?:\*|\+|\{\d+,\})$/.test(token)) {
      if (closed?.endless || closed?.branches) return true;
      if (group) group.endless = true;
    }
    closed = undefined;
  }
  return false;
}

/** Each repetition begins with a character that can stand nowhere else in it, so there is one way to read a text. */
const readInOneWay = [
  String.raw`^((?:[^{}/]+\/)*)\{([A-Za-z]+)\}$`,
  String.raw`^(?:\/[A-Za-z0-9_-]+)*\/?$`,
  String.raw`^(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\/?$`,
  String.raw`^\/v1\/([\w.-]+(?:\/[\w.-]+)*)\/keys\/([\w.-]+)$`,
  // A character that is no quote and no backslash, or a backslash with what it escapes.
  String.raw`"note":("(?:[^"\\]|\\.)*")`,
  String.raw`^(\d{4})-[a-z0-9]+(?:-[a-z0-9]+)*\.sql$`,
];

it('[ASVS 1.3.12] no pattern repeats without end what can be read in several ways', () => {
  const files = globSync(['contract/src/**/*.ts', 'server/src/**/*.ts', 'web/src/**/*.{ts,tsx}']).filter(
    (file) => !file.includes('.test.'),
  );
  const patterns = files.flatMap((file) =>
    [...readFileSync(file, 'utf8').matchAll(LITERAL)].map(([, pattern = '']) => pattern),
  );
  expect(patterns.length).toBeGreaterThan(150);
  expect([...new Set(patterns.filter(isSuspect))].toSorted()).toEqual(readInOneWay.toSorted());
});

it.each(['(a+)+$', '(?:a|aa)*', '((?:ab)*c?)+', '(x*){2,}', '(?<n>\\w+)*'])('%s would be noticed', (pattern) => {
  expect(isSuspect(pattern)).toBe(true);
});

it.each(['(?:ab)*', 'a+b*c{3,}', '[(a+)+]*', '\\(a+\\)+', '(?:a{1,64}-)*'])('%s is fine', (pattern) => {
  expect(isSuspect(pattern)).toBe(false);
});
