import { IconAlertTriangle, IconArchive, IconCircleCheck, IconCircleDashed, IconRefresh } from '@tabler/icons-react';
import type { KeyEpoch, KeyRotation } from '@valtronics/contract';
import { countText } from '../../ui/format-value.ts';
import label from '../../ui/severity.module.css';
import type { Column } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { type EpochState, epochState } from './key-words.ts';

export type EpochRow = KeyEpoch & { id: string; rotation: KeyRotation };

const states: Record<EpochState, { icon: typeof IconArchive; tone: string; word: string }> = {
  active: { icon: IconCircleCheck, tone: 'resolved', word: 'Active' },
  renewing: { icon: IconRefresh, tone: 'plain', word: 'Being renewed' },
  unfinished: { icon: IconAlertTriangle, tone: 'warning', word: 'Not finished' },
  replaced: { icon: IconCircleDashed, tone: 'plain', word: 'Replaced' },
  retired: { icon: IconArchive, tone: 'plain', word: 'Retired' },
};

const counted = (count: number | null) => (count === null ? <span className="dim">–</span> : countText(count));

export const epochColumns: readonly Column<EpochRow>[] = [
  { key: 'number', header: 'Epoch', width: '64px', cell: ({ number }) => number },
  {
    key: 'state',
    header: 'State',
    width: 'minmax(120px, 1fr)',
    cell: (epoch) => {
      const { icon: Icon, tone, word } = states[epochState(epoch, epoch.rotation)];
      return (
        <span className={label.label} data-tone={tone}>
          <Icon size={14} stroke={1.8} aria-hidden />
          <span>{word}</span>
        </span>
      );
    },
  },
  {
    key: 'values',
    header: 'Values',
    width: 'minmax(72px, 0.7fr)',
    align: 'right',
    cell: ({ values }) => counted(values),
  },
  {
    key: 'subjectKeys',
    header: 'Keys of people',
    width: 'minmax(110px, 0.7fr)',
    align: 'right',
    from: 620,
    cell: ({ subjectKeys }) => counted(subjectKeys),
  },
  {
    key: 'since',
    header: 'Begun',
    width: 'minmax(110px, 0.8fr)',
    from: 480,
    align: 'right',
    cell: ({ createdAt }) => <RelativeTime at={createdAt} />,
  },
  {
    key: 'until',
    header: 'Replaced',
    width: 'minmax(110px, 0.8fr)',
    from: 760,
    align: 'right',
    cell: ({ replacedAt }) => (replacedAt ? <RelativeTime at={replacedAt} /> : <span className="dim">–</span>),
  },
  {
    key: 'ended',
    header: 'Retired',
    width: 'minmax(110px, 0.8fr)',
    from: 900,
    align: 'right',
    cell: ({ retiredAt }) => (retiredAt ? <RelativeTime at={retiredAt} /> : <span className="dim">–</span>),
  },
];
