import { bustle } from './day.ts';
import type { Kind, Model, Place } from './model.ts';
import { noise, occurring, plateau, quantised, type Seconds, wander, within } from './signal.ts';

export const isolationRoomKind: Kind = {
  type: 'pressure',
  health: false,
  intervalSeconds: 5,
  metrics: [
    { name: 'room_pressure', unit: 'Pa' },
    { name: 'door_open', everySeconds: 300 },
    { name: 'state', everySeconds: 300 },
  ],
};
export const airFilterKind: Kind = {
  type: 'pressure',
  health: false,
  intervalSeconds: 10,
  metrics: [
    { name: 'filter_pressure', unit: 'Pa' },
    { name: 'state', everySeconds: 600 },
  ],
};

const FILTER_LIFE_SECONDS = 28 * 86_400;

/** Share of the filter's life that is used up: a slow climb, then somebody changes it. */
const clogging = (seed: number, at: Seconds): number =>
  ((at + (seed % FILTER_LIFE_SECONDS)) % FILTER_LIFE_SECONDS) / FILTER_LIFE_SECONDS;

/** Through the door with a bed takes longer than through it alone. */
const doorSeconds = (roll: number): Seconds => 8 + 62 * roll * roll;

/** An isolation room held 15 Pa apart from the corridor; an open door levels it, a clogging filter wears it down. */
export function isolationRoomModel({ seed, utcOffsetMinutes }: Place): Model {
  const door = {
    everySeconds: 1500,
    reachSeconds: 120,
    chance: (start: Seconds) => 0.2 + 0.6 * bustle(start, utcOffsetMinutes),
  };
  return (atMs) => {
    const at = atMs / 1000;
    const open = occurring(seed, 10, at, door, (since, roll) => (since < doorSeconds(roll) ? 1 : 0)) > 0;
    const levelled = occurring(seed, 10, at, door, (since, roll) => plateau(since, doorSeconds(roll) + 8, 5));
    const steady = 15 - 2.5 * clogging(seed, at) + 0.8 * wander(seed, 1, at, 1800) + 0.4 * wander(seed, 2, at, 60);
    const pressure = within(steady * (1 - 0.88 * Math.min(1, levelled)) + noise(seed, 3, at, 0.15), -5, 60);
    return {
      room_pressure: quantised(pressure, 10),
      door_open: open,
      state: open ? 'door open' : pressure < 5 ? 'levelled' : 'held',
    };
  };
}

/** The pressure drop over an air handler's filter: follows the fan by day and grows until the filter is changed. */
export function airFilterModel({ seed, utcOffsetMinutes }: Place): Model {
  return (atMs) => {
    const at = atMs / 1000;
    const used = clogging(seed, at);
    const fan = 0.7 + 0.3 * bustle(at, utcOffsetMinutes);
    const drop = (75 + 150 * used ** 1.6) * fan ** 2 + 2 * wander(seed, 1, at, 900) + noise(seed, 3, at, 0.6);
    return { filter_pressure: quantised(drop, 1), state: used > 0.9 ? 'change filter' : used > 0.7 ? 'worn' : 'clean' };
  };
}
