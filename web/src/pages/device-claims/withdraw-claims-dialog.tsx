import { useQueryClient } from '@tanstack/react-query';
import { claimRevoke, claimsList, type DeviceClaim } from '@valtronics/contract';
import { call } from '../../api/call.ts';
import { asProblem } from '../../api/problem-error.ts';
import { endpointKey } from '../../api/query-keys.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { sayDone } from '../../ui/toasts.tsx';

interface Props {
  claims: readonly DeviceClaim[];
  onWithdrawn: (id: string) => void;
  onClose: () => void;
}

export function WithdrawClaimsDialog({ claims, onWithdrawn, onClose }: Props) {
  const client = useQueryClient();
  const [only] = claims;
  const what =
    claims.length === 1 && only ? `the claim …${only.id.slice(-8)} for ${only.namePrefix}` : `${claims.length} claims`;
  const withdrawAll = async () => {
    try {
      for (const { id } of claims) {
        await withdraw(id);
        onWithdrawn(id);
      }
    } finally {
      // Once, and not after each of hundreds.
      await client.invalidateQueries({ queryKey: endpointKey(claimsList) });
    }
    sayDone(claims.length === 1 ? 'The claim is withdrawn' : `${what} are withdrawn`);
  };
  return (
    <ConfirmDialog title={`Withdraw ${what}?`} action="Withdraw" onClose={onClose} onConfirm={withdrawAll}>
      A device that shows one is turned away. Devices that are enrolled already go on.
    </ConfirmDialog>
  );
}

/** One that a device used, or that ended, in the meantime is as closed as it was to be. */
async function withdraw(id: string): Promise<void> {
  try {
    await call(claimRevoke, { params: { id } });
  } catch (error) {
    if (asProblem(error).code !== 'not_found') throw error;
  }
}
