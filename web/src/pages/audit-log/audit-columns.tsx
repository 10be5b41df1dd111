import { UnstyledButton } from '@mantine/core';
import type { AuditEvent } from '@valtronics/contract';
import type { Column } from '../../ui/table/data-table.tsx';
import { dayAndMinute, exactTime } from '../../ui/time/format-time.ts';
import classes from './audit-log.module.css';
import { actorName, eventText, outcomeWords, shortId } from './audit-words.ts';
import { ProofBadge } from './proof-status.tsx';

export const auditColumns = (show: (event: AuditEvent) => void): readonly Column<AuditEvent>[] => [
  {
    key: 'at',
    header: 'When',
    width: '132px',
    from: 700,
    cell: ({ at }) => <time title={exactTime(at)}>{dayAndMinute(at)}</time>,
  },
  {
    key: 'actor',
    header: 'Who',
    width: 'minmax(110px, 1fr)',
    from: 700,
    cell: ({ actor }) => <span title={actorName(actor)}>{actorName(actor)}</span>,
  },
  {
    key: 'event',
    header: 'What',
    width: 'minmax(150px, 1.6fr)',
    cell: (event) => (
      <UnstyledButton className={classes.what} data-row-link onClick={() => show(event)}>
        <span className="truncate">{eventText(event)}</span>
        <span className={`${classes.under} truncate`}>
          {dayAndMinute(event.at)} · {actorName(event.actor)}
        </span>
      </UnstyledButton>
    ),
  },
  {
    key: 'outcome',
    header: 'Outcome',
    width: '76px',
    from: 820,
    cell: ({ outcome }) => (
      <span className={outcome === 'failure' ? classes.failure : 'dim'}>{outcomeWords[outcome]}</span>
    ),
  },
  {
    key: 'resource',
    header: 'On',
    width: 'minmax(120px, 1fr)',
    from: 940,
    cell: ({ resource }) =>
      resource ? (
        <>
          {resource.kind.replaceAll('_', ' ')} <span className="dim mono">{shortId(resource.id)}</span>
        </>
      ) : (
        <span className="dim">–</span>
      ),
  },
  {
    key: 'address',
    header: 'Address',
    width: '128px',
    from: 1_040,
    cell: ({ address }) => <span className="dim mono">{address ?? '–'}</span>,
  },
  {
    key: 'proof',
    header: 'Proof',
    width: '84px',
    cell: ({ proof }) => <ProofBadge proof={proof} />,
  },
];
