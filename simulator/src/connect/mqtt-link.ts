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

/** How many points a report on the `errors` topic says were not stored (in its detail; at least those it lists), and its text for people. */
function readReport(payload: Buffer): { rejected: number; text: string } {
  const text = payload.subarray(0, 500).toString('utf8');
  let report: unknown;
  try {
    report = JSON.parse(payload.toString('utf8'));
  } catch {
    return { rejected: 0, text };
  }
  if (typeof report !== 'object' || report === null) return { rejected: 0, text };
  const { topic, detail, errors } = report as Record<string, unknown>;
  if (typeof topic !== 'string' || !topic.endsWith('/telemetry')) return { rejected: 0, text };
  const told = Number(/^(\d{1,6}) of \d+ points/.exec(String(detail))?.[1] ?? 0);
  return { rejected: Math.max(told, Array.isArray(errors) ? errors.length : 0), text };
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
