import { Button, Group, Modal, Text } from '@mantine/core';
import type { apiKeyCreate } from '@valtronics/contract';
import type { ResultOf } from '../../api/call.ts';
import { CopyBlock, SecretOnce } from '../../ui/secret-once.tsx';
import { exactTime } from '../../ui/time/format-time.ts';

/** The secret of a key, which is in this answer and in no other. */
export function MadeKey({ made, onClose }: { made: ResultOf<typeof apiKeyCreate>; onClose: () => void }) {
  const { key, secret } = made;
  return (
    <Modal
      opened
      size="lg"
      onClose={onClose}
      title={`The key “${key.label}” is made`}
      closeOnClickOutside={false}
      closeOnEscape={false}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <SecretOnce label="API key" secret={secret}>
        {key.certificateSha256 === null ? (
          <CopyBlock label="See over HTTPS whose it is and what it may" text={curlExample(secret)} />
        ) : (
          <Text size="sm">
            It works at the port for keys only, on connections that begin with its certificate (curl: --cert and --key).
          </Text>
        )}
        <Text size="sm" c="dimmed">
          It is not shown again. It works until {exactTime(key.expiresAt, { milliseconds: false })}, or until somebody
          revokes it.
        </Text>
        <Group justify="flex-end">
          <Button onClick={onClose}>Done</Button>
        </Group>
      </SecretOnce>
    </Modal>
  );
}

const curlExample = (secret: string) =>
  [`curl --cacert ca.pem ${window.location.origin}/api/v1/auth/me \\`, `  -H 'Authorization: Bearer ${secret}'`].join(
    '\n',
  );
