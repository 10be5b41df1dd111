import { Tooltip, UnstyledButton } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy } from '@tabler/icons-react';
import classes from './copyable.module.css';

/** A value to be copied; ids are shortened to their end, where UUIDv7 differ. */
export function Copyable({ value, label, shorten = false }: { value: string; label: string; shorten?: boolean }) {
  const shown = shorten ? `…${value.slice(-8)}` : value;
  const { copy, copied } = useClipboard({ timeout: 1500 });
  return (
    <Tooltip label={copied ? 'Copied' : shorten ? value : label}>
      <UnstyledButton className={classes.root} aria-label={`${label}: ${shown}`} onClick={() => copy(value)}>
        <span className="mono">{shown}</span>
        {copied ? <IconCheck size={12} aria-hidden /> : <IconCopy size={12} aria-hidden />}
      </UnstyledButton>
    </Tooltip>
  );
}
