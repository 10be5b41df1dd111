import { dayAndMinute, zoneName } from '../../ui/time/format-time.ts';

/** What a `datetime-local` field holds as an instant; undefined where the field is empty. */
export function instantOf(local: string): string | undefined {
  const at = new Date(local).getTime();
  return Number.isNaN(at) ? undefined : new Date(at).toISOString();
}

/** An instant in the viewer's zone, named. */
export const atOf = (at: string): string => `${dayAndMinute(at)} ${zoneName(new Date(at))}`;
