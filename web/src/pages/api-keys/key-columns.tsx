import { Button, UnstyledButton } from '@mantine/core';
import type { ApiKey, DeviceGroup } from '@valtronics/contract';
import type { Column } from '../../ui/table/data-table.tsx';
import { EndTime } from '../../ui/time/end-time.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { groupsText } from '../device-groups/use-device-groups.ts';
import classes from './api-keys.module.css';
import { networksText, ownerKindWords, permissionSummary } from './key-words.ts';

interface Actions {
  groups: readonly DeviceGroup[];
  onOpen: (key: ApiKey) => void;
  onRevoke: (key: ApiKey) => void;
}

export const keyColumns = ({ groups, onOpen, onRevoke }: Actions): readonly Column<ApiKey>[] => [
  {
    key: 'label',
    header: 'Key',
    width: 'minmax(104px, 1.3fr)',
    cell: (key) => (
      <UnstyledButton className={classes.label} data-row-link onClick={() => onOpen(key)}>
        <span>{key.label}</span>
        <span>
          {key.owner.name}, {ownerKindWords[key.owner.kind]}
        </span>
      </UnstyledButton>
    ),
  },
  {
    key: 'may',
    header: 'May',
    width: 'minmax(150px, 1.8fr)',
    from: 640,
    cell: ({ permissions, deviceGroupIds }) => (
      <span className={classes.two} title={permissions.join(', ')}>
        <span>{permissionSummary(permissions)}</span>
        <span>
          {deviceGroupIds === null ? 'every device its account sees' : `on ${groupsText(deviceGroupIds, groups)}`}
        </span>
      </span>
    ),
  },
  {
    key: 'from',
    header: 'From',
    width: 'minmax(100px, 0.9fr)',
    from: 960,
    cell: ({ networks }) => (
      <span className={networks.length > 0 ? '' : 'dim'} title={networks.join(', ')}>
        {networksText(networks)}
      </span>
    ),
  },
  {
    key: 'made',
    header: 'Made',
    width: 'minmax(100px, 0.8fr)',
    from: 1080,
    cell: ({ createdAt, createdBy }) => (
      <span className={classes.two}>
        <span>
          <RelativeTime at={createdAt} />
        </span>
        <span title={createdBy.name}>by {createdBy.name}</span>
      </span>
    ),
  },
  {
    key: 'used',
    header: 'Last used',
    width: '112px',
    from: 780,
    cell: ({ lastUsedAt, lastUsedAddress }) => (
      <span className={classes.two}>
        <span>
          <RelativeTime at={lastUsedAt} />
        </span>
        {lastUsedAddress ? <span title={lastUsedAddress}>{lastUsedAddress}</span> : null}
      </span>
    ),
  },
  { key: 'ends', header: 'Ends', width: '132px', cell: ({ expiresAt }) => <EndTime at={expiresAt} /> },
  {
    key: 'revoke',
    header: 'Revoke',
    headerHidden: true,
    width: '66px',
    cell: (key) => (
      <Button
        variant="default"
        size="compact-xs"
        aria-label={`Revoke the key ${key.label} of ${key.owner.name}`}
        onClick={() => onRevoke(key)}
      >
        Revoke
      </Button>
    ),
  },
];
