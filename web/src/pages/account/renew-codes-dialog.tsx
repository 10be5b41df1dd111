import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { recoveryCodesRenew } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { RecoveryCodes } from '../../identity/recovery-codes.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';

export function RenewCodesDialog({ onClose }: { onClose: () => void }) {
  const renew = useChange(recoveryCodesRenew, ['/auth/factors']);
  const made = renew.data?.recoveryCodes;
  return (
    <Modal
      opened
      onClose={onClose}
      title={made ? 'Keep your recovery codes' : 'Make new recovery codes?'}
      closeOnClickOutside={!made}
      closeOnEscape={!made}
      withCloseButton={!made}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {made ? (
        <RecoveryCodes codes={made} onKept={onClose} />
      ) : (
        <Stack gap="sm">
          <Text size="sm">You get ten new ones. Those you have now end at once.</Text>
          <FormProblem problem={renew.error} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button loading={renew.isPending} onClick={() => renew.mutate({ body: {} })}>
              Make new ones
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}
