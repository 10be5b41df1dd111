import { describe, expect, it } from 'vitest';
import { parseForm } from './form-body.ts';

describe('a form', () => {
  it('is its fields, decoded', () => {
    expect({ ...parseForm(Buffer.from('a=1&b=x%20y+z&c=')) }).toEqual({ a: '1', b: 'x y z', c: '' });
  });

  it('reaches no prototype', () => {
    const form = parseForm(Buffer.from('__proto__=x&constructor=y'));
    expect(Object.getPrototypeOf(form)).toBeNull();
    expect(({} as Record<string, unknown>)['x']).toBeUndefined();
  });

  it.each([
    ['a field twice', Buffer.from('a=1&a=2')],
    ['a field twice in two spellings', Buffer.from('a=1&%61=2')],
    ['too many fields', Buffer.from(Array.from({ length: 51 }, (_, nth) => `f${nth}=1`).join('&'))],
    ['no UTF-8', Buffer.from([0x61, 0x3d, 0xff])],
  ])('with %s is refused', (_, body) => {
    expect(() => parseForm(body)).toThrow(expect.objectContaining({ code: 'invalid_request' }));
  });
});
