import { UnstyledButton } from '@mantine/core';
import type { Alert } from '@valtronics/contract';
import { Link } from 'react-router';
import { formatValue, humanName } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import { AlertStatusLabel, SeverityBadge } from '../../ui/severity.tsx';
import type { Column } from '../../ui/table/data-table.tsx';
import { duration } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { useTimeText } from '../../ui/time/use-now.ts';
import classes from './alerts.module.css';

export const alertColumns = (open: (id: string) => void): readonly Column<Alert>[] => [
  {
    key: 'severity',
    header: 'Severity',
    width: '92px',
    cell: ({ severity, status }) => <SeverityBadge severity={severity} muted={status === 'resolved'} />,
  },
  {
    key: 'title',
    header: 'Alert',
    width: 'minmax(140px, 2fr)',
    cell: ({ id, title, deviceName, status }) => (
      <UnstyledButton className={classes.title} data-row-link onClick={() => open(id)}>
        <span className="truncate">{title}</span>
        <span className={`${classes.device} truncate`}>
          <span className={classes.narrow}>{humanName(status)}, </span>
          {deviceName}
        </span>
      </UnstyledButton>
    ),
  },
  {
    key: 'device',
    header: 'Device',
    width: 'minmax(100px, 1.1fr)',
    from: 1000,
    cell: ({ deviceId, deviceName }) => <Link to={paths.device(deviceId)}>{deviceName}</Link>,
  },
  {
    key: 'value',
    header: 'Value, threshold',
    width: 'minmax(150px, 1.2fr)',
    from: 820,
    cell: ({ value, peak, threshold, metric }) => {
      const worst = peak !== null && peak !== value ? `, at worst ${formatValue(peak)}` : '';
      return (
        <span title={value === null ? undefined : `${metric ?? 'value'} ${formatValue(value)}${worst}`}>
          {formatValue(value)}
          <span className="dim">
            {threshold === null ? null : ` / ${formatValue(threshold)}`} {metric}
          </span>
        </span>
      );
    },
  },
  {
    key: 'status',
    header: 'Status',
    width: '124px',
    from: 460,
    cell: ({ status }) => <AlertStatusLabel status={status} />,
  },
  {
    key: 'by',
    header: 'By',
    width: 'minmax(90px, 0.8fr)',
    from: 1180,
    cell: ({ status, acknowledgedBy, resolvedBy }) => (
      <span className="dim">
        {status === 'resolved' ? (resolvedBy ?? 'by itself') : status === 'acknowledged' ? acknowledgedBy : '–'}
      </span>
    ),
  },
  {
    key: 'lasted',
    header: 'Lasting',
    width: '84px',
    from: 700,
    align: 'right',
    cell: (alert) => <Lasting alert={alert} />,
  },
  {
    key: 'started',
    header: 'Began',
    width: '84px',
    from: 560,
    align: 'right',
    cell: ({ startedAt }) => <RelativeTime at={startedAt} />,
  },
];

function Lasting({ alert: { startedAt, resolvedAt } }: { alert: Alert }) {
  const text = useTimeText((now) => {
    const end = resolvedAt ? Date.parse(resolvedAt) : now;
    return duration(Math.max(0, end - Date.parse(startedAt)) / 1000);
  });
  return <>{text}</>;
}
