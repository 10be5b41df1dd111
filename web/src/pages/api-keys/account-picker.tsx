import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { type User, usersList } from '@valtronics/contract';
import { useState } from 'react';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';
import { moreOption } from '../../ui/more-option.ts';

interface Props {
  label: string;
  /** Shown above the field rather than only said to a screen reader. */
  visibleLabel?: boolean;
  /** One of the two unless both are offered. */
  kind?: User['kind'];
  value: string | null;
  /** The account of that id, once it is known. */
  account: User | undefined;
  onChange: (account: User | null) => void;
  nothingFound: string;
  error?: string | undefined;
  width?: number | string;
  clearable?: boolean;
}

const offered = 30;

/** One account out of however many, found by typing part of its name. */
export function AccountPicker(props: Props) {
  const { label, visibleLabel, kind, value, account, onChange, nothingFound, error } = props;
  const [text, setText] = useState('');
  const [settled] = useDebouncedValue(text, 200);
  const [opened, setOpened] = useState(false);
  const shown = account ? labelOf(account) : '…';
  const typed = settled === shown ? '' : settled.trim().slice(0, 100);
  const { data, isFetching } = useEndpoint(
    usersList,
    { query: { text: typed === '' ? undefined : typed, kind, limit: offered } },
    { enabled: opened, keepPrevious: true },
  );
  const accounts = data?.items ?? [];
  const options = accounts.map((each) => ({ value: each.id, label: labelOf(each) }));
  const missing = value !== null && !options.some((option) => option.value === value);
  return (
    <Select
      size={visibleLabel ? 'sm' : 'xs'}
      w={props.width}
      {...(visibleLabel ? { label } : { 'aria-label': label })}
      placeholder={visibleLabel ? 'Type part of a name or address' : label}
      {...(visibleLabel ? { description: 'Where there are more than 500 accounts, the whole of it' } : {})}
      error={error}
      value={value}
      data={[...(missing ? [{ value, label: shown }] : []), ...options, ...moreOption(data)]}
      searchable
      clearable={props.clearable ?? false}
      clearButtonProps={{ 'aria-label': `Any ${label.toLowerCase()}` }}
      nothingFoundMessage={isFetching ? 'Searching…' : nothingFound}
      filter={({ options: all }) => all}
      searchValue={text}
      onSearchChange={setText}
      onDropdownOpen={() => setOpened(true)}
      onChange={(id) => onChange(accounts.find((each) => each.id === id) ?? null)}
      comboboxProps={{ shadow: 'md' }}
    />
  );
}

const labelOf = ({ kind, name, email, role }: User) =>
  kind === 'service' ? `${name ?? email} · ${humanName(role)}` : name === null ? email : `${name} · ${email}`;
