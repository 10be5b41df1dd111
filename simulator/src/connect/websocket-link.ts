import { keepConnected } from './connection.ts';
import { ConnectionLost, type DeviceLink, type LinkOptions } from './link.ts';
import { createOutbox } from './outbox.ts';
import { openWebSocketSession } from './websocket-session.ts';

export interface WebSocketLinkOptions extends LinkOptions {
  /** `https://host:8000`: the live endpoint under it is meant. */
  readonly url: string;
}

const WINDOW = 4;

/** Telemetry over the live WebSocket: `accepted` says that the points are durable. */
export function openWebSocketLink(options: WebSocketLinkOptions): DeviceLink {
  const url = new URL('/api/v1/live', options.url);
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:';
  const connection = keepConnected({
    open: (lost, signal) => openWebSocketSession({ ...options, url: url.href }, lost, signal),
    backoff: options.backoff,
    onProblem: options.onProblem,
    onRefused: (reason) => outbox.close(reason),
  });
  const outbox = createOutbox({
    ...options,
    window: WINDOW,
    deliver: async (batch) => (await connection.session()).deliver(batch),
  });
  return {
    send: outbox.send,
    flush: outbox.flush,
    onCommand: () => undefined,
    counts: () => ({ ...outbox.counts(), reconnects: connection.reconnects() }),
    async close() {
      outbox.close(new ConnectionLost('the link is closed'));
      await connection.close();
    },
  };
}
