import { Button } from '@mantine/core';
import { IconPlugConnected, IconPlugConnectedX } from '@tabler/icons-react';
import { useLiveState } from '../live/live-provider.tsx';
import { duration } from '../ui/time/format-time.ts';
import { useTimeText } from '../ui/time/use-now.ts';
import classes from './shell.module.css';

/** Says that live values stopped, and what happened once they are back. */
export function ConnectionBanner() {
  const { state, connection, resumedAfterMs } = useLiveState();
  const lost = state.kind === 'waiting' || (state.kind === 'connecting' && state.attempt > 0);
  const next = useTimeText((now) => {
    const seconds = state.kind === 'waiting' ? Math.ceil((state.retryAt - now) / 1000) : 0;
    return seconds > 0 ? `Trying again in ${seconds} s.` : 'Trying again…';
  });
  if (lost) {
    return (
      <div className={classes.banner} role="status">
        <IconPlugConnectedX size={16} aria-hidden />
        <span className={classes.bannerText}>Offline: what you see may be old. {next}</span>
        <Button size="compact-xs" variant="default" onClick={() => connection.retryNow()}>
          Try now
        </Button>
      </div>
    );
  }
  if (state.kind === 'ended' && state.reason === 'refused') {
    return (
      <div className={classes.banner} role="status">
        <IconPlugConnectedX size={16} aria-hidden />
        <span className={classes.bannerText}>
          Live values are refused for this session; figures refresh when you reload.
        </span>
      </div>
    );
  }
  if (resumedAfterMs === null) return null;
  return (
    <div className={classes.banner} role="status">
      <IconPlugConnected size={16} aria-hidden />
      <span className={classes.bannerText}>
        Live again. Everything missed in the last {duration(resumedAfterMs / 1000)} has been read.
      </span>
    </div>
  );
}
