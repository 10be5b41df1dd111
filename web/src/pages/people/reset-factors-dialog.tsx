import { type User, userFactorsReset } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';

export function ResetFactorsDialog({ person, onClose }: { person: User; onClose: () => void }) {
  const reset = useChange(userFactorsReset, ['/users']);
  return (
    <ConfirmDialog
      title={`Reset the second factors of ${person.name ?? person.email}?`}
      action="Reset"
      onClose={onClose}
      onConfirm={async () => {
        await reset.mutateAsync({ params: { id: person.id } });
        sayDone(`Second factors of ${person.email} reset`);
      }}
    >
      For a person who lost them: make sure that it is they who ask. All their authenticators, passkeys and recovery
      codes are removed, their sessions end, and they are told by mail. Where their role needs a second factor, they set
      one up at their next sign-in.
    </ConfirmDialog>
  );
}
