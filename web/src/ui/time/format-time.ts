const pad = (value: number, length = 2) => String(value).padStart(length, '0');

/** `2026-11-25 14:03:07.120 GMT+1`: the viewer's zone, named. */
export function exactTime(at: string | number | Date, { milliseconds = true } = {}): string {
  const date = new Date(at);
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
  return `${day} ${clock}${milliseconds ? `.${pad(date.getMilliseconds(), 3)}` : ''} ${zoneName(date)}`;
}

/** `14:03:07` in the viewer's zone, for what happens today. */
export const timeOfDay = (at: string | number | Date): string => {
  const date = new Date(at);
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
};

export function dayAndMinute(at: string | number | Date): string {
  const date = new Date(at);
  const clock = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${clock}`;
}

/** Making one costs a hundred times what using it does. */
const zoneFormat = new Intl.DateTimeFormat('en-GB', { timeZoneName: 'short' });

/** The short name of the viewer's zone at that moment, such as `GMT+1` or `UTC`. */
export function zoneName(at: Date = new Date()): string {
  return zoneFormat.formatToParts(at).find(({ type }) => type === 'timeZoneName')?.value ?? 'UTC';
}

export const zoneId = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

const units = [
  ['d', 86_400],
  ['h', 3600],
  ['min', 60],
  ['s', 1],
] as const;

/** `45 s`, `3 min`, `2 h 5 min`, `3 d 4 h`: the two largest units that matter. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 1) return '0 s';
  const first = units.findIndex(([, size]) => whole >= size);
  const [name, size] = units[first] ?? units[3];
  const count = Math.floor(whole / size);
  const next = units[first + 1];
  const rest = next ? Math.floor((whole % size) / next[1]) : 0;
  return next && rest > 0 && count < 10 ? `${count} ${name} ${rest} ${next[0]}` : `${count} ${name}`;
}

/** `just now`, `12 s ago`, `in 3 d`. */
export function relativeTime(at: string | number, now: number): string {
  const seconds = (now - new Date(at).getTime()) / 1000;
  if (Math.abs(seconds) < 2) return 'just now';
  const [name, size] = units.find(([, unit]) => Math.abs(seconds) >= unit) ?? units[3];
  const count = Math.floor(Math.abs(seconds) / size);
  return seconds > 0 ? `${count} ${name} ago` : `in ${count} ${name}`;
}

const soonMs = 14 * 86_400_000;

/** Whether what ends then has ended, will within a fortnight, or later. */
export function endOf(at: string, now: number): 'ended' | 'soon' | 'later' {
  const left = Date.parse(at) - now;
  if (left <= 0) return 'ended';
  return left < soonMs ? 'soon' : 'later';
}
