import { demoFleet, type FleetProgress, runFleet, syntheticFleet } from '@valtronics/simulator';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { readDeviceTokens, writeDeviceTokens } from './device-tokens.ts';
import type { Output } from './output.ts';
import { type KnownDevice, type RegisteredDevice, registerFleet } from './register-fleet.ts';
import { serverOptions, signInWith, targetOf } from './server-options.ts';
import { untilSignal } from './until-signal.ts';
import { wholeNumber } from './whole-number.ts';

const MOST_DEVICES = 10_000;
const MOST_SECONDS = 30 * 86_400;

export const simulate = command(
  {
    name: 'simulate',
    summary: 'Run simulated devices against a server, until Ctrl-C',
    options: {
      devices: { type: 'string', value: 'N', help: 'so many devices of all kinds; 20 unless told' },
      demo: { type: 'boolean', help: 'the 28 devices of the demo instead' },
      tokens: {
        type: 'string',
        value: 'FILE',
        help: 'keep the devices and their tokens here; with it, only the first run has to sign in',
      },
      speed: { type: 'string', value: 'N', help: 'how fast the simulated world moves; 1 unless told' },
      seconds: { type: 'string', value: 'N', help: 'end by itself after so long' },
      ...serverOptions,
    },
    examples: [
      'simulate --email ada@example.org --password-stdin --devices 100 --tokens fleet.json < password.txt',
      'simulate --tokens fleet.json --devices 100 --seconds 60 --json',
    ],
    notes: 'Devices it registers stay registered; a fleet is found again by its serial numbers.',
  },
  async ({ values }, output) => {
    if (values.demo && values.devices !== undefined) throw new UsageError('--demo and --devices exclude each other');
    const size = wholeNumber('devices', values.devices, 1, MOST_DEVICES) ?? 20;
    const speed = wholeNumber('speed', values.speed, 1, 86_400);
    const seconds = wholeNumber('seconds', values.seconds, 1, MOST_SECONDS);
    const target = targetOf(values);
    const options = { utcOffsetMinutes: -new Date().getTimezoneOffset() };
    const fleet = values.demo ? demoFleet(options) : syntheticFleet(size, options);

    const known = values.tokens === undefined ? [] : readDeviceTokens(values.tokens);
    const api = await signInWith(values, target);
    const devices = api ? await registerFleet(api, fleet, known).finally(() => api.signOut()) : recalled(fleet, known);
    if (devices.length === 0)
      throw new UsageError('no device is known yet: sign in with --email and --password-stdin to register some');
    if (api && values.tokens !== undefined) writeDeviceTokens(values.tokens, merged(known, devices));

    const started = Date.now();
    const progress = createProgressLine(output);
    const final = await untilSignal(seconds, (signal) =>
      runFleet({ devices, target, speed, signal, onProgress: progress.show, onProblem: progress.problem }),
    );
    progress.end();
    const document = { ...final, seconds: Math.round((Date.now() - started) / 100) / 10 };
    output.result(document, describe(final));
    if (final.acknowledged === 0 && final.refused === final.devices)
      throw new CommandError('the server refuses every one of these devices: were they deleted?');
  },
);

function recalled(fleet: ReturnType<typeof demoFleet>, known: readonly KnownDevice[]): RegisteredDevice[] {
  const bySerial = new Map(known.map((device) => [device.serial, device]));
  return fleet.flatMap((device) => {
    const found = bySerial.get(device.serial);
    return found ? [{ device, deviceId: found.deviceId, token: found.token }] : [];
  });
}

function merged(known: readonly KnownDevice[], devices: readonly RegisteredDevice[]): KnownDevice[] {
  const bySerial = new Map(known.map((device) => [device.serial, device]));
  for (const { device, deviceId, token } of devices)
    bySerial.set(device.serial, { serial: device.serial, deviceId, token });
  return [...bySerial.values()];
}

const describe = ({ devices, acknowledged, rejected, queued, dropped, refused }: FleetProgress): string =>
  [
    `${devices} devices`,
    `${acknowledged.toLocaleString('en')} points stored`,
    ...(queued > 0 ? [`${queued} on their way`] : []),
    ...(rejected > 0 ? [`${rejected} not stored`] : []),
    ...(dropped > 0 ? [`${dropped} given up`] : []),
    ...(refused > 0 ? [`${refused} devices refused`] : []),
  ].join(', ');

const MOST_PROBLEMS = 20;

/** One line that is redrawn where somebody watches, and the first problems below each other. */
function createProgressLine({ terminal }: Output) {
  let problems = 0;
  const clear = terminal.isTTY ? '\r\u001b[2K' : '';
  return {
    show(progress: FleetProgress) {
      if (terminal.isTTY) terminal.write(`${clear}${describe(progress)}`.slice(0, terminal.columns ?? 80));
    },
    problem(device: string, text: string) {
      problems += 1;
      if (problems <= MOST_PROBLEMS) terminal.write(`${clear}${device}: ${text}\n`);
      else if (problems === MOST_PROBLEMS + 1) terminal.write(`${clear}… further problems are not shown\n`);
    },
    end() {
      terminal.write(clear);
    },
  };
}
