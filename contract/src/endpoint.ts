import type { z } from 'zod';
import type { Access, Audit, InspectionExemption, RateClass } from './policy.ts';

/**
 * One HTTP endpoint: what it takes and gives, who may use it, how fast, and what the audit log says of it. `access`, `rate` and
 * `audit` are required, so an endpoint without a policy does not compile.
 */
export interface Endpoint {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Path under `/api/v1` with `{name}` parameters; `root: true` puts it at the server's root instead. */
  readonly path: `/${string}`;
  readonly root?: true;
  readonly summary: string;
  readonly params?: z.ZodObject;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  /** The body is a form and not JSON, because another standard says so. */
  readonly form?: true;
  /** Bytes; 64 KiB unless told. */
  readonly bodyLimit?: number;
  /** A list in the body whose items the handler checks one by one, so that a bad one is listed and the rest are taken. */
  readonly itemsCheckedIn?: string;
  /**
   * `raw`: the handler answers with text or a stream and a content type of its own. `redirect`: with the address to go to, sent as a
   * 302; for what a person's browser opens as a page.
   */
  readonly response: z.ZodType | 'empty' | 'raw' | 'redirect';
  readonly status?: 200 | 201 | 202 | 204;
  /** Signs a browser in, so only our own pages may call it: nobody is to be signed in as somebody else by another site. */
  readonly setsCookie?: true;
  /** Takes a DPoP proof (RFC 9449), if one is shown: what is given out is then bound to its key. */
  readonly dpop?: true;
  /** Where the inspection makes an exception; a pinned list. */
  readonly inspection?: readonly InspectionExemption[];
  /**
   * Fields of the body where people write what they like and personal data is not expected: `description`, `rule.name`, `metadata.*`. They
   * are searched for it; a test asks for a decision about every text of every body.
   */
  readonly freeText?: readonly string[];
  readonly access: Access;
  readonly rate: RateClass;
  readonly audit: Audit;
}

export const endpoint = <const E extends Endpoint>(declaration: E): E => declaration;
