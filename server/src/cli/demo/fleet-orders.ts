import { z } from 'zod';
import { knownDevice } from '../register-fleet.ts';

/** What the process of the simulated fleet is told on its standard input: one line. Tokens must not stand in arguments or environment. */
export const fleetOrders = z.strictObject({
  httpUrl: z.string(),
  mqttUrl: z.string(),
  ca: z.string(),
  sinceMs: z.number(),
  utcOffsetMinutes: z.number(),
  members: z.array(knownDevice),
});
export type FleetOrders = z.infer<typeof fleetOrders>;

/** What it says on its standard output, one line each. */
export const fleetWord = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('problem'), device: z.string(), text: z.string() }),
  z.strictObject({ kind: z.literal('progress'), acknowledged: z.number(), dropped: z.number(), refused: z.number() }),
]);
export type FleetWord = z.infer<typeof fleetWord>;
