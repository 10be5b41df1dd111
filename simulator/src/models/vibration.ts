import type { Kind, Model, Place } from './model.ts';
import { noise, occurring, plateau, quantised, type Seconds, wander, within } from './signal.ts';

export const vibrationKind: Kind = {
  type: 'vibration',
  health: false,
  intervalSeconds: 5,
  metrics: [
    { name: 'velocity_rms', unit: 'mm/s' },
    { name: 'bearing_temperature', unit: '°C', everySeconds: 30 },
    { name: 'running', everySeconds: 300 },
    { name: 'state', everySeconds: 300 },
  ],
};

interface Machine {
  /** Velocity of the healthy machine under load. */
  readonly healthyRms: number;
  /** How often it rests; never with 0. */
  readonly restEverySeconds: number;
  /** A worn bearing growls through the loaded part of every ten-minute cycle. */
  readonly wornBearing: boolean;
}

const GROWL_EVERY: Seconds = 600;
const GROWL_LASTS: Seconds = 325;
const WEAR_SECONDS = 45 * 86_400;
const RUN_DOWN: Seconds = 25;
const COOLING: Seconds = 400;

const restSeconds = (roll: number): Seconds => 240 + 900 * roll;

/** Velocity of a rotating machine (ISO 10816): steady with a slow wear, single knocks, zero at rest, growling when worn. */
export function vibrationModel({ seed }: Place, { healthyRms, restEverySeconds, wornBearing }: Machine): Model {
  const rest = { everySeconds: restEverySeconds, reachSeconds: 1140 + COOLING };
  const resting = (at: Seconds, flank: Seconds): number =>
    restEverySeconds === 0
      ? 0
      : Math.min(
          1,
          occurring(seed, 10, at, rest, (since, roll) => plateau(since, restSeconds(roll) + flank, flank)),
        );
  const growling = (at: Seconds, flank: Seconds): number =>
    wornBearing ? plateau(at % GROWL_EVERY, GROWL_LASTS, flank) : 0;
  const knock = { everySeconds: 2400, reachSeconds: 60, chance: () => 0.5 };
  return (atMs) => {
    const at = atMs / 1000;
    const stopped = resting(at, RUN_DOWN);
    const growl = growling(at, 12);
    const wear = ((at + (seed % WEAR_SECONDS)) % WEAR_SECONDS) / WEAR_SECONDS;
    const moving =
      healthyRms * (1 + 0.35 * wear) +
      0.2 * wander(seed, 1, at, 1200) +
      0.12 * wander(seed, 2, at, 45) +
      5.6 * growl +
      occurring(seed, 20, at, knock, (since, roll) => (1 + 2 * roll) * plateau(since, 20 + 30 * roll, 6)) +
      noise(seed, 3, at, 0.07);
    const running = stopped < 0.5;
    const rms = within(moving * (1 - stopped) + Math.abs(noise(seed, 4, at, 0.02)), 0, 50);
    // Heat lags behind: the casing takes minutes to warm and to cool.
    const heat = 52 + 6 * wear + 3 * growling(at, 160) - 14 * resting(at, COOLING);
    const temperature = heat + 1.5 * wander(seed, 5, at, 3600) + noise(seed, 6, at, 0.05);
    return {
      velocity_rms: quantised(rms, 100),
      bearing_temperature: quantised(temperature, 10),
      running,
      state: running ? (growl > 0.5 ? 'rough' : 'smooth') : 'stopped',
    };
  };
}
