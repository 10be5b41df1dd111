import { Anchor, Skeleton } from '@mantine/core';
import { IconCheck, IconEye, IconRotate, IconShieldCheck } from '@tabler/icons-react';
import { type Incident, incidentAcknowledge, incidentGet } from '@valtronics/contract';
import { useState } from 'react';
import { Link, useParams } from 'react-router';
import { useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { Fact, Facts } from '../../ui/facts.tsx';
import { countText } from '../../ui/format-value.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { BackTo, PageHeader, Panel } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { IncidentSeverityBadge, IncidentStatusLabel } from '../../ui/severity.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { type Act, ActDialog } from './act-dialog.tsx';
import { BreachPanel } from './breach-panel.tsx';
import { IncidentTimeline } from './incident-timeline.tsx';
import { lasting, scopeWord } from './incident-words.ts';
import classes from './incidents.module.css';
import { OwnerPanel } from './owner-panel.tsx';
import { incidentPollMs, useIncidentNews } from './use-incident-news.ts';

export function IncidentPage() {
  useIncidentNews();
  const { id = '' } = useParams();
  const { data, error, refetch } = useEndpoint(incidentGet, { params: { id } }, { refetchInterval: incidentPollMs });
  const refusal = useRefusal(incidentAcknowledge);
  const [act, setAct] = useState<Act | null>(null);
  if (error && !data) return <ErrorState problem={error} onRetry={() => void refetch()} />;
  if (!data) return <Skeleton height={320} aria-label="Loading the incident" />;
  const { timeline, timelineIsCut, ...incident } = data;
  return (
    <>
      <PageHeader
        before={<BackTo path={paths.incidents}>Incidents</BackTo>}
        title={incident.title}
        after={
          <>
            <IncidentSeverityBadge severity={incident.severity} muted={incident.status === 'resolved'} />
            <IncidentStatusLabel status={incident.status} />
          </>
        }
        actions={<Steps status={incident.status} refusal={refusal} onAct={setAct} />}
      />
      <div className={classes.columns}>
        <IncidentTimeline id={id} timeline={timeline} isCut={timelineIsCut} />
        <div className={classes.aside}>
          <What incident={incident} refusal={refusal} onAct={setAct} />
          <OwnerPanel incident={incident} refusal={refusal} />
          <BreachPanel incident={incident} refusal={refusal} onAct={setAct} />
        </div>
      </div>
      {act ? <ActDialog act={act} incident={incident} onClose={() => setAct(null)} /> : null}
    </>
  );
}

interface StepsProps {
  status: Incident['status'];
  refusal: string | undefined;
  onAct: (act: Act) => void;
}

function Steps({ status, refusal, onAct }: StepsProps) {
  if (status === 'resolved')
    return (
      <GuardedButton
        variant="default"
        refusal={refusal}
        leftSection={<IconRotate size={14} />}
        onClick={() => onAct('reopen')}
      >
        Reopen
      </GuardedButton>
    );
  return (
    <>
      <GuardedButton
        variant={status === 'open' ? 'filled' : 'default'}
        refusal={refusal ?? (status === 'open' ? undefined : 'Acknowledged already')}
        leftSection={<IconEye size={14} />}
        onClick={() => onAct('acknowledge')}
      >
        Acknowledge
      </GuardedButton>
      <GuardedButton
        variant="default"
        refusal={refusal ?? (status === 'contained' ? 'Contained already' : undefined)}
        leftSection={<IconShieldCheck size={14} />}
        onClick={() => onAct('contain')}
      >
        Contain
      </GuardedButton>
      <GuardedButton
        variant="default"
        refusal={refusal}
        leftSection={<IconCheck size={14} />}
        onClick={() => onAct('resolve')}
      >
        Resolve
      </GuardedButton>
    </>
  );
}

/** The events of its time about its subject; those of each detection stand in the timeline. */
function eventsPath({ subject, firstAt, lastAt }: Incident): string {
  const to = new Date(Date.parse(lastAt) + 1).toISOString();
  const about =
    subject?.scope === 'ip' || subject?.scope === 'range'
      ? { address: subject.value }
      : subject?.scope === 'user'
        ? { userId: subject.value }
        : subject?.scope === 'device'
          ? { deviceId: subject.value }
          : {};
  return paths.securityEventsOf({ ...about, from: firstAt, to });
}

interface PartProps {
  incident: Incident;
  refusal: string | undefined;
  onAct: (act: Act) => void;
}

function What({ incident, refusal, onAct }: PartProps) {
  const { subject, scope } = incident;
  return (
    <Panel
      title="What it is"
      aside={
        <GuardedButton variant="subtle" size="compact-xs" refusal={refusal} onClick={() => onAct('severity')}>
          Change severity
        </GuardedButton>
      }
    >
      <Facts>
        {subject && subject.scope !== 'organisation' && subject.scope !== 'instance' ? (
          <Fact name={scopeWord(subject.scope)}>
            <Copyable value={subject.value} label={`Copy the ${scopeWord(subject.scope).toLowerCase()}`} />
          </Fact>
        ) : null}
        <Fact name="Of">{scope === 'instance' ? 'the instance' : 'this organisation'}</Fact>
        <Fact name="Opened">
          <RelativeTime at={incident.openedAt} /> {incident.openedBy ? `by ${incident.openedBy}` : 'by a detection'}
        </Fact>
        <Fact name="Began">
          <RelativeTime at={incident.firstAt} />
        </Fact>
        <Fact name="Last seen">
          <RelativeTime at={incident.lastAt} />
        </Fact>
        <Fact name="Detections">
          {incident.detections === 0 || !subject ? (
            countText(incident.detections)
          ) : (
            <Anchor component={Link} to={paths.detectionsOf(subject.value)} size="sm">
              {countText(incident.detections)}
            </Anchor>
          )}
        </Fact>
        <Fact name="Events">
          {incident.events === 0 ? (
            '0'
          ) : (
            <Anchor component={Link} to={eventsPath(incident)} size="sm">
              {countText(incident.events)}
            </Anchor>
          )}
        </Fact>
        <Fact name="To acknowledge">{lasting(incident.secondsToAcknowledge)}</Fact>
        <Fact name="To resolve">{lasting(incident.secondsToResolve)}</Fact>
        <Fact name="Id">
          <Copyable value={incident.id} label="Copy the incident id" shorten />
        </Fact>
      </Facts>
    </Panel>
  );
}
