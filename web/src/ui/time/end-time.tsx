import { IconAlertTriangle, IconClockExclamation } from '@tabler/icons-react';
import classes from '../severity.module.css';
import { endOf } from './format-time.ts';
import { RelativeTime } from './relative-time.tsx';
import { useTimeText } from './use-now.ts';

const words = {
  ended: { icon: IconAlertTriangle, word: 'Expired' },
  soon: { icon: IconClockExclamation, word: 'Soon,' },
} as const;

/** When something stops working. What has or soon will is said by colour, icon and word; `lead` stands before what has not yet. */
export function EndTime({ at, lead }: { at: string; lead?: string }) {
  const end = useTimeText((now) => endOf(at, now));
  const before = lead && end !== 'ended' ? `${lead} ` : null;
  if (end !== 'ended' && end !== 'soon')
    return (
      <>
        {before}
        <RelativeTime at={at} />
      </>
    );
  const { icon: Icon, word } = words[end];
  return (
    <>
      {before}
      <span className={classes.badge} data-tone="warning">
        <Icon size={13} stroke={2} aria-hidden />
        <span>
          {word} <RelativeTime at={at} />
        </span>
      </span>
    </>
  );
}
