import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { IconPlus, IconShieldCheck } from '@tabler/icons-react';
import { type AllowListEntry, allowListAdd, allowListList, allowListRemove } from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { BlockTabs } from './block-tabs.tsx';
import { OfTheInstance } from './of-the-instance.tsx';

const stale = ['/allow-list', '/blocks'];
type Row = Omit<AllowListEntry, 'id'> & { id: string; entry: AllowListEntry };

export const AllowListPage = () => (
  <OfTheInstance what="The allow-list">
    <AllowList />
  </OfTheInstance>
);

function AllowList() {
  const { get, set } = useSearchState();
  const { data, error, isPending, refetch } = useEndpoint(allowListList, {});
  const refusal = useRefusal(allowListAdd);
  const [removed, setRemoved] = useState<AllowListEntry | null>(null);
  // What a setting says has no id, and no network stands there twice from one source.
  const rows: Row[] = (data?.items ?? []).map((entry) => ({
    ...entry,
    id: entry.id ?? `${entry.source} ${entry.network}`,
    entry,
  }));
  const add = (
    <GuardedButton
      refusal={refusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ new: '1' }, { replace: false })}
    >
      Never block…
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="Allow-list"
        detail="Addresses and networks that are never blocked, whatever is detected"
        actions={add}
      />
      <BlockTabs value="allow" />
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="Allow-list"
          columns={columns(setRemoved)}
          rows={rows}
          rowHeight={44}
          loading={isPending}
          empty={
            <EmptyState
              icon={<IconShieldCheck size={20} />}
              title="Anybody may be blocked"
              hint="An office or a hospital’s gateway that must get in whatever happens belongs here; it wins over every block."
              action={add}
            />
          }
        />
      )}
      {get('new') && !refusal ? <AddDialog onClose={() => set({ new: null })} /> : null}
      {removed ? <RemoveDialog entry={removed} onClose={() => setRemoved(null)} /> : null}
    </>
  );
}

const sources = {
  managed: 'added here',
  setting: 'of VALTRONICS_ALLOW_LIST',
  trusted_proxy: 'a trusted proxy',
} as const;

const columns = (onRemove: (entry: AllowListEntry) => void): readonly Column<Row>[] => [
  {
    key: 'network',
    header: 'Network',
    width: 'minmax(130px, 1fr)',
    cell: ({ network }) => <b className="mono">{network}</b>,
  },
  {
    key: 'note',
    header: 'Note',
    width: 'minmax(100px, 1.4fr)',
    from: 480,
    cell: ({ note }) => (note ? <span title={note}>{note}</span> : <span className="dim">–</span>),
  },
  {
    key: 'source',
    header: 'Source',
    width: 'minmax(120px, 1fr)',
    cell: ({ source }) => <span className="dim">{sources[source]}</span>,
  },
  {
    key: 'since',
    header: 'Since',
    width: '104px',
    from: 700,
    cell: ({ createdAt }) => <RelativeTime at={createdAt} never="the start" />,
  },
  {
    key: 'by',
    header: 'By',
    width: 'minmax(100px, 0.8fr)',
    from: 860,
    cell: ({ createdBy }) => <span className="dim">{createdBy ? (createdBy.label ?? createdBy.id) : '–'}</span>,
  },
  {
    key: 'remove',
    header: 'Remove',
    headerHidden: true,
    width: '72px',
    cell: ({ entry }) => (
      <GuardedButton
        variant="default"
        size="compact-xs"
        refusal={entry.id === null ? 'It is changed where the server is started' : undefined}
        aria-label={`Remove ${entry.network}`}
        onClick={() => onRemove(entry)}
      >
        Remove
      </GuardedButton>
    ),
  },
];

function AddDialog({ onClose }: { onClose: () => void }) {
  const form = useContractForm({ network: '', note: '' });
  const add = useChange(allowListAdd, stale);
  const { network, note } = form.values;
  return (
    <Modal opened onClose={onClose} title="Never block" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void form.submit(allowListAdd.body, { network, note: orLeftOut(note) }, async (body) => {
            const { entry, lifted } = await add.mutateAsync({ body });
            sayDone(
              `${entry.network} is never blocked`,
              lifted > 0 ? `${lifted === 1 ? '1 block' : `${lifted} blocks`} ended by this.` : undefined,
            );
            onClose();
          });
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            What blocks it now ends at once.
          </Text>
          <TextInput
            data-autofocus
            label="Address or network"
            description="As 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32"
            autoComplete="off"
            maxLength={50}
            {...form.text('network')}
          />
          <TextInput label="Note" description="Whose it is; may stay empty" maxLength={200} {...form.text('note')} />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={add.isPending}>
              Never block it
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function RemoveDialog({ entry, onClose }: { entry: AllowListEntry; onClose: () => void }) {
  const remove = useChange(allowListRemove, stale);
  return (
    <ConfirmDialog
      title={`Take ${entry.network} off the allow-list?`}
      action="Take it off"
      onClose={onClose}
      onConfirm={async () => {
        await remove.mutateAsync({ params: { id: entry.id ?? '' } });
        sayDone(`${entry.network} may be blocked again`);
      }}
    >
      From now on it may be blocked like any other{entry.note ? ` (${entry.note})` : ''}.
    </ConfirmDialog>
  );
}
