import type { AddressInfo, Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { createServer, type TLSSocket } from 'node:tls';
import { afterEach, describe, expect, it } from 'vitest';
import { until } from '../../../../../tests/support/database-faults.ts';
import { aSelfSignedCertificate } from '../../../../../tests/support/self-signed-certificate.ts';
import { createOutboundTls } from '../../../platform/outbound/outbound-tls.ts';
import type { StoredEvent } from '../destination.ts';
import { syslogFrame } from '../formats/rfc5424.ts';
import { aSecurityEvent } from '../siem.builders.ts';
import { createSyslogLink } from './syslog-link.ts';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

async function aReceiver(onConnection: (socket: TLSSocket) => void) {
  const { key, cert } = aSelfSignedCertificate('siem.example');
  const server = createServer({ key, cert }, (socket) => {
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  const sockets: Socket[] = [];
  server.on('connection', (socket: Socket) => sockets.push(socket));
  server.on('tlsClientError', () => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return (
    times: { writeWithinMs?: number; confirmWithinMs?: number; closeWithinMs?: number } = {},
    serverName = 'siem.example',
  ) =>
    createSyslogLink({
      outboundTls: createOutboundTls({ allowList: ['127.0.0.0/8'] }),
      target: { host: '127.0.0.1', port, serverName, ca: cert },
      frame: (event) => syslogFrame('ecs', event, 'host'),
      ...times,
    });
}

const never = new AbortController().signal;
const events = (count: number): StoredEvent[] =>
  Array.from({ length: count }, (_, position) => ({
    position,
    event: aSecurityEvent({ details: { note: 'x'.repeat(5_000) } }),
  }));

describe('a syslog connection', () => {
  it('is confirmed when the receiver has read to the end, and another one follows', async () => {
    const heard: string[] = [];
    const link = (await aReceiver((socket) => socket.on('data', (chunk) => heard.push(String(chunk)))))();
    await link.send(events(300), never);
    await link.confirm();
    expect(heard.join('').match(/<84>1 /g)).toHaveLength(300);
    expect(link.fault()).toBeUndefined();
    await link.send(events(1), never);
    await link.confirm();
    expect(heard.join('').match(/<84>1 /g)).toHaveLength(301);
  });

  it('is not confirmed by a receiver that has not read it, whether it keeps silent or breaks off', async () => {
    const silent = (await aReceiver((socket) => socket.pause()))({ confirmWithinMs: 300 });
    await silent.send(events(20), never);
    await expect(silent.confirm()).rejects.toMatchObject({ reason: 'timeout' });
    expect(silent.fault()).toBeDefined();

    let socketOfReceiver: TLSSocket | undefined;
    const breaks = (
      await aReceiver((socket) => {
        socketOfReceiver = socket.pause();
      })
    )();
    await breaks.send(events(20), never);
    await until(() => socketOfReceiver !== undefined);
    socketOfReceiver?.destroy();
    await expect(breaks.confirm()).rejects.toMatchObject({ reason: 'unreachable' });
  });

  it('is not confirmed by a receiver that hung up by itself', async () => {
    const link = (await aReceiver((socket) => socket.end()))();
    await link.send(events(1), never).catch(() => undefined);
    await expect(link.confirm()).rejects.toMatchObject({ reason: 'unreachable' });
    expect(link.fault()).toBeDefined();
  });

  it('does not wait for ever for a receiver that stops reading', async () => {
    const link = (await aReceiver((socket) => socket.pause()))({ writeWithinMs: 400, closeWithinMs: 300 });
    await expect(link.send(events(4_000), never)).rejects.toMatchObject({
      reason: 'timeout',
      message: 'the target stopped reading',
    });
    const began = performance.now();
    await link.close();
    expect(performance.now() - began).toBeLessThan(2_000);
  });

  it('is closed when nothing of it can arrive any more, and all that was written has left', async () => {
    let heard = '';
    let isOver = false;
    const link = (
      await aReceiver((socket) => {
        socket.on('data', (chunk) => {
          heard += String(chunk);
        });
        socket.on('close', () => {
          isOver = true;
        });
      })
    )();
    await link.send(events(300), never);
    await link.close();
    await until(() => isOver);
    expect(heard.match(/<84>1 /g)).toHaveLength(300);
  });

  it('notices an end while nothing is sent', async () => {
    const link = (
      await aReceiver((socket) => {
        setTimeout(() => socket.end(), 100);
        socket.resume();
      })
    )();
    await link.connect(never);
    expect(link.fault()).toBeUndefined();
    await delay(500);
    expect(link.fault()).toMatchObject({ message: 'the target ended the connection' });
  });

  it('sends nothing to a certificate of another name', async () => {
    const heard: Buffer[] = [];
    const open = await aReceiver((socket) => socket.on('data', (chunk: Buffer) => heard.push(chunk)));
    await expect(open({}, 'other.example').send(events(1), never)).rejects.toMatchObject({
      message: 'the certificate of the target is for another name (ERR_TLS_CERT_ALTNAME_INVALID)',
    });
    expect(heard).toEqual([]);
  });
});
