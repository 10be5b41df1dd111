import { Skeleton, Text, UnstyledButton } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { type AlertRuleInput, alertRuleDryRun, devicesList, telemetryLatest } from '@valtronics/contract';
import { useState } from 'react';
import { call, type ResultOf } from '../../api/call.ts';
import type { ProblemError } from '../../api/problem-error.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { countText, formatValue } from '../../ui/format-value.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import { dayAndMinute, duration } from '../../ui/time/format-time.ts';
import { FiringsChart } from './firings-chart.tsx';
import { canPreview, type RuleValues, ruleOf } from './rule-form.ts';
import { ruleSentence } from './rule-sentence.ts';
import classes from './rules.module.css';

const days = 7;
const settleMs = 500;
const listedAtMost = 200;
type DryRun = ResultOf<typeof alertRuleDryRun>;

/** How often the rule would have fired, on what was really recorded. */
export function RulePreview({ values }: { values: RuleValues }) {
  const [to] = useState(() => Math.floor(Date.now() / 60_000) * 60_000);
  const range = { from: to - days * 86_400_000, to };
  const rule = { ...ruleOf(values), name: values.name.trim() || 'Preview' };
  const current = JSON.stringify(rule);
  const [settled] = useDebouncedValue(current, settleMs);
  const ready = canPreview(values);
  const { data, error, isFetching, refetch } = useQuery<DryRun, ProblemError>({
    queryKey: [alertRuleDryRun.path, withoutName(settled), range],
    queryFn: ({ signal }) => {
      const body = {
        rule: JSON.parse(settled) as AlertRuleInput,
        from: new Date(range.from).toISOString(),
        to: new Date(range.to).toISOString(),
      };
      return call(alertRuleDryRun, { body }, signal);
    },
    // `ready` speaks of what is in the form now: what has settled may still be the unfinished rule of before.
    enabled: ready && settled === current,
    placeholderData: keepPreviousData,
    staleTime: 300_000,
  });
  const sentence = ruleSentence(
    {
      ...rule,
      metric: rule.metric || '…',
      deviceId: rule.deviceId ?? null,
      deviceType: rule.deviceType ?? null,
      threshold: rule.threshold ?? null,
      perSeconds: rule.perSeconds ?? null,
      clearThreshold: rule.clearThreshold ?? null,
      forSeconds: rule.forSeconds ?? 0,
    },
    values.deviceName,
  );
  return (
    <>
      <p className={classes.sentence}>When {sentence}.</p>
      {!ready ? (
        <Text size="sm" c="dimmed">
          Once metric, devices and threshold are set, this shows how often the rule would have fired on what was
          recorded.
        </Text>
      ) : error ? (
        <ErrorState problem={error} onRetry={() => void refetch()} />
      ) : data ? (
        <Outcome dryRun={data} rule={rule} range={range} deviceName={values.deviceName} busy={isFetching} />
      ) : (
        <Skeleton height={280} />
      )}
    </>
  );
}

/** The name changes nothing about the outcome: typing it must not ask again. */
const withoutName = (text: string) => JSON.stringify({ ...(JSON.parse(text) as AlertRuleInput), name: '' });

/** Where nothing would have fired, a device that has the metric shows how far it stayed from the threshold. */
function useMatchingDevice({ metric, deviceId, deviceType }: AlertRuleInput, wanted: boolean) {
  const enabled = wanted && !deviceId;
  const ofType = deviceType ? { type: deviceType } : {};
  const devices = useEndpoint(devicesList, { query: { ...ofType, sort: 'name', limit: 200 } }, { enabled });
  const latest = useEndpoint(telemetryLatest, { query: { metric, limit: 1000 } }, { enabled });
  const having = new Set(latest.data?.items.map((value) => value.deviceId));
  return devices.data?.items.find(({ id }) => having.has(id));
}

interface OutcomeProps {
  dryRun: DryRun;
  rule: AlertRuleInput;
  range: { from: number; to: number };
  deviceName: string | undefined;
  busy: boolean;
}

function Outcome({ dryRun, rule, range, deviceName, busy }: OutcomeProps) {
  const { firings, devices, evaluatedDevices, evaluatedPoints, truncated } = dryRun;
  const [chosen, setChosen] = useState<string | null>(null);
  const named = new Map(firings.map((firing) => [firing.deviceId, firing.deviceName]));
  const matching = useMatchingDevice(rule, firings.length === 0);
  const shown = chosen && named.has(chosen) ? chosen : (rule.deviceId ?? firings[0]?.deviceId ?? matching?.id);
  return (
    <div aria-busy={busy}>
      <p className={classes.verdict} role="status">
        {firings.length === 0
          ? 'Would not have fired'
          : `Would have fired ${countText(firings.length)} ${firings.length === 1 ? 'time' : 'times'}`}
      </p>
      <Text size="sm" c="dimmed" mb="sm">
        {firings.length > 0 ? `On ${countText(named.size)} of ` : 'On '}
        {countText(evaluatedDevices)} {evaluatedDevices === 1 ? 'device' : 'devices'}, {countText(evaluatedPoints)}{' '}
        points read
        {truncated ? `; the rule applies to ${countText(devices)}, of which these were tried` : ''}.
      </Text>
      {shown ? (
        <FiringsChart
          deviceId={shown}
          deviceName={named.get(shown) ?? deviceName ?? matching?.name ?? 'the device'}
          rule={rule}
          range={range}
          firings={firings.filter(({ deviceId }) => deviceId === shown)}
        />
      ) : null}
      {firings.length > 0 ? (
        <ul className={classes.firings} aria-label="When it would have fired">
          {firings.slice(0, listedAtMost).map((firing) => (
            <li key={`${firing.deviceId} ${firing.from}`}>
              <UnstyledButton
                className={classes.firing}
                aria-pressed={firing.deviceId === shown}
                onClick={() => setChosen(firing.deviceId)}
              >
                <span className="truncate">{firing.deviceName}</span>
                <span>{dayAndMinute(firing.from)}</span>
                <span className={classes.number}>
                  {firing.to ? duration((Date.parse(firing.to) - Date.parse(firing.from)) / 1000) : 'still'}
                </span>
                <span className={classes.number}>{formatValue(firing.peak)}</span>
              </UnstyledButton>
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}
