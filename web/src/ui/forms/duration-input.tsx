import { Group, NativeSelect, NumberInput } from '@mantine/core';
import { useState } from 'react';

const units = [
  { label: 's', seconds: 1 },
  { label: 'min', seconds: 60 },
  { label: 'h', seconds: 3600 },
  { label: 'd', seconds: 86_400 },
] as const;

/** The largest unit that says it without a fraction. */
const unitFor = (seconds: number) =>
  units.findLast((unit) => seconds > 0 && seconds % unit.seconds === 0) ?? units[seconds > 0 ? 0 : 1];

interface Props {
  label: string;
  /** Seconds. */
  value: number | string;
  onChange: (seconds: number | string) => void;
  error?: string | undefined;
}

/** A span in the unit one thinks in; the value is seconds. */
export function DurationInput({ label, value, onChange, error }: Props) {
  const seconds = typeof value === 'number' ? value : 0;
  const [unit, setUnit] = useState<(typeof units)[number]>(() => unitFor(seconds));
  return (
    <Group gap={4} wrap="nowrap" align="flex-start">
      <NumberInput
        size="xs"
        w={64}
        aria-label={label}
        min={0}
        hideControls
        error={error}
        value={typeof value === 'number' ? value / unit.seconds : value}
        onChange={(next) => onChange(typeof next === 'number' ? Math.round(next * unit.seconds) : next)}
      />
      <NativeSelect
        size="xs"
        w={64}
        aria-label={`Unit of: ${label}`}
        value={unit.label}
        data={units.map((each) => each.label)}
        onChange={(event) => {
          const next = units.find((each) => each.label === event.currentTarget.value) ?? unit;
          if (typeof value === 'number') onChange((value / unit.seconds) * next.seconds);
          setUnit(next);
        }}
      />
    </Group>
  );
}
