import { VisuallyHidden } from '@mantine/core';
import { useState } from 'react';
import { useMay } from '../api/session.ts';
import { useLive } from '../live/live-provider.tsx';
import { useRefreshOnAlerts } from './use-open-alerts.ts';

/** Reads new alerts out, and keeps every count of them current. */
export function AlertAnnouncer() {
  const [text, setText] = useState('');
  const enabled = useMay('alert:read');
  useRefreshOnAlerts();
  useLive(
    'alerts',
    ({ alert }) => {
      if (alert.status === 'active') setText(`${alert.severity} alert: ${alert.title}, ${alert.deviceName}`);
      else if (alert.status === 'resolved') setText(`Resolved: ${alert.title}, ${alert.deviceName}`);
    },
    { enabled },
  );
  return (
    <VisuallyHidden role="log" aria-live="polite" aria-label="New alerts">
      {text}
    </VisuallyHidden>
  );
}
