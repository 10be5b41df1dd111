import type { FastifyRequest } from 'fastify';

/**
 * Every browser says with `Sec-Fetch-Site` where a request was begun, and no page can keep it from that (W3C Fetch Metadata). So what has it
 * may be the doing of a page elsewhere, of a link, or of a tab older than this version, and says little about who sits at that address.
 * A tool can say the same: it is then refused like any other, and told to people instead of being kept out.
 */
export const browserMark = ({ headers }: Pick<FastifyRequest, 'headers'>): { readonly browser?: true } =>
  headers['sec-fetch-site'] === undefined ? {} : { browser: true };
