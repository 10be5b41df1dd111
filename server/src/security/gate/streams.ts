import type { Stream } from '@valtronics/contract';
import type { z } from 'zod';
import type { PrincipalFor } from '../access/principal.ts';
import type { Sight } from '../access/sight.ts';

/** A live subscription that has passed the gate. */
export interface Subscription<S extends Stream> {
  readonly principal: PrincipalFor<S['access']>;
  readonly filter: z.output<S['filter']>;
  /**
   * Hands a message to the connection; `id` is added there. `coalesceKey`: while the reader is slow, only the newest message of a key is
   * kept and the number left out is reported as `skipped`. Returns at once and never grows memory without bound.
   *
   * `about`: the device it tells of. Who is limited to device groups is shown what is about a device they see and nothing else, so a
   * message that does not say whom it is about reaches nobody who is limited.
   */
  send(
    message: Readonly<Record<string, unknown>> & { readonly type: string },
    coalesceKey?: string,
    about?: string,
  ): void;
}

/** Starts a subscription; the returned function ends it. */
export type SubscribeHandler<S extends Stream> = (subscription: Subscription<S>) => () => void;

export interface PublishedMessage<S extends Stream> {
  readonly principal: PrincipalFor<S['access']>;
  readonly points: readonly unknown[];
  /** Which devices the sender may write for. */
  readonly sight: Sight;
}
/** Answers a publish; the result is sent back as `{type: 'accepted', id, …}`. */
export type PublishHandler<S extends Stream> = (
  message: PublishedMessage<S>,
) => Promise<Readonly<Record<string, unknown>>>;

export interface StreamGate {
  onSubscribe<const S extends Stream>(stream: S, handler: SubscribeHandler<S>): void;
  onPublish<const S extends Stream>(stream: S, handler: PublishHandler<S>): void;
}
