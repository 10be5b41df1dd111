import { IconAlertTriangle, IconCircleCheck, IconPlayerPause } from '@tabler/icons-react';
import type { SiemDelivery } from '@valtronics/contract';
import label from '../../ui/severity.module.css';

const states = {
  delivering: { icon: IconCircleCheck, word: 'Delivering', tone: 'resolved' },
  retrying: { icon: IconAlertTriangle, word: 'Retrying', tone: 'critical' },
  off: { icon: IconPlayerPause, word: 'Off', tone: 'plain' },
} as const;

export function DeliveryState({ state }: { state: SiemDelivery['state'] }) {
  const { icon: Icon, word, tone } = states[state];
  return (
    <span className={label.label} data-tone={tone}>
      <Icon size={14} stroke={1.8} aria-hidden />
      {word}
    </span>
  );
}
