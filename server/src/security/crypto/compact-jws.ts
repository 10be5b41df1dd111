// The compact form of a signed object (RFC 7515, 7.1), as text. Nothing in here needs a key or believes what it reads.

/** A text that is no signed object, or not the one spelling of it. */
export class MalformedJwsError extends Error {
  override readonly name = 'MalformedJwsError';
}

/**
 * The header, unchecked. One signed object has one spelling: jose decodes a changed last character, padding and surrounding white space to
 * the same bytes, and anything that remembers such texts could then be walked around. Each part must be its own canonical base64url.
 */
export function headerOfJws(text: string, maxLength: number): unknown {
  if (text.length > maxLength) throw new MalformedJwsError('too long');
  const parts = text.split('.', 4);
  if (parts.length !== 3 || !parts.every(isCanonicalBase64url)) throw new MalformedJwsError('not in compact form');
  try {
    return JSON.parse(Buffer.from(parts[0] ?? '', 'base64url').toString());
  } catch {
    throw new MalformedJwsError('the header is not JSON');
  }
}

function isCanonicalBase64url(part: string): boolean {
  return /^[\w-]+$/.test(part) && Buffer.from(part, 'base64url').toString('base64url') === part;
}
