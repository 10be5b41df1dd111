import type { PersonalDataKind } from '@valtronics/contract';
import { parsePhoneNumberFromString } from 'libphonenumber-js/min';
import validator from 'validator';

// What is told by itself, without a word beside it. Since serial numbers, counters and timestamps are digits too, digits count here only in a
// form that those do not have (a plus, the groups that are printed on a card, a prescribed punctuation) and with a check digit that fits.

export interface Shape {
  readonly kind: PersonalDataKind;
  /** Global; every repetition has an end. */
  readonly pattern: RegExp;
  /** Whether what matched is one. */
  readonly holds?: (found: string) => boolean;
  /** What machines are called can look like it, check digit and all: not believed where a machine is named. */
  readonly likeSerial?: true;
}

const digits = (text: string): string => text.replaceAll(/\D/g, '');
const isPhone = (text: string, country?: 'US'): boolean =>
  parsePhoneNumberFromString(text, country)?.isValid() ?? false;

/** Of the United States: no area 000, 666 or above 899, no group 00, no number 0000 (SSA, since 2011). */
const isSocialSecurityNumber = (text: string): boolean =>
  !/^(?:000|666|9\d\d)|^...-00|0000$/.test(text) && !/^123-45-6789$/.test(text);

/** AHV number of Switzerland: thirteen digits with the check digit of an EAN-13. */
function isAhvNumber(text: string): boolean {
  const all = [...digits(text)].map(Number);
  const sum = all.slice(0, 12).reduce((total, digit, index) => total + digit * (index % 2 === 0 ? 1 : 3), 0);
  return all.length === 13 && (10 - (sum % 10)) % 10 === all[12];
}

/** NIR of France, with its key: 97 less the number modulo 97; Corsica's letters stand for 19 and 18. */
function isNir(text: string): boolean {
  const compact = text.replaceAll(' ', '').replace('2A', '19').replace('2B', '18');
  return 97n - (BigInt(compact.slice(0, 13)) % 97n) === BigInt(compact.slice(13));
}

export const shapes: readonly Shape[] = [
  {
    kind: 'email',
    // Not what stands in an address of a server: `mqtt://sensor@broker.example`.
    pattern: /(?<![/\w.+%-])[\w.+%-]{1,64}@(?:[a-z0-9-]{1,63}\.){1,8}[a-z]{2,24}(?![\w-])/gi,
  },
  {
    kind: 'phone',
    pattern: /(?<![\w+])\+[1-9](?:[ ./()-]{0,2}\d){7,14}(?![\d.])/g, // One dot alone is a decimal one.
    holds: (found) => !/^\+\d+\.\d+$/.test(found) && isPhone(found),
  },
  {
    kind: 'phone',
    pattern: /(?<![\w(])\([2-9]\d\d\) ?[2-9]\d\d[ .-]\d{4}(?![\d-])/g,
    holds: (found) => isPhone(found, 'US'),
  },
  {
    kind: 'payment_card',
    pattern: /(?<![\w.,-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|3\d{3}([ -])\d{6}\2\d{5})(?![\w-]|[.,]\d)/g,
    holds: (found) => validator.isCreditCard(digits(found)),
  },
  {
    kind: 'payment_card',
    pattern: /(?<![\w.,+-])(?:[25]\d{15}|4\d{15}|3[47]\d{13}|6(?:011|5\d\d)\d{12})(?![\w-]|[.,]\d)/g,
    holds: (found) => validator.isCreditCard(found),
    likeSerial: true,
  },
  {
    kind: 'account',
    pattern: /(?<![\w-])[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![\w-])/g,
    holds: (found) => validator.isIBAN(found),
  },
  {
    kind: 'national_id',
    pattern: /(?<![\w.-])\d{3}-\d\d-\d{4}(?![\w-])/g,
    holds: isSocialSecurityNumber,
    likeSerial: true,
  },
  { kind: 'national_id', pattern: /(?<![\w.])756\.\d{4}\.\d{4}\.\d\d(?![\w.]\d)/g, holds: isAhvNumber },
  {
    kind: 'national_id',
    pattern: /(?<![\w.])[12] \d\d (?:0[1-9]|1[0-2]|[2-4]\d) (?:\d\d|2[AB]) \d{3} \d{3} \d\d(?!\w)/g,
    holds: isNir,
  },
  {
    kind: 'national_id',
    pattern: /(?<!\w)[A-Z]{6}[\dLMNP-V]{2}[A-EHLMPR-T][\dLMNP-V]{2}[A-Z][\dLMNP-V]{3}[A-Z](?!\w)/g,
    holds: (found) => validator.isTaxID(found, 'it-IT'),
  },
  {
    kind: 'national_id',
    pattern: /(?<![\w.])\d\d\.\d\d\.\d\d-\d{3}\.\d\d(?!\w)/g,
    holds: (found) => validator.isTaxID(digits(found), 'nl-BE'),
  },
  {
    kind: 'national_id',
    pattern: /(?<![\w.])\d{3}\.\d{3}\.\d{3}-\d\d(?!\w)/g,
    holds: (found) => validator.isTaxID(found, 'pt-BR'),
  },
  {
    kind: 'national_id',
    pattern: /(?<![\w.-])\d{6}[-+A]\d{3}[0-9A-FHJ-NPR-Y](?![\w-])/g,
    holds: (found) => validator.isTaxID(found, 'fi-FI') || validator.isTaxID(found, 'sv-SE'),
    likeSerial: true,
  },
  {
    kind: 'national_id',
    pattern: /(?<![\w.-])[1-8]\d{5}(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3}[\dX](?![\w-])/g,
    holds: (found) => validator.isIdentityCard(found, 'zh-CN'),
    likeSerial: true,
  },
  // JPEG and PNG begin so in base64.
  { kind: 'photo', pattern: /data:image\/[a-z+.-]{1,20};base64,[\w+/]{1,4096}={0,2}/gi },
  { kind: 'photo', pattern: /(?<![\w+/])(?:\/9j\/|iVBORw0KGgo)[\w+/]{40,4096}={0,2}/g },
];
