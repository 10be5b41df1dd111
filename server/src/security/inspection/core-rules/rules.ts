import { knownWordsOnly } from '../inspect.ts';
import type { Verdict } from '../inspect-request.ts';
import { type AttackClass, BLOCK_AT, DETECT_AT } from '../signature.ts';
import type { RuleFinding } from './findings.ts';
import type { InspectedText } from './texts.ts';

const POINTS: Readonly<Record<number, number>> = { 0: 5, 1: 5, 2: 5, 3: 4, 4: 3, 5: 2 };

/**
 * Declared exceptions: what these rules match, people here write on an ordinary day. They were written for forms of a web shop; here are
 * notes of technicians, commands, formulas and paths. `tests/security/core-rules.test.ts` holds 10,000 ordinary requests against them.
 */
const NEVER: Readonly<Record<string, string>> = {
  921110: 'a line that begins with a verb of HTTP, such as "move antenna"',
  930110: '"../" in addresses and in paths that a note quotes',
  931120: 'an address that ends with a question mark',
  932100: 'a note in which a line begins with the name of a program',
  932105: 'the same after a semicolon: "answers in 3 ms; telnet is off"',
  932110: 'the same of Windows: "call", "mode"',
  932115: 'the same: "sleep", "select" after an ampersand',
  932130: 'a template with the name of a variable of a shell in braces',
  932150: 'a text that begins with "ping" or "eval board"',
  941310: 'Cyrillic and Japanese, taken for the marks of another encoding',
  942230: 'formulas: "if(x>5, 1, 0)"',
  942270: '"Union meeting: select committee members from Berlin"',
  942350: '"drop off parts; update me"',
};

/** Right about one text in a hundred that nobody meant so: they decide when two of them agree. */
const IN_COMPANY: Readonly<Record<string, string>> = {
  930100: 'an address with "/../" in it',
  930120: 'the path of a log that a note quotes',
  931100: 'firmware at the address of a device in the house',
  933210: 'formulas and calls of functions in prose',
  941140: 'a word before a colon that is a scheme in browsers',
  942100: 'fingerprints of SQL that formulas and regular expressions share',
  942190: 'quotes beside words that SQL has, too',
  942360: 'the same',
};
const HALF = BLOCK_AT / 2;

const points = ({ rule, severity }: RuleFinding): number =>
  rule in NEVER ? 0 : rule in IN_COMPANY ? HALF : (POINTS[severity] ?? 0);

const classes: Readonly<Record<string, AttackClass>> = {
  913: 'scanner',
  921: 'evasion',
  930: 'path_traversal',
  931: 'request_forgery',
  932: 'command_injection',
  933: 'command_injection',
  934: 'command_injection',
  941: 'cross_site_scripting',
  942: 'sql_injection',
  944: 'command_injection',
};

/** The same that the first engine says of a text: the sums of each class, of which the highest counts. */
export function verdictOn(text: InspectedText, findings: readonly RuleFinding[]): Verdict | undefined {
  const sums = new Map<AttackClass, number>();
  const counted = findings.filter((finding) => points(finding) > 0);
  for (const finding of counted) {
    const name = classOf(finding);
    sums.set(name, (sums.get(name) ?? 0) + points(finding));
  }
  const [name, score] = [...sums].reduce<readonly [AttackClass | undefined, number]>(
    (best, each) => (each[1] > best[1] ? each : best),
    [undefined, 0],
  );
  if (name === undefined || score < DETECT_AT) return undefined;
  const heaviest = counted
    .filter((finding) => classOf(finding) === name)
    .toSorted((one, other) => points(other) - points(one));
  return {
    blocked: score >= BLOCK_AT && !text.isOnlyReported,
    class: name,
    score: Math.floor(score),
    where: text.where,
    signatures: heaviest.slice(0, MAX_NAMED).map(({ rule }) => `crs.${rule}`),
    excerpt: knownWordsOnly(heaviest[0]?.matched ?? ''),
  };
}
const MAX_NAMED = 10;
const classOf = ({ rule }: RuleFinding): AttackClass => classes[rule.slice(0, 3)] ?? 'evasion';
