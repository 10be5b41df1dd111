import { inspect } from 'node:util';

/** A value that must be asked for by name. However it is printed, logged or serialised otherwise, it says `[redacted]`. */
export interface Secret {
  reveal(): string;
  toString(): string;
  toJSON(): string;
}

export const REDACTED = '[redacted]';

// The text lives in a closure, not in a property, so no walk over the object's own keys can meet it.
const known = new WeakSet<object>();

/** `text`: itself, or what says it whenever it is asked for. */
export function secret(text: string | (() => string)): Secret {
  const wrapper: Secret = Object.freeze({
    reveal: typeof text === 'string' ? () => text : text,
    toString: () => REDACTED,
    toJSON: () => REDACTED,
    [inspect.custom]: () => REDACTED,
  });
  known.add(wrapper);
  return wrapper;
}

export function isSecret(value: unknown): value is Secret {
  return typeof value === 'object' && value !== null && known.has(value);
}
