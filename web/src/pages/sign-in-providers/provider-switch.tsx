import { type IdentityProvider, identityProviderChange } from '@valtronics/contract';
import { useState } from 'react';
import { asProblem } from '../../api/problem-error.ts';
import { useRefusal } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';

/** Enables it at once; turning it off is asked about, since it signs people out. */
export function ProviderSwitch({ provider, stale }: { provider: IdentityProvider; stale: readonly string[] }) {
  const { id, name, enabled } = provider;
  const change = useChange(identityProviderChange, stale);
  const refusal = useRefusal(identityProviderChange);
  const [asking, setAsking] = useState(false);
  const become = async (next: boolean) => {
    await change.mutateAsync({ params: { id }, body: { enabled: next } });
    sayDone(`${name} is ${next ? 'enabled' : 'off'}`);
  };
  const enable = async () => {
    try {
      await become(true);
    } catch (failure) {
      sayProblem(asProblem(failure));
    }
  };
  if (!enabled) {
    return (
      <GuardedButton refusal={refusal} loading={change.isPending} onClick={() => void enable()}>
        Enable
      </GuardedButton>
    );
  }
  return (
    <>
      <GuardedButton variant="default" refusal={refusal} onClick={() => setAsking(true)}>
        Turn off…
      </GuardedButton>
      {asking ? (
        <ConfirmDialog
          title={`Turn off ${name}?`}
          action="Turn off"
          onClose={() => setAsking(false)}
          onConfirm={() => become(false)}
        >
          Nobody signs in with it until it is enabled again, and the sessions it opened end at once. Links of people
          stay.
        </ConfirmDialog>
      ) : null}
    </>
  );
}
