import { aDevice, anOrganisation, aUser } from '../../../../tests/support/alert-fixtures.ts';
import { dataKeysOn } from '../../../../tests/support/data-keys.ts';
import { aDatabase } from '../../../../tests/support/database.ts';
import { aWebhookReceiver } from '../../../../tests/support/webhook-receiver.ts';
import { manualClock } from '../../lib/clock.ts';
import { secret } from '../../platform/config/secret.ts';
import { createLogger } from '../../platform/log/log.ts';
import { createMailer } from '../../platform/mail/mailer.ts';
import { createOutbound } from '../../platform/outbound/outbound.ts';
import type { DevicePrincipal, UserPrincipal } from '../../security/access/principal.ts';
import type { AuditedTx } from '../../security/audit/tokens.ts';
import { createTransactions } from '../../security/audit/transactions.ts';
import { createMeasuredPersons } from '../telemetry/measured-persons.ts';
import { createAlertService } from './alert.service.ts';
import { createAlertSeals } from './alert-seals.ts';
import { raiseByDevice } from './device-alert.service.ts';
import { createDelivery, type Delivery } from './notification.delivery.ts';
import { createChannelService } from './notification-channel.service.ts';

// For the tests of this folder: channels, outbox and delivery over a real database, with real receivers on loopback.

export const NOW = Date.UTC(2026, 0, 1, 12);
export type Minimum = 'info' | 'warning' | 'critical';

export async function notificationsUnderTest() {
  const db = await aDatabase();
  const transactions = createTransactions(db);
  const dataKeys = await dataKeysOn(db);
  const clock = manualClock(NOW);
  const seals = createAlertSeals(dataKeys, createMeasuredPersons({ transactions, clock }));
  const outbound = createOutbound({ allowList: ['127.0.0.0/8'], timeoutMs: 300 });
  const publicUrl = new URL('https://valtronics.example.org');
  const log = createLogger({ level: 'fatal', clock });
  const channels = createChannelService({ clock, dataKeys, outbound });
  const alerts = createAlertService({ clock, seals });
  const place = { organisation: 0, ann: {} as UserPrincipal, device: {} as DevicePrincipal };
  const closing: (() => void)[] = [];

  function audited<T>(work: (tx: AuditedTx) => Promise<T>): Promise<T> {
    const actor = { kind: 'user', id: place.ann.userId, label: place.ann.email } as const;
    const context = { organisationId: place.organisation, actor, address: null, requestId: null };
    return transactions.audited(context, 'notification_channel.created', work);
  }

  return {
    db,
    dataKeys,
    clock,
    channels,
    place,
    audited,
    closing,

    async begin() {
      clock.set(NOW);
      await db.admin.query('delete from notification_channels');
      place.organisation = await anOrganisation(db);
      place.ann = await aUser(db, place.organisation);
      place.device = {
        kind: 'device',
        deviceId: await aDevice(db, place.organisation),
        organisationId: place.organisation,
        credentialId: '00000000-0000-7000-8000-000000000000',
        deviceType: 'temperature',
        expiresAt: null,
      };
    },
    end() {
      for (const close of closing.splice(0)) close();
    },
    drop: () => db.drop(),

    async aHook(...answers: number[]) {
      const hook = await aWebhookReceiver(...answers);
      closing.push(hook.close);
      return hook;
    },

    aWebhook: (target: string, minimumSeverity: Minimum = 'info') =>
      audited((tx) => channels.create(tx, place.ann, { name: 'Ops', kind: 'webhook', target, minimumSeverity })),

    aDelivery(smtpPort?: number): Delivery {
      const smtpUrl = smtpPort === undefined ? undefined : secret(`smtp://127.0.0.1:${smtpPort}`);
      const mailer = createMailer({ smtpUrl, publicUrl, timeoutMs: 1000 });
      return createDelivery({ transactions, mailer, outbound, dataKeys, publicUrl, clock, random: () => 1, log });
    },

    async raise(title = 'Door open', severity: Minimum = 'warning') {
      const told = await transactions.unaudited(place.organisation, 'device_alert', (tx) =>
        raiseByDevice(tx, place.device, { title, severity }, { clock, seals }),
      );
      if (told === undefined) throw new Error('nothing was raised');
      return told.alert;
    },
    resolve: (id: string) => audited((tx) => alerts.resolve(tx, { by: place.ann, id, note: undefined })),

    async outbox(): Promise<{ status: string; attempts: number; last_error: string | null }[]> {
      const { rows } = await db.admin.query(
        'select status, attempts, last_error from notification_outbox where organisation_id = $1 order by place',
        [place.organisation],
      );
      return rows;
    },
    async eventsOf(alertId: string): Promise<string[]> {
      const { rows } = await db.admin.query<{ kind: string; note: string }>(
        'select kind, note from alert_events where alert_id = $1 order by at, id',
        [alertId],
      );
      return rows.map(({ kind, note }) => `${kind}: ${note}`);
    },
    async channelOf(id: string) {
      const { items } = await transactions.read(place.organisation, (reader) => channels.list(reader));
      return items.find((item) => item.id === id);
    },
  };
}
