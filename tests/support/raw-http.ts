import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { TestApp } from './app.ts';

export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** As it came. */
  text: string;
}

/** A TLS connection to the platform, for what no HTTP client would send. */
export function aSocket(app: TestApp, from = '127.0.0.1'): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({
      socket: connectTcp({ host: '127.0.0.1', port: app.httpPort, localAddress: from }),
      servername: 'localhost',
      ca: app.ca,
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Sends bytes as they are and gives back the first answer, or '' when the server hung up without one. */
export async function rawRequest(app: TestApp, bytes: string | Buffer, from?: string): Promise<RawAnswer> {
  const socket = await aSocket(app, from);
  return new Promise((resolve) => {
    let text = '';
    const done = () => {
      clearTimeout(tooLong);
      socket.destroy();
      resolve(readAnswer(text));
    };
    const tooLong = setTimeout(done, 12_000);
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1');
      if (isWhole(text)) done();
    });
    socket.on('close', done);
    socket.on('error', done);
    socket.write(bytes);
  });
}

function isWhole(text: string): boolean {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0 || /^HTTP\/1\.1 1\d\d/.test(text)) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(text.slice(0, end))?.[1];
  return length !== undefined && text.length >= end + 4 + Number(length);
}

function readAnswer(text: string): RawAnswer {
  const final = text.replace(/^HTTP\/1\.1 1\d\d[\s\S]*?\r\n\r\n/, '');
  const [head = '', body = ''] = final.split('\r\n\r\n', 2);
  const [line = '', ...lines] = head.split('\r\n');
  const headers = Object.fromEntries(
    lines.map((one) => [one.slice(0, one.indexOf(':')).toLowerCase(), one.slice(one.indexOf(':') + 1).trim()]),
  );
  return { status: Number(line.split(' ')[1] ?? 0), headers, body, text };
}
