import type { PublishPacket } from 'aedes';
import type { Logger } from '../log/log.ts';
import type { IncomingMessage, MqttHandlers } from './broker.types.ts';
import type { ConnectionRecord, MqttConnection } from './connection.ts';
import type { MqttLimits } from './limits.ts';
import type { SessionState } from './session-state.ts';

const NOTHING = Buffer.alloc(0);

/**
 * One publish, or a last will, on its way to the handler. aedes acknowledges when `done` is called without an error, so `done` waits
 * for the handler; packets of one read are handled beside each other, and a slow one holds up only reading, not its neighbours.
 */
export function receivePublish<T>(
  record: ConnectionRecord<T>,
  packet: PublishPacket,
  done: (error?: Error | null) => void,
  deps: {
    handlers: MqttHandlers<T>;
    sessions: SessionState;
    limits: MqttLimits;
    log: Logger;
    end: (record: ConnectionRecord<T>, reason: string) => void;
  },
): void {
  const { handlers, sessions, limits, log, end } = deps;
  const { accepted, intake } = record;
  const lastWill = packet === record.will;
  if (!accepted || (lastWill && record.endedByUs)) {
    done(new Error('not published'));
    return;
  }
  // A repetition of what was taken over already: aedes answers it, nobody handles it twice.
  if (packet.qos === 2 && !lastWill && sessions.wasReceived(record.client, packet.messageId ?? 0)) {
    done();
    return;
  }
  const message: IncomingMessage = {
    topic: packet.topic,
    payload: typeof packet.payload === 'string' ? Buffer.from(packet.payload) : packet.payload,
    qos: packet.qos,
    lastWill,
  };
  const { topic, qos } = message;
  const { length } = message.payload;
  // aedes keeps the packet until it is acknowledged; the message above is all that is needed from here on.
  packet.payload = NOTHING;

  const answer = handle(accepted, message);
  if (answer === undefined) {
    // A handler may have hung up instead of answering.
    if (lastWill || !record.endedByUs) done();
    return;
  }
  intake.hold(length);
  answer.then(
    () => {
      intake.release(length);
      if (lastWill || !(record.closed || record.endedByUs)) done();
    },
    (error) => {
      intake.release(length);
      log.debug({ err: error, device: accepted.identity, topic }, 'an MQTT message was not taken');
      if (lastWill || qos === 0) done();
      else askToSendAgain();
    },
  );

  function handle(connection: MqttConnection<T>, message: IncomingMessage): Promise<void> | undefined {
    try {
      return handlers.onPublish(connection, message);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * MQTT 3.1.1 cannot say "not now": a client sends again only on its next connection. Not at once, or a fault that lasts would have
   * every client reconnect in a loop.
   */
  function askToSendAgain(): void {
    intake.stop();
    setTimeout(() => end(record, 'a message could not be taken'), limits.retryAfterMs).unref();
  }
}
