import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';

// Attack strings of other people: what the tools that Debian ships try, read from where they are installed. Nothing of them is kept here.

const SQLMAP = '/usr/share/sqlmap/data/xml';
const WFUZZ = '/usr/share/wfuzz/wordlist';
const WAPITI = '/usr/lib/python3/dist-packages/wapitiCore/data/attacks';

export const attackSources = { sqlmap: existsSync(SQLMAP), wfuzz: existsSync(WFUZZ), wapiti: existsSync(WAPITI) };

export interface AttackString {
  readonly source: string;
  readonly text: string;
}

/** Each once, in no order that means anything. */
export function attackStrings(): AttackString[] {
  const all = [...fromSqlmap(), ...fromWfuzz(), ...fromWapiti(), ...known()].filter(({ text }) => isAttack(text));
  return [...new Map(all.map((attack) => [attack.text, attack])).values()];
}

/** By a hash of the text, so that whoever writes signatures sees one half and is judged by the other. */
export const isHeldBack = ({ text }: AttackString): boolean =>
  (createHash('sha256').update(text).digest()[0] ?? 0) % 2 === 1;

/**
 * Word lists hold probes that are no attack in themselves: single marks, a lone number, a word of plain letters. Nobody could refuse those
 * and still take a name.
 */
function isAttack(text: string): boolean {
  // One mark, in whatever way it is written, is one mark.
  const marks = text.replaceAll(
    /&#x?[0-9a-f]+;?|&[a-z]+;|\\x[0-9a-f]{2}|#x[0-9a-f]|%u[0-9a-f]{4}|%(?:25)*[0-9a-f]{2}|\\0+/gi,
    '_',
  );
  if (marks.length < 5 || text.length > 8_000 || !/[A-Za-z0-9]{2}/.test(marks)) return false;
  if (/^[\w\s.+-]*$/.test(text)) return /\s(?:select|sleep|delay|union)\s|waitfor|\b(?:or|and) \d/i.test(text);
  return /[A-Za-z0-9]/.test(text);
}

const lines = (file: string): string[] => (existsSync(file) ? readFileSync(file, 'latin1').split(/\r?\n/) : []);

function entities(text: string): string {
  return text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');
}
const all = (text: string, tag: string): string[] =>
  [...text.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, 'g'))].map(([, inner = '']) => entities(inner));

/** Every test of sqlmap within some of the boundaries it would try, as it would send it for a parameter of value 1. */
function fromSqlmap(): AttackString[] {
  if (!attackSources.sqlmap) return [];
  const boundaries = [
    ...readFileSync(`${SQLMAP}/boundaries.xml`, 'utf8').matchAll(/<boundary>[\s\S]*?<\/boundary>/g),
  ].map(([each]) => ({
    prefix: all(each, 'prefix')[0] ?? '',
    suffix: all(each, 'suffix')[0] ?? '',
  }));
  const payloads = readdirSync(`${SQLMAP}/payloads`)
    .flatMap((file) => [
      ...readFileSync(`${SQLMAP}/payloads/${file}`, 'utf8').matchAll(/<request>([\s\S]*?)<\/request>/g),
    ])
    .map(([, request = '']) => ({ payload: all(request, 'payload')[0], comment: all(request, 'comment')[0] ?? '' }));
  const unions = [1, 3, 7].flatMap((columns) =>
    ['NULL', '1'].map((column) => ({
      payload: `UNION ALL SELECT ${Array.from({ length: columns }, () => column).join(',')}`,
      comment: '[GENERIC_SQL_COMMENT]',
    })),
  );
  return [...payloads, ...unions].flatMap(({ payload, comment }, index) => {
    if (payload === undefined) return [];
    // Ten of the boundaries for each, others for the next one.
    return Array.from({ length: 10 }, (_, turn) => boundaries[(index * 7 + turn * 5) % boundaries.length]).map(
      (boundary) => ({
        source: 'sqlmap',
        text: filled(
          `1${boundary?.prefix ?? ''} ${payload}${comment} ${comment === '' ? (boundary?.suffix ?? '') : ''}`.trim(),
          index,
        ),
      }),
    );
  });
}

function filled(text: string, seed: number): string {
  const number = (offset: number): string => String(1000 + ((seed * 7919 + offset * 104_729) % 9000));
  const word = (offset: number): string =>
    Array.from({ length: 4 }, (_, at) => String.fromCharCode(97 + ((seed * 31 + offset * 17 + at * 7) % 26))).join('');
  return text
    .replaceAll(/\[RANDNUM(\d*)\]/g, (_, n: string) => number(Number(n || 0)))
    .replaceAll(/\[RANDSTR(\d*)\]/g, (_, n: string) => word(Number(n || 0)))
    .replaceAll('[GENERIC_SQL_COMMENT]', `-- ${word(3)}`)
    .replaceAll('[INFERENCE]', `${number(1)}=${number(1)}`)
    .replaceAll('[ORIGVALUE]', '1')
    .replaceAll('[ORIGINAL]', '1')
    .replaceAll('[SLEEPTIME]', '5')
    .replaceAll('[SINGLE_QUOTE]', "'")
    .replaceAll('[DELIMITER_START]', 'qzvkq')
    .replaceAll('[DELIMITER_STOP]', 'qjxbq')
    .replaceAll('[AT_REPLACE]', 'qbq')
    .replaceAll('[SPACE_REPLACE]', 'qaq')
    .replaceAll('[DOLLAR_REPLACE]', 'qcq')
    .replaceAll('[HASH_REPLACE]', 'qdq')
    .replaceAll('[DELAYED]', '5000000')
    .replaceAll('[QUERY]', '(SELECT version())')
    .replaceAll(/\[[A-Z_]+\]/g, '1');
}

function fromWfuzz(): AttackString[] {
  const files = [
    'Injections/All_attack',
    'Injections/SQL',
    'Injections/XSS',
    'Injections/XML',
    'Injections/Traversal',
    'vulns/sql_inj',
    'vulns/dirTraversal-nix',
    'vulns/dirTraversal-win',
    'vulns/dirTraversal',
  ];
  return files.flatMap((file) =>
    lines(`${WFUZZ}/${file}.txt`)
      .filter((line) => !line.startsWith('# '))
      .map((line) => ({ source: `wfuzz ${file}`, text: line.replaceAll('{FILE}', 'etc/passwd') })),
  );
}

function fromWapiti(): AttackString[] {
  const ini = ['xssPayloads', 'fileHandlingPayloads'].flatMap((file) =>
    lines(`${WAPITI}/${file}.ini`).flatMap((line) => (line.startsWith('payload = ') ? [line.slice(10)] : [])),
  );
  const plain = ['execPayloads', 'blindSQLPayloads'].flatMap((file) => lines(`${WAPITI}/${file}.txt`));
  return [...ini, ...plain].map((text) => ({
    source: 'wapiti',
    text: text
      .replaceAll('[LF]', '\n')
      .replaceAll('[TAB]', '\t')
      .replaceAll('[VALUE]', '1')
      .replaceAll('[TIME]', '7')
      .replaceAll('[TIMEOUT]', '')
      .replaceAll('[EXTERNAL_ENDPOINT]', 'http://scan.example/')
      .replaceAll('\\0', '\0')
      .trim(),
  }));
}

/** What those tools do not try, as it is described everywhere: a few of each, in the ways they are disguised. */
function known(): AttackString[] {
  const read = readFileSync(new URL('attack-strings.json', import.meta.url), 'utf8');
  return (JSON.parse(read) as string[]).map((text) => ({ source: 'known', text }));
}
