import { Button, Group, Modal, Stack, Text, TextInput } from '@mantine/core';
import { IconPlus, IconWall } from '@tabler/icons-react';
import { type BouncerEntry, bouncerCreate, bouncerDelete, bouncersList } from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { CopyBlock, SecretOnce } from '../../ui/secret-once.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { useSearchState } from '../../ui/use-search-state.ts';
import { BlockTabs } from './block-tabs.tsx';
import classes from './blocks.module.css';
import { OfTheInstance } from './of-the-instance.tsx';

const stale = ['/bouncers'];
const pollMs = 10_000;

export const FirewallsPage = () => (
  <OfTheInstance what="The list of firewalls">
    <Firewalls />
  </OfTheInstance>
);

function Firewalls() {
  const { get, set } = useSearchState();
  const { data, error, isPending, refetch } = useEndpoint(bouncersList, {}, { refetchInterval: pollMs });
  const refusal = useRefusal(bouncerCreate);
  const [removed, setRemoved] = useState<BouncerEntry | null>(null);
  const add = (
    <GuardedButton
      refusal={refusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => set({ new: '1' }, { replace: false })}
    >
      New firewall
    </GuardedButton>
  );
  return (
    <>
      <PageHeader
        title="Firewalls"
        detail="Firewalls elsewhere that obey the bans of this instance, as CrowdSec’s bouncers do"
        actions={add}
      />
      <BlockTabs value="firewalls" />
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="Firewalls"
          columns={columns(setRemoved)}
          rows={data?.items ?? []}
          rowHeight={44}
          loading={isPending}
          empty={
            <EmptyState
              icon={<IconWall size={20} />}
              title="No firewall obeys"
              hint="A stock CrowdSec bouncer drops what is banned here before it reaches the server. Make it a key."
              action={add}
            />
          }
        />
      )}
      {get('new') && !refusal ? <NewFirewallDialog onClose={() => set({ new: null })} /> : null}
      {removed ? <RemoveDialog bouncer={removed} onClose={() => setRemoved(null)} /> : null}
    </>
  );
}

const columns = (onRemove: (bouncer: BouncerEntry) => void): readonly Column<BouncerEntry>[] => [
  { key: 'name', header: 'Firewall', width: 'minmax(120px, 1.2fr)', cell: ({ name }) => <b title={name}>{name}</b> },
  {
    key: 'seen',
    header: 'Last asked',
    width: 'minmax(120px, 1fr)',
    cell: ({ lastSeenAt, lastAddress }) => (
      <span className={classes.two}>
        <span>
          <RelativeTime at={lastSeenAt} />
        </span>
        <span className="truncate">{lastAddress ?? ''}</span>
      </span>
    ),
  },
  {
    key: 'agent',
    header: 'Program',
    width: 'minmax(140px, 1.4fr)',
    from: 760,
    cell: ({ userAgent }) => (
      <span className="dim" title={userAgent ?? undefined}>
        {userAgent ?? '–'}
      </span>
    ),
  },
  {
    key: 'made',
    header: 'Made',
    width: 'minmax(120px, 0.9fr)',
    from: 560,
    cell: ({ createdAt, createdBy }) => (
      <span className={classes.two}>
        <span>
          <RelativeTime at={createdAt} />
        </span>
        <span className="truncate">{createdBy ? `by ${createdBy.label ?? createdBy.id}` : ''}</span>
      </span>
    ),
  },
  {
    key: 'remove',
    header: 'Remove',
    headerHidden: true,
    width: '72px',
    cell: (bouncer) => (
      <Button
        variant="default"
        size="compact-xs"
        aria-label={`Remove the firewall ${bouncer.name}`}
        onClick={() => onRemove(bouncer)}
      >
        Remove
      </Button>
    ),
  },
];

function NewFirewallDialog({ onClose }: { onClose: () => void }) {
  const form = useContractForm({ name: '' });
  const create = useChange(bouncerCreate, stale);
  const [key, setKey] = useState<string | null>(null);
  const { name } = form.values;
  if (key)
    return (
      <Modal
        opened
        onClose={onClose}
        title={`The key of ${name}`}
        closeOnClickOutside={false}
        closeButtonProps={{ 'aria-label': 'Close' }}
      >
        <SecretOnce label="Key" secret={key}>
          <CopyBlock
            label="In the bouncer’s configuration"
            text={`api_url: ${window.location.origin}/\napi_key: ${key}\nupdate_frequency: 10s`}
          />
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </SecretOnce>
      </Modal>
    );
  return (
    <Modal opened onClose={onClose} title="New firewall" closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void form.submit(bouncerCreate.body, { name }, async (body) => {
            setKey((await create.mutateAsync({ body })).key);
          });
        }}
      >
        <Stack gap="sm">
          <Text size="sm" c="dimmed">
            It learns which addresses and networks are banned, and nothing else.
          </Text>
          <TextInput
            data-autofocus
            label="Name"
            placeholder="Gateway of the ward"
            maxLength={80}
            {...form.text('name')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending}>
              Make a key
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

function RemoveDialog({ bouncer, onClose }: { bouncer: BouncerEntry; onClose: () => void }) {
  const remove = useChange(bouncerDelete, stale);
  return (
    <ConfirmDialog
      title={`Remove the firewall ${bouncer.name}?`}
      action="End its key"
      onClose={onClose}
      onConfirm={async () => {
        await remove.mutateAsync({ params: { id: bouncer.id } });
        sayDone(`The key of ${bouncer.name} has ended`);
      }}
    >
      It is refused from its next question on, and hears of no further ban; what it drops already it drops until that
      ends.
    </ConfirmDialog>
  );
}
