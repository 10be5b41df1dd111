import { Button, Group, Popover, Stack, Text, TextInput, UnstyledButton } from '@mantine/core';
import { IconChevronDown, IconClock } from '@tabler/icons-react';
import { useState } from 'react';
import { dayAndMinute, zoneId, zoneName } from '../ui/time/format-time.ts';
import { boundsOf, rangeKeys, rangeNames, type TimeRange } from '../ui/time/time-range.ts';
import { useTimeRange } from '../ui/time/use-time-range.ts';
import classes from './time-range-picker.module.css';

export const rangeText = (range: TimeRange) =>
  range.kind === 'last' ? rangeNames[range.key] : `${dayAndMinute(range.from)} – ${dayAndMinute(range.to)}`;

/** The range of every chart on the page; it is in the address, so a link shows the same to someone else. */
export function TimeRangePicker() {
  const [range, setRange] = useTimeRange();
  const [opened, setOpened] = useState(false);
  const choose = (next: TimeRange) => {
    setRange(next);
    setOpened(false);
  };
  return (
    <Popover opened={opened} onChange={setOpened} position="bottom-end" trapFocus returnFocus>
      <Popover.Target>
        <Button
          variant="default"
          className={classes.button}
          leftSection={<IconClock size={14} aria-hidden />}
          rightSection={<IconChevronDown size={12} aria-hidden />}
          aria-label={`Time range: ${rangeText(range)}`}
          onClick={() => setOpened((open) => !open)}
        >
          <span className={classes.text}>{rangeText(range)}</span>
        </Button>
      </Popover.Target>
      <Popover.Dropdown p="xs" aria-label="Time range">
        <Stack gap={2} miw={240}>
          {rangeKeys.map((key) => (
            <UnstyledButton
              key={key}
              className={classes.choice}
              aria-pressed={range.kind === 'last' && range.key === key}
              onClick={() => choose({ kind: 'last', key })}
            >
              {rangeNames[key]}
            </UnstyledButton>
          ))}
        </Stack>
        <CustomRange key={JSON.stringify(range)} range={range} onApply={choose} />
      </Popover.Dropdown>
    </Popover>
  );
}

const forInput = (at: number) => dayAndMinute(at).replace(' ', 'T');

function CustomRange({ range, onApply }: { range: TimeRange; onApply: (range: TimeRange) => void }) {
  const [{ from: startFrom, to: startTo }] = useState(() => boundsOf(range, Date.now()));
  const [from, setFrom] = useState(forInput(startFrom));
  const [to, setTo] = useState(forInput(startTo));
  const next = { from: Date.parse(from), to: Date.parse(to) };
  const sound = Number.isFinite(next.from) && Number.isFinite(next.to) && next.from < next.to;
  return (
    <form
      className={classes.custom}
      onSubmit={(event) => {
        event.preventDefault();
        if (sound) onApply({ kind: 'fixed', ...next });
      }}
    >
      <TextInput
        size="xs"
        type="datetime-local"
        label="From"
        value={from}
        onChange={(event) => setFrom(event.currentTarget.value)}
      />
      <TextInput
        size="xs"
        type="datetime-local"
        label="To"
        value={to}
        error={sound ? undefined : 'Has to be after “From”'}
        onChange={(event) => setTo(event.currentTarget.value)}
      />
      <Group justify="space-between">
        <Text size="xs" c="dimmed">
          {zoneId()} ({zoneName()})
        </Text>
        <Button type="submit" size="compact-xs" disabled={!sound}>
          Apply
        </Button>
      </Group>
    </form>
  );
}
