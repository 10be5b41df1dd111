import { TextInput } from '@mantine/core';
import { dayAndMinute } from './format-time.ts';
import classes from './moment-field.module.css';

interface Props {
  label: string;
  value: string | undefined;
  onChange: (at: string | null) => void;
}

/** A local date and time; the address holds it as RFC 3339. */
export function MomentField({ label, value, onChange }: Props) {
  const at = Date.parse(value ?? '');
  return (
    <TextInput
      size="xs"
      w={190}
      type="datetime-local"
      aria-label={`${label}, in your time zone`}
      value={Number.isFinite(at) ? dayAndMinute(at).replace(' ', 'T') : ''}
      leftSection={<span className={classes.label}>{label}</span>}
      leftSectionWidth={44}
      onChange={(event) => {
        const next = Date.parse(event.currentTarget.value);
        onChange(Number.isFinite(next) ? new Date(next).toISOString() : null);
      }}
    />
  );
}
