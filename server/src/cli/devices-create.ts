import { deviceRegister } from '@valtronics/contract';
import { checked } from './checked.ts';
import { command } from './command.ts';
import { onHost } from './with-platform.ts';

export const devicesCreate = command(
  {
    name: 'devices create',
    summary: 'Register a device and print its credential, this once',
    options: {
      name: { type: 'string', value: 'NAME', required: true, help: 'as people call it' },
      type: { type: 'string', value: 'TYPE', required: true, help: 'its kind: a–z 0–9 _ -' },
      location: { type: 'string', value: 'PLACE', help: 'where it stands' },
      health: { type: 'boolean', help: 'its measurements are of a person' },
    },
    examples: [
      'devices create --name "Vaccine freezer A" --type temperature --location Pharmacy',
      'devices create --name "Bed 1" --type patient_vitals --health --json > bed-1.json',
    ],
    notes: 'Works on the data folder of VALTRONICS_DATA_DIR, whether its server runs or not.',
  },
  async ({ values }, output) => {
    const { name, type, location, health } = values;
    const input = checked(deviceRegister.body, {
      name,
      type,
      ...(location === undefined ? {} : { location }),
      ...(health === undefined ? {} : { health }),
    });
    const registered = await onHost('devices.create', input);
    const { device, credential } = registered;
    output.result(
      registered,
      [
        `Registered ${device.name} (${device.type}).`,
        `  device id   ${device.id}`,
        `  token       ${credential.token}`,
        'The token is shown this once. MQTT: the id is the user name, the token the password. HTTP: Authorization: Bearer <token>.',
      ].join('\n'),
    );
  },
);
