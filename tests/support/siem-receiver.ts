import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface SiemRequest {
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface SiemReceiver {
  readonly url: string;
  readonly requests: SiemRequest[];
  /** What all of them said, in their order. */
  text(): string;
  answerWith(answer: (request: SiemRequest) => { status: number; body?: unknown }): void;
  close(): void;
}

/** A receiver over HTTP on loopback; it keeps what it acknowledged. */
export async function aSiemReceiver(): Promise<SiemReceiver> {
  const requests: SiemRequest[] = [];
  let answer: (request: SiemRequest) => { status: number; body?: unknown } = () => ({ status: 200 });
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    const told: SiemRequest = { url: request.url ?? '', headers: request.headers, body };
    const given = answer(told);
    if (given.status < 300) requests.push(told);
    response.writeHead(given.status, { 'content-type': 'application/json' }).end(JSON.stringify(given.body ?? {}));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/siem`,
    requests,
    text: () => requests.map(({ body }) => body).join('\n'),
    answerWith(next) {
      answer = next;
    },
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}
