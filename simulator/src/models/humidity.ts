import { warmth } from './day.ts';
import type { Kind, Model, Place } from './model.ts';
import { noise, occurring, quantised, rising, wander, within } from './signal.ts';

export const humidityKind: Kind = {
  type: 'humidity',
  health: false,
  intervalSeconds: 15,
  metrics: [
    { name: 'humidity', unit: '%' },
    { name: 'dew_point', unit: '°C' },
  ],
};

/** Magnus formula, good to 0.4 K between −45 and 60 °C. */
function dewPoint(humidity: number, temperature: number): number {
  const gamma = Math.log(humidity / 100) + (17.62 * temperature) / (243.12 + temperature);
  return (243.12 * gamma) / (17.62 - gamma);
}

/** Relative humidity runs against the warmth of the day; wet cleaning lifts it for an hour. */
export function humidityModel({ seed, utcOffsetMinutes }: Place, mean: number, daily: number): Model {
  const cleaning = { everySeconds: 28_800, reachSeconds: 10_800, chance: () => 0.7 };
  return (atMs) => {
    const at = atMs / 1000;
    const warm = warmth(at, utcOffsetMinutes);
    const humidity = within(
      mean -
        daily * warm +
        3 * wander(seed, 1, at, 10_800) +
        0.8 * wander(seed, 2, at, 900) +
        occurring(seed, 10, at, cleaning, (since, roll) => rising(since, 900 + 900 * roll, 14, 1200, 1800)) +
        noise(seed, 3, at, 0.12),
      5,
      99,
    );
    const temperature = 20.5 + 1.2 * warm + 0.3 * wander(seed, 4, at, 7200);
    return { humidity: quantised(humidity, 10), dew_point: quantised(dewPoint(humidity, temperature), 10) };
  };
}
