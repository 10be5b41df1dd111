import { type User, userChange } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';

export function SwitchAccountDialog({ person, onClose }: { person: User; onClose: () => void }) {
  const change = useChange(userChange, ['/users']);
  const enabling = person.status === 'disabled';
  const verb = enabling ? 'Enable' : 'Disable';
  return (
    <ConfirmDialog
      title={`${verb} the account of ${person.name ?? person.email}?`}
      action={verb}
      onClose={onClose}
      onConfirm={async () => {
        const status = enabling ? 'active' : 'disabled';
        await change.mutateAsync({ params: { id: person.id }, body: { status } });
        sayDone(`${person.email} ${enabling ? 'enabled' : 'disabled'}`);
      }}
    >
      {enabling
        ? 'They can sign in again with their password.'
        : 'Their sessions end at once and they cannot sign in. What they did stays in the audit log; the account can be enabled again.'}
    </ConfirmDialog>
  );
}
