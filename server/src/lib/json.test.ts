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

  it.each([
    [String.raw`{"a":["ok","\ud800"]}`, 'a[1]'],
    [String.raw`{"a":{"b":"x\u0000y"}}`, 'a.b'],
    [String.raw`"\udc00"`, ''],
    [String.raw`{"a":{"\udfff":1}}`, 'a'],
  ])('refuses a text that could not be stored as it is, and names its path: %s', (text, path) => {
    expect(problemOf(text)).toMatchObject({ code: 'invalid_request', errors: [{ path }] });
  });

  it('takes a whole pair and every other escape', () => {
    const text = String.raw`"\ud83d\ude00\u00e9\n"`;
    expect(parseJson(Buffer.from(text))).toBe('😀é\n');
  });

  it('leaves the items of one list to the reader that checks each of them, and nothing beside it', () => {
    const item = '{"points":[{"__proto__":1},{"a":"\\u0000"}]}';
    expect(parseJson(Buffer.from(item), { itemsCheckedIn: 'points' })).toHaveProperty('points.length', 2);
    for (const text of [
      item,
      '{"points":[],"x":{"__proto__":1}}',
      '{"points":{"__proto__":1}}',
      '{"x":{"points":[{"__proto__":1}]}}',
    ]) {
      const options = text === item ? {} : { itemsCheckedIn: 'points' };
      expect(() => parseJson(Buffer.from(text), options)).toThrow(Problem);
    }
    for (const text of ['null', '1', '"\\u0041"'])
      expect(() => parseJson(Buffer.from(text), { itemsCheckedIn: 'points' })).not.toThrow();
  });
});
