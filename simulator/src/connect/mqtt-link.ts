import { createCommandDesk } from './commands.ts';
import { keepConnected } from './connection.ts';
import type { DeviceLink, LinkOptions } from './link.ts';
import { ConnectionLost } from './link.ts';
import { openMqttSession } from './mqtt-session.ts';
import { createOutbox } from './outbox.ts';

export interface MqttLinkOptions extends LinkOptions {
  /** `mqtts://host:8883` */
  readonly url: string;
}

/** A server that pushes back stops acknowledging: with this many messages unanswered we stop sending. */
const WINDOW = 8;

/** How many points a report on the `errors` topic names as not stored, and its text for people. */
function readReport(payload: Buffer): { rejected: number; text: string } {
  const text = payload.subarray(0, 500).toString('utf8');
  try {
    const report: unknown = JSON.parse(payload.toString('utf8'));
    const listed = typeof report === 'object' && report !== null && 'rejected' in report ? report.rejected : undefined;
    return { rejected: Array.isArray(listed) ? listed.length : 0, text };
  } catch {
    return { rejected: 0, text };
  }
}

/** Telemetry over MQTT QoS 1: a PUBACK says that the points are durable (or reported on the `errors` topic). */
export function openMqttLink(options: MqttLinkOptions): DeviceLink {
  const desk = createCommandDesk();
  const connection = keepConnected({
    open: (lost, signal) =>
      openMqttSession(
        {
          ...options,
          desk,
          onReport(payload) {
            const { rejected, text } = readReport(payload);
            outbox.reject(rejected);
            options.onProblem?.(`the server reports: ${text}`);
          },
        },
        lost,
        signal,
      ),
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
    onCommand: desk.setHandler,
    counts: () => ({ ...outbox.counts(), reconnects: connection.reconnects() }),
    async close() {
      outbox.close(new ConnectionLost('the link is closed'));
      await connection.close();
    },
  };
}
