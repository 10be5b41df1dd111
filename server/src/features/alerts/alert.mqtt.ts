import { alertTopics, severity } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { parseJson } from '../../lib/json.ts';
import { Problem } from '../../lib/problem.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { TopicGate } from '../../security/gate/topics.ts';
import type { PersonalData } from '../../security/personal-data/personal-data.ts';
import type { Announcement } from './alert.ts';
import type { AlertSeals } from './alert-seals.ts';
import { raiseByDevice } from './device-alert.service.ts';

// Older firmware sends more than we keep; what is not ours is passed over instead of refusing the alert.
const deviceMessage = z.object({
  title: z.string().trim().min(1).max(200),
  severity,
  description: z.string().trim().max(2000).optional(),
});

/** Where a device may say what it likes. */
const FREE_TEXT = ['title', 'description'];

export interface AlertTopicOptions {
  readonly topicGate: TopicGate;
  readonly transactions: Pick<Transactions, 'unaudited'>;
  readonly personalData: Pick<PersonalData, 'judge'>;
  readonly clock: Clock;
  readonly seals: AlertSeals;
  readonly announce: (announcements: readonly Announcement[]) => void;
}

export function addAlertTopics(options: AlertTopicOptions): void {
  const { topicGate, transactions, personalData, clock, seals, announce } = options;
  topicGate.onTopic(alertTopics.older, async ({ device, payload }) => {
    const parsed = deviceMessage.safeParse(parseJson(payload));
    if (!parsed.success) {
      const errors = parsed.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join('.'), message }));
      throw new Problem('invalid_request', { errors });
    }
    const judged = await personalData.judge(parsed.data, FREE_TEXT, {
      organisationId: device.organisationId,
      deviceId: device.deviceId,
      transport: 'mqtt',
    });
    const message = (judged?.message ?? parsed.data) as typeof parsed.data;
    const announcement = await transactions.unaudited(device.organisationId, 'device_alert', (tx) =>
      raiseByDevice(tx, device, message, { clock, seals }),
    );
    if (announcement) announce([announcement]);
  });
}
