import { bustle } from './day.ts';
import type { Kind, Model, Place } from './model.ts';
import { noise, occurring, plateau, quantised, rising, type Seconds, wander, within } from './signal.ts';

export const airQualityKind: Kind = {
  type: 'air_quality',
  health: false,
  intervalSeconds: 10,
  metrics: [
    { name: 'co2', unit: 'ppm' },
    { name: 'pm2_5', unit: 'µg/m³' },
    { name: 'voc', unit: 'ppb' },
  ],
};

interface Air {
  /** CO₂ the room would settle at with everybody in it, above the 420 ppm outside. */
  readonly fullRoomPpm: number;
  /** Every ten minutes something is fried: fine dust for half of that time. */
  readonly frying: boolean;
}

const FRYING_EVERY: Seconds = 600;
const FRYING_LASTS: Seconds = 325;

/** People come and go: CO₂ builds up over half an hour and is aired away again; cleaning shows in the organic vapours. */
export function airQualityModel({ seed, utcOffsetMinutes }: Place, { fullRoomPpm, frying }: Air): Model {
  const meeting = {
    everySeconds: 4500,
    reachSeconds: 14_400,
    chance: (start: Seconds) => bustle(start, utcOffsetMinutes),
  };
  const cleaning = { everySeconds: 14_400, reachSeconds: 7200, chance: () => 0.6 };
  return (atMs) => {
    const at = atMs / 1000;
    const people = occurring(seed, 10, at, meeting, (since, roll, other) =>
      rising(since, 1500 + 2400 * other, fullRoomPpm * (0.35 + 0.65 * roll), 1300, 1000),
    );
    const vapour = occurring(seed, 20, at, cleaning, (since, roll) => rising(since, 400, 300 + 500 * roll, 300, 1500));
    const sinceFrying = (at + FRYING_EVERY / 2) % FRYING_EVERY;
    const smoke = frying ? (70 + 8 * wander(seed, 6, at, 120)) * plateau(sinceFrying, FRYING_LASTS, 20) : 0;
    const busy = bustle(at, utcOffsetMinutes);
    return {
      co2: Math.round(
        within(440 + people + 120 * busy + 20 * wander(seed, 1, at, 1200) + noise(seed, 2, at, 4), 400, 5000),
      ),
      pm2_5: quantised(
        within(6 + 4 * busy + 3 * wander(seed, 3, at, 5400) + smoke + noise(seed, 4, at, 0.35), 0.5, 500),
        10,
      ),
      voc: Math.round(
        within(120 + 60 * busy + vapour + 25 * wander(seed, 5, at, 2400) + noise(seed, 7, at, 2.5), 5, 5000),
      ),
    };
  };
}
