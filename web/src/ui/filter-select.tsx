import { Select } from '@mantine/core';

/** A filter of a list; nothing chosen means everything. */
export function FilterSelect({
  label,
  value,
  options,
  onChange,
  width = 150,
  searchable = false,
}: {
  label: string;
  value: string | undefined;
  options: readonly { value: string; label: string }[];
  onChange: (value: string | null) => void;
  width?: number;
  searchable?: boolean;
}) {
  const known = options.some((option) => option.value === value);
  return (
    <Select
      size="xs"
      w={width}
      aria-label={label}
      placeholder={label}
      value={value ?? null}
      data={known || value === undefined ? [...options] : [...options, { value, label: value }]}
      onChange={onChange}
      clearable
      clearButtonProps={{ 'aria-label': `Any ${label.toLowerCase()}` }}
      searchable={searchable}
      comboboxProps={{ shadow: 'md' }}
    />
  );
}
