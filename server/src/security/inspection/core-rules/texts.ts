import type { InspectionExemption } from '@valtronics/contract';
import { exemptionOf } from '../inspect-request.ts';

/** Of a request; where there are more, one more is collected, so that it shows. */
export const MOST_TEXTS = 64;
const MAX_WHERE = 200;

/** One text of a request, and where it stood. */
export interface InspectedText {
  /** `body.name`, `query.text`, `header.user-agent`, `path`. */
  readonly where: string;
  readonly text: string;
  readonly place: 'value' | 'user-agent';
  /** The contract says that an attack here is told and never refused. */
  readonly isOnlyReported: boolean;
}

/**
 * One word, number, time or address of mail: most of what anybody sends. Hardly an attack is spelled with it, the first engine reads it
 * all the same, and asking costs a thousand times as much as this.
 */
const PLAIN = /^[A-Za-z0-9_.:@+-]{0,256}$/;
const isPlain = (text: string): boolean => PLAIN.test(text) && !text.includes('..');
const PLAIN_PATH = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9_.-]*)*\/?$/;

type Head = {
  readonly path: string;
  readonly query: unknown;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
};

/** What the rules look at in a head, of what is not plain. */
export function textsOfHead({ path, query, headers }: Head, exemptions: readonly InspectionExemption[] = []) {
  const texts: InspectedText[] = [];
  if (!PLAIN_PATH.test(path)) texts.push({ where: 'path', text: path, place: 'value', isOnlyReported: false });
  collect(query, 'query', exemptions, texts);
  const { referer, cookie } = headers;
  const agent = headers['user-agent'];
  if (typeof agent === 'string' && agent !== '')
    texts.push({ where: 'header.user-agent', text: agent, place: 'user-agent', isOnlyReported: false });
  // The page is ours or of some other site, and nothing of it is used; what is asked of it may be anything.
  const asks = referer?.indexOf('?') ?? -1;
  if (typeof referer === 'string' && asks !== -1)
    texts.push({ where: 'header.referer', text: referer.slice(asks), place: 'value', isOnlyReported: false });
  for (const each of typeof cookie === 'string' ? cookie.split(';') : [])
    if (!each.trimStart().startsWith('__Host-') && !isPlain(each.trim().replace('=', '')))
      texts.push({ where: 'header.cookie', text: each.trim(), place: 'value', isOnlyReported: false });
  return texts;
}

/** Every key and every text of a body that is not plain, but what the contract says is not to be seen. */
export function textsOfBody(body: unknown, exemptions: readonly InspectionExemption[] = []): InspectedText[] {
  const texts: InspectedText[] = [];
  collect(body, 'body', exemptions, texts);
  return texts;
}

/** Row by row instead of going down, since nothing has said yet how deep it may be. */
function collect(
  root: unknown,
  name: string,
  exemptions: readonly InspectionExemption[],
  texts: InspectedText[],
): void {
  const waiting: [value: unknown, where: string][] = [[root, name]];
  for (let at = 0; at < waiting.length && texts.length <= MOST_TEXTS; at += 1) {
    const [value, where] = waiting[at] as (typeof waiting)[number];
    if (typeof value === 'string') {
      if (isPlain(value)) continue;
      const how = exemptionOf(exemptions, where)?.how;
      if (how !== 'unseen') texts.push({ where, text: value, place: 'value', isOnlyReported: how === 'reported' });
    } else if (Array.isArray(value)) {
      for (const [index, item] of value.entries()) waiting.push([item, `${where}[${index}]`.slice(0, MAX_WHERE)]);
    } else if (typeof value === 'object' && value !== null) {
      for (const key in value) {
        const path = `${where}.${key}`.slice(0, MAX_WHERE);
        if (!isPlain(key)) texts.push({ where: path, text: key, place: 'value', isOnlyReported: false });
        waiting.push([(value as Readonly<Record<string, unknown>>)[key], path]);
      }
    }
  }
}
