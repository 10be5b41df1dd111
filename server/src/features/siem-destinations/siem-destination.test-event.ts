import type { Clock } from '../../lib/clock.ts';
import { newId } from '../../lib/ids.ts';
import { OutboundError } from '../../platform/outbound/outbound-error.ts';
import type { Destination } from '../../security/siem/destination.ts';
import type { LinkOpener } from '../../security/siem/transports/open-link.ts';

export interface TestAnswer {
  readonly ok: boolean;
  readonly answer: string;
  readonly milliseconds: number;
}

const WITHIN_MS = 25_000;

/** Sends one event by a way of its own, past the order of the deliveries, and tells what came of it. */
export async function sendTestEvent(
  { openLink, clock }: { openLink: LinkOpener; clock: Clock },
  destination: Destination,
  userId: string,
): Promise<TestAnswer> {
  const began = performance.now();
  const { ok, answer } = await tried();
  return { ok, answer, milliseconds: Math.round(performance.now() - began) };

  async function tried(): Promise<Omit<TestAnswer, 'milliseconds'>> {
    try {
      const link = await openLink(destination);
      try {
        const { refused, answer } = await link.send([stored()], AbortSignal.timeout(WITHIN_MS));
        // With TLS 1.3 a receiver refuses our certificate only after the handshake, so that is known now and not before.
        await link.confirm();
        if (refused > 0) return { ok: false, answer: `${answer}, but refused the event` };
        return { ok: true, answer: link.acknowledges ? answer : `${answer}; the receiver read it to the end` };
      } finally {
        await link.close();
      }
    } catch (error) {
      if (error instanceof OutboundError) return { ok: false, answer: error.message };
      throw error;
    }
  }

  function stored(): Parameters<Awaited<ReturnType<LinkOpener>>['send']>[0][number] {
    return {
      // Of no order; a number of its own, so that no receiver takes a second test for the first one again.
      position: clock.now(),
      event: {
        id: newId(),
        at: clock.date(),
        organisationId: destination.organisationId,
        category: 'configuration',
        action: 'siem.tested',
        outcome: 'success',
        level: 'info',
        transport: 'http',
        address: null,
        user: { id: userId, label: null },
        deviceId: null,
        http: null,
        requestId: null,
        reason: null,
        count: 1,
        details: {},
      },
    };
  }
}
