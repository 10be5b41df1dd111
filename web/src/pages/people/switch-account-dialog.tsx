import { type User, userChange } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { calledOf } from './called.ts';

const consequences: Record<User['kind'], Record<'enable' | 'disable', string>> = {
  person: {
    enable: 'They can sign in again with their password.',
    disable:
      'Their sessions end at once and they cannot sign in. What they did stays in the audit log; the account can be enabled again.',
  },
  service: {
    enable: 'Those of its keys that have not ended work again.',
    disable: 'Its keys are refused at once. They work again when the account is enabled, unless they end before.',
  },
};

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
        sayDone(`${calledOf(person)} ${enabling ? 'enabled' : 'disabled'}`);
      }}
    >
      {consequences[person.kind][enabling ? 'enable' : 'disable']}
    </ConfirmDialog>
  );
}
