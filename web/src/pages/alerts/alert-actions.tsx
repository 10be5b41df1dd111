import { Button, Group, Modal, Stack, Textarea } from '@mantine/core';
import { IconCheck, IconEye } from '@tabler/icons-react';
import { type Alert, alertAcknowledge, alertResolve } from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { orLeftOut, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { sayDone } from '../../ui/toasts.tsx';

type Act = 'acknowledge' | 'resolve';

/** What can be done with one alert or several; a note goes into the history of each. */
export function AlertActions({ alerts, onDone }: { alerts: readonly Alert[]; onDone?: () => void }) {
  const refusal = useRefusal(alertAcknowledge);
  const [act, setAct] = useState<Act | null>(null);
  const active = alerts.filter(({ status }) => status === 'active');
  const open = alerts.filter(({ status }) => status !== 'resolved');
  const nothing = (what: readonly Alert[], reason: string) => refusal ?? (what.length === 0 ? reason : undefined);
  const count = (what: readonly Alert[]) => (alerts.length > 1 ? ` ${what.length}` : '');
  return (
    <>
      <GuardedButton
        variant="default"
        leftSection={<IconEye size={14} />}
        refusal={nothing(active, 'Nothing here is waiting to be acknowledged')}
        onClick={() => setAct('acknowledge')}
      >
        Acknowledge{count(active)}
      </GuardedButton>
      <GuardedButton
        variant="default"
        leftSection={<IconCheck size={14} />}
        refusal={nothing(open, 'Already resolved')}
        onClick={() => setAct('resolve')}
      >
        Resolve{count(open)}
      </GuardedButton>
      {act ? (
        <ActDialog
          act={act}
          alerts={act === 'acknowledge' ? active : open}
          onClose={() => setAct(null)}
          onDone={onDone}
        />
      ) : null}
    </>
  );
}

interface DialogProps {
  act: Act;
  alerts: readonly Alert[];
  onClose: () => void;
  onDone?: (() => void) | undefined;
}

function ActDialog({ act, alerts, onClose, onDone }: DialogProps) {
  const endpoint = act === 'acknowledge' ? alertAcknowledge : alertResolve;
  const change = useChange<typeof alertAcknowledge | typeof alertResolve>(endpoint, ['/alerts']);
  const form = useContractForm({ note: '' });
  const [only] = alerts;
  const what = alerts.length === 1 && only ? `“${only.title}”` : `${alerts.length} alerts`;
  const verb = act === 'acknowledge' ? 'Acknowledge' : 'Resolve';
  return (
    <Modal opened onClose={onClose} title={`${verb} ${what}`} closeButtonProps={{ 'aria-label': 'Close' }}>
      <form
        noValidate
        onSubmit={(event) => {
          event.preventDefault();
          void form.submit(endpoint.body, { note: orLeftOut(form.values.note) }, async (body) => {
            for (const { id } of alerts) await change.mutateAsync({ params: { id }, body });
            sayDone(`${what} ${act === 'acknowledge' ? 'acknowledged' : 'resolved'}`);
            onDone?.();
            onClose();
          });
        }}
      >
        <Stack gap="sm">
          <Textarea
            data-autofocus
            label="Note"
            description="For the history; may stay empty"
            autosize
            minRows={2}
            maxLength={2000}
            {...form.text('note')}
          />
          <FormProblem problem={form.problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button type="submit" loading={change.isPending}>
              {verb}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
