/** What stands for anything that is hidden whole. Of one length, so that it does not tell how long the value is, or whether there is one. */
export const fullMask = '********';

export type MaskKind = 'email' | 'phone' | 'card' | 'text';

/**
 * A value as those see it who may know that it is there, but not what it is. An email address keeps its domain and the ends of a local
 * part of three characters or more; a telephone number (7–15 digits, E.164) and a payment card (16 digits) keep their last four digits.
 * Everything else is hidden whole: free text, and what is not what its kind says, since a part that is harmless in a telephone number
 * need not be so in whatever somebody typed instead.
 */
export function mask(kind: MaskKind, value: unknown): string {
  if (typeof value !== 'string') return fullMask;
  return masks[kind](value) ?? fullMask;
}

const masks: Readonly<Record<MaskKind, (value: string) => string | undefined>> = {
  email(value) {
    const [, local, domain] = /^([^\s@]{1,64})@([^\s@]{1,255})$/.exec(value) ?? [];
    if (local === undefined) return undefined;
    const shown = local.length <= 2 ? '*'.repeat(local.length) : `${local[0]}${stars(local, 2)}${local.at(-1)}`;
    return `${shown}@${domain}`;
  },
  phone(value) {
    const digits = digitsOf(value, /^\+?[\d ().-]{7,40}$/);
    return digits && digits.length >= 7 && digits.length <= 15 ? lastFour(digits) : undefined;
  },
  card(value) {
    const digits = digitsOf(value, /^[\d -]{16,40}$/);
    return digits?.length === 16 ? lastFour(digits) : undefined;
  },
  text: () => undefined,
};

const stars = (text: string, kept: number): string => '*'.repeat(text.length - kept);
const lastFour = (digits: string): string => `${stars(digits, 4)}${digits.slice(-4)}`;
const digitsOf = (value: string, shape: RegExp): string | undefined =>
  shape.test(value) ? value.replaceAll(/\D/g, '') : undefined;
