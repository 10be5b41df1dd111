import { Skeleton } from '@mantine/core';
import { IconClockExclamation, IconUserQuestion } from '@tabler/icons-react';
import { incidentSeverities, incidentsSummary } from '@valtronics/contract';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { Figure, FigureStrip, Figures } from '../../ui/figures.tsx';
import { paths } from '../../ui/paths.ts';
import { incidentSeverityWord } from '../../ui/severity.tsx';
import { lasting } from './incident-words.ts';
import { incidentPollMs } from './use-incident-news.ts';

const tones = { critical: 'critical', high: 'critical', medium: 'warning', low: 'info' } as const;

/** Counts of incidents; each opens the list behind it. */
export function IncidentFigures() {
  const { data } = useEndpoint(incidentsSummary, {}, { refetchInterval: incidentPollMs });
  // The list below says what is wrong.
  if (!data) return <Skeleton height={88} mb="lg" />;
  const resolved = paths.incidentsOf({ status: 'all', resolvedFrom: data.since });
  return (
    <FigureStrip>
      <Figures title="Not resolved">
        {incidentSeverities.toReversed().map((severity) => {
          const count = data.open[severity] ?? 0;
          return (
            <Figure
              key={severity}
              to={`${paths.incidents}?severity=${severity}`}
              count={count}
              label={incidentSeverityWord(severity).toLowerCase()}
              tone={count > 0 ? tones[severity] : undefined}
            />
          );
        })}
      </Figures>
      <Figures title="Waiting">
        <Figure to={`${paths.incidents}?status=open`} count={data.unacknowledged} label="for acknowledgement" />
        <Figure
          to={`${paths.incidents}?owner=none`}
          count={data.unowned}
          label="for an owner"
          icon={<IconUserQuestion size={14} aria-hidden />}
        />
        <Figure
          to={`${paths.incidents}?status=all&breach=running`}
          count={data.breachesRunning}
          label="for the authority"
          tone={data.breachesRunning > 0 ? 'critical' : undefined}
          icon={<IconClockExclamation size={14} aria-hidden />}
        />
      </Figures>
      <Figures title="Last 30 days">
        <Figure to={resolved} count={data.resolvedLast30d} label="resolved" />
        <Figure
          to={paths.incidentsOf({ status: 'all', from: data.since })}
          count={lasting(data.meanSecondsToAcknowledge)}
          label="to acknowledge, on average"
        />
        <Figure to={resolved} count={lasting(data.meanSecondsToResolve)} label="to resolve, on average" />
      </Figures>
    </FigureStrip>
  );
}
