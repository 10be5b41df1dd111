import { Radio, Stack } from '@mantine/core';
import type { PersonalDataPolicy } from '@valtronics/contract';

const choices: Readonly<Record<PersonalDataPolicy, { label: string; description: string }>> = {
  warn: { label: 'Store and warn', description: 'Whoever wrote it is told, and a security event says in which field' },
  mask: { label: 'Hide before storing', description: 'What was found becomes ******** and cannot be brought back' },
  refuse: { label: 'Refuse', description: 'Nothing is stored; the answer names the field' },
};

/** What becomes of personal data where none is expected. */
export function PersonalDataChoice({
  value,
  onChange,
  error,
  disabled,
}: {
  value: PersonalDataPolicy;
  onChange: (policy: PersonalDataPolicy) => void;
  error: string | undefined;
  disabled: boolean;
}) {
  return (
    <Radio.Group
      label="Personal data in notes, descriptions, metadata and texts of devices"
      description="Email addresses, telephone and card numbers, national ids, names of patients: they belong to persons measured, where they are encrypted"
      value={value}
      onChange={(policy) => onChange(policy as PersonalDataPolicy)}
      error={error}
    >
      <Stack gap="xs" mt="xs">
        {Object.entries(choices).map(([policy, { label, description }]) => (
          <Radio key={policy} value={policy} label={label} description={description} disabled={disabled} />
        ))}
      </Stack>
    </Radio.Group>
  );
}
