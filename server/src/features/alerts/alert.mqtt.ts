import { alertTopics, severity } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { parseJson } from '../../lib/json.ts';
import { Problem } from '../../lib/problem.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { TopicGate } from '../../security/gate/topics.ts';
import type { Announcement } from './alert.ts';
import { raiseByDevice } from './device-alert.service.ts';

// Older firmware sends more than we keep; what is not ours is passed over instead of refusing the alert.
const deviceMessage = z.object({
  title: z.string().trim().min(1).max(200),
  severity,
  description: z.string().trim().max(2000).optional(),
});

export interface AlertTopicOptions {
  readonly topicGate: TopicGate;
  readonly transactions: Pick<Transactions, 'unaudited'>;
  readonly clock: Clock;
  readonly announce: (announcements: readonly Announcement[]) => void;
}

export function addAlertTopics({ topicGate, transactions, clock, announce }: AlertTopicOptions): void {
  topicGate.onTopic(alertTopics.older, async ({ device, payload }) => {
    const parsed = deviceMessage.safeParse(parseJson(payload));
    if (!parsed.success) {
      const errors = parsed.error.issues.slice(0, 20).map(({ path, message }) => ({ path: path.join('.'), message }));
      throw new Problem('invalid_request', { errors });
    }
    const announcement = await transactions.unaudited(device.organisationId, 'device_alert', (tx) =>
      raiseByDevice(tx, device, parsed.data, clock),
    );
    if (announcement) announce([announcement]);
  });
}
