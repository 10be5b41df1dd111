import { type DeviceCommand, deviceTopics } from '@valtronics/contract';
import { z } from 'zod';
import type { Clock } from '../../lib/clock.ts';
import { DEFAULT_PAGE, decodeCursor, pageOf } from '../../lib/cursor.ts';
import { newId } from '../../lib/ids.ts';
import { Problem } from '../../lib/problem.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { MqttBroker } from '../../platform/mqtt/broker.types.ts';
import type { People } from '../../security/access/people.ts';
import type { AuditedTx, Reader } from '../../security/audit/tokens.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { DeviceService } from './device.service.ts';
import { presentCommand } from './device.ts';
import {
  countOpenCommands,
  findCommand,
  insertCommand,
  listCommands,
  listPending,
  markSent,
  type PendingCommand,
  recordAnswer,
  timeOutCommands,
} from './device-command.repository.ts';

const DEFAULT_TIMEOUT_SECONDS = 60;
/** More unanswered commands than this are a queue nobody looks at. */
const MAX_OPEN = 100;
/** A command that was handed over and not confirmed may be handed over again after this. */
const CONFIRM_WITHIN_MS = 10_000;
const LOOK_AGAIN_MS = 1000;
const TIMEOUTS_PER_TRANSACTION = 1000;

const position = z.tuple([z.uuid()]);

export type DeviceCommandService = ReturnType<typeof createDeviceCommandService>;

/**
 * Commands reach the device at least once: they wait as `pending` until the device has confirmed the packet, are handed over again
 * each time it subscribes, and count as `sent` from then on. The id is the same each time, so a device can tell.
 */
export function createDeviceCommandService(deps: {
  devices: DeviceService;
  people: People;
  transactions: Pick<Transactions, 'read' | 'unaudited'>;
  broker: Pick<MqttBroker<unknown>, 'deliver'>;
  clock: Clock;
  log: Logger;
}) {
  const { devices, people, transactions, broker, clock, log } = deps;
  /** Handed over and not confirmed yet, with when. */
  const handedOver = new Map<string, number>();
  /** Devices whose waiting commands are being looked for; true: it subscribed once more meanwhile. */
  const looking = new Map<string, boolean>();

  function handOver(organisationId: number, deviceId: string, command: PendingCommand): void {
    const { id, name, payload } = command;
    const handedAt = handedOver.get(id);
    if (handedAt !== undefined && clock.now() - handedAt < CONFIRM_WITHIN_MS) return;
    const topic = deviceTopics.commands.pattern.replace('{deviceId}', deviceId).replace('#', id);
    const body = Buffer.from(JSON.stringify({ id, name, payload: payload ?? null }));
    handedOver.set(id, clock.now());
    const reached = broker.deliver(deviceId, { topic, payload: body, qos: 1 }, () => {
      handedOver.delete(id);
      transactions
        .unaudited(organisationId, 'command_progress', (tx) => markSent(tx, id, clock.date()))
        .catch((error: unknown) => log.warn({ err: error, command: id }, 'that a command was sent could not be noted'));
    });
    if (reached === 0) handedOver.delete(id);
  }

  async function handOverWaiting(organisationId: number, deviceId: string): Promise<void> {
    const waiting = await transactions.read(organisationId, (reader) => listPending(reader, deviceId, MAX_OPEN));
    for (const command of waiting) handOver(organisationId, deviceId, command);
  }

  return {
    async create(
      tx: AuditedTx,
      by: { readonly organisationId: number; readonly userId: string },
      deviceId: string,
      input: {
        readonly name: string;
        readonly payload?: unknown;
        readonly timeoutSeconds?: number | undefined;
      },
    ): Promise<DeviceCommand> {
      await devices.lock(tx, deviceId);
      if ((await countOpenCommands(tx, deviceId)) >= MAX_OPEN)
        throw new Problem('conflict', { detail: `${MAX_OPEN} commands of this device are still unanswered.` });
      const id = newId();
      await insertCommand(tx, {
        id,
        organisationId: by.organisationId,
        deviceId,
        name: input.name,
        payload: input.payload,
        createdBy: by.userId,
        createdAt: clock.date(),
        timeoutSeconds: input.timeoutSeconds ?? DEFAULT_TIMEOUT_SECONDS,
      });
      // Not the payload: it may hold what must not stand in the log for ever; the command history keeps it.
      tx.describe({ resource: { kind: 'device', id: deviceId }, details: { commandId: id, name: input.name } });
      const found = await findCommand(tx, id);
      const [command] = await people.named(tx, found ? [found] : [], ['created_by_name']);
      if (!command) throw new Error('the command just written cannot be read');
      return presentCommand(command);
    },

    /** After the commit: a command the log does not know of must not reach a device. */
    dispatch(organisationId: number, deviceId: string, command: DeviceCommand): void {
      handOver(organisationId, deviceId, command);
    },

    /** The device can be sent what waits for it. However often it subscribes, it costs one look-up a second. */
    subscribed(organisationId: number, deviceId: string): void {
      if (looking.has(deviceId)) {
        looking.set(deviceId, true);
        return;
      }
      looking.set(deviceId, false);
      const look = () => {
        handOverWaiting(organisationId, deviceId)
          .catch((error: unknown) => log.warn({ err: error, device: deviceId }, 'waiting commands could not be read'))
          .finally(() => {
            setTimeout(() => {
              if (looking.get(deviceId) !== true) {
                looking.delete(deviceId);
                return;
              }
              looking.set(deviceId, false);
              look();
            }, LOOK_AGAIN_MS).unref();
          });
      };
      look();
    },

    async list(reader: Reader, deviceId: string, query: { limit?: number | undefined; cursor?: string | undefined }) {
      await devices.assertThere(reader, deviceId);
      const limit = query.limit ?? DEFAULT_PAGE;
      const [beforeId] = decodeCursor(query.cursor, position) ?? [];
      const rows = await listCommands(reader, { deviceId, beforeId, limit: limit + 1 });
      const named = await people.named(reader, rows, ['created_by_name']);
      return pageOf(named, limit, presentCommand, (row) => [row.id]);
    },

    async answer(
      device: { readonly organisationId: number; readonly deviceId: string },
      commandId: string,
      answer: { readonly outcome: 'acknowledged' | 'failed'; readonly response: unknown },
    ): Promise<void> {
      const isKnown = await transactions.unaudited(device.organisationId, 'command_progress', (tx) =>
        recordAnswer(tx, { ...answer, id: commandId, deviceId: device.deviceId, at: clock.date() }),
      );
      handedOver.delete(commandId);
      if (!isKnown) throw new Problem('not_found', { detail: 'This device was never sent such a command.' });
    },

    async timeOut(signal: AbortSignal): Promise<void> {
      const oldest = clock.now() - CONFIRM_WITHIN_MS;
      for (const [id, at] of handedOver) if (at < oldest) handedOver.delete(id);
      const run = () =>
        transactions.unaudited(null, 'command_progress', (tx) =>
          timeOutCommands(tx, clock.date(), TIMEOUTS_PER_TRANSACTION),
        );
      while ((await run()) >= TIMEOUTS_PER_TRANSACTION && !signal.aborted);
    },
  };
}
