import { Anchor, Input, MultiSelect, SegmentedControl, Stack, Text } from '@mantine/core';
import type { DeviceScope } from '@valtronics/contract';
import { Link } from 'react-router';
import { countText } from '../../ui/format-value.ts';
import pills from '../../ui/forms/pills.module.css';
import { paths } from '../../ui/paths.ts';
import { useDeviceGroups } from './use-device-groups.ts';

interface Props {
  /** What is seen without a limit. */
  everything: string;
  scope: DeviceScope;
  groupIds: readonly string[];
  /** What a limit means here. */
  hint: string;
  error?: string | undefined;
  disabled?: boolean;
  onChange: (scope: DeviceScope, groupIds: string[]) => void;
}

/** Everything, or the devices of some groups. */
export function DeviceScopeField({ everything, scope, groupIds, hint, error, disabled = false, onChange }: Props) {
  const { groups, isRead } = useDeviceGroups();
  const hasNone = isRead && groups.length === 0;
  return (
    <Stack gap={6}>
      <div>
        <Input.Label component="div" mb={4}>
          Sees
        </Input.Label>
        <SegmentedControl
          fullWidth
          size="xs"
          aria-label="Sees"
          value={scope}
          disabled={disabled}
          onChange={(next) => onChange(next as DeviceScope, [...groupIds])}
          data={[
            { value: 'all', label: everything },
            { value: 'limited', label: 'Device groups only', disabled: hasNone && scope === 'all' },
          ]}
        />
      </div>
      {hasNone ? (
        <Text size="xs" c="dimmed">
          There is no device group yet:{' '}
          <Anchor component={Link} to={paths.deviceGroups} size="xs" td="underline">
            create one
          </Anchor>{' '}
          to limit what is seen.
        </Text>
      ) : null}
      {scope === 'limited' ? (
        <MultiSelect
          label="Device groups"
          description={hint}
          placeholder={groupIds.length === 0 ? 'Choose groups' : ''}
          value={[...groupIds]}
          error={error}
          disabled={disabled}
          data={groups.map(({ id, name, devices }) => ({ value: id, label: `${name} (${countText(devices)})` }))}
          searchable
          clearable
          classNames={{ input: pills.input, inputField: pills.inputField }}
          hidePickedOptions
          nothingFoundMessage="No such group"
          maxDropdownHeight={220}
          onChange={(next) => onChange(scope, next)}
          comboboxProps={{ shadow: 'md' }}
        />
      ) : null}
    </Stack>
  );
}
