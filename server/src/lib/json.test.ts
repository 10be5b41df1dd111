import { describe, expect, it } from 'vitest';
import { parseJson } from './json.ts';
import { Problem } from './problem.ts';

const problemOf = (body: string | Buffer): Problem => {
  try {
    parseJson(Buffer.from(body));
  } catch (error) {
    if (error instanceof Problem) return error;
    throw error;
  }
  throw new Error('nothing was refused');
};

describe('parseJson', () => {
  it.each(['NaN', '{"a":Infinity}', '{a:1}', '', '{"a":1,}', "{'a':1}"])('refuses %j, which is not JSON', (text) => {
    expect(problemOf(text).code).toBe('malformed_json');
  });

  it('refuses bytes that are not UTF-8 instead of repairing them', () => {
    expect(problemOf(Buffer.from([0x22, 0xff, 0x22])).code).toBe('malformed_json');
  });

  it.each([
    ['{"a":[{"__proto__":{"admin":true}}]}', 'a[0].__proto__'],
    ['{"constructor":{"prototype":1}}', 'constructor'],
    [String.raw`{"\u005f_proto__":1}`, '__proto__'],
  ])('refuses a key that pollutes prototypes and names its path: %s', (text, path) => {
    expect(problemOf(text).errors).toEqual([{ path, message: 'this key is not allowed' }]);
  });

  it('takes the same words as values', () => {
    expect(parseJson(Buffer.from('{"name":"constructor"}'))).toEqual({ name: 'constructor' });
  });
});
