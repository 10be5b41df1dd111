import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { devicesList } from '@valtronics/contract';
import { useState } from 'react';
import { useEndpoint } from '../../api/use-endpoint.ts';

interface Props {
  label: string;
  value: string | null;
  /** What the chosen device is called. */
  name: string | undefined;
  onChange: (device: { id: string; name: string } | null) => void;
  /** Shown above the field rather than only said to a screen reader. */
  visibleLabel?: boolean;
  error?: string | undefined;
  placeholder?: string;
  width?: number | string;
  clearable?: boolean;
}

const offered = 30;

/** One device out of however many, found by typing part of its name. */
export function DevicePicker(props: Props) {
  const {
    label,
    value,
    name,
    onChange,
    visibleLabel,
    error,
    placeholder = label,
    width = 180,
    clearable = true,
  } = props;
  const [text, setText] = useState('');
  const [settled] = useDebouncedValue(text, 200);
  const typed = settled === name ? '' : settled.trim().slice(0, 100);
  const [opened, setOpened] = useState(false);
  const { data, isFetching } = useEndpoint(
    devicesList,
    { query: { text: typed === '' ? undefined : typed, sort: 'name', limit: offered } },
    { enabled: opened, keepPrevious: true },
  );
  const options = (data?.items ?? []).map((device) => ({ value: device.id, label: device.name }));
  const missing = value !== null && !options.some((option) => option.value === value);
  return (
    <Select
      size="xs"
      w={width}
      {...(visibleLabel ? { label } : { 'aria-label': label })}
      placeholder={placeholder}
      error={error}
      value={value}
      data={missing ? [{ value, label: name ?? '…' }, ...options] : options}
      searchable
      clearable={clearable}
      clearButtonProps={{ 'aria-label': `Any ${label.toLowerCase()}` }}
      nothingFoundMessage={isFetching ? 'Searching…' : 'No such device'}
      filter={({ options: all }) => all}
      searchValue={text}
      onSearchChange={setText}
      onDropdownOpen={() => setOpened(true)}
      onChange={(id) => {
        const found = options.find((option) => option.value === id);
        onChange(found ? { id: found.value, name: found.label } : null);
      }}
      comboboxProps={{ shadow: 'md' }}
    />
  );
}
