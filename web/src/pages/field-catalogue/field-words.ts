import type { CataloguedField } from '@valtronics/contract';

export const classWords = {
  personal: 'Personal',
  health: 'Health',
  secret: 'Secret',
  identifier: 'Identifier',
} as const satisfies Record<CataloguedField['class'], string>;

export function viewersText(viewers: CataloguedField['clear']): string {
  if (viewers === 'members') return 'everybody of the organisation';
  return viewers.length === 0 ? 'nobody' : viewers.join(' or ');
}

/** In a word or two, for a list. */
export function seenText({ clear, masked }: CataloguedField): string {
  if (clear.length === 0 && masked.length === 0) return 'nobody';
  return viewersText(clear);
}

export function storedText({ stored }: CataloguedField): string {
  if (stored.as === 'sealed') return `sealed for the ${stored.with}`;
  return stored.as === 'clear' ? 'in clear' : stored.as;
}

export const searchWords = {
  exact: 'by the exact value',
  part: 'by a part of it',
  no: 'not at all',
} as const satisfies Record<CataloguedField['search'], string>;

/** Whether a field is meant by what was typed: words of its name, of who sees it, or of how and why it is kept. */
export function matches(field: CataloguedField, text: string): boolean {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean);
  const { id, retention, legalBasis, stored } = field;
  const told = [
    id,
    classWords[field.class],
    viewersText(field.clear),
    viewersText(field.masked),
    retention,
    legalBasis,
  ];
  const all = [...told, storedText(field), stored.why ?? ''].join('\n').toLowerCase();
  return words.every((word) => all.includes(word));
}
