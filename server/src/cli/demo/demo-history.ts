import { setTimeout as delay } from 'node:timers/promises';
import { telemetryLatest } from '@valtronics/contract';
import { pointsBetween, type SimulatedPoint } from '@valtronics/simulator';
import type { App } from '../../app.ts';
import { Problem } from '../../lib/problem.ts';
import type { ApiClient } from '../api-client.ts';
import { CommandError } from '../command-error.ts';
import type { RegisteredDevice } from '../register-fleet.ts';

const HOUR_MS = 3_600_000;
export const HISTORY_MS = 24 * HOUR_MS;
const BATCH_POINTS = 2_000;
const MOST_IN_FLIGHT = 8;
/** Below what the server keeps in memory for rollups that lag, so that it need not read everything back from its journal. */
const MOST_BACKLOG = 100_000;
const SETTLED_WITHIN_MS = 60_000;
const TRIES = 10;

/** From when on each device has nothing stored: at most a day back. */
export async function missingSince(
  api: ApiClient,
  members: readonly RegisteredDevice[],
  untilMs: number,
): Promise<Map<string, number>> {
  const since = new Map(members.map(({ deviceId }) => [deviceId, untilMs - HISTORY_MS]));
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await api.call(telemetryLatest, { query: cursor ? { limit: 10_000, cursor } : { limit: 10_000 } });
    for (const { deviceId, timestamp } of page.items) {
      const earlier = since.get(deviceId);
      if (earlier !== undefined) since.set(deviceId, Math.max(earlier, Date.parse(timestamp) + 1));
    }
    cursor = page.nextCursor;
  }
  return since;
}

/**
 * Stores what the devices would have measured while nobody ran them, through the ingest that real points take, newest first. Points
 * older than what a rule has seen are late, and late points never notify: so nobody is told now of a freezer that was warm last night.
 */
export async function fillHistory(deps: {
  telemetry: App['telemetry'];
  organisationId: number;
  members: readonly RegisteredDevice[];
  since: ReadonlyMap<string, number>;
  untilMs: number;
  signal: AbortSignal;
  onProgress: (share: number, points: number) => void;
}): Promise<number> {
  const { telemetry, organisationId, members, since, untilMs, signal, onProgress } = deps;
  const startMs = Math.min(untilMs, ...since.values());
  const seen = new Map(members.map(({ deviceId }) => [deviceId, new Set<string>()]));
  const inFlight = new Set<Promise<void>>();
  let stored = 0;

  async function submit(deviceId: string, points: readonly SimulatedPoint[]): Promise<void> {
    const receipt = await patiently(
      () => telemetry.submit({ kind: 'device', deviceId, organisationId }, points),
      signal,
    );
    const [rejected] = receipt.rejected;
    // A point measured again with another value means the clock or the zone of this machine was changed: what is stored stays.
    if (rejected && rejected.code !== 'conflict')
      throw new CommandError(`the history could not be stored: ${rejected.code}: ${rejected.detail}`);
    stored += receipt.accepted;
  }

  async function enqueue(deviceId: string, points: readonly SimulatedPoint[]): Promise<void> {
    for (let start = 0; start < points.length; start += BATCH_POINTS) {
      signal.throwIfAborted();
      while (inFlight.size >= MOST_IN_FLIGHT) await Promise.race(inFlight);
      await untilBacklogIsBelow(telemetry, MOST_BACKLOG, signal);
      const submitted = submit(deviceId, points.slice(start, start + BATCH_POINTS)).finally(() =>
        inFlight.delete(submitted),
      );
      inFlight.add(submitted);
    }
  }

  for (let to = untilMs; to > startMs; to -= HOUR_MS) {
    const pieces = members.flatMap(({ device, deviceId }) => {
      const from = Math.max(to - HOUR_MS, since.get(deviceId) ?? to);
      return from < to ? [{ deviceId, ...newestApart([...pointsBetween(device, from, to)], seen.get(deviceId)) }] : [];
    });
    // The newest point of each metric goes first, by itself: everything after it is late.
    await Promise.all(
      pieces.filter(({ newest }) => newest.length > 0).map((piece) => submit(piece.deviceId, piece.newest)),
    );
    for (const { deviceId, rest } of pieces) await enqueue(deviceId, rest);
    onProgress((untilMs - to) / (untilMs - startMs), stored);
  }
  await Promise.all(inFlight);
  await untilBacklogIsBelow(telemetry, 1, signal);
  return stored;
}

/** The ingest pushes back on a machine that is busy; a device would try again, and so do we. */
async function patiently<T>(work: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Problem) || error.status !== 503 || attempt >= TRIES) throw error;
      await delay((error.retryAfterSeconds ?? 1) * 1000, undefined, { signal });
    }
  }
}

/** Takes apart the newest point of every metric that has not been met yet. */
function newestApart(
  points: readonly SimulatedPoint[],
  seen: Set<string> = new Set(),
): { newest: SimulatedPoint[]; rest: SimulatedPoint[] } {
  const newest: SimulatedPoint[] = [];
  const rest: SimulatedPoint[] = [];
  for (const point of points.toReversed()) {
    if (seen.has(point.metric)) rest.push(point);
    else {
      seen.add(point.metric);
      newest.push(point);
    }
  }
  return { newest, rest: rest.toReversed() };
}

/** Waits for the rollups (and whatever else follows the journal) to catch up. */
async function untilBacklogIsBelow(telemetry: App['telemetry'], points: number, signal: AbortSignal): Promise<void> {
  const deadline = Date.now() + SETTLED_WITHIN_MS;
  while (Object.values(telemetry.figures().backlog).some((waiting) => waiting >= points)) {
    if (Date.now() > deadline) throw new CommandError('the rollups of the history do not keep up: see the log');
    await delay(20, undefined, { signal });
  }
}
