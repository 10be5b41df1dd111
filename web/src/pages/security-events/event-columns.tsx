import { UnstyledButton } from '@mantine/core';
import type { SecurityEventBody } from '@valtronics/contract';
import { countText } from '../../ui/format-value.ts';
import type { Column } from '../../ui/table/data-table.tsx';
import { exactTime, timeOfDay } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { actionText, categoryWords, outcomeWords, sourceText } from './event-words.ts';
import { LevelBadge } from './level-badge.tsx';
import classes from './security-events.module.css';

export const eventColumns = (show: (event: SecurityEventBody) => void): readonly Column<SecurityEventBody>[] => [
  {
    key: 'level',
    header: 'Level',
    width: '92px',
    cell: ({ level }) => <LevelBadge level={level} />,
  },
  {
    key: 'what',
    header: 'What',
    width: 'minmax(110px, 2fr)',
    cell: (event) => (
      <UnstyledButton className={classes.what} data-row-link onClick={() => show(event)}>
        <span className="truncate">
          {actionText(event.action)}
          {event.count > 1 ? <span className="dim"> ×{countText(event.count)}</span> : null}
        </span>
        <span className={`${classes.under} truncate`}>{sourceText(event)}</span>
      </UnstyledButton>
    ),
  },
  {
    key: 'who',
    header: 'Who',
    width: 'minmax(120px, 1.1fr)',
    from: 700,
    cell: (event) => <span title={sourceText(event)}>{sourceText(event)}</span>,
  },
  {
    key: 'address',
    header: 'Address',
    width: 'minmax(112px, 0.8fr)',
    from: 900,
    cell: ({ address }) => <span className="dim mono">{address ?? '–'}</span>,
  },
  {
    key: 'where',
    header: 'Where',
    width: 'minmax(130px, 1.3fr)',
    from: 1040,
    cell: ({ http, transport }) => (
      <span className="dim mono" title={http ? `${http.method} ${http.route}` : undefined}>
        {http ? `${http.method} ${http.route}` : transport}
      </span>
    ),
  },
  {
    key: 'outcome',
    header: 'Outcome',
    width: '76px',
    from: 620,
    cell: ({ outcome }) => (
      <span className={outcome === 'failure' ? classes.failure : 'dim'}>{outcomeWords[outcome]}</span>
    ),
  },
  {
    key: 'category',
    header: 'Category',
    width: '112px',
    from: 1180,
    cell: ({ category }) => <span className="dim">{categoryWords[category]}</span>,
  },
  {
    key: 'at',
    header: 'When',
    width: '80px',
    align: 'right',
    cell: ({ at }) => <When at={at} />,
  },
];

const todayMs = 3_600_000;
/** What is fresh by the clock, to the second, as it scrolls by; the rest by its age. */
function When({ at }: { at: string }) {
  if (Date.now() - Date.parse(at) < todayMs)
    return (
      <time dateTime={at} title={exactTime(at)}>
        {timeOfDay(at)}
      </time>
    );
  return <RelativeTime at={at} />;
}
