import { useQueryClient } from '@tanstack/react-query';
import { type Alert, type Device, meGet, type SecurityEventBody } from '@valtronics/contract';
import { createContext, type ReactNode, useContext, useEffect, useEffectEvent, useState } from 'react';
import { endpointKey } from '../api/query-keys.ts';
import { createLiveConnection, type LiveConnection, type LiveFilter, type LiveState } from './live-connection.ts';

interface Live {
  readonly connection: LiveConnection;
  readonly state: LiveState;
  /** For how long nothing was heard before the connection came back; null until that happens, or once it was read. */
  readonly resumedAfterMs: number | null;
}
const LiveContext = createContext<Live | null>(null);

function openSocket(): WebSocket {
  const { protocol, host } = window.location;
  return new WebSocket(`${protocol === 'https:' ? 'wss' : 'ws'}://${host}/api/v1/live`);
}

const resumedNoticeMs = 6000;

/** Holds the one WebSocket of the signed-in part. */
export function LiveProvider({ children }: { children: ReactNode }) {
  const client = useQueryClient();
  const [state, setState] = useState<LiveState>({ kind: 'idle' });
  const [resumedAfterMs, setResumedAfterMs] = useState<number | null>(null);
  const onResumed = useEffectEvent((silentMs: number) => {
    setResumedAfterMs(silentMs);
    // Everything on the screen may have changed meanwhile.
    void client.invalidateQueries();
  });
  const onState = useEffectEvent((next: LiveState) => {
    setState(next);
    if (next.kind === 'ended' && next.reason === 'notAuthenticated') {
      void client.invalidateQueries({ queryKey: endpointKey(meGet) });
    }
  });
  const [connection] = useState(() =>
    createLiveConnection(
      {
        openSocket: openSocket as () => never,
        setTimer: (run, ms) => {
          const timer = setTimeout(run, ms);
          return () => clearTimeout(timer);
        },
        now: Date.now,
        random: Math.random,
      },
      { onState: (next) => listeners.state(next), onResumed: (ms) => listeners.resumed(ms) },
    ),
  );
  const [listeners] = useState(() => ({ state: (_: LiveState) => {}, resumed: (_: number) => {} }));
  useEffect(() => {
    listeners.state = (next) => onState(next);
    listeners.resumed = (ms) => onResumed(ms);
    connection.start();
    const retry = () => connection.retryNow();
    window.addEventListener('online', retry);
    return () => {
      window.removeEventListener('online', retry);
      connection.stop();
    };
  }, [connection, listeners]);
  useEffect(() => {
    if (resumedAfterMs === null) return undefined;
    const timer = setTimeout(() => setResumedAfterMs(null), resumedNoticeMs);
    return () => clearTimeout(timer);
  }, [resumedAfterMs]);
  return <LiveContext value={{ connection, state, resumedAfterMs }}>{children}</LiveContext>;
}

export function useLiveState(): Live {
  const live = useContext(LiveContext);
  if (!live) throw new Error('useLiveState outside the signed-in part');
  return live;
}

/** What the server sends on the channels this page listens to. */
export interface LivePayloads {
  telemetry: { points: LivePoint[] };
  alerts: { alert: Alert };
  devices: { device: Device };
  security: { event: SecurityEventBody };
}
export interface LivePoint {
  deviceId: string;
  metric: string;
  timestamp: string;
  value: number | boolean | string;
  unit?: string;
}
const messageTypes = { telemetry: 'telemetry', alerts: 'alert', devices: 'device', security: 'security' } as const;

interface LiveOptions extends Omit<LiveFilter, 'channel'> {
  enabled?: boolean;
  /** Nothing is missed from here on; called again after each lost connection. */
  onSubscribed?: () => void;
}

/** Calls `handler` with what is heard on a channel while the component is on the screen. */
export function useLive<C extends keyof LivePayloads>(
  channel: C,
  handler: (payload: LivePayloads[C]) => void,
  { enabled = true, deviceId, metric, onSubscribed = () => {} }: LiveOptions = {},
) {
  const { connection } = useLiveState();
  const onMessage = useEffectEvent(handler);
  const onConfirmed = useEffectEvent(onSubscribed);
  useEffect(() => {
    if (!enabled) return undefined;
    const filter = { channel, ...(deviceId ? { deviceId } : {}), ...(metric ? { metric } : {}) };
    return connection.subscribe(filter, (message) => {
      if (message.type === 'subscribed') onConfirmed();
      if (message.type !== messageTypes[channel]) return;
      // The server sends point by point, so that it can leave out all but the newest of a series when we are slow.
      const payload = channel === 'telemetry' ? { points: [message] } : message;
      onMessage(payload as unknown as LivePayloads[C]);
    });
  }, [connection, channel, deviceId, metric, enabled]);
}
