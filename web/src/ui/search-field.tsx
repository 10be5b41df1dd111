import { CloseButton, TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';

/** The text filter of a page; `/` focuses it. */
export function SearchField({
  label,
  finds = label,
  value,
  onChange,
  width = 240,
}: {
  label: string;
  /** What is found by it, as far as that is not all one would think of: what is sealed may be found only by the whole of it. */
  finds?: string;
  value: string | undefined;
  onChange: (text: string) => void;
  width?: number;
}) {
  const [text, setText] = useState(value ?? '');
  const sent = useRef(value ?? '');
  const send = useDebouncedCallback((next: string) => {
    sent.current = next;
    onChange(next);
  }, 250);
  // Another place (back button, link) changed the address.
  useEffect(() => {
    if ((value ?? '') === sent.current) return;
    sent.current = value ?? '';
    setText(value ?? '');
  }, [value]);
  const change = (next: string) => {
    setText(next);
    send(next);
  };
  return (
    <TextInput
      data-page-search
      w={width}
      maw="100%"
      size="xs"
      aria-label={label}
      placeholder={finds}
      title={finds}
      maxLength={100}
      leftSection={<IconSearch size={14} aria-hidden />}
      rightSection={text ? <CloseButton size="xs" aria-label="Clear" onClick={() => change('')} /> : null}
      value={text}
      onChange={(event) => change(event.currentTarget.value)}
    />
  );
}
