import type { Endpoint } from '@valtronics/contract';
import type { Handler } from './call.ts';

export interface EndpointGate {
  /** Puts a declared endpoint into force: `gate.handle(deviceGet, ({ params, read }) => …)`. Each endpoint is handled exactly once. */
  handle<const E extends Endpoint>(endpoint: E, handler: Handler<E>): void;
}
