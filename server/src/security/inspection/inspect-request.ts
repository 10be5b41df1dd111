import type { InspectionExemption } from '@valtronics/contract';
import { isHarmlessJson } from './harmless.ts';
import { type Inspected, inspectText, knownWordsOnly, type Place } from './inspect.ts';
import { beginWork, work } from './pattern.ts';
import { type AttackClass, BLOCK_AT, DETECT_AT } from './signature.ts';

/** What is said of a request in which something was found. */
export interface Verdict {
  readonly blocked: boolean;
  readonly class: AttackClass;
  readonly score: number;
  /** The field that it stands in: `body.name`, `query.text`, `header.user-agent`, `path`. */
  readonly where: string;
  /** The ids of the signatures, the weightiest first; never empty. */
  readonly signatures: readonly string[];
  /** A few characters around it, with every word left out that no signature knows. */
  readonly excerpt: string;
}

const MAX_WHERE = 200;
const MAX_SIGNATURES = 10;
const NONE: readonly InspectionExemption[] = [];

/** Read by a reader that knows its alphabet and refuses everything else; and nothing of a credential is ever to be in a report. */
const CREDENTIALS = new Set(['authorization', 'dpop', 'proxy-authorization', 'sec-websocket-key']);
const MAX_COOKIE_NAME = 64;

/** Header values in which nothing was found. Every request of a client brings the same ones. */
const found = { nothing: new Set<string>() };
const MAX_REMEMBERED = 1_000;
const LONGEST_REMEMBERED = 256;

type Headers = Readonly<Record<string, string | string[] | undefined>>;

/**
 * Every browser names the site a request comes from, and at home that is `https://localhost:8000`. Nobody fetches what stands there, so
 * the host is no target of a forged request; what follows it is read like anything else.
 */
const SAYS_WHENCE = new Set(['origin', 'referer']);
const WHENCE = /^https?:\/\/[a-z0-9.:[\]-]{1,255}(?=[/?#]|$)/i;

/** What can be read before the body is: the path, the query, the headers. */
export function inspectHead(
  head: { readonly path: string; readonly query: unknown; readonly headers: Headers },
  exemptions: readonly InspectionExemption[] = NONE,
): Verdict | undefined {
  beginWork();
  let worst = verdictOf(inspectText(head.path, 'path'), 'path', false);
  if (!isDecided(worst)) worst = worseOf(worst, inspectMembers(head.query, 'query', exemptions));
  for (const name in head.headers) {
    if (isDecided(worst)) break;
    const value = head.headers[name];
    if (value === undefined || CREDENTIALS.has(name)) continue;
    const whole = typeof value === 'string' ? value : value.join('\n');
    const text = SAYS_WHENCE.has(name) ? whole.replace(WHENCE, '') : whole;
    worst = worseOf(worst, name === 'cookie' ? inspectCookies(text) : inspectHeader(name, text));
  }
  return worst;
}

function inspectHeader(name: string, text: string): Verdict | undefined {
  const isAgent = name === 'user-agent';
  const key = isAgent ? `user-agent ${text}` : text;
  if (found.nothing.has(key)) return undefined;
  const place: Place = isAgent ? 'user-agent' : 'value';
  const inspected = inspectText(text, place);
  if (inspected.score < DETECT_AT) {
    if (text.length <= LONGEST_REMEMBERED) {
      if (found.nothing.size >= MAX_REMEMBERED) found.nothing.clear();
      found.nothing.add(key);
    }
    return undefined;
  }
  return verdictOf(inspected, `header.${name}`, false);
}

/** Our own cookies are credentials; everybody else's are as good a place as any. */
function inspectCookies(text: string): Verdict | undefined {
  let worst: Verdict | undefined;
  for (const cookie of text.split(';')) {
    const name = cookie.slice(0, MAX_COOKIE_NAME).split('=', 1)[0]?.trim() ?? '';
    if (name.startsWith('__Host-')) continue;
    worst = worseOf(worst, inspectHeader('cookie', cookie));
    if (isDecided(worst)) break;
  }
  return worst;
}

interface Container {
  readonly value: object;
  readonly key: string;
  readonly isItem: boolean;
  readonly parent: Container | undefined;
}

/** Every key and every text of a value as it was parsed, however deep it goes. */
export function inspectValue(
  value: unknown,
  root: 'body' | 'query',
  exemptions: readonly InspectionExemption[] = NONE,
): Verdict | undefined {
  beginWork();
  return inspectItem(value, root, exemptions);
}

/** One of a list, after `inspectValue` of what the list stands in: all of them share the work that one request may make. */
export function inspectItem(
  item: unknown,
  where: string,
  exemptions: readonly InspectionExemption[] = NONE,
): Verdict | undefined {
  if (typeof item !== 'string') return inspectMembers(item, where, exemptions);
  return verdictOf(inspectText(item), where, exemptionOf(exemptions, where)?.how === 'reported');
}

function inspectMembers(value: unknown, root: string, exemptions: readonly InspectionExemption[]): Verdict | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  let worst: Verdict | undefined;
  const waiting: Container[] = [{ value, key: root, isItem: false, parent: undefined }];
  for (let container = waiting.pop(); container !== undefined; container = waiting.pop()) {
    const isItem = Array.isArray(container.value);
    for (const key in container.value) {
      const member = (container.value as Readonly<Record<string, unknown>>)[key];
      if (!isItem) {
        const ofKey = verdictOf(inspectText(key, 'key'), '', false);
        if (ofKey) worst = worseOf(worst, { ...ofKey, where: pathTo(container, key, isItem) });
        if (isDecided(worst)) return worst;
      }
      if (typeof member === 'string') {
        const exemption = exemptions.length === 0 ? undefined : exemptionOf(exemptions, pathTo(container, key, isItem));
        if (exemption?.how === 'unseen') continue;
        // The work of this request is done and that was told. What may be refused is, at the next text of it; this may not.
        if (exemption?.how === 'reported' && worst !== undefined && work.steps > work.limit) continue;
        const ofText = verdictOf(inspectText(member), '', exemption?.how === 'reported');
        if (ofText) worst = worseOf(worst, { ...ofText, where: pathTo(container, key, isItem) });
        if (isDecided(worst)) return worst;
      } else if (typeof member === 'object' && member !== null)
        waiting.push({ value: member, key, isItem, parent: container });
    }
  }
  return worst;
}

/** A message as it came: JSON if it is that, else a text. What holds numbers under names only is not even read. */
export function inspectMessage(bytes: Buffer, exemptions: readonly InspectionExemption[] = NONE): Verdict | undefined {
  if (isHarmlessJson(bytes)) return undefined;
  const text = bytes.toString('utf8');
  beginWork();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return verdictOf(inspectText(text), 'body', exemptionOf(exemptions, 'body')?.how === 'reported');
  }
  return inspectValue(value, 'body', exemptions);
}

function pathTo(container: Container, key: string, isItem: boolean): string {
  let path = isItem ? `[${key}]` : `.${key}`;
  for (let at: Container | undefined = container; at !== undefined && path.length < MAX_WHERE; at = at.parent)
    path = (at.parent === undefined ? at.key : at.isItem ? `[${at.key}]` : `.${at.key}`) + path;
  return path.slice(0, MAX_WHERE);
}

/** The field itself, or what it stands within. */
export const exemptionOf = (
  exemptions: readonly InspectionExemption[],
  path: string,
): InspectionExemption | undefined =>
  exemptions.find(({ field }) => path === field || path.startsWith(`${field}.`) || path.startsWith(`${field}[`));

function verdictOf(inspected: Inspected, where: string, neverBlocked: boolean): Verdict | undefined {
  if (inspected.class === null || inspected.score < DETECT_AT) return undefined;
  const heaviest = inspected.findings
    .filter(({ signature }) => signature.class === inspected.class)
    .toSorted((one, other) => other.signature.score - one.signature.score);
  return {
    blocked: inspected.score >= BLOCK_AT && !neverBlocked,
    class: inspected.class,
    score: inspected.score,
    where,
    signatures: heaviest.slice(0, MAX_SIGNATURES).map(({ signature }) => signature.id),
    excerpt: knownWordsOnly(heaviest[0]?.excerpt ?? ''),
  };
}

/** It is refused: whatever else it holds would change nothing, and would be read at our cost. */
const isDecided = (worst: Verdict | undefined): boolean => worst?.blocked === true;

function worseOf(one: Verdict | undefined, other: Verdict | undefined): Verdict | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  if (one.blocked !== other.blocked) return one.blocked ? one : other;
  return other.score > one.score ? other : one;
}
