import { Select } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { subjectsList } from '@valtronics/contract';
import { useState } from 'react';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { moreOption } from '../../ui/more-option.ts';
import { subjectLabel } from './subject-label.tsx';

const offered = 20;

/**
 * One person measured out of however many, found by part of reference or name; for who may see those. Nobody is listed before something
 * is typed: each look at names is recorded, and more of them than are needed should not stand on a screen.
 */
export function SubjectPicker({
  value,
  onChange,
  error,
}: {
  value: string | null;
  onChange: (id: string | null) => void;
  error?: string | undefined;
}) {
  const [text, setText] = useState('');
  const [settled] = useDebouncedValue(text, 250);
  const [chosen, setChosen] = useState<{ value: string; label: string } | null>(null);
  const typed = settled === chosen?.label ? '' : settled.trim().slice(0, 100);
  const { data, isFetching } = useEndpoint(
    subjectsList,
    { query: { text: typed, limit: offered } },
    { enabled: typed !== '' },
  );
  const found = (data?.items ?? []).map((subject) => ({
    value: subject.id,
    label: subject.name === null ? subject.reference : `${subjectLabel(subject)} · ${subject.reference}`,
  }));
  const options = chosen && !found.some((option) => option.value === chosen.value) ? [chosen, ...found] : found;
  return (
    <Select
      data-autofocus
      label="Person"
      placeholder="Type part of a reference or name"
      description="Where more than 500 are measured, the whole of it"
      value={value}
      error={error}
      data={[...options, ...moreOption(typed === '' ? undefined : data)]}
      searchable
      nothingFoundMessage={
        typed === ''
          ? undefined
          : isFetching
            ? 'Searching…'
            : 'Nobody of that name; register them under People measured'
      }
      filter={({ options: all }) => all}
      searchValue={text}
      onSearchChange={setText}
      onChange={(id) => {
        setChosen(options.find((option) => option.value === id) ?? null);
        onChange(id);
      }}
      comboboxProps={{ shadow: 'md' }}
    />
  );
}
