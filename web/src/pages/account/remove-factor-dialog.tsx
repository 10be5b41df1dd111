import { type Factor, factorRemove } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';

export function RemoveFactorDialog({ factor, onClose }: { factor: Factor; onClose: () => void }) {
  const remove = useChange(factorRemove, ['/auth/factors']);
  return (
    <ConfirmDialog
      title={`Remove “${factor.label}”?`}
      action="Remove"
      onClose={onClose}
      onConfirm={async () => {
        await remove.mutateAsync({ params: { id: factor.id } });
        sayDone(`“${factor.label}” removed`);
      }}
    >
      It no longer signs you in. With your last factor the recovery codes go, too. You are told of it by mail.
    </ConfirmDialog>
  );
}
