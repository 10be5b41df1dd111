import { expect } from 'vitest';
import type { Answer } from './app.ts';

/** Of every answer, whatever it is. */
export const securityHeaders = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': expect.stringMatching(/^default-src 'none'/),
  'permissions-policy': expect.stringContaining('camera=()'),
};

/** A problem of RFC 9457 that protects like any other answer. */
export function expectProblem(
  answer: { status: number; headers: Answer['headers']; json?: unknown },
  status: number,
  code: string,
): void {
  expect(answer).toMatchObject({
    status,
    headers: { ...securityHeaders, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
    json: { code, status, type: `urn:valtronics:problem:${code}`, requestId: expect.stringMatching(/^[0-9a-f-]{36}$/) },
  });
}
