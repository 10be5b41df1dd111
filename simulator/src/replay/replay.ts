import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Point } from '@valtronics/contract';
import { pause } from '../connect/backoff.ts';
import type { DeviceLink } from '../connect/link.ts';
import { openMqttLink } from '../connect/mqtt-link.ts';
import type { Target } from '../connect/open-link.ts';
import type { ReplayProgress, ReplaySummary } from './progress.ts';
import { createProgressBar, type Terminal } from './progress-bar.ts';
import type { BadLine, RecordedPoint } from './record.ts';
import { lastTimestamp, readRecording } from './recording.ts';

export interface ReplayDevice {
  readonly deviceId: string;
  readonly token: string;
}

export interface ReplayOptions {
  /** CSV: `timestamp,value` or `timestamp,metric,value[,device]`. */
  readonly file: string;
  readonly target: Pick<Target, 'mqttUrl' | 'ca'>;
  /** The device of lines that name none. */
  readonly deviceId?: string | undefined;
  readonly deviceToken?: string | undefined;
  /** The device a line names; asked once per name. `null`: there is none, and its lines count as bad. */
  readonly resolveDevice?: ((name: string) => Promise<ReplayDevice | null> | ReplayDevice | null) | undefined;
  /** The metric of files without such a column; `value` unless told. */
  readonly metric?: string | undefined;
  readonly unit?: string | undefined;
  /** 1: as fast as it was recorded; 60: an hour in a minute. */
  readonly speed: number | 'max';
  /** Keep the recorded times, or move all by the same span so that the last one is now. `recorded` unless told. */
  readonly timestamps?: 'recorded' | 'end-now' | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: ReplayProgress) => void) | undefined;
  readonly onBadLine?: ((bad: BadLine) => void) | undefined;
  readonly onProblem?: ((text: string) => void) | undefined;
  /** Where the progress bar is drawn if it is a terminal; `process.stderr` unless told. */
  readonly terminal?: Terminal | undefined;
}

const MESSAGE_POINTS = 1000;
const QUEUE_POINTS = 20_000;
const MOST_DEVICES = 1000;
const KEPT_BAD_LINES = 100;
const PROGRESS_MS = 200;

interface Destination {
  readonly link: DeviceLink;
  pending: Point[];
}

/** One line to the server for each device the recording names, opened when it is first named. */
function createDestinations({ target, resolveDevice, deviceId, deviceToken, onProblem }: ReplayOptions) {
  const byName = new Map<string | undefined, Destination | null>();
  const byId = new Map<string, Destination>();

  async function find(name: string | undefined): Promise<Destination | null> {
    const own = deviceId && deviceToken ? { deviceId, token: deviceToken } : null;
    const device = name === undefined || !resolveDevice ? own : await resolveDevice(name);
    if (!device) return null;
    const known = byId.get(device.deviceId);
    if (known) return known;
    if (byId.size >= MOST_DEVICES) throw new Error(`the recording names more than ${MOST_DEVICES} devices`);
    const link = openMqttLink({
      ...device,
      url: target.mqttUrl,
      ca: target.ca,
      whenFull: 'wait',
      queuePoints: QUEUE_POINTS,
      batchPoints: MESSAGE_POINTS,
      onProblem,
    });
    const destination = { link, pending: [] };
    byId.set(device.deviceId, destination);
    return destination;
  }

  return {
    async of(name: string | undefined): Promise<Destination | null> {
      const known = byName.get(name);
      if (known !== undefined) return known;
      const found = await find(name);
      // Names that lead nowhere are remembered too, within bounds: a file may hold any number of them.
      if (byName.size < 10 * MOST_DEVICES) byName.set(name, found);
      return found;
    },
    all: () => [...byId.values()],
    async handOver(destination: Destination): Promise<void> {
      const points = destination.pending;
      destination.pending = [];
      if (points.length > 0) await destination.link.send(points);
    },
  };
}

/** Rejects as soon as the signal fires, so that waiting for a silent server can be ended. */
function whileRunning<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise, reject } = Promise.withResolvers<never>();
  const stop = () => reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  return Promise.race([work, promise]).finally(() => signal.removeEventListener('abort', stop));
}

/**
 * Feeds a recorded series to the server over MQTT QoS 1. Reads the file as a stream and never faster than the server takes it; bad
 * lines are reported, counted and skipped. Rejects when the server refuses a device; when stopped by the signal it resolves with what
 * was done.
 */
export async function replay(options: ReplayOptions): Promise<ReplaySummary> {
  const { file, speed, metric = 'value', unit, signal, onProgress, onBadLine } = options;
  if (speed !== 'max' && !(speed > 0)) throw new RangeError('the speed is a number above 0, or max');
  const fileBytes = (await stat(file)).size;
  const started = Date.now();
  const last = options.timestamps === 'end-now' ? await lastTimestamp(file, signal) : null;
  const shiftMs = last === null ? 0 : started - last;
  const feedingSince = Date.now();
  const destinations = createDestinations(options);
  const bar = createProgressBar(options.terminal ?? process.stderr);
  const firstBadLines: BadLine[] = [];
  const done = { lines: 0, bytes: 0, points: 0, badLines: 0 };
  let firstAt: number | null = null;

  const count = (of: 'acknowledged' | 'rejected' | 'dropped'): number =>
    destinations.all().reduce((sum, { link }) => sum + link.counts()[of], 0);

  function report(finished = false): void {
    const seconds = Math.max(0.001, (Date.now() - feedingSince) / 1000);
    const share = finished ? 1 : Math.min(0.999, done.bytes / Math.max(1, fileBytes));
    const progress: ReplayProgress = {
      share,
      lines: done.lines,
      points: done.points,
      acknowledged: count('acknowledged'),
      badLines: done.badLines,
      linesPerSecond: done.lines / seconds,
      remainingSeconds: share > 0 ? (seconds * (1 - share)) / share : null,
    };
    bar.update(progress);
    onProgress?.(progress);
  }

  function skip(bad: BadLine): void {
    done.badLines++;
    if (firstBadLines.length < KEPT_BAD_LINES) firstBadLines.push(bad);
    onBadLine?.(bad);
  }

  async function handOverAll(): Promise<void> {
    for (const destination of destinations.all()) await destinations.handOver(destination);
  }

  /** Waits until this point's turn has come; what is ready goes out first. */
  async function waitFor(timestamp: number): Promise<void> {
    firstAt ??= timestamp;
    if (speed === 'max') return;
    const waitMs = feedingSince + (timestamp - firstAt) / speed - Date.now();
    if (waitMs < 1) return;
    await handOverAll();
    await pause(Math.min(waitMs, 2 ** 31 - 1), signal);
  }

  async function feed(point: RecordedPoint): Promise<void> {
    const destination = await destinations.of(point.device);
    if (!destination) {
      const reason = point.device === undefined ? 'names no device' : `no such device: ${JSON.stringify(point.device)}`;
      return skip({ line: point.line, reason });
    }
    await waitFor(point.timestamp);
    if (signal?.aborted) return;
    destination.pending.push({
      metric: point.metric ?? metric,
      value: point.value,
      ...(unit === undefined ? {} : { unit }),
      timestamp: point.timestamp + shiftMs,
    });
    done.points++;
    if (destination.pending.length >= MESSAGE_POINTS) await destinations.handOver(destination);
  }

  async function feedAll(): Promise<void> {
    for await (const entry of readRecording(createReadStream(file, { signal }))) {
      done.bytes = entry.bytes;
      done.lines = 'bad' in entry ? entry.bad.line : entry.point.line;
      if ('bad' in entry) skip(entry.bad);
      else await feed(entry.point);
    }
    await handOverAll();
    await Promise.all(destinations.all().map(({ link }) => link.flush()));
  }

  const reporting = setInterval(report, PROGRESS_MS);
  try {
    await whileRunning(feedAll(), signal);
  } catch (error) {
    if (!signal?.aborted) throw error;
  } finally {
    clearInterval(reporting);
    await Promise.all(destinations.all().map(({ link }) => link.close()));
    report(!signal?.aborted);
    bar.finish();
  }
  return {
    lines: done.lines,
    sent: done.points,
    acknowledged: count('acknowledged'),
    rejected: count('rejected'),
    dropped: done.points - count('acknowledged'),
    badLines: done.badLines,
    firstBadLines,
    devices: destinations.all().length,
    seconds: (Date.now() - feedingSince) / 1000,
  };
}
