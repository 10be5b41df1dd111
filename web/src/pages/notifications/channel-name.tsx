import { IconMail, IconWebhook } from '@tabler/icons-react';
import type { NotificationChannel } from '@valtronics/contract';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import classes from './notifications.module.css';

export function ChannelName({ channel }: { channel: NotificationChannel }) {
  const { name, kind, enabled, lastError, lastDeliveredAt } = channel;
  return (
    <span className={classes.named}>
      <span className="truncate">
        {kind === 'email' ? <IconMail size={15} aria-label="Email" /> : <IconWebhook size={15} aria-label="Webhook" />}{' '}
        <b>{name}</b>
        {enabled ? null : <span className="dim"> off</span>}
      </span>
      <span className={`${classes.outcome} truncate`} title={lastError ?? undefined}>
        {lastError ?? (lastDeliveredAt ? <Delivered at={lastDeliveredAt} /> : 'nothing delivered yet')}
      </span>
    </span>
  );
}

const Delivered = ({ at }: { at: string }) => (
  <>
    delivered <RelativeTime at={at} />
  </>
);
