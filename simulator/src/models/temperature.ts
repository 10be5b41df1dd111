import { bustle, warmth } from './day.ts';
import type { Kind, Model, Place } from './model.ts';
import { noise, occurring, plateau, quantised, rising, type Seconds, wander } from './signal.ts';

const coldStore = (metric: string): Kind => ({
  type: 'temperature',
  health: false,
  intervalSeconds: 10,
  metrics: [
    { name: metric, unit: '°C' },
    { name: 'door_open', everySeconds: 300 },
    { name: 'state', everySeconds: 300 },
  ],
});

/** Three names, because a rule for all freezers must not meet a fridge. */
export const freezerKind = coldStore('freezer_temperature');
export const fridgeKind = coldStore('fridge_temperature');
export const roomTemperatureKind: Kind = {
  type: 'temperature',
  health: false,
  intervalSeconds: 10,
  metrics: [{ name: 'room_temperature', unit: '°C' }],
};

interface ColdStore {
  readonly metric: string;
  readonly setpoint: number;
  /** Kelvin above the setpoint the air would reach if the door stayed open. */
  readonly warmSide: number;
  /** The compressor's cycle, and half the swing it causes. */
  readonly cycleSeconds: number;
  readonly swing: number;
  readonly defrostEverySeconds: number;
  readonly defrostRise: number;
  readonly doorEverySeconds: number;
}

const COOLING_SHARE = 0.4;
const DEFROST_SECONDS = 1080;

/** Air falls while the compressor runs and creeps back up while it rests. */
function compressor(phase: number): number {
  return phase < COOLING_SHARE
    ? 1 - (2 * phase) / COOLING_SHARE
    : -1 + (2 * (phase - COOLING_SHARE)) / (1 - COOLING_SHARE);
}

/** Mostly a quick reach inside; now and then somebody restocks with the door open for minutes. */
const doorOpenSeconds = (roll: number): Seconds => 12 + 190 * roll ** 3;

function coldStoreModel({ seed, utcOffsetMinutes }: Place, store: ColdStore): Model {
  const door = {
    everySeconds: store.doorEverySeconds,
    reachSeconds: 3600,
    chance: (start: Seconds) => 0.15 + 0.85 * bustle(start, utcOffsetMinutes),
  };
  const defrostPhase = seed % store.defrostEverySeconds;
  return (atMs) => {
    const at = atMs / 1000;
    const cycle = (at + 90 * wander(seed, 1, at, 3600)) / store.cycleSeconds;
    const phase = cycle - Math.floor(cycle);
    const sinceDefrost = (at + defrostPhase) % store.defrostEverySeconds;
    const warming = occurring(seed, 10, at, door, (since, roll) =>
      rising(since, doorOpenSeconds(roll), store.warmSide, 240, 300),
    );
    const open = occurring(seed, 10, at, door, (since, roll) => (since < doorOpenSeconds(roll) ? 1 : 0)) > 0;
    const temperature =
      store.setpoint +
      store.swing * compressor(phase) +
      0.25 * wander(seed, 2, at, 5400) +
      store.defrostRise * rising(sinceDefrost, DEFROST_SECONDS, 1, 600, 500) +
      warming +
      noise(seed, 3, at, 0.03);
    const defrosting = sinceDefrost < DEFROST_SECONDS;
    const state = open ? 'door open' : defrosting ? 'defrost' : phase < COOLING_SHARE ? 'cooling' : 'idle';
    return { [store.metric]: quantised(temperature, 10), door_open: open, state };
  };
}

/** −18 °C: vaccines, plasma, samples. Long door openings take it above −15 °C for some minutes; a defrost does not. */
export const freezerModel = (place: Place): Model =>
  coldStoreModel(place, {
    metric: 'freezer_temperature',
    setpoint: -18.4,
    warmSide: 15,
    cycleSeconds: 840,
    swing: 0.6,
    defrostEverySeconds: 28_800,
    defrostRise: 2.2,
    doorEverySeconds: 5400,
  });

/** 2–8 °C: medicines. */
export const fridgeModel = (place: Place): Model =>
  coldStoreModel(place, {
    metric: 'fridge_temperature',
    setpoint: 4.6,
    warmSide: 10,
    cycleSeconds: 960,
    swing: 0.7,
    defrostEverySeconds: 43_200,
    defrostRise: 1,
    doorEverySeconds: 3600,
  });

/** A heated or cooled room: the day outside, people inside, and somebody airing it now and then. */
export function roomTemperatureModel({ seed, utcOffsetMinutes }: Place, setpoint: number, daily: number): Model {
  const airing = { everySeconds: 21_600, reachSeconds: 5400 };
  return (atMs) => {
    const at = atMs / 1000;
    const temperature =
      setpoint +
      daily * warmth(at, utcOffsetMinutes) +
      0.5 * wander(seed, 1, at, 7200) +
      0.15 * wander(seed, 2, at, 700) -
      occurring(seed, 10, at, airing, (since, roll) => 1.2 * plateau(since, 600 + 1800 * roll, 400)) +
      noise(seed, 3, at, 0.03);
    return { room_temperature: quantised(temperature, 10) };
  };
}
