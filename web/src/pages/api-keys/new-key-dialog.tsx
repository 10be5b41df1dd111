import { Button, Group, Modal, NumberInput, Stack, TagsInput, Text, Textarea, TextInput } from '@mantine/core';
import {
  apiKeyCreate,
  apiKeyDays,
  type DeviceScope,
  ownApiKeyCreate,
  type Permission,
  rolesList,
  type User,
} from '@valtronics/contract';
import { useState } from 'react';
import type { ResultOf } from '../../api/call.ts';
import { useMe } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import pills from '../../ui/forms/pills.module.css';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { useFaultInSight } from '../../ui/forms/use-fault-in-sight.ts';
import { exactTime } from '../../ui/time/format-time.ts';
import { DeviceScopeField } from '../device-groups/device-scope-field.tsx';
import { useDeviceGroups } from '../device-groups/use-device-groups.ts';
import { PermissionsField } from '../people/permissions-field.tsx';
import { AccountPicker } from './account-picker.tsx';
import { MadeKey } from './made-key.tsx';

interface Props {
  /** For myself, or for a service account that is chosen here unless it is known. */
  whose: 'mine' | { readonly account: User | null };
  onClose: () => void;
}

const stale = ['/api-keys', '/auth/api-keys', '/device-groups'];
const dayMs = 86_400_000;

export function NewKeyDialog({ whose, onClose }: Props) {
  const isMine = whose === 'mine';
  const [account, setAccount] = useState(isMine ? null : whose.account);
  const form = useContractForm({
    ownerId: account?.id ?? '',
    label: '',
    permissions: [] as Permission[],
    networks: [] as string[],
    deviceScope: 'all' as DeviceScope,
    deviceGroupIds: [] as string[],
    certificate: '',
    expiresInDays: apiKeyDays.usual as number | string,
  });
  const refusalOf = useRefusalOf(account);
  const { mayRead: mayLimit } = useDeviceGroups();
  const create = useChange(apiKeyCreate, stale);
  const createOwn = useChange(ownApiKeyCreate, stale);
  const [made, setMade] = useState<ResultOf<typeof apiKeyCreate> | null>(null);
  const { values, errors } = form;
  const sight = useFaultInSight(errors, form.problem);

  const submit = () => {
    const { expiresInDays, deviceScope, deviceGroupIds, networks, certificate } = values;
    if (deviceScope === 'limited' && deviceGroupIds.length === 0)
      return form.fail({ deviceGroupIds: 'Choose a group: without one the key sees nothing' });
    const body = {
      label: values.label,
      // Another account may have been chosen since they were ticked.
      permissions: values.permissions.filter((permission) => refusalOf(permission) === undefined),
      ...(networks.length > 0 ? { networks } : {}),
      ...(deviceScope === 'limited' ? { deviceGroupIds } : {}),
      ...(certificate.trim() === '' ? {} : { certificate: certificate.trim() }),
      ...(typeof expiresInDays === 'number' ? { expiresInDays } : {}),
    };
    if (isMine)
      return form.submit(ownApiKeyCreate.body, body, async (sound) =>
        setMade(await createOwn.mutateAsync({ body: sound })),
      );
    if (!account) return form.fail({ ownerId: 'Choose the service account that the key is for' });
    return form.submit(apiKeyCreate.body, { ...body, ownerId: account.id }, async (sound) =>
      setMade(await create.mutateAsync({ body: sound })),
    );
  };

  if (made) return <MadeKey made={made} onClose={onClose} />;
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={isMine ? 'New API key of mine' : 'New API key'}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <form
        ref={sight.form}
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          sight.sent();
          void submit();
        }}
      >
        <Stack gap="sm">
          {isMine ? (
            <Text size="sm" c="dimmed">
              Whoever has it acts in your name, as far as its permissions go, without being asked for your password.
            </Text>
          ) : (
            <AccountPicker
              label="Service account"
              visibleLabel
              kind="service"
              value={account?.id ?? null}
              account={account ?? undefined}
              error={errors.ownerId}
              nothingFound="No service account of that name"
              onChange={(next) => {
                setAccount(next);
                form.set('ownerId', next?.id ?? '');
              }}
            />
          )}
          <TextInput
            data-autofocus
            label="Label"
            placeholder="Nightly export"
            description="What it is for, so that you know which one to revoke"
            maxLength={120}
            {...form.text('label')}
          />
          <PermissionsField
            value={values.permissions.filter((permission) => refusalOf(permission) === undefined)}
            error={errors.permissions}
            refusalOf={refusalOf}
            onChange={(next) => form.set('permissions', next)}
          />
          <TagsInput
            label="Networks"
            description="Where it may be used from, as 192.0.2.7 or 2001:db8::/32; anywhere if left empty"
            placeholder={values.networks.length === 0 ? 'anywhere' : ''}
            value={values.networks}
            error={errors.networks}
            splitChars={[',', ';', ' ', '\n']}
            maxTags={20}
            clearable
            classNames={{ input: pills.input, inputField: pills.inputField }}
            onChange={(next) => form.set('networks', separate(next))}
          />
          {mayLimit ? (
            <DeviceScopeField
              everything={isMine ? 'All that I see' : 'All its account sees'}
              scope={values.deviceScope}
              groupIds={values.deviceGroupIds}
              hint="Of their devices it sees those that its account and its maker see, too"
              error={errors.deviceGroupIds}
              onChange={(deviceScope, deviceGroupIds) => {
                form.set('deviceScope', deviceScope);
                form.set('deviceGroupIds', deviceGroupIds);
              }}
            />
          ) : null}
          <Textarea
            label="Certificate"
            description="Optional, in PEM: the key is then good only with the private key of this certificate, at the port for keys. A copied key alone is worth nothing."
            placeholder="-----BEGIN CERTIFICATE-----"
            classNames={{ input: 'mono' }}
            autosize
            minRows={2}
            maxRows={6}
            spellCheck={false}
            {...form.text('certificate')}
          />
          <NumberInput
            label="Ends after"
            description={endText(values.expiresInDays)}
            suffix=" days"
            min={1}
            max={apiKeyDays.most}
            allowDecimal={false}
            clampBehavior="none"
            {...form.field('expiresInDays')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending || createOwn.isPending}>
              Create key
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** What was typed or pasted in one go, as the entries it stands for. */
const separate = (texts: readonly string[]) => [
  ...new Set(texts.flatMap((text) => text.split(/[\s,;]+/)).filter((text) => text !== '')),
];

/** A key never holds more than its maker and its account do. */
function useRefusalOf(account: User | null) {
  const me = useMe();
  const { data } = useEndpoint(rolesList, {}, { staleTime: 60_000, enabled: account !== null });
  const ofAccount = account ? data?.items.find(({ name }) => name === account.role)?.permissions : undefined;
  return (permission: Permission): string | undefined => {
    if (!me.permissions.includes(permission)) return 'You do not hold it yourself';
    if (account && ofAccount && !ofAccount.includes(permission))
      return `The account does not hold it: its role is ${humanName(account.role)}`;
    return undefined;
  };
}

function endText(days: number | string): string {
  const bounds = `1 to ${apiKeyDays.most} days; ${apiKeyDays.usual} if left empty`;
  if (typeof days !== 'number' || days < 1 || days > apiKeyDays.most) return bounds;
  return `${bounds}. Until ${exactTime(Date.now() + days * dayMs, { milliseconds: false })}`;
}
