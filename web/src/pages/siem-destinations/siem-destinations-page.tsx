import { IconPlus, IconServerBolt } from '@tabler/icons-react';
import {
  siemDestinationChange,
  siemDestinationCreate,
  siemDestinationDelete,
  siemDestinationsList,
} from '@valtronics/contract';
import { useRef, useState } from 'react';
import { asProblem } from '../../api/problem-error.ts';
import { useMe, useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { DataTable } from '../../ui/table/data-table.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { BackfillDialog } from './backfill-dialog.tsx';
import { type DestinationAction, destinationColumns } from './destination-columns.tsx';
import { DestinationDialog, MadeSecret } from './destination-dialog.tsx';
import type { Destination } from './siem-words.ts';
import { TestDialog } from './test-dialog.tsx';

const pollMs = 5_000;
const stale = ['/siem-destinations'];
type Open = { action: DestinationAction; destination: Destination } | null;

export function SiemDestinationsPage() {
  const { get, set } = useSearchState();
  const { organisation } = useMe();
  const { data, error, isPending, refetch } = useEndpoint(siemDestinationsList, {}, { refetchInterval: pollMs });
  const refusal = useRefusal(siemDestinationCreate);
  const change = useChange(siemDestinationChange, stale);
  const [open, setOpen] = useState<Open>(null);
  const close = () => setOpen(null);
  const turn = async ({ id, name, enabled }: Destination) => {
    try {
      await change.mutateAsync({ params: { id }, body: { enabled: !enabled } });
      sayDone(`${name} is ${enabled ? 'off' : 'on'}`);
    } catch (failure) {
      sayProblem(asProblem(failure));
    }
  };
  const act = (action: DestinationAction, destination: Destination) =>
    action === 'turn' ? void turn(destination) : setOpen({ action, destination });
  const add = (
    <GuardedButton
      refusal={refusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ new: '1' }, { replace: false })}
    >
      New destination
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="SIEM destinations"
        detail={
          organisation.operatesInstance
            ? 'Where security events are delivered, in order and at least once; yours and those of the instance'
            : 'Where the security events of this organisation are delivered, in order and at least once'
        }
        actions={add}
      />
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="SIEM destinations"
          columns={destinationColumns(act)}
          rows={data?.items ?? []}
          rowHeight={52}
          loading={isPending}
          empty={
            <EmptyState
              icon={<IconServerBolt size={20} />}
              title="Events stay here"
              hint="Add a receiver by syslog over TLS, HTTPS, Splunk, Elasticsearch or files. From then on it gets every event, and after an outage what it missed."
              action={add}
            />
          }
        />
      )}
      {get('new') && !refusal ? <DestinationDialog onClose={() => set({ new: null })} /> : null}
      <Opened open={open} onClose={close} />
    </>
  );
}

function Opened({ open, onClose }: { open: Open; onClose: () => void }) {
  if (!open) return null;
  const { action, destination } = open;
  if (action === 'edit') return <DestinationDialog destination={destination} onClose={onClose} />;
  if (action === 'test') return <TestDialog destination={destination} onClose={onClose} />;
  if (action === 'backfill') return <BackfillDialog destination={destination} onClose={onClose} />;
  if (action === 'renew') return <RenewDialog destination={destination} onClose={onClose} />;
  return <DeleteDialog destination={destination} onClose={onClose} />;
}

interface DialogProps {
  destination: Destination;
  onClose: () => void;
}

function RenewDialog({ destination, onClose }: DialogProps) {
  const change = useChange(siemDestinationChange, stale);
  const [secret, setSecret] = useState<string | null>(null);
  const renewed = useRef(false);
  if (secret) return <MadeSecret name={destination.name} secret={secret} onClose={onClose} />;
  return (
    <ConfirmDialog
      title={`Renew the signing secret of ${destination.name}?`}
      action="Renew the secret"
      onClose={() => {
        // Once it is renewed, it closes when the new secret was seen.
        if (!renewed.current) onClose();
      }}
      onConfirm={async () => {
        const made = await change.mutateAsync({ params: { id: destination.id }, body: { renewSecret: true } });
        renewed.current = made.secret !== null;
        setSecret(made.secret);
      }}
    >
      From the next delivery on the new one signs; a receiver that checks with the old one refuses it until it knows the
      new one. What is refused meanwhile is sent again.
    </ConfirmDialog>
  );
}

function DeleteDialog({ destination, onClose }: DialogProps) {
  const remove = useChange(siemDestinationDelete, stale);
  const { id, name, delivery } = destination;
  return (
    <ConfirmDialog
      title={`Delete ${name}?`}
      action="Delete the destination"
      typed={name}
      onClose={onClose}
      onConfirm={async () => {
        await remove.mutateAsync({ params: { id } });
        sayDone(`${name} is deleted`);
      }}
    >
      Security events are no longer delivered to {destination.target}
      {delivery.eventsBehind > 0 ? '; what it has not got yet, it will not get' : ''}. Its secrets are gone with it.
    </ConfirmDialog>
  );
}
