import { Badge, Button, Group, Modal, NumberInput, Skeleton, Stack, TextInput } from '@mantine/core';
import { IconKey, IconPlus } from '@tabler/icons-react';
import {
  credentialCreate,
  credentialRevoke,
  credentialsList,
  type Device,
  type DeviceCredential,
} from '@valtronics/contract';
import { useState } from 'react';
import type { ResultOf } from '../../api/call.ts';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { Panel } from '../../ui/page.tsx';
import { CopyBlock, SecretOnce } from '../../ui/secret-once.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { curlExample, mosquittoExample } from '../devices/send-examples.ts';
import classes from './device.module.css';

export function CredentialsTab({ device }: { device: Device }) {
  const { data, error, isPending, refetch } = useEndpoint(credentialsList, { params: { id: device.id } });
  const refusal = useRefusal(credentialCreate);
  const [adding, setAdding] = useState(false);
  const [revoking, setRevoking] = useState<DeviceCredential | null>(null);
  const revoke = useChange(credentialRevoke, ['/devices/{id}/credentials']);
  const add = (
    <GuardedButton refusal={refusal} leftSection={<IconPlus size={14} />} onClick={() => setAdding(true)}>
      New credential
    </GuardedButton>
  );
  return (
    <>
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : isPending ? (
        <Skeleton height={160} />
      ) : data?.items.length === 0 ? (
        <EmptyState
          icon={<IconKey size={20} />}
          title="No credential"
          hint="Without one the device cannot sign in."
          action={add}
        />
      ) : (
        <Panel title="Credentials" aside={add} flush>
          <ul className={classes.list}>
            {data?.items.map((credential) => (
              <li key={credential.id}>
                <StateBadge credential={credential} />
                <span className={classes.grow}>
                  {credential.label ?? 'Token'} <span className="dim mono">{credential.id.slice(0, 8)}</span>
                </span>
                <span className="dim">
                  used <RelativeTime at={credential.lastUsedAt} />
                </span>
                <span className="dim">
                  made <RelativeTime at={credential.createdAt} />
                </span>
                {credential.revokedAt ? null : (
                  <Button size="compact-xs" variant="default" onClick={() => setRevoking(credential)}>
                    Revoke
                  </Button>
                )}
              </li>
            ))}
          </ul>
        </Panel>
      )}
      {adding ? <NewCredential device={device} onClose={() => setAdding(false)} /> : null}
      {revoking ? (
        <ConfirmDialog
          title="Revoke this credential?"
          action="Revoke"
          onClose={() => setRevoking(null)}
          onConfirm={() => revoke.mutateAsync({ params: { id: device.id, credentialId: revoking.id } })}
        >
          Connections that use it end within a second, and it never works again.
        </ConfirmDialog>
      ) : null}
    </>
  );
}

function StateBadge({ credential }: { credential: DeviceCredential }) {
  if (credential.revokedAt) return <Badge color="gray">Revoked</Badge>;
  if (credential.expiresAt && Date.parse(credential.expiresAt) <= Date.now())
    return <Badge color="gray">Expired</Badge>;
  return (
    <Badge color="teal" variant="light">
      {credential.expiresAt ? (
        <>
          Ends <RelativeTime at={credential.expiresAt} />
        </>
      ) : (
        'In use'
      )}
    </Badge>
  );
}

function NewCredential({ device, onClose }: { device: Device; onClose: () => void }) {
  const create = useChange(credentialCreate, ['/devices/{id}/credentials']);
  const form = useContractForm({ label: '', overlapHours: '' as number | string });
  const [made, setMade] = useState<ResultOf<typeof credentialCreate> | null>(null);
  const place = { deviceId: device.id, token: made?.token ?? '', origin: window.location.origin };
  return (
    <Modal
      opened
      size="lg"
      onClose={onClose}
      title="New credential"
      closeOnClickOutside={!made}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {made ? (
        <SecretOnce label="Device token" secret={made.token}>
          <CopyBlock label="Send a value over HTTPS" text={curlExample(place)} />
          <CopyBlock label="Send a value over MQTT" text={mosquittoExample(place)} />
          <Group justify="flex-end">
            <Button onClick={onClose}>Done</Button>
          </Group>
        </SecretOnce>
      ) : (
        <form
          noValidate
          onSubmit={(event) => {
            event.preventDefault();
            const { label, overlapHours } = form.values;
            const name = orLeftOut(label);
            const body = {
              ...(name === undefined ? {} : { label: name }),
              ...(typeof overlapHours === 'number' ? { othersExpireInSeconds: Math.round(overlapHours * 3600) } : {}),
            };
            void form.submit(credentialCreate.body, body, async (sound) => {
              setMade(await create.mutateAsync({ params: { id: device.id }, body: sound }));
            });
          }}
        >
          <Stack gap="sm">
            <TextInput
              data-autofocus
              label="Label"
              placeholder="rotation 2026"
              maxLength={120}
              {...form.text('label')}
            />
            <NumberInput
              label="The older ones end after"
              description="Leave empty to keep them; an overlap gives you time to change the device"
              suffix=" h"
              min={0}
              max={8760}
              {...form.field('overlapHours')}
            />
            <FormProblem problem={form.problem} />
            <Group justify="flex-end" gap="xs">
              <Button variant="default" onClick={onClose}>
                Cancel
              </Button>
              <Button type="submit" loading={create.isPending}>
                Create
              </Button>
            </Group>
          </Stack>
        </form>
      )}
    </Modal>
  );
}
