import { type ApiKey, apiKeyRevoke, ownApiKeyRevoke } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';

interface Props {
  apiKey: ApiKey;
  isMine?: boolean;
  onClose: () => void;
}

export function RevokeKeyDialog({ apiKey, isMine = false, onClose }: Props) {
  const { id, label, owner } = apiKey;
  const revoke = useChange(isMine ? ownApiKeyRevoke : apiKeyRevoke, ['/api-keys', '/auth/api-keys', '/device-groups']);
  return (
    <ConfirmDialog
      title={`Revoke the key “${label}”?`}
      action="Revoke the key"
      onClose={onClose}
      onConfirm={async () => {
        await revoke.mutateAsync({ params: { id } });
        sayDone(`The key “${label}” is revoked`);
      }}
    >
      It acts for {isMine ? 'you' : owner.name}. Whatever uses it is refused from the next request on, and its open
      connections end within a second. A revoked key never works again.
    </ConfirmDialog>
  );
}
