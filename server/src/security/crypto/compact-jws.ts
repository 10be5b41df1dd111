// The compact form of a signed object (RFC 7515, 7.1), as text. Nothing in here needs a key or believes what it reads.

/** Fours of characters, and at the end two that carry one byte or three that carry two; not nothing at all. */
const CANONICAL = /^(?!$)(?:[\w-]{4})*(?:[\w-][AQgw]|[\w-]{2}[AEIMQUYcgkosw048])?$/;

/** A text that is no signed object, or not the one spelling of it. */
export class MalformedJwsError extends Error {
  override readonly name = 'MalformedJwsError';
}

/**
 * The header as it is spelt, unread. One signed object has one spelling: jose decodes a changed last character, padding and surrounding white
 * space to the same bytes, and anything that remembers such texts could then be walked around. Each part must be canonical base64url: the
 * bits of its last character that carry no byte are zero (RFC 4648, 3.5).
 */
export function headerTextOfJws(text: string, maxLength: number): string {
  if (text.length > maxLength) throw new MalformedJwsError('too long');
  const parts = text.split('.', 4);
  const [header = ''] = parts;
  if (parts.length !== 3 || !parts.every((part) => CANONICAL.test(part)))
    throw new MalformedJwsError('not in compact form');
  return header;
}

/** What such a header says, unchecked. */
export function readJwsHeader(header: string): unknown {
  try {
    return JSON.parse(Buffer.from(header, 'base64url').toString());
  } catch {
    throw new MalformedJwsError('the header is not JSON');
  }
}

export const headerOfJws = (text: string, maxLength: number): unknown =>
  readJwsHeader(headerTextOfJws(text, maxLength));
