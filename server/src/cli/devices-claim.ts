import { claimsCreate, deviceRegister, maxClaimsAtOnce } from '@valtronics/contract';
import { checked } from './checked.ts';
import { command } from './command.ts';
import { wholeNumber } from './whole-number.ts';
import { onHost } from './with-platform.ts';

const MAX_MINUTES = 43_200;

export const devicesClaim = command(
  {
    name: 'devices claim',
    summary: 'Make claims with which devices enrol themselves, and print them, this once',
    options: {
      type: { type: 'string', value: 'TYPE', required: true, help: 'their kind: a–z 0–9 _ -' },
      count: { type: 'string', value: 'N', help: `how many devices; 1 unless told, at most ${maxClaimsAtOnce}` },
      'name-prefix': { type: 'string', value: 'NAME', help: 'how their names begin; their type unless told' },
      minutes: { type: 'string', value: 'N', help: 'how long the claims are good; a day unless told' },
    },
    examples: ['devices claim --type freezer --count 40 --name-prefix "Freezer hall 3" > claims.txt'],
    notes:
      'Each claim is good for one device. Works on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not.',
  },
  async ({ values }, output) => {
    const count = wholeNumber('count', values.count, 1, maxClaimsAtOnce);
    const validMinutes = wholeNumber('minutes', values.minutes, 1, MAX_MINUTES);
    const { type } = checked(deviceRegister.body.pick({ type: true }), { type: values.type });
    const namePrefix = values['name-prefix'];
    const input = checked(claimsCreate.body, {
      deviceType: type,
      ...(namePrefix === undefined ? {} : { namePrefix }),
      ...(count === undefined ? {} : { count }),
      ...(validMinutes === undefined ? {} : { validMinutes }),
    });
    const made = await onHost('devices.claim', input);
    // Nothing but the claims: they are handed on, a line to a device.
    output.result(made, made.claims.map(({ token }) => token).join('\n'));
  },
);
