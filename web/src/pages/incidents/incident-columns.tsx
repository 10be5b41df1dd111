import type { Incident } from '@valtronics/contract';
import { Link } from 'react-router';
import { countText } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import { IncidentSeverityBadge, IncidentStatusLabel, incidentStatusWord } from '../../ui/severity.tsx';
import type { Column } from '../../ui/table/data-table.tsx';
import { duration } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { useTimeText } from '../../ui/time/use-now.ts';
import { BreachBadge } from './breach-badge.tsx';
import { subjectText } from './incident-words.ts';
import classes from './incidents.module.css';

export const incidentColumns: readonly Column<Incident>[] = [
  {
    key: 'severity',
    header: 'Severity',
    width: '92px',
    cell: ({ severity, status }) => <IncidentSeverityBadge severity={severity} muted={status === 'resolved'} />,
  },
  {
    key: 'title',
    header: 'Incident',
    width: 'minmax(150px, 2.2fr)',
    cell: ({ id, title, subject, status, scope }) => (
      <Link to={paths.incident(id)} className={classes.title ?? ''} data-row-link>
        <span className="truncate">{title}</span>
        <span className={`${classes.under} truncate`}>
          <span className={classes.narrow}>{incidentStatusWord(status)}, </span>
          {subject ? subjectText(subject) : scope === 'instance' ? 'Of the instance' : 'Opened by hand'}
        </span>
      </Link>
    ),
  },
  {
    key: 'status',
    header: 'Status',
    width: '128px',
    from: 520,
    cell: ({ status }) => <IncidentStatusLabel status={status} />,
  },
  {
    key: 'breach',
    header: 'Breach',
    width: '150px',
    from: 1000,
    cell: ({ breach }) => (breach ? <BreachBadge breach={breach} /> : <span className="dim">–</span>),
  },
  {
    key: 'detections',
    header: 'Detections',
    width: '88px',
    from: 760,
    align: 'right',
    cell: ({ detections, events }) => (
      <span title={`${countText(detections)} detections from ${countText(events)} events`}>
        {countText(detections)}
      </span>
    ),
  },
  {
    key: 'owner',
    header: 'Owner',
    width: 'minmax(96px, 0.9fr)',
    from: 860,
    cell: ({ owner }) => (owner ? owner.label : <span className="dim">nobody</span>),
  },
  {
    key: 'lasting',
    header: 'Lasting',
    width: '84px',
    from: 680,
    align: 'right',
    cell: (incident) => <Lasting incident={incident} />,
  },
  {
    key: 'opened',
    header: 'Opened',
    width: '84px',
    from: 600,
    align: 'right',
    cell: ({ openedAt }) => <RelativeTime at={openedAt} />,
  },
];

function Lasting({ incident: { openedAt, resolvedAt } }: { incident: Incident }) {
  const text = useTimeText((now) => {
    const end = resolvedAt ? Date.parse(resolvedAt) : now;
    return duration(Math.max(0, end - Date.parse(openedAt)) / 1000);
  });
  return <>{text}</>;
}
