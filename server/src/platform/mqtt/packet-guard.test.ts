import fc from 'fast-check';
import mqttPacket from 'mqtt-packet';
import { expect, test } from 'vitest';
import { defaultMqttLimits } from './limits.ts';
import { createPacketGuard } from './packet-guard.ts';

const connect = mqttPacket.generate({
  cmd: 'connect',
  protocolId: 'MQTT',
  protocolVersion: 4,
  clientId: 'c',
  clean: true,
  keepalive: 60,
});
const aPacket = fc.oneof(
  fc.uint8Array({ maxLength: 40_000 }).map((payload) =>
    mqttPacket.generate({
      cmd: 'publish',
      topic: 't',
      payload: Buffer.from(payload),
      qos: 0,
      dup: false,
      retain: false,
    }),
  ),
  fc.constant(mqttPacket.generate({ cmd: 'pingreq' })),
  fc.integer({ min: 1, max: 65_535 }).map((messageId) => mqttPacket.generate({ cmd: 'puback', messageId })),
);

/** Cuts the bytes wherever the network might. */
function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0, n = 0; at < bytes.length; n += 1) {
    const size = sizes[n % sizes.length] ?? 1;
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  return chunks;
}

test('whatever packets come, however they are cut up, their borders are found', () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(aPacket, { maxLength: 20 }), sizes, (packets, cuts) => {
      const guard = createPacketGuard(defaultMqttLimits);
      for (const chunk of cut(Buffer.concat([connect, ...packets]), cuts))
        expect(guard.inspect(chunk, 0)).toBeUndefined();
      expect(guard.packets()).toBe(packets.length + 1);
      expect(guard.unfinishedBytes()).toBe(0);
    }),
    { numRuns: 60 },
  );
});

test('the end of CONNECT is found however it is cut up, with whatever follows', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: connect.length + 10 }), fc.nat(50), (size, extra) => {
      const guard = createPacketGuard(defaultMqttLimits);
      let before = 0;
      for (const chunk of cut(Buffer.concat([connect, Buffer.alloc(extra)]), [size])) {
        const end = guard.endOfFirstPacket(chunk);
        if (end !== undefined) {
          expect(before + end).toBe(connect.length);
          return;
        }
        guard.inspect(chunk, 0);
        before += chunk.length;
      }
      expect.unreachable();
    }),
  );
});

test.each([
  ['CONNECT', 0x10, 16 * 1024],
  ['PUBLISH', 0x30, 1024 * 1088],
  ['SUBSCRIBE', 0x82, 8 * 1024],
])('%s is bounded to the byte, on its header alone', (name, header, bytes) => {
  const lengthField = (length: number) => {
    const field: number[] = [];
    for (let rest = length; ; rest = Math.floor(rest / 128)) {
      field.push(rest > 127 ? (rest % 128) | 128 : rest);
      if (rest <= 127) return field;
    }
  };
  const verdict = (length: number) => {
    const guard = createPacketGuard(defaultMqttLimits);
    if (name !== 'CONNECT') guard.inspect(connect, 0);
    return guard.inspect(Buffer.from([header, ...lengthField(length)]), 0);
  };
  expect(verdict(bytes)).toBeUndefined();
  expect(verdict(bytes + 1)).toBe('packet too large');
});

test('a length field of five bytes is malformed', () => {
  const guard = createPacketGuard(defaultMqttLimits);
  guard.inspect(connect, 0);
  expect(guard.inspect(Buffer.from([0x30, 0x80, 0x80, 0x80, 0x80]), 0)).toBe('malformed length');
});

test('the allowance of control packets comes back with time, up to its burst', () => {
  const guard = createPacketGuard({ ...defaultMqttLimits, controlBurst: 10, controlPerSecond: 5 });
  const pings = (count: number) => Buffer.concat(Array.from({ length: count }, () => Buffer.from([0xc0, 0])));
  expect(guard.inspect(Buffer.concat([connect, pings(9)]), 1000)).toBeUndefined();
  expect(guard.inspect(pings(5), 2000)).toBeUndefined();
  expect(guard.inspect(pings(10), 60_000)).toBeUndefined();
  expect(guard.inspect(pings(1), 60_001)).toBe('too many packets');
});
