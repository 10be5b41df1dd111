import type { BodyReader } from './endpoint-gate.ts';

export const FROM_GATE = Symbol('route of the gate');
/** What the gate writes into each of its routes. */
export interface RouteConfig {
  readonly [FROM_GATE]?: true;
  readonly itemsCheckedIn?: string | undefined;
  readonly readBody?: BodyReader<unknown> | undefined;
}
/** What a handler's own reader made of a body: the schema has nothing to say about it any more. */
export class ReadBody {
  readonly value: unknown;
  constructor(value: unknown) {
    this.value = value;
  }
}
