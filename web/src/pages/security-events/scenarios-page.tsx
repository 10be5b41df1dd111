import { Anchor, Switch } from '@mantine/core';
import { IconRadar } from '@tabler/icons-react';
import { type DetectionScenarioBody, detectionScenarioChange, detectionScenariosList } from '@valtronics/contract';
import { Link } from 'react-router';
import { asProblem } from '../../api/problem-error.ts';
import { useMe, useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { IncidentSeverityBadge } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import classes from './security-events.module.css';
import { SecurityTabs } from './security-tabs.tsx';

export function ScenariosPage() {
  const { data, error, isPending, refetch } = useEndpoint(detectionScenariosList, {});
  const { organisation } = useMe();
  const mayNot = useRefusal(detectionScenarioChange);
  const refusal = mayNot ?? (organisation.operatesInstance ? undefined : 'For whoever runs this instance');
  const change = useChange(detectionScenarioChange, ['/detection-scenarios']);
  const put = async ({ id, name }: DetectionScenarioBody, simulated: boolean) => {
    try {
      await change.mutateAsync({ params: { id }, body: { simulated } });
      sayDone(simulated ? `“${name}” is tried out: nothing follows from it` : `“${name}” is in force`);
    } catch (failure) {
      sayProblem(asProblem(failure));
    }
  };
  const inForce: Column<DetectionScenarioBody> = {
    key: 'force',
    header: 'In force',
    width: '72px',
    cell: (scenario) => (
      <Switch
        size="xs"
        aria-label={`${scenario.name} is in force`}
        title={refusal ?? (scenario.simulated ? 'Tried out: shown, and nothing follows' : undefined)}
        checked={!scenario.simulated}
        disabled={refusal !== undefined || change.isPending}
        onChange={(event) => void put(scenario, !event.currentTarget.checked)}
      />
    ),
  };
  return (
    <>
      <PageHeader
        title="Scenarios"
        detail="What is looked for in security events, and what follows; one that is not in force is tried out"
      />
      <SecurityTabs value="scenarios" />
      {error && !data ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : (
        <DataTable
          label="Scenarios"
          columns={[...columns, inForce]}
          rows={data?.items ?? []}
          rowHeight={52}
          loading={isPending}
          empty={
            <EmptyState
              icon={<IconRadar size={20} />}
              title="No scenarios"
              hint="Scenarios come with the product; without any, nothing is detected."
            />
          }
        />
      )}
    </>
  );
}

const decisionWords = { none: '', block: 'a block', ban: 'a ban' } as const;
function followsText({ response: { decision, opensIncident } }: DetectionScenarioBody): string {
  const both = [decisionWords[decision], opensIncident ? 'an incident' : ''].filter(Boolean);
  return both.length === 0 ? 'it is shown' : both.join(' and ');
}

const columns: readonly Column<DetectionScenarioBody>[] = [
  {
    key: 'severity',
    header: 'Severity',
    width: '92px',
    cell: ({ severity, simulated }) => <IncidentSeverityBadge severity={severity} muted={simulated} />,
  },
  {
    key: 'name',
    header: 'Scenario',
    width: 'minmax(150px, 2fr)',
    cell: ({ name, description }) => (
      <span className={classes.two}>
        <b className="truncate">{name}</b>
        <span className="truncate" title={description}>
          {description}
        </span>
      </span>
    ),
  },
  {
    key: 'follows',
    header: 'What follows',
    width: 'minmax(130px, 0.8fr)',
    from: 700,
    cell: followsText,
  },
  {
    key: 'technique',
    header: 'ATT&CK',
    width: '92px',
    from: 860,
    cell: ({ technique }) => <span className="dim mono">{technique ?? '–'}</span>,
  },
  {
    key: 'found',
    header: 'Found',
    width: '92px',
    from: 560,
    cell: ({ id }) => (
      <Anchor component={Link} to={`${paths.detections}?${new URLSearchParams({ scenario: id })}`} size="sm">
        Detections
      </Anchor>
    ),
  },
];
