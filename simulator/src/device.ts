import type { Point } from '@valtronics/contract';
import type { Kind, Metric, Model, Sample } from './models/model.ts';
import { bits, seedOf } from './models/random.ts';

export type Transport = 'mqtt' | 'http' | 'websocket';

export interface SimulatedDevice {
  readonly name: string;
  readonly type: string;
  readonly location: string;
  readonly serial: string;
  readonly health: boolean;
  readonly metrics: readonly Metric[];
  readonly intervalSeconds: number;
  readonly transport: Transport;
  readonly model: Model;
}

/** A point as the simulator sends it: always with its own time (milliseconds since 1970). */
export interface SimulatedPoint extends Point {
  readonly timestamp: number;
}

interface Identity {
  readonly name: string;
  readonly location: string;
  readonly serial: string;
  readonly transport: Transport;
}

export function simulatedDevice(kind: Kind, identity: Identity, model: Model): SimulatedDevice {
  const { type, health, metrics, intervalSeconds } = kind;
  return { ...identity, type, health, metrics, intervalSeconds, model };
}

/** Devices do not measure in step with each other: each has its own offset within its interval, a whole number of milliseconds. */
export function phaseMs(device: Pick<SimulatedDevice, 'serial' | 'intervalSeconds'>): number {
  return bits(seedOf(device.serial), 7, 0) % (device.intervalSeconds * 1000);
}

/** What a device sends at its `tick`-th measurement; `stepSeconds` apart, stamped by the caller. */
function pointsOfTick(
  device: SimulatedDevice,
  tick: number,
  stepSeconds: number,
  sample: Sample,
  previous: Sample | null,
  timestamp: number,
): SimulatedPoint[] {
  const points: SimulatedPoint[] = [];
  for (const { name, unit, everySeconds } of device.metrics) {
    const value = sample[name];
    if (value === undefined) continue;
    const every = Math.max(1, Math.round((everySeconds ?? stepSeconds) / stepSeconds));
    const due = tick % every === 0 || (typeof value !== 'number' && previous?.[name] !== value);
    if (due) points.push({ metric: name, value, ...(unit === undefined ? {} : { unit }), timestamp });
  }
  return points;
}

/**
 * Everything a device measures from `fromMs` (included) to `toMs` (excluded), oldest first: the same points whenever and in however
 * many pieces they are asked for. A `stepSeconds` that is a multiple of the device's interval gives a thinner history on the same
 * curve and the same instants.
 */
export function* pointsBetween(
  device: SimulatedDevice,
  fromMs: number,
  toMs: number,
  stepSeconds: number = device.intervalSeconds,
): Generator<SimulatedPoint, void, undefined> {
  const stepMs = stepSeconds * 1000;
  const phase = phaseMs(device);
  let tick = Math.ceil((fromMs - phase) / stepMs);
  let previous = device.model((tick - 1) * stepMs + phase);
  for (; tick * stepMs + phase < toMs; tick++) {
    const timestamp = tick * stepMs + phase;
    const sample = device.model(timestamp);
    if (sample) yield* pointsOfTick(device, tick, stepSeconds, sample, previous, timestamp);
    previous = sample;
  }
}

/** What a device measures at one instant of its own clock when the world it measures is at `worldMs`: time-lapse for demonstrations. */
export function pointsAt(
  device: SimulatedDevice,
  timestamp: number,
  worldMs: number,
  worldStepMs: number,
): SimulatedPoint[] {
  const sample = device.model(worldMs);
  if (!sample) return [];
  const tick = Math.round((timestamp - phaseMs(device)) / (device.intervalSeconds * 1000));
  return pointsOfTick(device, tick, device.intervalSeconds, sample, device.model(worldMs - worldStepMs), timestamp);
}
