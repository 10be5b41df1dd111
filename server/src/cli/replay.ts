import { existsSync } from 'node:fs';
import { credentialCreate, credentialRevoke, devicesList } from '@valtronics/contract';
import { describeReplay, replay as feed, type ReplayDevice } from '@valtronics/simulator';
import type { ApiClient } from './api-client.ts';
import { command } from './command.ts';
import { CommandError, UsageError } from './command-error.ts';
import { readDeviceToken } from './device-tokens.ts';
import { serverOptions, signInWith, targetOf } from './server-options.ts';
import { untilSignal } from './until-signal.ts';

const FASTEST = 1_000_000;

export const replay = command(
  {
    name: 'replay',
    summary: 'Feed a recorded series to a server over MQTT, with a progress bar',
    argument: 'FILE.csv',
    options: {
      'device-token-file': { type: 'string', value: 'FILE', help: 'the device, as "devices create --json" printed it' },
      device: { type: 'string', value: 'NAME', help: 'the device by its name; needs --email' },
      speed: {
        type: 'string',
        value: 'N',
        help: '60 plays an hour in a minute; "max" as fast as it goes; 1 unless told',
      },
      'end-now': { type: 'boolean', help: 'move all times so that the last one is now' },
      metric: { type: 'string', value: 'NAME', help: 'of a file without such a column; "value" unless told' },
      unit: { type: 'string', value: 'UNIT', help: 'of the values' },
      ...serverOptions,
    },
    examples: [
      'replay freezer.csv --device-token-file freezer.json --metric temperature --speed 60',
      'replay ward.csv --email ada@example.org --password-stdin --speed max --end-now < password.txt',
    ],
    notes:
      'The file holds timestamp,value or timestamp,metric,value[,device]; a header may name the columns in any order. Its devices are\nfound by name (needs --email); lines that name none belong to --device or to the device of --device-token-file.',
  },
  async ({ values, argument: file }, output) => {
    const speed = speedOf(values.speed ?? '1');
    const tokenFile = values['device-token-file'];
    if (tokenFile !== undefined && values.device !== undefined)
      throw new UsageError('--device and --device-token-file exclude each other');
    if (!existsSync(file)) throw new CommandError(`${file} does not exist`);
    const target = targetOf(values);
    const own = tokenFile === undefined ? {} : readDeviceToken(tokenFile);
    const api = await signInWith(values, target);
    if (!api && tokenFile === undefined)
      throw new UsageError('name a device with --device-token-file, or sign in with --email and --password-stdin');

    const borrowed = api && createBorrowedCredentials(api);
    try {
      const named = values.device === undefined ? null : await borrowed?.of(values.device);
      if (values.device !== undefined && !named) throw new CommandError(`there is no device called ${values.device}`);
      const summary = await untilSignal(undefined, (signal) =>
        feed({
          file,
          target,
          ...own,
          ...(named ? { deviceId: named.deviceId, deviceToken: named.token } : {}),
          resolveDevice: borrowed?.of,
          metric: values.metric,
          unit: values.unit,
          speed,
          timestamps: values['end-now'] ? 'end-now' : 'recorded',
          signal,
          terminal: output.terminal,
        }),
      );
      output.result(summary, describeReplay(summary));
      if (summary.acknowledged === 0) throw new CommandError('nothing was stored');
    } finally {
      await borrowed?.giveBack();
      await api?.signOut();
    }
  },
);

function speedOf(text: string): number | 'max' {
  if (text === 'max') return text;
  const speed = /^\d{1,7}(\.\d{1,3})?$/.test(text) ? Number(text) : Number.NaN;
  if (!(speed > 0 && speed <= FASTEST)) throw new UsageError(`--speed takes a number above 0, or max`);
  return speed;
}

/** A credential for each device the recording names, revoked again at the end. */
function createBorrowedCredentials(api: ApiClient) {
  const credentials: { id: string; credentialId: string }[] = [];
  return {
    async of(name: string): Promise<ReplayDevice | null> {
      const { items } = await api.call(devicesList, { query: { text: name.slice(0, 100), limit: 1000 } });
      const found = items.filter((device) => device.name === name || device.serial === name);
      const [device] = found;
      if (!device) return null;
      if (found.length > 1)
        throw new CommandError(`there are ${found.length} devices called ${name}: use the serial number`);
      const { id: credentialId, token } = await api.call(credentialCreate, {
        params: { id: device.id },
        body: { label: 'replay' },
      });
      credentials.push({ id: device.id, credentialId });
      return { deviceId: device.id, token };
    },
    async giveBack(): Promise<void> {
      for (const params of credentials) await api.call(credentialRevoke, { params });
    },
  };
}
