import type { z } from 'zod';
import type { Access, Audit, InspectionExemption, RateClass } from './policy.ts';

/** One MQTT topic family. `{deviceId}` is always the connected device; a topic that is not declared is refused. */
export interface Topic {
  readonly pattern: `valtronics/${string}`;
  /** Seen from the device: what it publishes, or what it subscribes to. */
  readonly direction: 'publish' | 'subscribe';
  readonly summary: string;
  /** Bytes of the payload; larger ones are reported on the device's `errors` topic. */
  readonly maxBytes: number;
  /** Where the inspection makes an exception; a pinned list. */
  readonly inspection?: readonly InspectionExemption[];
  readonly access: Access;
  readonly rate: RateClass;
  readonly audit: Audit;
}
export const topic = <const T extends Topic>(declaration: T): T => declaration;

/** One live stream over the WebSocket `/api/v1/live`. */
export interface Stream {
  readonly channel: string;
  readonly direction: 'publish' | 'subscribe';
  readonly summary: string;
  /** What a subscriber may narrow it to. */
  readonly filter: z.ZodObject;
  /** What a subscriber is sent, beside the id of the subscription; the fields of the catalogue in it are shown as in answers. */
  readonly message?: z.ZodObject;
  readonly access: Access;
  readonly rate: RateClass;
  readonly audit: Audit;
}
export const stream = <const S extends Stream>(declaration: S): S => declaration;
