// Alerts: rules over telemetry, what they raise, what people do about it, and how they are told.

import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Mailer } from '../../platform/mail/mailer.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { StreamGate } from '../../security/gate/streams.ts';
import type { TopicGate } from '../../security/gate/topics.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import type { PersonKeys } from '../../security/keys/person-values.ts';
import type { PersonalData } from '../../security/personal-data/personal-data.ts';
import type { JournalConsumer } from '../telemetry/committed.ts';
import type { MeasuredSettler } from '../telemetry/measured-changes.ts';
import type { MeasuredPersons } from '../telemetry/measured-persons.ts';
import { createAlertEvaluation } from './alert.evaluation.ts';
import { alertJobs } from './alert.jobs.ts';
import { createAlertFeed } from './alert.live.ts';
import { addAlertTopics } from './alert.mqtt.ts';
import { addAlertRoutes } from './alert.routes.ts';
import { createAlertService } from './alert.service.ts';
import type { Announcement } from './alert.ts';
import { createDryRun, type RecordedHistory } from './alert-rule.dry-run.ts';
import { createAlertRuleService } from './alert-rule.service.ts';
import { createAlertSeals } from './alert-seals.ts';
import { createAlertSettler } from './measured-alerts.ts';
import type { NoticeBoard } from './notice.ts';
import { createDelivery } from './notification.delivery.ts';
import { createChannelService } from './notification-channel.service.ts';
import { enqueueNotice } from './notification-outbox.repository.ts';

export type { RecordedHistory } from './alert-rule.dry-run.ts';

export interface AlertsDependencies {
  readonly gate: EndpointGate;
  readonly topicGate: TopicGate;
  readonly streamGate: StreamGate;
  readonly transactions: Transactions;
  readonly dataKeys: PersonKeys & Pick<DataKeys, 'openAll'>;
  readonly persons: MeasuredPersons;
  readonly personalData: Pick<PersonalData, 'judge'>;
  readonly mailer: Mailer;
  readonly outbound: Outbound;
  readonly history: RecordedHistory;
  readonly publicUrl: URL;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
}

export interface Alerts {
  readonly rulesConsumer: JournalConsumer;
  readonly settleMeasured: MeasuredSettler;
  readonly jobs: readonly Job[];
  /** Through which other features tell the same people. */
  readonly board: NoticeBoard;
  /** The device was changed or removed. */
  invalidateDevice(deviceId: string): void;
  /** Notifications leave as soon as there are any, not only when the job comes round. */
  start(): void;
  /** Ends deliveries under way; what was not confirmed is tried again after the next start. */
  stop(): Promise<void>;
}

export function createAlerts(deps: AlertsDependencies): Alerts {
  const { gate, topicGate, transactions, clock, log } = deps;
  const stopping = new AbortController();
  const delivery = createDelivery(deps);
  const feed = createAlertFeed(deps.streamGate);
  let isStarted = false;
  let delivering: Promise<void> = Promise.resolve();

  const deliverSoon = (): void => {
    if (!isStarted || stopping.signal.aborted) return;
    delivering = delivery
      .run(stopping.signal)
      .catch((error: unknown) => log.warn({ err: error }, 'notifications wait for the next try'));
  };
  const announce = (announcements: readonly Announcement[]): void => {
    if (announcements.length === 0) return;
    feed.publish(announcements);
    deliverSoon();
  };

  const seals = createAlertSeals(deps.dataKeys, deps.persons);
  const evaluation = createAlertEvaluation({ clock, seals, announce });
  addAlertRoutes({
    gate,
    alerts: createAlertService({ clock, seals }),
    rules: createAlertRuleService({ clock, seals }),
    dryRun: createDryRun(deps),
    channels: createChannelService(deps),
    announce,
    deliverSoon,
  });
  addAlertTopics({ topicGate, transactions, personalData: deps.personalData, clock, seals, announce });

  return {
    rulesConsumer: evaluation,
    settleMeasured: createAlertSettler({ transactions, seals, clock, announce }),
    jobs: alertJobs({ transactions, delivery, stopping: stopping.signal, clock, seals, announce }),
    board: { put: enqueueNotice, sendSoon: deliverSoon },
    invalidateDevice: evaluation.invalidateDevice,
    start() {
      isStarted = true;
    },
    async stop() {
      stopping.abort();
      await delivering;
    },
  };
}
