import { Autocomplete, Box, Button, Group, Input, Modal, NumberInput, Stack, Text, TextInput } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { claimsCreate, maxClaimsAtOnce } from '@valtronics/contract';
import { useState } from 'react';
import type { ResultOf } from '../../api/call.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { downloadCsv, toCsv } from '../../ui/csv.ts';
import { download } from '../../ui/download.ts';
import { DurationInput } from '../../ui/forms/duration-input.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { CopyBlock, SecretOnce } from '../../ui/secret-once.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import { enrolExample } from './enrol-example.ts';

type Made = ResultOf<typeof claimsCreate>;

const aDay = 86_400;

export function MakeClaimsDialog({ types, onClose }: { types: readonly string[]; onClose: () => void }) {
  const [made, setMade] = useState<Made | null>(null);
  return (
    <Modal
      opened
      onClose={onClose}
      size={made ? 'lg' : 'md'}
      title={made ? titleOf(made) : 'New claims'}
      closeOnClickOutside={!made}
      // Once closed, the tokens are gone: the way out is the button that says so.
      closeOnEscape={!made}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {made ? (
        <MadeClaims made={made} onClose={onClose} />
      ) : (
        <ClaimsForm types={types} onMade={setMade} onClose={onClose} />
      )}
    </Modal>
  );
}

const titleOf = ({ claims }: Made) => (claims.length === 1 ? 'A claim is made' : `${claims.length} claims are made`);

interface FormProps {
  types: readonly string[];
  onMade: (made: Made) => void;
  onClose: () => void;
}

function ClaimsForm({ types, onMade, onClose }: FormProps) {
  const create = useChange(claimsCreate, ['/device-provisioning/claims']);
  const form = useContractForm({
    count: 10 as number | string,
    deviceType: '',
    namePrefix: '',
    validMinutes: (aDay / 60) as number | string,
  });
  const { count, deviceType, namePrefix, validMinutes } = form.values;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        const prefix = orLeftOut(namePrefix);
        const body = {
          count,
          deviceType: deviceType.trim(),
          validMinutes,
          ...(prefix === undefined ? {} : { namePrefix: prefix }),
        };
        void form.submit(claimsCreate.body, body, async (sound) => onMade(await create.mutateAsync({ body: sound })));
      }}
    >
      <Stack gap="sm">
        <NumberInput
          data-autofocus
          label="How many"
          description={`One for each device, ${maxClaimsAtOnce} at once at most`}
          min={1}
          max={maxClaimsAtOnce}
          clampBehavior="none"
          allowDecimal={false}
          {...form.field('count')}
        />
        <Autocomplete
          label="Type"
          description="What kind of devices they are; a–z, digits, _ and -"
          placeholder="temperature"
          data={[...types]}
          {...form.field('deviceType')}
        />
        <TextInput
          label="Names begin with"
          description="Some of the device’s id follows; the type unless told"
          placeholder="Freezer hall 3"
          maxLength={80}
          {...form.text('namePrefix')}
        />
        <Input.Wrapper label="Good for" description="30 days at most; the shorter, the less a lost one is worth">
          <Box mt={6}>
            <DurationInput
              label="Good for"
              value={typeof validMinutes === 'number' ? validMinutes * 60 : validMinutes}
              error={form.errors.validMinutes}
              onChange={(next) => form.set('validMinutes', typeof next === 'number' ? Math.round(next / 60) : next)}
            />
          </Box>
        </Input.Wrapper>
        <FormProblem problem={form.problem} />
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Cancel
          </Button>
          <Button type="submit" loading={create.isPending}>
            Make them
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function MadeClaims({ made: { claims, expiresAt }, onClose }: { made: Made; onClose: () => void }) {
  const lines = claims.map(({ token }) => token).join('\n');
  const csv = () =>
    toCsv(
      ['claim_id', 'token', 'expires_at'],
      claims.map(({ id, token }) => [id, token, expiresAt]),
    );
  return (
    <SecretOnce label={claims.length === 1 ? 'Claim' : 'Claims, one in a line'} secret={lines}>
      <Group gap="xs">
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconDownload size={14} />}
          onClick={() => download('claims.txt', `${lines}\n`, 'text/plain;charset=utf-8')}
        >
          Download as text
        </Button>
        <Button
          size="compact-sm"
          variant="default"
          leftSection={<IconDownload size={14} />}
          onClick={() => downloadCsv('claims', csv())}
        >
          Download as CSV
        </Button>
      </Group>
      <Text size="sm">
        Put one into each device. Whoever has a claim can enrol a device with it, once, until{' '}
        {exactTime(expiresAt, { milliseconds: false })}.
      </Text>
      <CopyBlock label="What a device does with its claim" text={enrolExample(window.location.origin)} />
      <Group justify="flex-end">
        <Button onClick={onClose}>Done</Button>
      </Group>
    </SecretOnce>
  );
}
