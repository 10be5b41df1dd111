import {
  Autocomplete,
  Button,
  Checkbox,
  Group,
  NativeSelect,
  NumberInput,
  Select,
  Stack,
  TextInput,
} from '@mantine/core';
import { type Condition, conditions, devicesSummary, type Severity, telemetryMetrics } from '@valtronics/contract';
import type { ReactNode } from 'react';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { humanName } from '../../ui/format-value.ts';
import { DurationInput } from '../../ui/forms/duration-input.tsx';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import type { useContractForm } from '../../ui/forms/use-contract-form.ts';
import { DevicePicker } from '../devices/device-picker.tsx';
import type { RuleValues, Scope } from './rule-form.ts';
import { conditionWords, isChange, isComparison } from './rule-sentence.ts';
import classes from './rules.module.css';

type Form = ReturnType<typeof useContractForm<RuleValues>>;

const scopes = [
  { value: 'fleet', label: 'the whole fleet' },
  { value: 'type', label: 'all devices of type' },
  { value: 'device', label: 'one device' },
];

/** A rule as a sentence with blanks. */
export function RuleEditor({
  form,
  action,
  busy,
  onSubmit,
}: {
  form: Form;
  action: string;
  busy: boolean;
  onSubmit: () => void;
}) {
  const { values, errors, set } = form;
  const { condition } = values;
  return (
    <form
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        onSubmit();
      }}
    >
      <Stack gap="md">
        <TextInput label="Name" placeholder="Freezer too warm" maxLength={120} {...form.text('name')} />
        <Clause word="When">
          <MetricField form={form} />
        </Clause>
        <ScopeClause form={form} />
        <Clause word="">
          <NativeSelect
            size="xs"
            w={130}
            aria-label="Condition"
            value={condition}
            data={conditions.map((each) => ({ value: each, label: conditionWords[each] }))}
            onChange={(event) => set('condition', event.currentTarget.value as Condition)}
          />
          {condition === 'no_data' ? null : (
            <NumberInput
              size="xs"
              w={96}
              aria-label="Threshold"
              placeholder="threshold"
              hideControls
              {...form.field('threshold')}
            />
          )}
          {isChange(condition) ? (
            <>
              <Word>within</Word>
              <DurationInput label="Span of the change" {...form.field('perSeconds')} />
            </>
          ) : null}
          <Word>for</Word>
          <DurationInput label="How long it must hold" {...form.field('forSeconds')} />
        </Clause>
        <Clause word="raise">
          <NativeSelect
            size="xs"
            w={110}
            aria-label="Severity"
            value={values.severity}
            data={[
              { value: 'info', label: 'Info' },
              { value: 'warning', label: 'Warning' },
              { value: 'critical', label: 'Critical' },
            ]}
            onChange={(event) => set('severity', event.currentTarget.value as Severity)}
          />
        </Clause>
        {isComparison(condition) ? (
          <Clause word="clear">
            <Word>at</Word>
            <NumberInput
              size="xs"
              w={120}
              aria-label="Clearing threshold"
              placeholder={typeof values.threshold === 'number' ? String(values.threshold) : 'the threshold'}
              hideControls
              {...form.field('clearThreshold')}
            />
            <Word>against flicker</Word>
          </Clause>
        ) : null}
        <Clause word="then">
          <Word>raise no new one for</Word>
          <DurationInput label="Quiet after it has cleared" {...form.field('cooldownSeconds')} />
        </Clause>
        <Checkbox
          label="On"
          description="Off, it is kept but raises nothing"
          checked={values.enabled}
          onChange={(event) => set('enabled', event.currentTarget.checked)}
        />
        <FormProblem problem={form.problem} />
        {errors.severity || errors.condition ? <span role="alert">{errors.severity ?? errors.condition}</span> : null}
        <Group justify="flex-end">
          <Button type="submit" loading={busy}>
            {action}
          </Button>
        </Group>
      </Stack>
    </form>
  );
}

function Clause({ word, children }: { word: string; children: ReactNode }) {
  return (
    <div className={classes.clause}>
      <span className={classes.word}>{word}</span>
      {children}
    </div>
  );
}
const Word = ({ children }: { children: ReactNode }) => (
  <span className={classes.word} style={{ minWidth: 0 }}>
    {children}
  </span>
);

const metricsAtMost = 2000;

function MetricField({ form }: { form: Form }) {
  const { scope, deviceId } = form.values;
  const one = scope === 'device' && deviceId ? deviceId : undefined;
  const { data } = useEndpoint(
    telemetryMetrics,
    { query: { deviceId: one, limit: metricsAtMost } },
    { staleTime: 60_000 },
  );
  const numbers = (data?.items ?? []).filter(
    ({ valueType }) => valueType === 'number' || form.values.condition === 'no_data',
  );
  return (
    <Autocomplete
      size="xs"
      w={200}
      aria-label="Metric"
      placeholder="metric, e.g. temperature"
      maxLength={64}
      data={[...new Set(numbers.map(({ metric }) => metric))].toSorted()}
      {...form.field('metric')}
    />
  );
}

function ScopeClause({ form }: { form: Form }) {
  const { values, errors, set } = form;
  const { data } = useEndpoint(devicesSummary, {}, { staleTime: 60_000 });
  return (
    <Clause word="on">
      <NativeSelect
        size="xs"
        w={160}
        aria-label="Which devices"
        value={values.scope}
        data={scopes}
        onChange={(event) => set('scope', event.currentTarget.value as Scope)}
      />
      {values.scope === 'type' ? (
        <Select
          size="xs"
          w={160}
          aria-label="Device type"
          placeholder="type"
          data={(data?.byType ?? []).map(({ type }) => ({ value: type, label: humanName(type) }))}
          {...form.field('deviceType')}
        />
      ) : null}
      {values.scope === 'device' ? (
        <DevicePicker
          label="Device"
          value={values.deviceId}
          name={values.deviceName}
          error={errors.deviceId}
          onChange={(device) => {
            set('deviceId', device?.id ?? null);
            set('deviceName', device?.name);
          }}
        />
      ) : null}
    </Clause>
  );
}
