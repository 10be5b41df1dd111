import type { Subject } from '@valtronics/contract';
import { Link } from 'react-router';
import { paths } from '../../ui/paths.ts';
import type { Column } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { Masked, subjectLabel } from './subject-label.tsx';

const namedAtMost = 2;

export const subjectColumns = (sortsByName: boolean): readonly Column<Subject>[] => [
  {
    key: 'person',
    header: 'Person',
    width: 'minmax(120px, 1.3fr)',
    ...(sortsByName ? { sort: 'name' } : {}),
    cell: (subject) => <Link to={paths.subject(subject.id)}>{subjectLabel(subject)}</Link>,
  },
  {
    key: 'reference',
    header: 'Reference',
    width: 'minmax(96px, 1fr)',
    from: 420,
    ...(sortsByName ? { sort: 'reference' } : {}),
    cell: ({ reference, masked }) => (masked ? <Masked what="reference" /> : <span className="mono">{reference}</span>),
  },
  {
    key: 'measured',
    header: 'Measured by',
    width: 'minmax(130px, 1.6fr)',
    cell: ({ measuredBy }) => <MeasuredBy devices={measuredBy} />,
  },
  {
    key: 'registered',
    header: 'Registered',
    width: '104px',
    from: 620,
    align: 'right',
    sort: 'createdAt',
    cell: ({ createdAt }) => <RelativeTime at={createdAt} />,
  },
];

function MeasuredBy({ devices }: { devices: Subject['measuredBy'] }) {
  if (devices.length === 0) return <span className="dim">no device now</span>;
  return (
    <>
      {devices.slice(0, namedAtMost).map(({ id, name }, index) => (
        <span key={id}>
          {index > 0 ? ', ' : null}
          <Link to={paths.device(id)}>{name}</Link>
        </span>
      ))}
      {devices.length > namedAtMost ? <span className="dim"> and {devices.length - namedAtMost} more</span> : null}
    </>
  );
}
