import * as contract from '@valtronics/contract';
import type { Member } from '../../security/access/principal.ts';
import { revealed } from '../../security/fields/reveal.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { AlertService } from './alert.service.ts';
import type { Announcement } from './alert.ts';
import type { DryRun } from './alert-rule.dry-run.ts';
import type { AlertRuleService } from './alert-rule.service.ts';
import type { ChannelService } from './notification-channel.service.ts';

export interface AlertRoutesOptions {
  readonly gate: EndpointGate;
  readonly alerts: AlertService;
  readonly rules: AlertRuleService;
  readonly dryRun: DryRun;
  readonly channels: ChannelService;
  /** Called once a change has committed. */
  readonly announce: (announcements: readonly Announcement[]) => void;
  /** There is something in the outbox. */
  readonly deliverSoon: () => void;
}

const seesHealth = ({ permissions }: Pick<Member, 'permissions'>): boolean => permissions.has('health:read');

export function addAlertRoutes(options: AlertRoutesOptions): void {
  addAlerts(options);
  addRules(options);
  addChannels(options);
}

function addAlerts({ gate, alerts, announce }: AlertRoutesOptions): void {
  gate.handle(contract.alertsList, ({ query, read, principal }) =>
    read((reader) => alerts.list({ reader, seesHealth: seesHealth(principal) }, query)),
  );

  gate.handle(contract.alertsSummary, ({ read }) => read((reader) => alerts.summary(reader)));

  gate.handle(contract.alertGet, ({ params, read, principal }) =>
    read((reader) => alerts.get({ reader, seesHealth: seesHealth(principal) }, params.id)),
  );

  gate.handle(contract.alertAcknowledge, async ({ params, body, principal, write }) => {
    const act = { by: principal, id: params.id, note: body.note };
    const announcement = await write((tx) => alerts.acknowledge(tx, act));
    announce([announcement]);
    return announcement.alert;
  });

  gate.handle(contract.alertResolve, async ({ params, body, principal, write }) => {
    const act = { by: principal, id: params.id, note: body.note };
    const announcement = await write((tx) => alerts.resolve(tx, act));
    announce([announcement]);
    return announcement.alert;
  });

  gate.handle(contract.alertNote, ({ params, body, principal, write }) =>
    write((tx) => alerts.addNote(tx, { by: principal, id: params.id, note: body.note })),
  );
}

function addRules({ gate, rules, dryRun, announce }: AlertRoutesOptions): void {
  gate.handle(contract.alertRulesList, ({ query, read }) => read((reader) => rules.list(reader, query)));

  gate.handle(contract.alertRuleGet, ({ params, read }) => read((reader) => rules.get(reader, params.id)));

  gate.handle(contract.alertRuleCreate, ({ body, principal, write }) =>
    write((tx) => rules.create(tx, principal, body)),
  );

  gate.handle(contract.alertRuleChange, async ({ params, body, principal, write }) => {
    const { rule, announcements } = await write((tx) => rules.change(tx, principal, params.id, body));
    announce(announcements);
    return rule;
  });

  gate.handle(contract.alertRuleDelete, async ({ params, principal, write }) => {
    announce(await write((tx) => rules.remove(tx, principal, params.id)));
    return undefined;
  });

  gate.handle(contract.alertRuleDryRun, ({ body, read, principal }) =>
    read((reader) => dryRun({ reader, seesHealth: seesHealth(principal) }, body)),
  );
}

function addChannels({ gate, channels, deliverSoon }: AlertRoutesOptions): void {
  gate.handle(contract.channelsList, ({ read }) => read((reader) => channels.list(reader)));

  gate.handle(contract.channelReveal, ({ params, body, principal, write }) =>
    write(async (tx) => revealed(tx, principal, body, 'notification-channels', await channels.load(tx, params.id))),
  );

  gate.handle(contract.channelCreate, ({ body, principal, write }) =>
    write((tx) => channels.create(tx, principal, body)),
  );

  gate.handle(contract.channelChange, ({ principal, params, body, write }) =>
    write((tx) => channels.change(tx, principal, params.id, body)),
  );

  gate.handle(contract.channelDelete, async ({ params, write }) => {
    await write((tx) => channels.remove(tx, params.id));
    return undefined;
  });

  gate.handle(contract.channelTest, async ({ params, principal, write }) => {
    await write((tx) => channels.test(tx, principal, params.id));
    deliverSoon();
    return undefined;
  });
}
