import { Skeleton } from '@mantine/core';
import { alertRuleChange, alertRuleCreate, alertRuleGet, alertRuleInput, deviceGet } from '@valtronics/contract';
import { useNavigate, useParams } from 'react-router';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { schemaErrors, useContractForm } from '../../ui/forms/use-contract-form.ts';
import { BackTo, PageHeader, Panel } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { RuleEditor } from './rule-editor.tsx';
import { newRule, type RuleValues, ruleOf, scopeFault, valuesOf } from './rule-form.ts';
import { RulePreview } from './rule-preview.tsx';
import classes from './rules.module.css';

export function NewRulePage() {
  const create = useChange(alertRuleCreate, ['/alert-rules']);
  return (
    <Editor
      title="New rule"
      initial={newRule}
      action="Create rule"
      busy={create.isPending}
      save={(body) => create.mutateAsync({ body })}
    />
  );
}

export function RulePage() {
  const { ruleId = '' } = useParams();
  const rule = useEndpoint(alertRuleGet, { params: { id: ruleId } }, { staleTime: Number.POSITIVE_INFINITY });
  const deviceId = rule.data?.deviceId ?? '';
  const device = useEndpoint(deviceGet, { params: { id: deviceId } }, { enabled: deviceId !== '' });
  const change = useChange(alertRuleChange, ['/alert-rules', '/alerts']);
  if (rule.error && !rule.data) return <ErrorState problem={rule.error} onRetry={() => void rule.refetch()} />;
  if (!rule.data || (deviceId !== '' && device.isPending)) return <Skeleton height={320} />;
  return (
    <Editor
      key={rule.data.updatedAt}
      title={rule.data.name}
      initial={{ ...valuesOf(rule.data), deviceName: device.data?.name }}
      action="Save rule"
      busy={change.isPending}
      save={(body) => change.mutateAsync({ params: { id: ruleId }, body })}
    />
  );
}

interface Props {
  title: string;
  initial: RuleValues;
  action: string;
  busy: boolean;
  save: (body: ReturnType<typeof ruleOf>) => Promise<unknown>;
}

function Editor({ title, initial, action, busy, save }: Props) {
  const form = useContractForm(initial);
  const navigate = useNavigate();
  const submit = async () => {
    const body = ruleOf(form.values);
    const fault = scopeFault(form.values);
    if (Object.keys(fault).length > 0) return form.fail({ ...schemaErrors(alertRuleInput, body), ...fault });
    await form.submit(alertRuleInput, body, async (sound) => {
      await save(sound);
      sayDone(`Rule “${sound.name}” saved`);
      await navigate(paths.rules);
    });
  };
  return (
    <>
      <PageHeader before={<BackTo path={paths.rules}>Rules</BackTo>} title={title} />
      <div className={classes.columns}>
        <Panel>
          <RuleEditor form={form} action={action} busy={busy} onSubmit={() => void submit()} />
        </Panel>
        <Panel title="The last 7 days">
          <RulePreview values={form.values} />
        </Panel>
      </div>
    </>
  );
}
