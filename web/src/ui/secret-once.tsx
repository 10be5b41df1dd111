import { Alert, Button, Code, Group, Stack, Text } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy, IconKey } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './secret-once.module.css';

export function CopyBlock({ label, text }: { label: string; text: string }) {
  const { copy, copied } = useClipboard({ timeout: 1500 });
  return (
    <div>
      <Group justify="space-between" mb={4}>
        <Text size="xs" fw={500}>
          {label}
        </Text>
        <Button
          size="compact-xs"
          variant="subtle"
          leftSection={copied ? <IconCheck size={12} /> : <IconCopy size={12} />}
          aria-label={`Copy: ${label}`}
          onClick={() => copy(text)}
        >
          {copied ? 'Copied' : 'Copy'}
        </Button>
      </Group>
      <Code block className={classes.block} tabIndex={0}>
        {text}
      </Code>
    </div>
  );
}

interface SecretProps {
  label: string;
  secret: string;
  /** How the server keeps it, which is why it cannot be shown again. */
  kept?: string;
  children?: ReactNode;
}

/** A secret that will not be shown again. */
export function SecretOnce({
  label,
  secret,
  kept = 'only its hash is kept, so nobody can read it again',
  children,
}: SecretProps) {
  return (
    <Stack gap="sm">
      <Alert variant="light" color="gray" icon={<IconKey size={16} />} title="Shown this once">
        Copy it now: {kept}.
      </Alert>
      <CopyBlock label={label} text={secret} />
      {children}
    </Stack>
  );
}
