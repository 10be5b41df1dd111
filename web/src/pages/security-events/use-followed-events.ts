import type { SecurityEventBody } from '@valtronics/contract';
import { useEffect, useRef, useState } from 'react';
import { useLive } from '../../live/live-provider.tsx';
import { type EventFilter, matches } from './event-filter.ts';

const most = 500;
const drawEveryMs = 250;

/**
 * What happens from now on and fits the filter, newest first; `onSubscribed` reads what happened before. Under a flood the screen is drawn
 * a few times a second, and only the newest are kept.
 */
export function useFollowedEvents(filter: EventFilter, enabled: boolean, onSubscribed: () => void) {
  const [heard, setHeard] = useState<readonly SecurityEventBody[]>([]);
  const waiting = useRef<SecurityEventBody[]>([]);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useLive(
    'security',
    ({ event }) => {
      if (!matches(event, filter)) return;
      waiting.current = [event, ...waiting.current].slice(0, most);
      timer.current ??= setTimeout(() => {
        timer.current = undefined;
        const fresh = waiting.current;
        waiting.current = [];
        setHeard((before) => [...fresh, ...before].slice(0, most));
      }, drawEveryMs);
    },
    { enabled, onSubscribed },
  );
  const key = JSON.stringify(filter);
  // biome-ignore lint/correctness/useExhaustiveDependencies: what was heard fitted the filter before
  useEffect(() => {
    waiting.current = [];
    setHeard([]);
    return () => {
      clearTimeout(timer.current);
      timer.current = undefined;
    };
  }, [key, enabled]);
  return heard;
}
