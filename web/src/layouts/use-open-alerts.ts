import { useQueryClient } from '@tanstack/react-query';
import { alertsSummary } from '@valtronics/contract';
import { useRef } from 'react';
import { touches } from '../api/query-keys.ts';
import { useMay } from '../api/session.ts';
import { useEndpoint } from '../api/use-endpoint.ts';
import { useLive } from '../live/live-provider.tsx';

/** Open alerts by severity, kept current. */
export function useOpenAlerts() {
  const mayRead = useMay('alert:read');
  const { data } = useEndpoint(alertsSummary, {}, { enabled: mayRead, refetchInterval: 60_000 });
  const count = (bySeverity: Record<string, number> | undefined) =>
    Object.values(bySeverity ?? {}).reduce((sum, each) => sum + each, 0);
  return {
    active: count(data?.active),
    acknowledged: count(data?.acknowledged),
    worst: (['critical', 'warning', 'info'] as const).find((severity) => (data?.active[severity] ?? 0) > 0),
  };
}

const refreshEveryMs = 1500;

/** Reads lists and counts of alerts again when one changed, at most every 1.5 s however many change. */
export function useRefreshOnAlerts() {
  const client = useQueryClient();
  const mayRead = useMay('alert:read');
  const pending = useRef(false);
  useLive(
    'alerts',
    () => {
      if (pending.current) return;
      pending.current = true;
      setTimeout(() => {
        pending.current = false;
        void client.invalidateQueries({ predicate: touches('/alerts') });
      }, refreshEveryMs);
    },
    { enabled: mayRead },
  );
}
