import type { Rate } from '@valtronics/contract';
import type { Logger } from '../../platform/log/log.ts';
import type { Metrics } from '../../platform/metrics/metrics.ts';
import { addressKey } from '../shield/client-address.ts';
import type { Limiter } from '../shield/limiter.ts';

const REFUSAL_LOG: Rate = { perSecond: 1, burst: 10 };

/** Connections that ended at the handshake are counted like requests that were refused, or a flood of them would not be seen. */
export const certificateRefusals =
  (deps: { limiter: Limiter; metrics: Pick<Metrics, 'gateRefused'>; log: Logger }) =>
  ({ address = '', reason }: { readonly address: string | undefined; readonly reason: string }): void => {
    deps.metrics.gateRefused('http', 'not_authenticated');
    // Under a flood the address is named a few times, not a thousand.
    if (deps.limiter.take(`certificate-refusal-log:${addressKey(address)}`, REFUSAL_LOG).ok)
      deps.log.warn(
        { event: 'access.refused', address, reason },
        'a connection without a good certificate was refused',
      );
  };
