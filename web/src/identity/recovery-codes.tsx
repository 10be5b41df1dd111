import { Alert, Button, Checkbox, Group, Stack, Text } from '@mantine/core';
import { useClipboard } from '@mantine/hooks';
import { IconCheck, IconCopy, IconDownload, IconKey, IconPrinter } from '@tabler/icons-react';
import { useState } from 'react';
import { useMe } from '../api/session.ts';
import { dayAndMinute } from '../ui/time/format-time.ts';
import classes from './identity.module.css';

function save(name: string, text: string) {
  const url = URL.createObjectURL(new Blob([text], { type: 'text/plain' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}

/** Shown this once; the way on opens when the person says that the codes are kept. */
export function RecoveryCodes({ codes, onKept }: { codes: readonly string[]; onKept: () => unknown }) {
  const { email } = useMe();
  const { copy, copied } = useClipboard({ timeout: 1500 });
  const [kept, setKept] = useState(false);
  const [madeAt] = useState(() => dayAndMinute(Date.now()));
  const asText = `Valtronics recovery codes\n${email}, ${madeAt}\n\n${codes.join('\n')}\n`;
  return (
    <Stack gap="sm">
      <Alert variant="light" color="gray" icon={<IconKey size={16} />} title="Shown this once">
        Each code stands in for your second factor one time, for the day it is lost. Keep them where it is not.
      </Alert>
      <div className={classes.sheet}>
        <Text size="xs" c="dimmed">
          Valtronics recovery codes
          <br />
          {email}, {madeAt}
        </Text>
        <ol className={`${classes.codes} mono`} aria-label="Recovery codes">
          {codes.map((code) => (
            <li key={code}>{code}</li>
          ))}
        </ol>
      </div>
      <Group gap="xs">
        <Button
          variant="default"
          leftSection={copied ? <IconCheck size={14} /> : <IconCopy size={14} />}
          onClick={() => copy(asText)}
        >
          {copied ? 'Copied' : 'Copy'}
        </Button>
        <Button
          variant="default"
          leftSection={<IconDownload size={14} />}
          onClick={() => save('valtronics-recovery-codes.txt', asText)}
        >
          Download
        </Button>
        <Button variant="default" leftSection={<IconPrinter size={14} />} onClick={() => window.print()}>
          Print
        </Button>
      </Group>
      <Checkbox
        label="I keep these codes in a safe place"
        checked={kept}
        onChange={(event) => setKept(event.currentTarget.checked)}
      />
      <Group justify="flex-end">
        <Button disabled={!kept} onClick={() => void onKept()}>
          Continue
        </Button>
      </Group>
    </Stack>
  );
}
