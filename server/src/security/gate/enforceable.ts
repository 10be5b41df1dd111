import type { Endpoint, Stream } from '@valtronics/contract';
import { planOf } from '../fields/show-answer.ts';

/** A policy that this door cannot put into force must not be declared and then silently ignored. */
export function mustBeEnforceable(stream: Stream, direction: Stream['direction']): void {
  const name = `the stream ${stream.direction} ${stream.channel}`;
  if (stream.direction !== direction) throw new Error(`${name} is handled in the wrong direction`);
  if (stream.access.kind === 'open') throw new Error(`${name} cannot be open`);
  if ((stream.message === undefined) === (direction === 'subscribe')) throw new Error(`${name} must say what it sends`);
  if (stream.message) planOf(stream.message);
  if (stream.audit.kind === 'records') throw new Error(`${name} cannot record audit events`);
}

/** The gate searches texts for personal data by the policy of whoever sends them, and of a stranger it knows no organisation. */
export function mustBeSearchable({ path, access, freeText }: Endpoint): void {
  if (freeText && access.kind === 'open')
    throw new Error(`${path} is open, so its texts are for its handler to search`);
}
