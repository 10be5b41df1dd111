import { exactTime, relativeTime } from './format-time.ts';
import { useTimeText } from './use-now.ts';

/** How long ago, with the exact time on hover. */
export function RelativeTime({ at, never = 'never' }: { at: string | null | undefined; never?: string }) {
  const text = useTimeText((now) => (at ? relativeTime(at, now) : ''));
  if (!at) return <span className="dim">{never}</span>;
  return (
    <time dateTime={at} title={exactTime(at)}>
      {text}
    </time>
  );
}
