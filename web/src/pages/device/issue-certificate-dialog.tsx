import { Button, Group, Modal, NumberInput, Stack, Textarea, TextInput } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { certificateIssue, type Device, maxCertificateDays } from '@valtronics/contract';
import { useState } from 'react';
import type { ResultOf } from '../../api/call.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { download } from '../../ui/download.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { CopyBlock, SecretOnce } from '../../ui/secret-once.tsx';

type Issued = ResultOf<typeof certificateIssue>;

export function IssueCertificateDialog({ device, onClose }: { device: Device; onClose: () => void }) {
  const [issued, setIssued] = useState<Issued | null>(null);
  return (
    <Modal
      opened
      size="lg"
      onClose={onClose}
      title="New certificate"
      closeOnClickOutside={!issued}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {issued ? (
        <IssuedCertificate device={device} issued={issued} onClose={onClose} />
      ) : (
        <IssueForm device={device} onIssued={setIssued} onClose={onClose} />
      )}
    </Modal>
  );
}

interface FormProps {
  device: Device;
  onIssued: (issued: Issued) => void;
  onClose: () => void;
}

function IssueForm({ device, onIssued, onClose }: FormProps) {
  const issue = useChange(certificateIssue, ['/devices/{id}/certificates']);
  const form = useContractForm({ label: '', validDays: maxCertificateDays as number | string, csr: '' });
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const { label, validDays, csr } = form.values;
        const [name, request] = [orLeftOut(label), orLeftOut(csr)];
        const body = {
          ...(name === undefined ? {} : { label: name }),
          ...(request === undefined ? {} : { csr: request }),
          ...(typeof validDays === 'number' ? { validDays } : {}),
        };
        void form.submit(certificateIssue.body, body, async (sound) => {
          onIssued(await issue.mutateAsync({ params: { id: device.id }, body: sound }));
        });
      }}
    >
      <Stack gap="sm">
        <TextInput data-autofocus label="Label" placeholder="rotation 2026" maxLength={120} {...form.text('label')} />
        <NumberInput
          label="Valid for"
          suffix=" days"
          min={1}
          max={maxCertificateDays}
          allowDecimal={false}
          {...form.field('validDays')}
        />
        <Textarea
          label="Certificate request of the device"
          description="PKCS#10 in PEM: the key stays in the device. Leave empty and a key is made here, shown once"
          placeholder="-----BEGIN CERTIFICATE REQUEST-----"
          autosize
          minRows={3}
          maxRows={10}
          maxLength={8192}
          classNames={{ input: 'mono' }}
          {...form.text('csr')}
        />
        <FormProblem problem={form.problem} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={issue.isPending}>
            Issue
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function IssuedCertificate({ device, issued, onClose }: { device: Device; issued: Issued; onClose: () => void }) {
  const { pem, privateKeyPem } = issued;
  return (
    <Stack gap="sm">
      {privateKeyPem ? (
        <SecretOnce label="Private key" secret={privateKeyPem} kept="it is not kept, so nobody can read it again">
          <SaveButton name={`${device.id}.key`} text={privateKeyPem} label="Download the key" />
        </SecretOnce>
      ) : null}
      <CopyBlock label="Certificate" text={pem} />
      <SaveButton name={`${device.id}.pem`} text={pem} label="Download the certificate" />
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </Stack>
  );
}

function SaveButton({ name, text, label }: { name: string; text: string; label: string }) {
  return (
    <div>
      <Button
        size="compact-sm"
        variant="default"
        leftSection={<IconDownload size={14} />}
        onClick={() => download(name, text, 'application/x-pem-file')}
      >
        {label}
      </Button>
    </div>
  );
}
