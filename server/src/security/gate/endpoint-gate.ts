import type { Endpoint } from '@valtronics/contract';
import type { Handler } from './call.ts';

/**
 * Reads a body from its bytes in place of the JSON reader and the body's schema, for what comes a hundred thousand times a second. It
 * answers undefined for whatever it is not sure of, which is then read the usual way; what it does read must be what the schema allows.
 */
export type BodyReader<Body> = (bytes: Buffer) => Body | undefined;

export interface EndpointGate {
  /** Puts a declared endpoint into force: `gate.handle(deviceGet, ({ params, read }) => …)`. Each endpoint is handled exactly once. */
  handle<const E extends Endpoint, Body = never>(
    endpoint: E,
    handler: Handler<E, Body>,
    readBody?: BodyReader<Body>,
  ): void;
}
