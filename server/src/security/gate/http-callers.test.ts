import type { FastifyRequest } from 'fastify';
import { describe, expect, test } from 'vitest';
import { addressList } from '../../platform/config/addresses.ts';
import { createHttpCallers } from './http-callers.ts';

const callerOf = createHttpCallers(addressList(['10.0.0.0/8']));
const aRequest = (socket: object, forwardedFor?: string) =>
  ({ socket, headers: { 'x-forwarded-for': forwardedFor } }) as unknown as FastifyRequest;

test('a connection of its own is one caller, whatever its requests say of others', () => {
  const socket = { remoteAddress: '203.0.113.9' };
  const first = callerOf(aRequest(socket, '198.51.100.1'));
  expect(first.address).toBe('203.0.113.9');
  expect(callerOf(aRequest(socket, '198.51.100.2'))).toBe(first);
  expect(callerOf(aRequest({ remoteAddress: '203.0.113.9' }))).not.toBe(first);
});

describe('is not remembered', () => {
  test.each(['10.1.2.3', '::ffff:10.1.2.3'])('who sends through the trusted proxy at %s', (remoteAddress) => {
    const socket = { remoteAddress };
    const one = callerOf(aRequest(socket, '198.51.100.1'));
    const other = callerOf(aRequest(socket, '198.51.100.2'));
    expect([one.address, other.address]).toEqual(['198.51.100.1', '198.51.100.2']);
    // Not even the same sender: whether it is the same is what nobody here can know.
    expect(callerOf(aRequest(socket, '198.51.100.1'))).not.toBe(one);
  });

  test('who has gone before it was asked for an address', () => {
    const socket: { remoteAddress?: string } = {};
    const unknown = callerOf(aRequest(socket));
    socket.remoteAddress = '203.0.113.9';
    expect(callerOf(aRequest(socket))).not.toBe(unknown);
  });
});

describe('whose certificate began the connection', () => {
  const certificate = { of: 'device', fingerprint: Buffer.alloc(32, 7) } as const;
  const certified = { remoteAddress: '10.1.2.3' };
  const callerOfDevice = createHttpCallers(addressList(['10.0.0.0/8']), (socket) =>
    (socket as unknown) === certified ? certificate : undefined,
  );

  test('is one caller, and a forwarded address is the device’s own word: it counts for nothing', () => {
    const caller = callerOfDevice(aRequest(certified, '198.51.100.1'));
    expect(caller).toMatchObject({ address: '10.1.2.3', certificate });
    expect(callerOfDevice(aRequest(certified))).toBe(caller);
  });

  test('nobody else has one', () => {
    expect(callerOfDevice(aRequest({ remoteAddress: '203.0.113.9' })).certificate).toBeUndefined();
  });
});
