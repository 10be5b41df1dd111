import { Anchor, Button, Drawer, Group, Skeleton, Stack, Textarea } from '@mantine/core';
import { alertGet, alertNote } from '@valtronics/contract';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import type { ResultOf } from '../../api/call.ts';
import { useMay, useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { formatValue } from '../../ui/format-value.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { paths } from '../../ui/paths.ts';
import { AlertStatusLabel, SeverityBadge } from '../../ui/severity.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { AlertActions } from './alert-actions.tsx';
import { AlertChart } from './alert-chart.tsx';
import classes from './alerts.module.css';

type Detail = ResultOf<typeof alertGet>;

/** One alert with its curve and whole history. */
export function AlertDrawer({ id, onClose }: { id: string | undefined; onClose: () => void }) {
  const { data, error, refetch } = useEndpoint(alertGet, { params: { id: id ?? '' } }, { enabled: id !== undefined });
  return (
    <Drawer
      opened={id !== undefined}
      onClose={onClose}
      position="right"
      size={560}
      title={data?.title ?? 'Alert'}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {error && !data ? <ErrorState problem={error} onRetry={() => void refetch()} /> : null}
      {data ? <Content alert={data} /> : error ? null : <Skeleton height={320} />}
    </Drawer>
  );
}

function Content({ alert }: { alert: Detail }) {
  const mayReadTelemetry = useMay('telemetry:read');
  const seesHealth = useMay('health:read');
  const mayWriteRules = useMay('alert:write');
  return (
    <Stack gap="lg">
      <Group justify="space-between">
        <Group gap="sm">
          <SeverityBadge severity={alert.severity} />
          <AlertStatusLabel status={alert.status} />
        </Group>
        <Group gap="xs">
          <AlertActions alerts={[alert]} />
        </Group>
      </Group>
      {alert.detail ? <div>{alert.detail}</div> : null}
      {alert.health && !seesHealth ? (
        <div className="dim">It is about measurements of a person, which your role does not let you see.</div>
      ) : null}
      {alert.metric && mayReadTelemetry && (seesHealth || !alert.health) ? (
        <AlertChart alert={alert} metric={alert.metric} />
      ) : null}
      <dl className={classes.facts}>
        <Fact name="Device">
          <Anchor component={Link} to={paths.device(alert.deviceId)} size="sm">
            {alert.deviceName}
          </Anchor>
        </Fact>
        {alert.metric ? <Fact name="Metric">{alert.metric}</Fact> : null}
        {alert.threshold === null ? null : <Fact name="Threshold">{formatValue(alert.threshold)}</Fact>}
        {alert.value === null ? null : <Fact name="Value that raised it">{formatValue(alert.value)}</Fact>}
        {alert.peak === null ? null : <Fact name="Worst since">{formatValue(alert.peak)}</Fact>}
        <Fact name="Began">
          <RelativeTime at={alert.startedAt} />
        </Fact>
        <Fact name={alert.type === 'rule' ? 'Raised by' : 'Raised by the device'}>
          {alert.ruleId && mayWriteRules ? (
            <Anchor component={Link} to={paths.rule(alert.ruleId)} size="sm">
              its rule
            </Anchor>
          ) : alert.type === 'rule' ? (
            'its rule'
          ) : (
            'itself'
          )}
        </Fact>
        <Fact name="Id">
          <Copyable value={alert.id} label="Copy the alert id" shorten />
        </Fact>
      </dl>
      <section>
        <h3>History</h3>
        <ol className={classes.history}>
          {alert.events.map((event, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: a history only grows at its end
            <li key={index}>
              <b>{eventWords[event.kind]}</b>
              {event.by ? ` by ${event.by}` : null}
              <div className="dim">{exactTime(event.at, { milliseconds: false })}</div>
              {event.note ? <div className={classes.note}>{event.note}</div> : null}
            </li>
          ))}
        </ol>
        <NoteForm id={alert.id} />
      </section>
    </Stack>
  );
}

const eventWords: Record<Detail['events'][number]['kind'], string> = {
  raised: 'Raised',
  acknowledged: 'Acknowledged',
  resolved: 'Resolved',
  cleared: 'Cleared by itself',
  note: 'Note',
  notified: 'Notified',
  notification_failed: 'Notification failed',
};

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function NoteForm({ id }: { id: string }) {
  const refusal = useRefusal(alertNote);
  const add = useChange(alertNote, ['/alerts']);
  const form = useContractForm({ note: '' });
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void form.submit(alertNote.body, { note: form.values.note }, async (body) => {
          await add.mutateAsync({ params: { id }, body });
          form.set('note', '');
        });
      }}
    >
      <Stack gap="xs">
        <Textarea
          aria-label="Note"
          placeholder="Write something into the history"
          autosize
          minRows={2}
          maxLength={2000}
          disabled={refusal !== undefined}
          {...form.text('note')}
        />
        <FormProblem problem={form.problem} />
        <Group justify="flex-end">
          {refusal || form.values.note.trim() === '' ? (
            <GuardedButton variant="default" refusal={refusal ?? 'Write the note first'}>
              Add note
            </GuardedButton>
          ) : (
            <Button type="submit" variant="default" loading={add.isPending}>
              Add note
            </Button>
          )}
        </Group>
      </Stack>
    </form>
  );
}
