import { mask } from '../../lib/masking.ts';
import { type LogRules, wordsOf } from '../../platform/log/redaction.ts';
import { fieldCatalogue } from './catalogue.ts';
import type { Field } from './field.ts';

// Personal values have no place in a log: it is kept by others, for longer, and read by more people than the database. What is kept for
// security (addresses, browsers, who was refused) is what a log is for, so fields of that basis may stand in it. Secrets have rules of their own.

/** Columns whose names mean something else in most lines (`name` of a job, `value` of a setting); behind the name of their thing they do not. */
const ambiguous = new Set(
  'description detail during fault label last_error location max metadata min name note num payload peak reference response sealed sketch state subject sum target title txt value'.split(
    ' ',
  ),
);

const isPersonal = ({ basis, class: kind }: Field): boolean =>
  kind !== 'secret' && (basis === 'account' || basis === 'care' || basis === 'operation');
const things = (table: string): string[] => [
  table.replace(/s$/, ''),
  table.replace(/^.*_(?=\w+$)/, '').replace(/s$/, ''),
];

const names: ReadonlySet<string> = new Set(
  fieldCatalogue.filter(isPersonal).flatMap(({ table, column }) => {
    const qualified = things(table).map((thing) => `${thing}_${column}`);
    return (ambiguous.has(column) ? qualified : [column, ...qualified]).map((name) => name.replaceAll('_', ''));
  }),
);

/** `ownerEmail` ends with the name of a field as well as `email` does. */
function hides(key: string): boolean {
  const words = wordsOf(key);
  return words.some((_, from) => names.has(words.slice(from).join('')));
}

// Bounded on both sides of the sign, so that a long text without one costs no more than its length times that. What is masked already stays.
const EMAIL = /(?<!\*)[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,5}[\w-]{2,63}/g;
/** International, as the platform keeps them; digits without a plus are counts and times most of the time. */
const PHONE = /(?<![\w.:+-])\+[1-9]\d{6,14}(?!\d)/g;

/** The log reads the field catalogue: values under the names of its fields are left out, email addresses and telephone numbers masked in any text. */
export const catalogueLogRules: LogRules = {
  hides,
  text: (text) =>
    text.replaceAll(EMAIL, (found) => mask('email', found)).replaceAll(PHONE, (found) => mask('phone', found)),
};
