import type { Backup } from '@valtronics/contract';
import { countText } from '../../ui/format-value.ts';
import type { Column } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { bytesText } from './backup-words.ts';
import classes from './backups.module.css';
import { LookedAt } from './looked-at.tsx';

export const backupColumns: readonly Column<Backup & { id: string }>[] = [
  {
    key: 'name',
    header: 'Backup',
    width: 'minmax(120px, 1.6fr)',
    cell: ({ name, at, scheduled }) => (
      <span className={classes.two}>
        <span>
          <RelativeTime at={at} />
          {scheduled ? '' : ', by hand'}
        </span>
        <span className="mono truncate" title={name}>
          {name}
        </span>
      </span>
    ),
  },
  {
    key: 'size',
    header: 'Size',
    width: 'minmax(80px, 0.6fr)',
    from: 480,
    align: 'right',
    cell: ({ bytes }) => bytesText(bytes),
  },
  {
    key: 'rows',
    header: 'Rows',
    width: 'minmax(90px, 0.6fr)',
    align: 'right',
    from: 900,
    cell: ({ rows }) => countText(rows),
  },
  {
    key: 'recipients',
    header: 'Recipients',
    width: 'minmax(80px, 0.5fr)',
    align: 'right',
    from: 1040,
    cell: ({ recipients }) => countText(recipients),
  },
  {
    key: 'verified',
    header: 'Verified',
    width: 'minmax(130px, 0.9fr)',
    from: 620,
    cell: ({ verified }) => <LookedAt looked={verified} good="As made" />,
  },
  {
    key: 'drilled',
    header: 'Tried out',
    width: 'minmax(130px, 0.9fr)',
    cell: ({ drilled }) => <LookedAt looked={drilled} good="Came back" />,
  },
  {
    key: 'place',
    header: 'In',
    width: 'minmax(140px, 1.2fr)',
    from: 1200,
    cell: ({ place }) => (
      <span className="dim truncate" title={place}>
        {place}
      </span>
    ),
  },
];
