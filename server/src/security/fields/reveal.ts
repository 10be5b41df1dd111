import { type Revealable, revealable } from '@valtronics/contract';
import { Problem } from '../../lib/problem.ts';
import type { AuditedTx } from '../audit/tokens.ts';
import { fieldOf } from './catalogue.ts';
import { mayReveal, sightOn, type Viewer } from './show.ts';

const kinds: Readonly<Record<Revealable, string>> = {
  subjects: 'subject',
  devices: 'device',
  users: 'user',
  'notification-channels': 'notification_channel',
};

type NameOf<R extends Revealable> = keyof (typeof revealable)[R] & string;

/**
 * The values that were asked for and no others, in clear. It takes the transaction that records who asked, for what and why: it commits
 * before the answer is sent, so that nobody is told what the log does not know of. Values never stand in it.
 */
export function revealed<const R extends Revealable>(
  tx: AuditedTx,
  viewer: Viewer,
  asked: { readonly fields: readonly NameOf<R>[]; readonly reason: string },
  resource: R,
  thing: { readonly id: string } & { readonly [N in NameOf<R>]: string | null },
): { id: string; values: { [N in NameOf<R>]?: string | null } } {
  const fields: Readonly<Record<string, string>> = revealable[resource];
  for (const name of asked.fields) {
    const field = fieldOf(fields[name] ?? '');
    if (!mayReveal(field, viewer))
      throw new Problem('forbidden', {
        detail: `To reveal ${name} needs one of the permissions ${(field.revealBy ?? []).join(', ') || 'there are none'}.`,
      });
  }
  const { id } = thing;
  tx.describe({
    resource: { kind: kinds[resource], id },
    details: { fields: [...asked.fields], reason: asked.reason },
  });
  const values: { [N in NameOf<R>]?: string | null } = {};
  for (const name of asked.fields) values[name] = thing[name];
  return { id, values };
}

/** What is masked for somebody of what can be revealed to anybody, so that a screen need not know the catalogue. */
export const maskedFieldsOf = (viewer: Viewer): { field: string; revealable: boolean }[] =>
  Object.values(revealable)
    .flatMap((fields) => Object.values(fields))
    .map(fieldOf)
    .filter((field) => sightOn(field, viewer) !== 'clear')
    .map((field) => ({ field: field.id, revealable: mayReveal(field, viewer) }));
