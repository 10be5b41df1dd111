// The last step before a log line leaves. JSON.stringify escapes line feeds and the other C0 controls, but leaves DEL, the C1 controls (one of which
// starts terminal sequences), the Unicode line separators and the bidirectional overrides as they are. A log line must stay one line and read in
// the order it was written, whoever chose its values. Such characters can only stand inside JSON strings, so the escapes change no meaning.
const UNSAFE = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g;

export function oneSafeLine(line: string): string {
  return line.replaceAll(UNSAFE, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** The same line for a person at a terminal. */
export function readableLine(line: string): string {
  const { time, level, msg, ...fields }: Record<string, unknown> = JSON.parse(line);
  const clockTime = String(time).slice(11, 23);
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${JSON.stringify(value)}`);
  const message = JSON.stringify(msg ?? '').slice(1, -1);
  return `${oneSafeLine(`${clockTime} ${String(level).toUpperCase().padEnd(5)} ${message}${rest.join('')}`)}\n`;
}
