import { Button, Code, Drawer, Group, Stack } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { type AuditEvent, auditEventProof } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { download } from '../../ui/download.ts';
import { Fact, Facts } from '../../ui/facts.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import { sayProblem } from '../../ui/toasts.tsx';
import classes from './audit-log.module.css';
import { actorName, eventText, outcomeWords } from './audit-words.ts';
import { ProofBadge } from './proof-status.tsx';

interface Props {
  event: AuditEvent | null;
  onClose: () => void;
  onFilter: (changes: Record<string, string>) => void;
}

export function AuditEventDrawer({ event, onClose, onFilter }: Props) {
  return (
    <Drawer
      opened={event !== null}
      onClose={onClose}
      position="right"
      size={480}
      title={event ? `${actorName(event.actor)} ${eventText(event)}` : ''}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {event ? (
        <Stack gap="md">
          <Facts>
            <Fact name="When">{exactTime(event.at)}</Fact>
            <Fact name="Event">
              <span className="mono">{event.event}</span>
            </Fact>
            <Fact name="Outcome">{outcomeWords[event.outcome]}</Fact>
            <Fact name="Who">
              {event.actor.kind}
              {event.actor.label ? ` ${event.actor.label}` : ''}{' '}
              {event.actor.id ? <Copyable value={event.actor.id} label="Copy the actor id" shorten /> : null}
            </Fact>
            {event.resource ? (
              <Fact name="On">
                {event.resource.kind.replaceAll('_', ' ')}{' '}
                <Copyable value={event.resource.id} label="Copy the resource id" shorten />
              </Fact>
            ) : null}
            <Fact name="From">{event.address ?? '–'}</Fact>
            <Fact name="Proof">
              <ProofBadge proof={event.proof} />
              {event.proof.position === null ? null : ` at position ${event.proof.position}`}
            </Fact>
            {event.requestId ? (
              <Fact name="Request">
                <Copyable value={event.requestId} label="Copy the request id" shorten />
              </Fact>
            ) : null}
            <Fact name="Id">
              <Copyable value={event.id} label="Copy the event id" shorten />
            </Fact>
          </Facts>
          {Object.keys(event.details).length > 0 ? (
            <Code block className={classes.details} tabIndex={0}>
              {JSON.stringify(event.details, null, 2)}
            </Code>
          ) : null}
          <Group gap="xs">
            <ProofButton event={event} />
            <Button variant="default" onClick={() => onFilter({ event: event.event })}>
              All of this event
            </Button>
            {event.actor.id ? (
              <Button variant="default" onClick={() => onFilter({ actor: event.actor.id ?? '' })}>
                All by this actor
              </Button>
            ) : null}
            {event.resource ? (
              <Button variant="default" onClick={() => onFilter({ resource: event.resource?.id ?? '' })}>
                All on this resource
              </Button>
            ) : null}
          </Group>
        </Stack>
      ) : null}
    </Drawer>
  );
}

/** A file anybody can verify, without this installation. */
function ProofButton({ event }: { event: AuditEvent }) {
  const prove = useChange(auditEventProof, []);
  return (
    <GuardedButton
      variant="default"
      leftSection={<IconDownload size={14} />}
      loading={prove.isPending}
      refusal={event.proof.status === 'signed' ? undefined : 'Not signed yet: that takes up to five seconds'}
      onClick={() =>
        prove.mutate(
          { params: { id: event.id } },
          {
            onSuccess: (proof) => download(`${event.id}.tlog-proof`, proof, 'text/plain'),
            onError: (problem) => sayProblem(problem),
          },
        )
      }
    >
      Save the proof
    </GuardedButton>
  );
}
