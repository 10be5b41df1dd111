import { hourOfDay } from './day.ts';
import type { Kind, Model, Place } from './model.ts';
import { uniform } from './random.ts';
import { noise, occurring, plateau, quantised, type Seconds, wander, within } from './signal.ts';

export const patientVitalsKind: Kind = {
  type: 'patient_vitals',
  health: true,
  intervalSeconds: 5,
  metrics: [
    { name: 'heart_rate', unit: 'bpm' },
    { name: 'spo2', unit: '%' },
    { name: 'resp_rate', unit: '/min' },
    { name: 'body_temperature', unit: '°C', everySeconds: 60 },
    { name: 'systolic', unit: 'mmHg', everySeconds: 600 },
    { name: 'diastolic', unit: 'mmHg', everySeconds: 600 },
    { name: 'state', everySeconds: 300 },
  ],
};

/** How deep asleep, 0–1: from about ten in the evening to about six. */
function sleep(at: Seconds, utcOffsetMinutes: number): number {
  const sinceTen = (hourOfDay(at, utcOffsetMinutes) + 2) % 24;
  return plateau(sinceTen, 8, 0.75);
}

const episodeSeconds = (other: number): Seconds => 120 + 180 * other;

/** A person in bed: heart and breath follow sleep and activity; some episodes of low oxygen that pass by themselves. */
export function patientVitalsModel({ seed, utcOffsetMinutes }: Place): Model {
  const own = (index: number) => uniform(seed, 100, index);
  const restingPulse = 64 + 18 * own(0);
  const oxygen = 96.2 + 1.6 * own(1);
  const pressure = 112 + 26 * own(2);
  const activity = { everySeconds: 2700, reachSeconds: 1500, chance: () => 0.75 };
  const episode = { everySeconds: 4800, reachSeconds: 330, chance: () => 0.8 };
  return (atMs) => {
    const at = atMs / 1000;
    const asleep = sleep(at, utcOffsetMinutes);
    const active =
      (1 - 0.9 * asleep) *
      Math.min(
        1,
        occurring(seed, 10, at, activity, (since, roll) => (0.3 + 0.7 * roll) * plateau(since, 300 + 1000 * roll, 90)),
      );
    const low = occurring(
      seed,
      20,
      at,
      episode,
      (since, roll, other) => (3 + 8 * roll) * plateau(since, episodeSeconds(other), 35),
    );
    const pulse =
      restingPulse -
      8 * asleep +
      24 * active +
      1.6 * low +
      3 * wander(seed, 1, at, 240) +
      1.2 * wander(seed, 2, at, 17) +
      noise(seed, 3, at, 0.6);
    const saturation = within(oxygen - low + 0.5 * wander(seed, 4, at, 150) + noise(seed, 5, at, 0.25), 70, 100);
    const breath = 14.5 - 2 * asleep + 5 * active + 0.5 * low + 1 * wander(seed, 6, at, 120) + noise(seed, 7, at, 0.3);
    const core = 36.8 - 0.35 * asleep + 0.25 * active + 0.25 * wander(seed, 8, at, 14_400) + noise(seed, 9, at, 0.015);
    const systolic = pressure - 10 * asleep + 14 * active + 6 * wander(seed, 11, at, 3600) + noise(seed, 12, at, 1.5);
    return {
      heart_rate: Math.round(within(pulse, 30, 220)),
      spo2: Math.round(saturation),
      resp_rate: Math.round(within(breath, 4, 60)),
      body_temperature: quantised(core, 10),
      systolic: Math.round(systolic),
      diastolic: Math.round(systolic * 0.62 + 3 * wander(seed, 13, at, 3600)),
      state: asleep > 0.5 ? 'asleep' : active > 0.2 ? 'active' : 'resting',
    };
  };
}
