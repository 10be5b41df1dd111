import { Button, Group, Modal, NativeSelect, SegmentedControl, Stack, Text, Textarea, TextInput } from '@mantine/core';
import {
  type SiemFormat,
  type SiemKind,
  siemDestinationChange,
  siemDestinationCreate,
  siemFormats,
  siemKinds,
} from '@valtronics/contract';
import { useState } from 'react';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { useFaultInSight } from '../../ui/forms/use-fault-in-sight.ts';
import { SecretOnce } from '../../ui/secret-once.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { blank, bodyOf, hasIndex, type Values, valuesOf } from './destination-form.ts';
import { type Destination, formatWords, kindWords, secrets, targets } from './siem-words.ts';

const stale = ['/siem-destinations'];

export function DestinationDialog({ destination, onClose }: { destination?: Destination; onClose: () => void }) {
  const form = useContractForm<Values>(destination ? valuesOf(destination) : blank);
  const create = useChange(siemDestinationCreate, stale);
  const change = useChange(siemDestinationChange, stale);
  const [secret, setSecret] = useState<string | null>(null);
  const { values } = form;
  const sight = useFaultInSight(form.errors, form.problem);

  const submit = () => {
    const body = bodyOf(values);
    const done = (made: { secret: string | null }) => {
      if (made.secret) return setSecret(made.secret);
      sayDone(destination ? `${values.name} saved` : `${values.name} gets every event from now on`);
      onClose();
    };
    if (destination)
      return form.submit(siemDestinationChange.body, body, async (sound) =>
        done(await change.mutateAsync({ params: { id: destination.id }, body: sound })),
      );
    return form.submit(siemDestinationCreate.body, { ...body, kind: values.kind }, async (sound) =>
      done(await create.mutateAsync({ body: sound })),
    );
  };

  if (secret) return <MadeSecret name={values.name} secret={secret} onClose={onClose} />;
  return (
    <Modal
      opened
      onClose={onClose}
      size="lg"
      title={destination ? destination.name : 'New SIEM destination'}
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
          {destination ? (
            <Text size="sm" c="dimmed">
              {kindWords[values.kind]}. What was not handed over yet goes out the new way.
            </Text>
          ) : (
            <NativeSelect
              label="Kind"
              value={values.kind}
              data={siemKinds.map((value) => ({ value, label: kindWords[value] }))}
              onChange={(event) => form.set('kind', event.currentTarget.value as SiemKind)}
            />
          )}
          <TextInput data-autofocus label="Name" placeholder="SOC" maxLength={120} {...form.text('name')} />
          <TextInput
            label={targets[values.kind].label}
            description={targets[values.kind].hint}
            placeholder={targets[values.kind].placeholder}
            autoComplete="off"
            maxLength={500}
            {...form.text('target')}
          />
          <NativeSelect
            label="Format"
            value={values.format}
            error={form.errors.format}
            data={siemFormats.map((value) => ({ value, label: formatWords[value] }))}
            onChange={(event) => form.set('format', event.currentTarget.value as SiemFormat)}
          />
          <OfKind form={form} hasSecret={destination?.hasSecret ?? false} />
          {values.kind === 'file' ? null : <Tls form={form} hasKey={destination?.hasClientKey ?? false} />}
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={create.isPending || change.isPending}>
              {destination ? 'Save' : 'Add destination'}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

type Form = ReturnType<typeof useContractForm<Values>>;

function OfKind({ form, hasSecret }: { form: Form; hasSecret: boolean }) {
  const { kind, batch } = form.values;
  const secret = secrets[kind];
  return (
    <>
      {secret ? (
        <TextInput
          label={secret.label}
          description={hasSecret ? `${secret.hint}. Empty: the one that is kept stays` : secret.hint}
          classNames={{ input: 'mono' }}
          autoComplete="off"
          spellCheck={false}
          maxLength={1000}
          {...form.text('secret')}
        />
      ) : null}
      {hasIndex(kind) ? (
        <TextInput
          label={kind === 'splunk_hec' ? 'Index' : 'Data stream or index'}
          description="Optional"
          autoComplete="off"
          maxLength={100}
          {...form.text('index')}
        />
      ) : null}
      {kind === 'https' ? (
        <div>
          <Text size="sm" fw={500} mb={4}>
            A request carries
          </Text>
          <SegmentedControl
            aria-label="A request carries"
            size="xs"
            value={batch}
            onChange={(next) => form.set('batch', next as Values['batch'])}
            data={[
              { value: 'array', label: 'A JSON array' },
              { value: 'lines', label: 'One event a line' },
            ]}
          />
        </div>
      ) : null}
      {kind === 'syslog_tls' ? (
        <TextInput
          label="Name in its certificate"
          description="Optional: the host of the receiver unless told"
          autoComplete="off"
          maxLength={253}
          {...form.text('serverName')}
        />
      ) : null}
    </>
  );
}

const pem = {
  autosize: true,
  minRows: 2,
  maxRows: 5,
  spellCheck: false,
  classNames: { input: 'mono' },
  placeholder: '-----BEGIN CERTIFICATE-----',
} as const;

function Tls({ form, hasKey }: { form: Form; hasKey: boolean }) {
  return (
    <>
      <Textarea
        {...pem}
        label="Authorities"
        description="Optional, PEM: who may vouch for the receiver; those of the system unless told"
        {...form.text('ca')}
      />
      <Textarea
        {...pem}
        label="Client certificate"
        description="Optional, PEM: shown to the receiver (mutual TLS)"
        {...form.text('clientCertificate')}
      />
      {form.values.clientCertificate.trim() === '' ? null : (
        <Textarea
          {...pem}
          placeholder="-----BEGIN PRIVATE KEY-----"
          label="Its private key"
          description={`PEM; kept sealed and never shown${hasKey ? '. Empty: the one that is kept stays' : ''}`}
          {...form.text('clientKey')}
        />
      )}
    </>
  );
}

export function MadeSecret({ name, secret, onClose }: { name: string; secret: string; onClose: () => void }) {
  return (
    <Modal
      opened
      onClose={onClose}
      title={`The signing secret of ${name}`}
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      <SecretOnce
        label="Signing secret"
        secret={secret}
        kept="it is stored encrypted, to sign with, and never shown again"
      >
        <Text size="sm" c="dimmed">
          Every delivery is signed with it (Standard Webhooks), so that the receiver can tell it came from here.
        </Text>
        <Group justify="flex-end">
          <Button onClick={onClose}>Done</Button>
        </Group>
      </SecretOnce>
    </Modal>
  );
}
