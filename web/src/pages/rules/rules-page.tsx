import { ActionIcon, Group, Switch, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconPlus, IconRulerMeasure, IconTrash } from '@tabler/icons-react';
import {
  type AlertRule,
  type AlertRuleInput,
  alertRuleChange,
  alertRuleCreate,
  alertRuleDelete,
  alertRulesList,
} from '@valtronics/contract';
import { useState } from 'react';
import { Link, useNavigate } from 'react-router';
import { asProblem } from '../../api/problem-error.ts';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpointPages } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { PageHeader } from '../../ui/page.tsx';
import { paths } from '../../ui/paths.ts';
import { SeverityBadge } from '../../ui/severity.tsx';
import { EmptyState, ErrorState } from '../../ui/states/states.tsx';
import { type Column, DataTable } from '../../ui/table/data-table.tsx';
import { duration } from '../../ui/time/format-time.ts';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import { ruleSentence } from './rule-sentence.ts';
import classes from './rules.module.css';
import { useDeviceNames } from './use-device-names.ts';

export function RulesPage() {
  const list = useEndpointPages(alertRulesList, { query: { limit: 200 } });
  const names = useDeviceNames(list.rows.flatMap(({ deviceId }) => (deviceId ? [deviceId] : [])));
  const navigate = useNavigate();
  const isNarrow = useMediaQuery('(max-width: 680px)');
  const createRefusal = useRefusal(alertRuleCreate);
  const changeRefusal = useRefusal(alertRuleChange);
  const [deleting, setDeleting] = useState<AlertRule | null>(null);
  const remove = useChange(alertRuleDelete, ['/alert-rules', '/alerts']);
  const change = useChange(alertRuleChange, ['/alert-rules', '/alerts']);
  const toggle = async (rule: AlertRule) => {
    try {
      await change.mutateAsync({ params: { id: rule.id }, body: { ...inputOf(rule), enabled: !rule.enabled } });
    } catch (error) {
      sayProblem(asProblem(error));
    }
  };
  const create = (
    <GuardedButton
      refusal={createRefusal}
      leftSection={<IconPlus size={14} />}
      onClick={() => void navigate(paths.newRule)}
    >
      New rule
    </GuardedButton>
  );
  const columns: readonly Column<AlertRule>[] = [
    {
      key: 'enabled',
      header: 'On',
      width: '44px',
      cell: (rule) => (
        <Tooltip label={changeRefusal ?? (rule.enabled ? 'Turn off; its open alerts clear' : 'Turn on')}>
          <Switch
            size="xs"
            aria-label={`${rule.name} is on`}
            checked={rule.enabled}
            disabled={changeRefusal !== undefined}
            onChange={() => void toggle(rule)}
          />
        </Tooltip>
      ),
    },
    {
      key: 'name',
      header: 'Name',
      width: 'minmax(130px, 1fr)',
      cell: (rule) => (
        <span className={classes.named}>
          <span className="truncate">
            {changeRefusal ? rule.name : <Link to={paths.rule(rule.id)}>{rule.name}</Link>}
          </span>
          <span className={classes.underName}>{ruleSentence(rule, names.get(rule.deviceId ?? ''))}</span>
        </span>
      ),
    },
    {
      key: 'severity',
      header: 'Severity',
      width: '92px',
      from: 480,
      cell: ({ severity, enabled }) => <SeverityBadge severity={severity} muted={!enabled} />,
    },
    {
      key: 'sentence',
      header: 'When',
      width: 'minmax(160px, 2.4fr)',
      from: 640,
      cell: (rule) => (
        <span title={ruleSentence(rule, names.get(rule.deviceId ?? ''))}>
          {ruleSentence(rule, names.get(rule.deviceId ?? ''))}
        </span>
      ),
    },
    {
      key: 'cooldown',
      header: 'Then quiet for',
      width: '104px',
      from: 980,
      cell: ({ cooldownSeconds }) => (cooldownSeconds > 0 ? duration(cooldownSeconds) : <span className="dim">–</span>),
    },
    {
      key: 'alerts',
      header: 'Its alerts',
      headerHidden: true,
      width: '56px',
      from: 560,
      cell: ({ id }) => <Link to={`${paths.alerts}?status=all&rule=${id}`}>Alerts</Link>,
    },
    {
      key: 'delete',
      header: 'Actions',
      headerHidden: true,
      width: '32px',
      cell: (rule) =>
        changeRefusal ? null : (
          <ActionIcon aria-label={`Delete ${rule.name}`} onClick={() => setDeleting(rule)}>
            <IconTrash size={15} />
          </ActionIcon>
        ),
    },
  ];
  return (
    <>
      <PageHeader title="Rules" detail="What raises an alert" actions={<Group>{create}</Group>} />
      {list.error ? (
        <ErrorState problem={list.error} onRetry={list.refetch} />
      ) : (
        <DataTable
          label="Rules"
          columns={columns}
          rows={list.rows}
          rowHeight={isNarrow ? 64 : 44}
          loading={list.isPending}
          onEndReached={list.hasNextPage && !list.isFetchingNextPage ? list.fetchNextPage : undefined}
          empty={
            <EmptyState
              icon={<IconRulerMeasure size={20} />}
              title="No rules yet"
              hint="A rule watches one metric of a device, of a type or of the whole fleet. Before you save one you see how often it would have fired."
              action={create}
            />
          }
        />
      )}
      {deleting ? (
        <ConfirmDialog
          title={`Delete “${deleting.name}”?`}
          action="Delete the rule"
          typed={deleting.name}
          onClose={() => setDeleting(null)}
          onConfirm={async () => {
            await remove.mutateAsync({ params: { id: deleting.id } });
            sayDone(`Rule “${deleting.name}” deleted`);
          }}
        >
          It raises no more alerts and its open ones clear; the history of its alerts stays. This cannot be undone.
        </ConfirmDialog>
      ) : null}
    </>
  );
}

const inputOf = ({ id: _id, createdAt: _created, updatedAt: _updated, ...input }: AlertRule): AlertRuleInput => input;
