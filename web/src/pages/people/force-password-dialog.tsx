import { type User, userChange } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';

export function ForcePasswordDialog({ person, onClose }: { person: User; onClose: () => void }) {
  const change = useChange(userChange, ['/users', '/auth/me']);
  return (
    <ConfirmDialog
      title={`Ask ${person.name ?? person.email} for a new password?`}
      action="Ask for it"
      onClose={onClose}
      onConfirm={async () => {
        await change.mutateAsync({ params: { id: person.id }, body: { mustChangePassword: true } });
        sayDone(`${person.email} chooses a new password next`);
      }}
    >
      They choose one at their next request, before anything else. You do not learn it.
    </ConfirmDialog>
  );
}
