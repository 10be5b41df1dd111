import { expect, it } from 'vitest';
import { toCsv } from './csv.ts';

it('[ASVS 1.2.10] quotes what would break a row', () => {
  expect(toCsv(['name', 'note'], [['a,b', 'said "no"\nand left']])).toBe(
    'name,note\r\n"a,b","said ""no""\nand left"\r\n',
  );
});

it('[ASVS 1.2.10] lets no cell become a formula, and leaves negative numbers numbers', () => {
  expect(toCsv(['v'], [['=HYPERLINK("x")'], ['@now'], [-3.5]])).toBe(
    'v\r\n"\'=HYPERLINK(""x"")"\r\n\'@now\r\n-3.5\r\n',
  );
});

it.each([...'=+-@＝＋－＠\t\r\n'])('[ASVS 1.2.10] %j begins no cell of what somebody typed', (sign) => {
  const [, cell = ''] = toCsv(['v'], [[`${sign}cmd|' /C calc'!A0`]]).split('v\r\n');
  expect(cell.replace(/^"/, '').startsWith(`'${sign}cmd`)).toBe(true);
});

it('writes nothing for what is not there', () => {
  expect(toCsv(['a', 'b', 'c'], [[null, undefined, false]])).toBe('a,b,c\r\n,,false\r\n');
});
