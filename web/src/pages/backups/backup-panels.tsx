import { Progress, Stack, Text } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck, IconCircleDashed } from '@tabler/icons-react';
import type { BackupDrill, BackupStatus } from '@valtronics/contract';
import { Fact, Facts } from '../../ui/facts.tsx';
import { Panel } from '../../ui/page.tsx';
import label from '../../ui/severity.module.css';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { bytesText, checkWords, everyText } from './backup-words.ts';
import classes from './backups.module.css';
import { Next } from './next-due.tsx';

export function SchedulePanel({ status }: { status: BackupStatus }) {
  const { place, recipients, everyHours, drillEveryDays, keep, next, nextDrill, lastFailure } = status;
  return (
    <Panel title="Schedule">
      <Stack gap="sm">
        <Facts>
          <Fact name="In">
            <span className={classes.place}>{place}</span>
          </Fact>
          <Fact name="For">
            {recipients} {recipients === 1 ? 'recipient' : 'recipients'}
          </Fact>
          <Fact name="A backup">
            {everyText(everyHours)}
            <Next due={next} />
          </Fact>
          <Fact name="A drill">
            {everyText(drillEveryDays * 24)}
            <Next due={nextDrill} />
          </Fact>
          <Fact name="Kept">
            {keep.daily} days, {keep.weekly} weeks, {keep.monthly} months
          </Fact>
        </Facts>
        {lastFailure ? (
          <Text size="sm" c="var(--sev-critical)" role="alert" className={classes.wrap}>
            The last one failed <RelativeTime at={lastFailure.at} />: {lastFailure.fault}
          </Text>
        ) : null}
      </Stack>
    </Panel>
  );
}

export function UnderWayPanel({ underWay }: { underWay: NonNullable<BackupStatus['underWay']> }) {
  const { kind, startedAt, bytes, expectedBytes } = underWay;
  // What was there before is only a guess of what is there now.
  const share = expectedBytes ? Math.min(99, Math.floor((100 * bytes) / expectedBytes)) : undefined;
  const what = kind === 'create' ? 'A backup is being made' : 'A backup is being tried out';
  return (
    <Panel title={what}>
      <Stack gap="xs">
        <Progress
          value={share ?? 100}
          animated={share === undefined}
          striped={share === undefined}
          aria-label={what}
          transitionDuration={150}
        />
        <Text size="sm" c="dimmed">
          {bytesText(bytes)} done{share === undefined ? '' : `, about ${share} %`}; begun{' '}
          <RelativeTime at={startedAt} />
        </Text>
      </Stack>
    </Panel>
  );
}

const outcomes = {
  passed: { icon: IconCircleCheck, tone: 'resolved', word: 'Passed' },
  failed: { icon: IconAlertTriangle, tone: 'critical', word: 'Failed' },
  unknown: { icon: IconCircleDashed, tone: 'plain', word: 'Not known' },
} as const;

export function DrillPanel({ drill }: { drill: BackupDrill | undefined }) {
  if (!drill)
    return (
      <Panel title="Last drill">
        <Text size="sm" c="dimmed">
          No backup was tried out yet. A drill restores one into a database that is thrown away, and needs an identity:
          VALTRONICS_BACKUP_DRILL_IDENTITY, or valtronics backup drill -i FILE.
        </Text>
      </Panel>
    );
  return (
    <Panel title="Last drill">
      <Stack gap="xs">
        <Text size="sm">
          {drill.isGood ? 'It came back' : 'It did not come back'} <RelativeTime at={drill.at} />, in{' '}
          {drill.seconds.toFixed(1)} s
        </Text>
        <ul className={classes.checks} aria-label="What the drill looked at">
          {drill.checks.map(({ check, outcome, detail }) => {
            const { icon: Icon, tone, word } = outcomes[outcome];
            return (
              <li key={check}>
                <span className={label.label} data-tone={tone}>
                  <Icon size={14} stroke={1.8} aria-hidden />
                  <span>
                    {checkWords[check]}: {word.toLowerCase()}
                  </span>
                </span>
                <Text size="xs" c="dimmed" className={classes.wrap}>
                  {detail}
                </Text>
              </li>
            );
          })}
        </ul>
        <Text size="xs" c="dimmed" className={`mono ${classes.wrap}`}>
          {drill.backup}
        </Text>
      </Stack>
    </Panel>
  );
}
