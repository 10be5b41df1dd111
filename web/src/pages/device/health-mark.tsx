import { Badge, Text, Tooltip } from '@mantine/core';
import { IconHeartbeat, IconLock } from '@tabler/icons-react';
import { type Device, type MetricInfo, telemetryMarkHealth } from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { humanName } from '../../ui/format-value.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import { Panel } from '../../ui/page.tsx';
import classes from './device.module.css';
import { MarkHealthDialog } from './mark-health-dialog.tsx';

const SEALED =
  'Measurements of a person: sealed in the database, shown to who may see the values of measurements of people';

/** Beside the name of a metric: that it is of class health, or the way to mark it. */
export function HealthMark({ device, metric }: { device: Device; metric: MetricInfo }) {
  const refusal = useRefusal(telemetryMarkHealth);
  const [isAsked, setAsked] = useState(false);
  if (metric.health) {
    const more = metric.sealing
      ? `. What was measured before it was marked is being sealed: ${metric.sealing.sealedPoints.toLocaleString('en')} so far`
      : '';
    return (
      <Tooltip label={`${SEALED}${more}.`} multiline maw={320} events={{ hover: true, focus: true, touch: true }}>
        <Badge size="sm" leftSection={<IconHeartbeat size={12} aria-hidden />} tabIndex={0} className={classes.mark}>
          {metric.sealing ? 'Health, sealing' : 'Health'}
        </Badge>
      </Tooltip>
    );
  }
  return (
    <>
      <GuardedButton
        variant="subtle"
        size="compact-xs"
        refusal={refusal}
        aria-label={`Mark as health… ${metric.metric}`}
        onClick={() => setAsked(true)}
      >
        Mark as health…
      </GuardedButton>
      {isAsked ? <MarkHealthDialog device={device} metric={metric} onClose={() => setAsked(false)} /> : null}
    </>
  );
}

/** Instead of a chart, for who sees that this is measured, and not what. */
export function WithheldPanel({ device, metric }: { device: Device; metric: MetricInfo }) {
  return (
    <Panel title={humanName(metric.metric)} aside={<HealthMark device={device} metric={metric} />}>
      <div className={classes.withheld}>
        <IconLock size={16} aria-hidden />
        <Text c="dimmed" size="sm">
          These are measurements of a person. Your role lets you see that they are taken, not what they say; an
          administrator can give it “See the values of measurements of people”.
        </Text>
      </div>
    </Panel>
  );
}
