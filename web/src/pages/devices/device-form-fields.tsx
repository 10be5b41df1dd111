import { Autocomplete, NumberInput, Stack, Textarea, TextInput } from '@mantine/core';
import type { Device } from '@valtronics/contract';
import { orNull, type useContractForm } from '../../ui/forms/use-contract-form.ts';
import { UNREADABLE_WHY } from '../../ui/unreadable.tsx';

export const deviceFormValues = (device?: Device) => ({
  name: device?.name ?? '',
  type: device?.type ?? '',
  location: device?.location ?? '',
  serial: device?.serial ?? '',
  description: device?.description ?? '',
  silenceTimeoutSeconds: (device?.silenceTimeoutSeconds ?? 120) as number | string,
  health: device?.health ?? false,
});
type Values = ReturnType<typeof deviceFormValues>;

const isUnreadable = (device: Device | undefined) => device?.unreadable === 'serial';

/** What the form holds, as the API takes it. A serial number that does not open is left alone unless another is given. */
export const deviceBody = (
  { name, type, location, serial, description, silenceTimeoutSeconds }: Values,
  device?: Device,
) => ({
  name,
  type: type.trim(),
  location: orNull(location),
  ...(isUnreadable(device) && orNull(serial) === null ? {} : { serial: orNull(serial) }),
  description: orNull(description),
  ...(typeof silenceTimeoutSeconds === 'number' ? { silenceTimeoutSeconds } : {}),
});

export function DeviceFormFields({
  form,
  types,
  device,
}: {
  form: ReturnType<typeof useContractForm<Values>>;
  types: readonly string[];
  device?: Device;
}) {
  return (
    <Stack gap="sm">
      <TextInput data-autofocus label="Name" required withAsterisk={false} maxLength={120} {...form.text('name')} />
      <Autocomplete
        label="Type"
        description="What kind of device it is; rules can apply to all of a type"
        placeholder="temperature"
        data={[...types]}
        {...form.field('type')}
      />
      <TextInput label="Location" maxLength={120} {...form.text('location')} />
      <TextInput
        label="Serial number"
        description={isUnreadable(device) ? UNREADABLE_WHY : undefined}
        maxLength={120}
        {...form.text('serial')}
      />
      <NumberInput
        label="Offline after"
        description="This long without a word"
        suffix=" s"
        min={5}
        max={604_800}
        allowDecimal={false}
        {...form.field('silenceTimeoutSeconds')}
      />
      <Textarea label="Description" autosize minRows={2} maxLength={2000} {...form.text('description')} />
    </Stack>
  );
}
