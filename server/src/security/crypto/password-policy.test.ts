import { readFileSync } from 'node:fs';
import { dictionary } from '@zxcvbn-ts/language-common';
import { describe, expect, it } from 'vitest';
import { commonPasswords } from './common-passwords.ts';
import { contextWords } from './context-words.ts';
import { type PasswordOwner, passwordFault } from './password-policy.ts';

const lists = { common: await commonPasswords(), host: 'telemetry.harbourview.example' };
const account = { email: 'maria.lindqvist@example.org', name: 'Maria Lindqvist', organisation: 'Oakridge Heights' };
const withFactor = { ...account, hasSecondFactor: true };
const faultOf = (password: string, owner: PasswordOwner = account) => passwordFault(password, owner, lists);

describe('password policy', () => {
  it.each([
    'correct horse carousel',
    'zwölf Boxkämpfer jagen',
    'nurse night shift 7 lamps',
    '🌲🌊 a forest by the sea',
    'тихая река под мостом',
    'wV8#kd02!mZqp41x',
    'Maria grows tulips behind the old mill',
  ])('takes %j', (password) => {
    expect(faultOf(password)).toBeUndefined();
  });

  it.each([
    'short',
    'fourteen chars',
    'aaaaaaaaaaaaaaaaaaaa',
    'abcdefghijklmnopqrst',
    '9876543210987654321',
    'Password123456789!',
    'P4$$w0rd P4$$w0rd!',
    'correct horse battery staple',
    'qwertyuiop1234567890',
    '1qaz2wsx3edc4rfv!!',
    'Sunshine Football 2026',
    'xK9#pQxK9#pQxK9#pQ',
    'Ａｄｍｉｎｉｓｔｒａｔｏｒ２０２６',
    'MariaLindqvist2026!',
    'm.a.r.i.a.lindqv1st',
    'half a surrogate pair \ud800',
    'long enough '.repeat(11),
  ])('refuses %j', (password) => {
    expect(faultOf(password)).toBeTypeOf('string');
  });

  it('[ASVS 6.2.1] lets a password be shorter beside a second factor, but not a guessed one', () => {
    expect(faultOf('kR7vbq2z')).toMatch(/at least 15/);
    expect(faultOf('kR7vbq2z', withFactor)).toBeUndefined();
    expect(faultOf('kR7vbq2', withFactor)).toMatch(/at least 8/);
    for (const guessed of ['password', 'iloveyou', 'Jennifer1', 'Tr0ub4dor-admin', 'lindqvist7']) {
      expect(faultOf(guessed, withFactor), guessed).toBeTypeOf('string');
    }
  });

  it('counts characters as people do, in composed form', () => {
    expect(faultOf('e\u0301'.repeat(14))).toMatch(/at least 15/);
    expect(faultOf('🌲🌊🏔️')).toMatch(/at least 15/);
  });

  it('decides in bounded time whatever it is given', () => {
    const start = performance.now();
    faultOf('a1'.repeat(64));
    faultOf('x'.repeat(1_000_000));
    expect(performance.now() - start).toBeLessThan(2000);
  });
});

/** The same numbers at every run (mulberry32). */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

describe('common passwords', () => {
  const listed = dictionary['passwords-common'];
  const ofLength = (shortest: number) => listed.filter((password) => [...password].length >= shortest);

  it('[ASVS 6.2.4] of at least 8 characters are all refused beside a second factor, 17,000 of them', () => {
    const candidates = ofLength(8);
    expect(candidates.length).toBeGreaterThan(17_000);
    expect(candidates.filter((password) => faultOf(password, withFactor) === undefined)).toEqual([]);
  });

  it('[ASVS 6.2.4] of at least 15 characters are all refused alone', () => {
    const candidates = ofLength(15);
    expect(candidates.length).toBeGreaterThan(40);
    expect(candidates.filter((password) => faultOf(password) === undefined)).toEqual([]);
  });

  it('[ASVS 6.2.4] two in a row are refused: nearly all common ones as long as one alone must be are made so', () => {
    const pick = seeded(1);
    const top = listed.filter((password) => password.length >= 6).slice(0, 3_000);
    const taken: string[] = [];
    let tried = 0;
    while (tried < 3_000) {
      const pair = `${top[pick(top.length)]}${top[pick(top.length)]}`;
      if (pair.length < 15) continue;
      tried += 1;
      if (faultOf(pair) === undefined) taken.push(pair);
    }
    expect(taken).toEqual([]);
  });

  it('[ASVS 6.2.4] are refused under the usual decoration, and in every width, case and form of the same letters', () => {
    const someOf = ofLength(8).slice(0, 300);
    for (const decorate of [
      (text: string) => text.toUpperCase(),
      (text: string) => `${text[0]?.toUpperCase()}${text.slice(1)}!`,
      (text: string) => `${text}1`,
      (text: string) => `${text}2026!`,
      (text: string) => `01${text}`,
      (text: string) => text.split('').join('.'),
      (text: string) => text.replaceAll('o', '0').replaceAll('e', '3').replaceAll('s', '$'),
      (text: string) => text.replaceAll(/[a-z]/g, (letter) => String.fromCharCode(letter.charCodeAt(0) + 0xfee0)),
    ]) {
      expect(someOf.map(decorate).filter((password) => faultOf(password, withFactor) === undefined)).toEqual([]);
    }
  });

  it('do not stand in the way of phrases of random words, with or without spaces', () => {
    const words = dictionary['diceware-common'];
    const pick = seeded(2);
    const phrase = (count: number, between: string) =>
      Array.from({ length: count }, () => words[pick(words.length)]).join(between);
    const phrases = Array.from({ length: 400 }, () => [phrase(4, ' '), phrase(5, '-'), phrase(4, '')]).flat();
    const long = phrases.filter((text) => text.length >= 15);
    expect(long.length).toBeGreaterThan(1_100);
    expect(long.filter((text) => faultOf(text) !== undefined)).toEqual([]);
  });

  it('do not stand in the way of random characters', () => {
    const pick = seeded(3);
    const signs = 'abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789#!+-';
    const random = (length: number) => Array.from({ length }, () => signs[pick(signs.length)]).join('');
    const passwords = Array.from({ length: 500 }, () => random(16));
    expect(passwords.filter((text) => faultOf(text) !== undefined)).toEqual([]);
  });
});

describe('words of the context', () => {
  it('[ASVS 6.1.2] are documented, every one', () => {
    const page = readFileSync(new URL('../../../../docs/passwords.md', import.meta.url), 'utf8');
    const documented = new Set(page.match(/`[a-z]+`/g)?.map((word) => word.slice(1, -1)));
    expect(contextWords.filter((word) => !documented.has(word))).toEqual([]);
  });

  it('[ASVS 6.2.11] make no password: product, roles and place, however they are written', () => {
    for (const word of contextWords) {
      for (const variant of [
        `${word}${word}2026!!!!!!`,
        `${word.toUpperCase()}-123456789-xy`,
        `My.${word}.1234567890!`,
      ])
        expect([variant, typeof faultOf(variant)]).toEqual([variant, 'string']);
      const backwards = `${[...word].reverse().join('')}-20262026-xyz`;
      expect([backwards, typeof faultOf(backwards)]).toEqual([backwards, 'string']);
    }
    expect(faultOf('V4ltr0nics!2026-Alarm')).toBeTypeOf('string');
    expect(faultOf('Valtr0nicsadmin9', withFactor)).toBeTypeOf('string');
  });

  it('[ASVS 6.2.11] are the organisation, the host and the person, each in every spelling', () => {
    const own = 'not built on the name or address of yourself, your organisation or this product';
    expect(faultOf('Oakridge-Heights-2026!')).toBe(own);
    expect(faultOf('0akr1dge h3ights 42 42')).toBe(own);
    expect(faultOf('egdirkao sthgieh 77 88')).toBe(own);
    expect(faultOf('harbourview-20x26-20y27')).toBe(own);
    expect(faultOf('Lindqvist.20x26.20y27.')).toBe(own);
    expect(faultOf('tsivqdnil 1988 1989 mb')).toBe(own);
    expect(faultOf('lindqvist7', withFactor)).toBe(own);
    // Of another organisation these are words like any other, and as part of something longer here too.
    expect(faultOf('Oakridge-Heights-2026!', { ...account, organisation: 'Millbrook' })).toBeUndefined();
    expect(faultOf('the path to Oakridge is lined with plum trees')).toBeUndefined();
  });
});
