import { setTimeout as sleep } from 'node:timers/promises';
import mqtt from 'mqtt';
import { expect } from 'vitest';
import { until } from './database-faults.ts';
import type { JsonAnswer, RealServer } from './real-server.ts';

const BATCH = 20;
const MQTT_IN_FLIGHT = 20;
const HTTP_LANES = 3;
const RECOVERS_WITHIN_MS = 120_000;

export interface SendingDevice {
  readonly id: string;
  readonly token: string;
}

/**
 * A device that sends over HTTP and over MQTT (QoS 1) at once, every point with its own time, and repeats each message until it is
 * acknowledged, as devices do. It keeps the books: what was sent, and what the platform has promised to have.
 */
export interface Ledger {
  acknowledged(): number;
  /** How often a sender was told to come back later. */
  pushedBack(): number;
  /** Answers that break the protocol: neither stored nor told to come back. */
  readonly complaints: string[];
  /** Sends no more, and waits until everything that was sent is acknowledged. */
  finish(): Promise<void>;
  /** Compares the books with what the platform has: every point once, in raw points and in rollups. */
  verify(token: string): Promise<void>;
}

export function aLedger(server: RealServer, device: SendingDevice): Ledger {
  // An hour ago: well inside every limit for age, and never ahead however long the test takes.
  const base = Math.floor(Date.now() / 60_000) * 60_000 - 3_600_000;
  const books = { http: new Set<number>(), mqtt: new Set<number>() };
  const next = { http: 0, mqtt: 0 };
  const complaints: string[] = [];
  let pushedBack = 0;
  let isOver = false;

  async function repeatUntilAcknowledged(points: readonly { value: number }[]): Promise<void> {
    for (;;) {
      const answer = await server
        .call('POST', '/api/v1/telemetry', { token: device.token, body: { points } })
        .catch((): JsonAnswer | undefined => undefined);
      if (answer?.status === 200) {
        const { accepted, duplicates, rejected } = answer.json;
        if (accepted + duplicates !== points.length || rejected.length > 0)
          complaints.push(JSON.stringify(answer.json));
        for (const { value } of points) books.http.add(value);
        return;
      }
      if (answer !== undefined) {
        pushedBack += 1;
        if (answer.status !== 503 || answer.retryAfter === null) complaints.push(JSON.stringify(answer));
      }
      await sleep(100);
    }
  }

  async function sendOverHttp(): Promise<void> {
    while (!isOver) {
      const points = Array.from({ length: BATCH }, () => {
        const value = next.http++;
        return { metric: 'http', value, timestamp: base + value };
      });
      await repeatUntilAcknowledged(points);
      await sleep(5);
    }
  }

  const client = mqtt.connect(`mqtt://127.0.0.1:${server.mqttPort}`, {
    username: device.id,
    password: device.token,
    clientId: 'ledger',
    reconnectPeriod: 250,
    connectTimeout: 60_000,
    keepalive: 600,
  });
  client.on('error', () => undefined);
  client.on('connect', () => client.subscribe(`valtronics/devices/${device.id}/errors`));
  client.on('message', (_topic, payload) => complaints.push(payload.toString()));
  const topic = `valtronics/devices/${device.id}/telemetry/mqtt`;

  /** Resolves with the PUBACK. A client that loses its connection may give a message up, so then it is published again. */
  async function publishUntilAcknowledged(payload: string): Promise<void> {
    for (;;) {
      try {
        await client.publishAsync(topic, payload, { qos: 1 });
        return;
      } catch {
        await sleep(100);
      }
    }
  }

  async function sendOverMqtt(): Promise<void> {
    while (!isOver) {
      const value = next.mqtt++;
      await publishUntilAcknowledged(JSON.stringify({ value, timestamp: base + value }));
      books.mqtt.add(value);
      await sleep(5);
    }
  }

  const senders = [
    ...Array.from({ length: HTTP_LANES }, sendOverHttp),
    ...Array.from({ length: MQTT_IN_FLIGHT }, sendOverMqtt),
  ];

  async function valuesOf(metric: string, token: string): Promise<number[]> {
    const values: number[] = [];
    let cursor: string | null = null;
    do {
      const query = new URLSearchParams({
        deviceId: device.id,
        metric,
        from: new Date(base).toISOString(),
        to: new Date(base + 3_600_000).toISOString(),
        limit: '10000',
        ...(cursor === null ? {} : { cursor }),
      });
      const answer = await server.call('GET', `/api/v1/telemetry?${query}`, { token });
      expect(answer.status).toBe(200);
      for (const { timestamp, value } of answer.json.items) {
        expect(Date.parse(timestamp)).toBe(base + value);
        values.push(value);
      }
      cursor = answer.json.nextCursor;
    } while (cursor !== null);
    return values;
  }

  async function countInRollups(metric: string, token: string): Promise<number> {
    const query = new URLSearchParams({
      deviceId: device.id,
      metric,
      from: new Date(base).toISOString(),
      to: new Date(base + 3_600_000).toISOString(),
      interval: '1m',
      aggregation: 'count',
    });
    const answer = await server.call('GET', `/api/v1/telemetry/history?${query}`, { token });
    expect(answer.status).toBe(200);
    return answer.json.buckets.reduce((sum: number, { count }: { count: number }) => sum + count, 0);
  }

  return {
    acknowledged: () => books.http.size + books.mqtt.size,
    pushedBack: () => pushedBack,
    complaints,

    async finish() {
      isOver = true;
      await Promise.all(senders);
      await client.endAsync();
    },

    async verify(token) {
      for (const metric of ['http', 'mqtt'] as const) {
        const values = await valuesOf(metric, token);
        const stored = new Set(values);
        expect(stored.size, `${metric}: no point is there twice`).toBe(values.length);
        const lost = [...books[metric]].filter((value) => !stored.has(value));
        expect(lost, `${metric}: acknowledged points that are not there`).toEqual([]);
        const invented = values.filter((value) => value >= next[metric]);
        expect(invented, `${metric}: points nobody sent`).toEqual([]);
        await until(async () => (await countInRollups(metric, token)) >= values.length, RECOVERS_WITHIN_MS);
        expect(await countInRollups(metric, token), `${metric}: rollups count every point once`).toBe(values.length);
      }
      expect(complaints).toEqual([]);
    },
  };
}
