import { useQueryClient } from '@tanstack/react-query';
import { useRef } from 'react';
import { touches } from '../../api/query-keys.ts';
import { useMay } from '../../api/session.ts';
import { useLive } from '../../live/live-provider.tsx';

const refreshEveryMs = 1500;
/** Under the news, which tell at once. */
export const incidentPollMs = 60_000;

/** Everything that is done to an incident is a security event; what shows incidents is then read again, at most every 1.5 s. */
export function useIncidentNews() {
  const client = useQueryClient();
  const pending = useRef(false);
  const enabled = useMay('system:admin');
  useLive(
    'security',
    ({ event }) => {
      if (!event.action.startsWith('incident.') || pending.current) return;
      pending.current = true;
      setTimeout(() => {
        pending.current = false;
        void client.invalidateQueries({ predicate: touches('/incidents') });
      }, refreshEveryMs);
    },
    { enabled },
  );
}
