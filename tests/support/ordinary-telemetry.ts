import { seeded } from './ordinary-requests.ts';

// What machines say of themselves, made up by a seeded generator: values, units, times in every notation, counters, and the numbers machines are
// called by, many of which have the length, the groups and the check digit of something of a person's.

export interface OrdinaryMessage {
  readonly name: string;
  readonly description: string;
  readonly metadata: Readonly<Record<string, string | number | boolean>>;
  readonly values: readonly string[];
}

export function* ordinaryTelemetry(count: number, seed = 1): Generator<OrdinaryMessage> {
  const random = seeded(seed);
  const below = (limit: number): number => Math.floor(random() * limit);
  const one = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const digits = (length: number): string => Array.from({ length }, () => below(10)).join('');
  const hex = (length: number): string => Array.from({ length }, () => below(16).toString(16)).join('');
  const letters = (length: number): string =>
    Array.from({ length }, () => String.fromCharCode(65 + below(26))).join('');
  const instant = (): Date => new Date(1_600_000_000_000 + below(400_000_000) * 1000 + below(1000));

  const time = (): string => {
    const at = instant();
    return one([
      () => at.toISOString(),
      () => String(at.getTime()),
      () => String(Math.floor(at.getTime() / 1000)),
      () => `${at.getTime()}${digits(3)}`,
      () => `${at.getTime()}${digits(6)}`,
      () => at.toISOString().slice(0, 19).replace('T', ' '),
      () => at.toISOString().slice(0, 10).replaceAll('-', ''),
      () => at.toISOString().slice(0, 10).split('-').reverse().join('.'),
      () => `${at.toISOString().slice(5, 7)}/${at.toISOString().slice(8, 10)}/${at.getUTCFullYear()}`,
      () => at.toUTCString(),
    ])();
  };
  const serial = (): string =>
    one([
      () => digits(6 + below(14)),
      () => `${one(['4', '5', '37', '6011', '35', '89', '2'])}${digits(12 + below(4))}`,
      () => `SN-${digits(4)}-${digits(5)}`,
      () => `${letters(2)}${digits(6)}${letters(1)}`,
      () => `${letters(3)}-${digits(3)}-${digits(2)}-${digits(4)}`,
      () => `${digits(8)}${letters(1)}`,
      () => `${letters(1 + below(3))}${hex(8).toUpperCase()}`,
      () => hex(16),
      () => hex(12).replaceAll(/(..)(?=.)/g, '$1:'),
      () =>
        hex(12)
          .replaceAll(/(..)(?=.)/g, '$1-')
          .toUpperCase(),
      () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`,
      () => `${letters(2)}${hex(4)}.${digits(3)}/${digits(2)}`,
      () => `${digits(4)}-${digits(4)}-${digits(4)}`,
      () => `1HGCM826${digits(1)}3A${digits(6)}`,
    ])();
  const counter = (): string =>
    one([
      () => String(below(2 ** 31)),
      () => `${below(1000)} ${digits(3)} ${digits(3)}`,
      () => `${below(1000)},${digits(3)},${digits(3)}`,
      () => `${below(1000)}.${digits(3)}.${digits(3)}`,
      () => `+${digits(4 + below(6))}.${digits(2)}`,
      () => `-${digits(9)}`,
      () => `0x${hex(8)}`,
      () => `${digits(3)}/${digits(5)}`,
    ])();
  const reading = (): string =>
    `${below(2000) / 10} ${one(['°C', '%', '% RH', 'hPa', 'kWh', 'l/min', 'mmHg', 'µg/m³', 'V', 'rpm', 'bpm'])}`;
  const version = (): string => `${below(20)}.${below(100)}.${below(1000)}${one(['', '-rc.1', `+${hex(7)}`])}`;
  const address = (): string =>
    one([
      () => `10.${below(256)}.${below(256)}.${below(256)}`,
      () => `mqtt://sensor@broker-${below(9)}.plant.example:8883`,
      () => `https://firmware.vendor.example/v${version()}/image.bin?build=${digits(10)}`,
      () => `2001:db8::${hex(4)}:${hex(4)}`,
    ])();
  const place = (): string =>
    `${one(['Freezer', 'Pump', 'Ward', 'Bed', 'Room', 'Line', 'Truck', 'Monitor', 'Boiler', 'Gateway'])} ${one([String(below(400)), `${letters(1)}${below(40)}`, `${below(20)}-${below(20)}`])}`;
  const sentence = (): string =>
    one([
      () => `Calibrated ${time()}, next due ${time()}.`,
      () => `${place()} reads ${reading()}, alarm above ${reading()}`,
      () => `Replaced board ${serial()} by ${serial()} (order ${digits(10)})`,
      () => `Counter rolled over at ${counter()}; offset ${counter()}`,
      () => `Firmware ${version()} from ${address()}`,
      () => `Filter changed, ${counter()} hours. See manual page ${below(300)}-${below(30)}.`,
      () => `Error ${digits(3)}-${digits(4)} after ${counter()} cycles at ${time()}`,
      () => `Serial ${serial()}, lot ${serial()}, inspected by QA on ${time()}`,
      () => `Modbus registers 40001-40${digits(3)}, unit ${below(247)}, baud 115200`,
      () => `Uptime ${counter()} s, RSSI -${below(120)} dBm, SNR ${below(30)}, ch ${below(13)}`,
    ])();

  for (let index = 0; index < count; index += 1) {
    yield {
      name: one([place, () => `${place()} ${serial()}`, () => `sensor-${serial()}`])(),
      description: Array.from({ length: 1 + below(3) }, sentence).join(' '),
      metadata: {
        serialNumber: serial(),
        asset: serial(),
        firmware: version(),
        installedAt: time(),
        lastSeen: Number(digits(13)),
        counter: one([below(2 ** 31), Number(digits(15))]),
        uptime: counter(),
        endpoint: address(),
        ip: `192.168.${below(256)}.${below(256)}`,
        mac: hex(12).replaceAll(/(..)(?=.)/g, '$1:'),
        imei: `35${digits(13)}`,
        iccid: `89${digits(18)}`,
        [one(['room', 'ward', 'rack', 'zone', 'line'])]: place(),
        [one(['model', 'part', 'sku', 'type'])]: serial(),
        calibrated: one([true, false]),
        gps: `${below(90)}.${digits(6)}, ${below(180)}.${digits(6)}`,
      },
      values: [
        reading(),
        time(),
        counter(),
        serial(),
        one(['ok', 'running', 'door open', 'E-STOP', `idle since ${time()}`]),
      ],
    };
  }
}
