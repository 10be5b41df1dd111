import { type IdentityProvider, identityProviderDelete } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';

interface Props {
  provider: IdentityProvider;
  onDeleted?: () => unknown;
  onClose: () => void;
}

export function DeleteProviderDialog({ provider, onDeleted, onClose }: Props) {
  const { id, name } = provider;
  const remove = useChange(identityProviderDelete, ['/identity-providers', '/auth/providers', '/auth/identities']);
  return (
    <ConfirmDialog
      title={`Delete ${name}?`}
      action={`Delete ${name}`}
      typed={name}
      onClose={onClose}
      onConfirm={async () => {
        await remove.mutateAsync({ params: { id } });
        sayDone(`${name} deleted`);
        await onDeleted?.();
      }}
    >
      Everybody is unlinked from it and the sessions it opened end at once. Accounts stay, but who has no password or
      passkey here cannot sign in until they get one. Added again, it has to be linked anew by everybody. To keep the
      links, turn it off instead.
    </ConfirmDialog>
  );
}
