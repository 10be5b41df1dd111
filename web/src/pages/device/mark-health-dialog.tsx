import { Button, Checkbox, Group, List, Modal, Stack, Text } from '@mantine/core';
import { type Device, type MetricInfo, telemetryMarkHealth } from '@valtronics/contract';
import { useState } from 'react';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { sayDone } from '../../ui/toasts.tsx';

/** What cannot be taken back is asked about, with what it means. */
export function MarkHealthDialog({
  device,
  metric: { metric },
  onClose,
}: {
  device: Device;
  metric: MetricInfo;
  onClose: () => void;
}) {
  const [isWhole, setWhole] = useState(false);
  const mark = useChange(telemetryMarkHealth, ['/telemetry', '/devices', '/alerts']);
  const name = isWhole ? `everything of ${device.name}` : `${metric} of ${device.name}`;
  return (
    <Modal
      opened
      onClose={onClose}
      title={`Mark ${metric} of ${device.name} as health data`}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <Stack gap="sm">
        <List size="sm" spacing={4}>
          <List.Item>
            Its values are sealed in the database from now on; what was measured before is sealed in the background.
          </List.Item>
          <List.Item>
            Charts, rules and exports go on as before, for who may see the values of measurements of people.
          </List.Item>
          <List.Item>Who reads it is recorded. Notifications no longer quote its values.</List.Item>
        </List>
        <Text size="sm" fw={600}>
          This cannot be taken back.
        </Text>
        <Checkbox
          label={`Everything ${device.name} measures, now and later`}
          checked={isWhole}
          onChange={(event) => setWhole(event.currentTarget.checked)}
        />
        <FormProblem problem={mark.error} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button
            color="red"
            loading={mark.isPending}
            onClick={() =>
              mark.mutate(
                { body: { deviceId: device.id, ...(isWhole ? {} : { metric }) } },
                {
                  onSuccess: () => {
                    sayDone(`Marked as health data: ${name}`);
                    onClose();
                  },
                },
              )
            }
          >
            {isWhole ? 'Mark the whole device' : `Mark ${metric}`}
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}
