import { randomBytes } from 'node:crypto';
import type { channelChange, channelCreate, NotificationChannel, Page } from '@valtronics/contract';
import type { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { invalidField, notFound, Problem } from '../../lib/problem.ts';
import { isMailAddress } from '../../platform/mail/mailer.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import type { Member } from '../../security/access/principal.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { Place } from '../../security/crypto/sealed-value.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import {
  type ChannelRow,
  countChannels,
  deleteChannel,
  findChannel,
  insertChannel,
  listChannels,
  updateChannel,
} from './notification-channel.repository.ts';
import { enqueueTest } from './notification-outbox.repository.ts';
import { openTargets, sealTarget } from './notification-target.ts';

const MAX_CHANNELS = 50;
const SECRET_BYTES = 32;

/** Where the signing secret of a webhook is kept. */
export const secretPlace = (organisation: number, channelId: string): Place => ({
  organisation,
  table: 'notification_channels',
  column: 'secret_sealed',
  row: channelId,
});

/** A channel with its address opened; null where it does not open. */
type Channel = Omit<ChannelRow, 'targetSealed' | 'organisationId' | 'target'> & { readonly target: string | null };

export interface ChannelService {
  list(reader: Reader): Promise<Page<NotificationChannel>>;
  load(reader: Reader, id: string): Promise<Channel>;
  create(
    tx: AuditedTx,
    by: Member,
    input: z.infer<typeof channelCreate.body>,
  ): Promise<{ channel: NotificationChannel; secret: string | null }>;
  change(
    tx: AuditedTx,
    by: Member,
    id: string,
    input: z.infer<typeof channelChange.body>,
  ): Promise<NotificationChannel>;
  remove(tx: AuditedTx, id: string): Promise<void>;
  test(tx: AuditedTx, by: Member, id: string): Promise<void>;
}

export interface ChannelServiceOptions {
  readonly clock: Clock;
  readonly dataKeys: Pick<DataKeys, 'seal' | 'openAll'>;
  readonly outbound: Pick<Outbound, 'fault'>;
}

export function createChannelService({ clock, dataKeys, outbound }: ChannelServiceOptions): ChannelService {
  async function opened(rows: readonly ChannelRow[]): Promise<Channel[]> {
    const targets = await openTargets(dataKeys, rows);
    return rows.map(({ targetSealed, organisationId, ...row }, index) => ({ ...row, target: targets[index] ?? null }));
  }

  async function stored(reader: Reader, id: string): Promise<ChannelRow> {
    const channel = await findChannel(reader, id);
    if (channel === undefined) throw notFound();
    return channel;
  }

  async function load(reader: Reader, id: string): Promise<Channel> {
    const [channel] = await opened([await stored(reader, id)]);
    if (channel === undefined) throw notFound();
    return channel;
  }

  function checkTarget(kind: ChannelRow['kind'], target: string): void {
    if (kind === 'email' && !isMailAddress(target)) throw invalidField('target', 'is not one email address');
    const fault = kind === 'webhook' ? outbound.fault(target) : undefined;
    if (fault !== undefined) throw invalidField('target', fault);
  }

  return {
    load,

    async list(reader) {
      const rows = await opened(await listChannels(reader, MAX_CHANNELS));
      return { items: rows.map(toContract), nextCursor: null };
    },

    async create(tx, by, input) {
      checkTarget(input.kind, input.target);
      if ((await countChannels(tx, by.organisationId)) >= MAX_CHANNELS)
        throw new Problem('conflict', { detail: `There are ${MAX_CHANNELS} channels already; remove one first.` });
      const id = newId();
      const secret = input.kind === 'webhook' ? `whsec_${randomBytes(SECRET_BYTES).toString('base64')}` : null;
      await insertChannel(tx, {
        id,
        organisationId: by.organisationId,
        name: input.name,
        kind: input.kind,
        targetSealed: await sealTarget(dataKeys, by.organisationId, id, input.target),
        minimumSeverity: input.minimumSeverity ?? 'info',
        enabled: input.enabled ?? true,
        secretSealed: secret === null ? null : await dataKeys.seal(secret, secretPlace(by.organisationId, id)),
        createdAt: clock.date(),
      });
      tx.describe({ resource: { kind: 'notification_channel', id }, details: { kind: input.kind } });
      return { channel: toContract(await load(tx, id)), secret };
    },

    async change(tx, by, id, input) {
      // An address that does not open keeps nobody from giving another one, nor from removing the channel.
      const before = await stored(tx, id);
      const target = input.target ?? (await load(tx, id)).target;
      if (target !== null) checkTarget(before.kind, target);
      await updateChannel(tx, {
        id,
        name: input.name ?? before.name,
        targetSealed: target === null ? undefined : await sealTarget(dataKeys, by.organisationId, id, target),
        minimumSeverity: input.minimumSeverity ?? before.minimumSeverity,
        enabled: input.enabled ?? before.enabled,
      });
      tx.describe({ resource: { kind: 'notification_channel', id }, details: { changed: Object.keys(input) } });
      return toContract(await load(tx, id));
    },

    async remove(tx, id) {
      await stored(tx, id);
      await deleteChannel(tx, id);
      tx.describe({ resource: { kind: 'notification_channel', id } });
    },

    async test(tx, by, id) {
      const channel = await stored(tx, id);
      if (!channel.enabled) throw new Problem('conflict', { detail: 'The channel is switched off.' });
      await enqueueTest(tx, by.organisationId, id, clock.date());
      tx.describe({ resource: { kind: 'notification_channel', id } });
    },
  };
}

function toContract(row: Channel): NotificationChannel {
  return {
    ...row,
    unreadable: row.target === null ? ['target'] : [],
    createdAt: row.createdAt.toISOString(),
    lastDeliveredAt: row.lastDeliveredAt?.toISOString() ?? null,
  };
}
