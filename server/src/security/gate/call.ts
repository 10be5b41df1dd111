import type { Readable } from 'node:stream';
import type { Endpoint } from '@valtronics/contract';
import type { z } from 'zod';
import type { PrincipalFor } from '../access/principal.ts';
import type { AuditActor } from '../audit/audit-event.ts';
import type { AuditedTx, Reader } from '../audit/tokens.ts';

type Parsed<S> = S extends z.ZodType ? z.output<S> : undefined;

/** An answer that is not JSON. */
export interface RawAnswer {
  readonly contentType: string;
  readonly body: string | Buffer | Readable;
  readonly headers?: Readonly<Record<string, string>>;
}

export type Answer<E extends Endpoint> = E['response'] extends 'empty'
  ? undefined
  : E['response'] extends 'raw'
    ? RawAnswer
    : E['response'] extends 'redirect'
      ? string
      : E['response'] extends z.ZodType
        ? z.input<E['response']>
        : never;

/** What a handler gets: everything checked, and the only ways to the database. */
export interface Call<E extends Endpoint, Body = never> {
  readonly params: Parsed<E['params']>;
  readonly query: Parsed<E['query']>;
  /** As the schema has it, or as the handler's own reader made it. */
  readonly body: Parsed<E['body']> | Body;
  readonly principal: PrincipalFor<E['access']>;
  readonly address: string;
  readonly userAgent: string | null;
  /** What the browser says of having been signed in with before; good for `guessing` only. */
  readonly deviceCookie: string | undefined;
  readonly requestId: string;
  /** RFC 7638 thumbprint of the key the caller proved (DPoP), if they did. Only on endpoints that declare `dpop`. */
  readonly dpopThumbprint: E['dpop'] extends true ? string | null : never;
  /** Reads as the principal's organisation. */
  read<T>(work: (reader: Reader) => Promise<T>): Promise<T>;
  /** Changes and the declared audit event in one transaction. Only on endpoints that declare `records(…)`. */
  write: E['audit'] extends { kind: 'records' } ? <T>(work: (tx: AuditedTx) => Promise<T>) => Promise<T> : never;
  /** The same where the caller's organisation is only known after a credential in the body was looked up (open endpoints). */
  writeAs: E['access'] extends { kind: 'open' }
    ? <T>(who: { organisationId: number; actor: AuditActor }, work: (tx: AuditedTx) => Promise<T>) => Promise<T>
    : never;
  /** Sets (or with null clears) the session cookie of this browser. */
  setSessionCookie(token: string | null): void;
  /** Lets `guessing` know this browser again. */
  setDeviceCookie(token: string): void;
  /** The cookie of a browser that left for a provider. */
  readonly departureCookie: string | undefined;
  setDepartureCookie(token: string | null): void;
  /** `Sec-Fetch-Site`, which a browser writes and no page can: from where this was opened (W3C Fetch Metadata). */
  readonly fetchSite: string | null;
}

export type Handler<E extends Endpoint, Body = never> = (call: Call<E, Body>) => Promise<Answer<E>>;
