import { IconClockExclamation } from '@tabler/icons-react';
import type { Incident } from '@valtronics/contract';
import badge from '../../ui/severity.module.css';
import { useTimeText } from '../../ui/time/use-now.ts';
import { breachText, breachTone } from './incident-words.ts';

/** The clock of a breach, in words and by colour. */
export function BreachBadge({ breach }: { breach: NonNullable<Incident['breach']> }) {
  const text = useTimeText((now) => breachText(breach, now));
  const tone = useTimeText((now) => breachTone(breach, now));
  return (
    <span className={badge.badge} data-tone={tone}>
      <IconClockExclamation size={13} stroke={2} aria-hidden />
      {text}
    </span>
  );
}
