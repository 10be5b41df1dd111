import { Skeleton } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconInfoCircle, IconUrgent } from '@tabler/icons-react';
import { alertsSummary, deviceStatus, type FleetSummary } from '@valtronics/contract';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { Figure, FigureStrip, Figures } from '../../ui/figures.tsx';
import { humanName } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import { deviceStatusWord } from '../../ui/severity.tsx';

const severities = [
  { severity: 'critical', word: 'Critical', icon: IconUrgent },
  { severity: 'warning', word: 'Warning', icon: IconAlertTriangle },
  { severity: 'info', word: 'Info', icon: IconInfoCircle },
] as const;

/** Counts of the fleet; each opens the list behind it. */
export function FleetFigures({ summary, withAlerts }: { summary: FleetSummary | undefined; withAlerts: boolean }) {
  const { data: alerts } = useEndpoint(alertsSummary, {}, { enabled: withAlerts });
  if (!summary) return <Skeleton height={88} />;
  return (
    <FigureStrip>
      <Figures title="Devices">
        <Figure to={paths.devices} count={summary.total} label="in all" />
        {deviceStatus.options.map((status) => (
          <Figure
            key={status}
            to={`${paths.devices}?status=${status}`}
            count={summary.byStatus[status] ?? 0}
            label={deviceStatusWord(status).toLowerCase()}
          />
        ))}
      </Figures>
      {withAlerts ? (
        <Figures title="Active alerts">
          {severities.map(({ severity, word, icon: Icon }) => {
            const count = alerts?.active[severity] ?? 0;
            return (
              <Figure
                key={severity}
                to={`${paths.alerts}?status=active&severity=${severity}`}
                count={count}
                label={word}
                tone={count > 0 ? severity : undefined}
                icon={<Icon size={14} aria-hidden />}
              />
            );
          })}
          <Figure
            to={`${paths.alerts}?status=resolved`}
            count={alerts?.resolvedLast24h ?? 0}
            label="resolved, 24 h"
            icon={<IconCircleCheck size={14} aria-hidden />}
          />
        </Figures>
      ) : null}
      <Figures title="Online by type">
        {summary.byType.map(({ type, total, online }) => (
          <Figure
            key={type}
            to={`${paths.devices}?type=${type}`}
            count={online}
            of={total}
            label={humanName(type).toLowerCase()}
          />
        ))}
      </Figures>
    </FigureStrip>
  );
}
