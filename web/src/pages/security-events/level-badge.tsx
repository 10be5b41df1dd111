import { IconAlertTriangle, IconInfoCircle, IconUrgent, IconXboxX } from '@tabler/icons-react';
import type { SecurityLevel } from '@valtronics/contract';
import badge from '../../ui/severity.module.css';
import { levelWords } from './event-words.ts';

const shown = {
  info: { icon: IconInfoCircle, tone: 'muted' },
  warning: { icon: IconAlertTriangle, tone: 'warning' },
  error: { icon: IconXboxX, tone: 'critical' },
  critical: { icon: IconUrgent, tone: 'grave' },
} as const;

export function LevelBadge({ level }: { level: SecurityLevel }) {
  const { icon: Icon, tone } = shown[level];
  return (
    <span className={badge.badge} data-tone={tone}>
      <Icon size={13} stroke={2} aria-hidden />
      {levelWords[level]}
    </span>
  );
}
