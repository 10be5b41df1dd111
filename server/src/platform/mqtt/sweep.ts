import type { ConnectionRecord } from './connection.ts';
import type { MqttLimits } from './limits.ts';

/** Once a second over all accepted connections: who has gone silent, whose credential has expired, whose packet never ends. */
export function sweepConnections<T>(
  records: Iterable<ConnectionRecord<T>>,
  { now, limits, end }: { now: number; limits: MqttLimits; end: (record: ConnectionRecord<T>, reason: string) => void },
): void {
  for (const record of [...records]) {
    if (record.expiresAt <= now) {
      end(record, 'the credential expired');
      continue;
    }
    const { intake } = record;
    const unfinishedSince = intake.unfinishedSince();
    const neverEnds = unfinishedSince !== undefined && now - unfinishedSince > limits.unfinishedMs;
    // A ping that we have not read is not a missing one; TCP's own keepalive finds out who is really gone.
    const silent = !intake.isBlocked() && now - intake.lastHeardAt > record.silenceLimitMs;
    // Not ended by us: here the last will is due.
    if (neverEnds || silent) record.client.close();
  }
}
