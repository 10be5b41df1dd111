import { IconAlertTriangle } from '@tabler/icons-react';
import type { BackupStatus } from '@valtronics/contract';
import label from '../../ui/severity.module.css';
import { RelativeTime } from '../../ui/time/relative-time.tsx';

/** When the next one is due, behind how often; said by icon and word where it is late. */
export function Next({ due }: { due: BackupStatus['next'] }) {
  if (!due) return null;
  if (!due.isOverdue)
    return (
      <>
        , the next <RelativeTime at={due.at} />
      </>
    );
  return (
    <>
      {' '}
      <span className={label.label} data-tone="warning">
        <IconAlertTriangle size={13} stroke={2} aria-hidden />
        <span>
          Overdue, was due <RelativeTime at={due.at} />
        </span>
      </span>
    </>
  );
}
