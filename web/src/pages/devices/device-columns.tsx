import type { Device } from '@valtronics/contract';
import { Link } from 'react-router';
import { humanName } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import { DeviceStatusLabel } from '../../ui/severity.tsx';
import type { Column } from '../../ui/table/data-table.tsx';
import { DeviceCurve, LastSeen, LastValue } from './device-cells.tsx';

export const deviceColumns = (hours: number): readonly Column<Device>[] => [
  {
    key: 'name',
    header: 'Name',
    width: 'minmax(120px, 1.6fr)',
    sort: 'name',
    cell: ({ id, name }) => <Link to={paths.device(id)}>{name}</Link>,
  },
  {
    key: 'status',
    header: 'Status',
    width: '112px',
    cell: ({ status }) => <DeviceStatusLabel status={status} />,
  },
  {
    key: 'type',
    header: 'Type',
    width: 'minmax(90px, 0.8fr)',
    from: 760,
    cell: ({ type }) => humanName(type),
  },
  {
    key: 'location',
    header: 'Location',
    width: 'minmax(100px, 1fr)',
    from: 900,
    cell: ({ location }) => location ?? <span className="dim">–</span>,
  },
  {
    key: 'curve',
    header: hours === 1 ? 'Last hour' : `Last ${hours} h`,
    width: 'minmax(90px, 1fr)',
    from: 600,
    cell: ({ id }) => <DeviceCurve id={id} hours={hours} />,
  },
  {
    key: 'value',
    header: 'Last value',
    width: 'minmax(104px, 1.1fr)',
    from: 420,
    cell: ({ id }) => <LastValue id={id} hours={hours} />,
  },
  {
    key: 'seen',
    header: 'Last seen',
    width: '92px',
    from: 500,
    align: 'right',
    sort: 'lastSeenAt',
    cell: (device) => <LastSeen device={device} />,
  },
];
