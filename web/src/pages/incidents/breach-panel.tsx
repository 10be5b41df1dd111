import { Group, Stack, Text } from '@mantine/core';
import type { Incident } from '@valtronics/contract';
import { Fact, Facts } from '../../ui/facts.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { Panel } from '../../ui/page.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { useTimeText } from '../../ui/time/use-now.ts';
import type { Act } from './act-dialog.tsx';
import { breachText, breachTone } from './incident-words.ts';
import classes from './incidents.module.css';

interface Props {
  incident: Incident;
  refusal: string | undefined;
  onAct: (act: Act) => void;
}

/** The 72 hours of GDPR, Article 33. */
export function BreachPanel({ incident: { breach }, refusal, onAct }: Props) {
  if (!breach)
    return (
      <Panel title="Breach of personal data">
        <Stack gap="xs" align="flex-start">
          <Text size="sm" c="dimmed">
            Not flagged. Where personal data was lost, changed or seen by whom it is not for, the authority is to be
            told within 72 hours.
          </Text>
          <GuardedButton variant="default" size="compact-sm" refusal={refusal} onClick={() => onAct('flag')}>
            Flag as a breach
          </GuardedButton>
        </Stack>
      </Panel>
    );
  return (
    <Panel title="Breach of personal data">
      <Stack gap="xs">
        <Clock breach={breach} />
        <Facts>
          <Fact name="Aware since">{exactTime(breach.awareAt, { milliseconds: false })}</Fact>
          <Fact name="Tell by">{exactTime(breach.dueAt, { milliseconds: false })}</Fact>
          <Fact name="Flagged">
            <RelativeTime at={breach.flaggedAt} /> {breach.flaggedBy ? `by ${breach.flaggedBy}` : null}
          </Fact>
          {breach.remindedAt ? (
            <Fact name="Reminded">
              <RelativeTime at={breach.remindedAt} />
            </Fact>
          ) : null}
          {breach.notifiedAt ? (
            <Fact name="Authority told">
              {exactTime(breach.notifiedAt, { milliseconds: false })}
              {breach.notifiedBy ? `, recorded by ${breach.notifiedBy}` : null}
            </Fact>
          ) : null}
        </Facts>
        {breach.notifiedAt ? null : (
          <Group gap="xs">
            <GuardedButton size="compact-sm" refusal={refusal} onClick={() => onAct('notified')}>
              The authority has been told
            </GuardedButton>
            <GuardedButton variant="default" size="compact-sm" refusal={refusal} onClick={() => onAct('withdraw')}>
              No breach
            </GuardedButton>
          </Group>
        )}
      </Stack>
    </Panel>
  );
}

function Clock({ breach }: { breach: NonNullable<Incident['breach']> }) {
  const text = useTimeText((now) => breachText(breach, now));
  const tone = useTimeText((now) => breachTone(breach, now));
  return (
    <div className={classes.clock} data-tone={tone}>
      {text}
    </div>
  );
}
