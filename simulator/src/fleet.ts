import { type SimulatedDevice, simulatedDevice, type Transport } from './device.ts';
import { airQualityKind, airQualityModel } from './models/air-quality.ts';
import { humidityKind, humidityModel } from './models/humidity.ts';
import type { Kind, Model, Place } from './models/model.ts';
import { patientVitalsKind, patientVitalsModel } from './models/patient-vitals.ts';
import { airFilterKind, airFilterModel, isolationRoomKind, isolationRoomModel } from './models/pressure.ts';
import { seedOf } from './models/random.ts';
import { withSilences } from './models/silence.ts';
import {
  freezerKind,
  freezerModel,
  fridgeKind,
  fridgeModel,
  roomTemperatureKind,
  roomTemperatureModel,
} from './models/temperature.ts';
import { vibrationKind, vibrationModel } from './models/vibration.ts';

export interface FleetOptions {
  /** Where day and night fall: minutes ahead of UTC. */
  readonly utcOffsetMinutes?: number;
}

/** How one sort of device is built: what it is, how it behaves, and the letters its serials begin with. */
interface Build {
  readonly kind: Kind;
  readonly serial: string;
  readonly model: (place: Place) => Model;
}

const freezer: Build = { kind: freezerKind, serial: 'FRZ', model: freezerModel };
const fridge: Build = { kind: fridgeKind, serial: 'FRG', model: fridgeModel };
const weakRadioFreezer: Build = {
  ...freezer,
  model: (place) =>
    withSilences(freezerModel(place), { seed: place.seed, everySeconds: 3600, leastSeconds: 200, mostSeconds: 420 }),
};
const room = (setpoint: number, daily: number): Build => ({
  kind: roomTemperatureKind,
  serial: 'TMP',
  model: (place) => roomTemperatureModel(place, setpoint, daily),
});
const humid = (mean: number, daily: number): Build => ({
  kind: humidityKind,
  serial: 'HUM',
  model: (place) => humidityModel(place, mean, daily),
});
/** Comes and goes all day: what a loose plug looks like on the status page. */
const looseContact: Build = {
  ...humid(48, 2),
  model: (place) =>
    withSilences(humidityModel(place, 48, 2), {
      seed: place.seed,
      everySeconds: 600,
      leastSeconds: 135,
      mostSeconds: 240,
    }),
};
const isolationRoom: Build = { kind: isolationRoomKind, serial: 'DPR', model: isolationRoomModel };
const airFilter: Build = { kind: airFilterKind, serial: 'AHU', model: airFilterModel };
const air = (fullRoomPpm: number, frying = false): Build => ({
  kind: airQualityKind,
  serial: 'IAQ',
  model: (place) => airQualityModel(place, { fullRoomPpm, frying }),
});
const machine = (healthyRms: number, restEverySeconds: number, wornBearing = false): Build => ({
  kind: vibrationKind,
  serial: 'VIB',
  model: (place) => vibrationModel(place, { healthyRms, restEverySeconds, wornBearing }),
});
const bed: Build = { kind: patientVitalsKind, serial: 'PVM', model: patientVitalsModel };

type Row = readonly [name: string, location: string, transport: Transport, build: Build];

/** A small hospital with its cold chain and its plant room. */
const demoRows: readonly Row[] = [
  ['Vaccine freezer A', 'Pharmacy, cold store', 'mqtt', freezer],
  ['Vaccine freezer B', 'Pharmacy, cold store', 'mqtt', freezer],
  ['Plasma freezer', 'Blood bank', 'mqtt', freezer],
  ['Sample freezer (weak radio)', 'Laboratory, basement', 'mqtt', weakRadioFreezer],
  ['Medicine fridge', 'Pharmacy, dispensary', 'http', fridge],
  ['Ward 3 medicine fridge', 'Ward 3, nurse station', 'mqtt', fridge],
  ['Operating theatre 1', 'Surgery, theatre 1', 'mqtt', room(19.5, 0.4)],
  ['Server room', 'Basement, IT', 'http', room(22, 0.8)],
  ['Records archive', 'Basement, archive', 'mqtt', humid(47, 2)],
  ['Warehouse', 'Logistics hall', 'http', humid(58, 6)],
  ['Sterile store (loose contact)', 'Surgery, sterile store', 'mqtt', looseContact],
  ['Operating theatre 1 air', 'Surgery, theatre 1', 'mqtt', humid(50, 3)],
  ['Isolation room 1', 'Ward 5, isolation', 'mqtt', isolationRoom],
  ['Isolation room 2', 'Ward 5, isolation', 'mqtt', isolationRoom],
  ['Air handler 1 filter', 'Plant room, roof', 'http', airFilter],
  ['Air handler 2 filter', 'Plant room, roof', 'mqtt', airFilter],
  ['Waiting area', 'Outpatients, ground floor', 'websocket', air(620)],
  ['Meeting room 2.14', 'Administration, 2nd floor', 'websocket', air(1150)],
  ['Kitchen', 'Canteen, kitchen', 'mqtt', air(380, true)],
  ['Intensive care', 'ICU, bay 2', 'mqtt', air(300)],
  ['Pump P-204 (worn bearing)', 'Plant room, heating', 'mqtt', machine(2.3, 0, true)],
  ['Pump P-205', 'Plant room, heating', 'mqtt', machine(1.9, 9000)],
  ['Chiller fan 1', 'Plant room, roof', 'mqtt', machine(2.8, 7200)],
  ['Goods lift motor', 'Logistics hall', 'websocket', machine(1.4, 3600)],
  ['Patient monitor 3-01', 'Ward 3, bed 1', 'mqtt', bed],
  ['Patient monitor 3-02', 'Ward 3, bed 2', 'mqtt', bed],
  ['Patient monitor 3-03', 'Ward 3, bed 3', 'websocket', bed],
  ['Patient monitor ICU-1', 'ICU, bed 1', 'mqtt', bed],
];

function built(
  [name, location, transport, build]: Row,
  number: number,
  { utcOffsetMinutes = 0 }: FleetOptions,
): SimulatedDevice {
  const serial = `${build.serial}-${String(number).padStart(5, '0')}`;
  const model = build.model({ seed: seedOf(`${serial} ${name}`), utcOffsetMinutes });
  return simulatedDevice(build.kind, { name, location, serial, transport }, model);
}

/** The fleet of `npm run demo`: 28 devices of six kinds, some of them in trouble now and then (see `demoRules`). */
export function demoFleet(options: FleetOptions = {}): SimulatedDevice[] {
  return demoRows.map((row, index) => built(row, 2101 + index, options));
}

const syntheticBuilds: readonly (readonly [label: string, build: Build])[] = [
  ['Freezer', freezer],
  ['Room climate', humid(48, 4)],
  ['Isolation room', isolationRoom],
  ['Air quality', air(600)],
  ['Motor', machine(2.2, 7200)],
  ['Patient monitor', bed],
  ['Fridge', fridge],
  ['Room temperature', room(21, 0.8)],
];
const syntheticTransports: readonly Transport[] = ['mqtt', 'mqtt', 'mqtt', 'http', 'websocket'];

/** Any number of well-behaved devices of all kinds, over ten buildings, with the three transports mixed. */
export function syntheticFleet(size: number, options: FleetOptions = {}): SimulatedDevice[] {
  return Array.from({ length: size }, (_, index) => {
    const [label, build] = syntheticBuilds[index % syntheticBuilds.length] ?? ['Freezer', freezer];
    const transport = syntheticTransports[index % syntheticTransports.length] ?? 'mqtt';
    const number = String(index + 1).padStart(5, '0');
    return built([`${label} ${number}`, `Building ${(index % 10) + 1}`, transport, build], 10_001 + index, options);
  });
}
