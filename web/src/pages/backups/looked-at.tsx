import { IconAlertTriangle, IconCircleCheck, IconCircleDashed } from '@tabler/icons-react';
import type { Backup } from '@valtronics/contract';
import label from '../../ui/severity.module.css';
import { RelativeTime } from '../../ui/time/relative-time.tsx';

/** What was found out about a backup, and when; said by icon, word and colour. */
export function LookedAt({ looked, good }: { looked: Backup['verified']; good: string }) {
  if (!looked)
    return (
      <span className={label.label} data-tone="plain">
        <IconCircleDashed size={14} stroke={1.8} aria-hidden />
        Not yet
      </span>
    );
  const Icon = looked.isGood ? IconCircleCheck : IconAlertTriangle;
  return (
    <span className={label.label} data-tone={looked.isGood ? 'resolved' : 'critical'} title={looked.fault ?? undefined}>
      <Icon size={14} stroke={1.8} aria-hidden />
      <span>
        {looked.isGood ? good : 'Not good'}, <RelativeTime at={looked.at} />
      </span>
    </span>
  );
}
