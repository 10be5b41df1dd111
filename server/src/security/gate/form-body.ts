import { isUtf8 } from 'node:buffer';
import type { FastifyInstance } from 'fastify';
import { Problem } from '../../lib/problem.ts';

const MAX_FIELDS = 50;

/**
 * A place for the few endpoints that other standards have take a form. Only in there are forms read, and nothing else is: everywhere
 * else a form, which any page can make a browser send, is refused unread.
 */
export function withForms(app: FastifyInstance, addRoutes: (forms: FastifyInstance) => void): void {
  app.register((forms, _options, done) => {
    forms.removeAllContentTypeParsers();
    forms.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'buffer' }, (_request, body, parsed) => {
      try {
        parsed(null, parseForm(body as Buffer));
      } catch (error) {
        parsed(error as Error);
      }
    });
    addRoutes(forms);
    done();
  });
}

/** A field that comes twice is refused: two readers could each take another one. */
export function parseForm(body: Buffer): Readonly<Record<string, string>> {
  const refused = (detail: string) => new Problem('invalid_request', { detail });
  if (!isUtf8(body)) throw refused('The body is not UTF-8.');
  const fields = [...new URLSearchParams(body.toString('utf8'))];
  if (fields.length > MAX_FIELDS) throw refused('The form has too many fields.');
  if (new Set(fields.map(([name]) => name)).size !== fields.length) throw refused('A field of the form comes twice.');
  return Object.assign(Object.create(null), Object.fromEntries(fields));
}
