import { Tooltip } from '@mantine/core';
import { exactTime, relativeTime } from './format-time.ts';
import { useNow } from './use-now.ts';

/** How long ago, with the exact time on hover. */
export function RelativeTime({ at, never = 'never' }: { at: string | null | undefined; never?: string }) {
  const now = useNow();
  if (!at) return <span className="dim">{never}</span>;
  return (
    <Tooltip label={exactTime(at)}>
      <time dateTime={at}>{relativeTime(at, now)}</time>
    </Tooltip>
  );
}
