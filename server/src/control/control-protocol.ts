import { z } from 'zod';

// HTTP over a Unix socket: framing, limits and time-outs are Node's own, and it can be looked at with curl --unix-socket.

/** Part of the path, so that a command of another version is told so instead of being misunderstood. */
export const CONTROL_VERSION = 1;
export const MAX_BODY_BYTES = 65_536;

export const controlRequest = z.strictObject({ uid: z.int().nonnegative(), input: z.unknown() });

export const controlFault = z.strictObject({
  detail: z.string(),
  errors: z.array(z.strictObject({ path: z.string(), message: z.string() })),
});
export type ControlFault = z.infer<typeof controlFault>;

/** The body as an object, or undefined when it is too long, cut short or no JSON. */
export async function readBody(stream: AsyncIterable<Buffer>): Promise<unknown> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of stream) {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) return undefined;
    parts.push(part);
  }
  try {
    return JSON.parse(Buffer.concat(parts).toString('utf8'));
  } catch {
    return undefined;
  }
}
