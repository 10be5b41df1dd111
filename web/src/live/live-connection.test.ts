import { describe, expect, it } from 'vitest';
import { backoffMs, createLiveConnection, type LiveSocket, type LiveState } from './live-connection.ts';

function aConnection() {
  let time = 0;
  let timers: { at: number; run: () => void }[] = [];
  const sockets: (LiveSocket & { sent: Record<string, unknown>[]; closed: boolean })[] = [];
  const states: LiveState['kind'][] = [];
  const silences: number[] = [];
  const connection = createLiveConnection(
    {
      openSocket: () => {
        const socket = {
          sent: [] as Record<string, unknown>[],
          closed: false,
          send: (text: string) => void socket.sent.push(JSON.parse(text)),
          close: () => {
            socket.closed = true;
          },
          onopen: null,
          onmessage: null,
          onclose: null,
        } as LiveSocket & { sent: Record<string, unknown>[]; closed: boolean };
        sockets.push(socket);
        return socket;
      },
      setTimer: (run, ms) => {
        const timer = { at: time + ms, run };
        timers.push(timer);
        return () => {
          timers = timers.filter((other) => other !== timer);
        };
      },
      now: () => time,
      random: () => 1,
    },
    { onState: (state) => states.push(state.kind), onResumed: (ms) => silences.push(ms) },
  );
  const advance = (ms: number) => {
    const until = time + ms;
    for (;;) {
      const due = timers.filter((timer) => timer.at <= until).sort((a, b) => a.at - b.at)[0];
      if (!due) break;
      time = due.at;
      timers = timers.filter((timer) => timer !== due);
      due.run();
    }
    time = until;
  };
  const last = () => {
    const socket = sockets.at(-1);
    if (!socket) throw new Error('no socket was opened');
    return socket;
  };
  return { connection, sockets, states, silences, advance, last };
}

describe('the live connection', () => {
  it('shares one subscription between equal listeners and ends it with the last of them', () => {
    const { connection, last } = aConnection();
    connection.start();
    last().onopen?.();
    const heard: string[] = [];
    const endFirst = connection.subscribe({ channel: 'alerts' }, () => heard.push('first'));
    const endSecond = connection.subscribe({ channel: 'alerts' }, () => heard.push('second'));
    expect(last().sent).toEqual([{ type: 'subscribe', id: 1, channel: 'alerts' }]);
    last().onmessage?.({ data: '{"type":"alert","id":1}' });
    expect(heard).toEqual(['first', 'second']);
    endFirst();
    expect(last().sent).toHaveLength(1);
    endSecond();
    expect(last().sent.at(-1)).toEqual({ type: 'unsubscribe', id: 1 });
  });

  it('subscribes again after a lost connection and says how long it heard nothing', () => {
    const { connection, last, advance, silences, sockets } = aConnection();
    connection.subscribe({ channel: 'telemetry', deviceId: 'd' }, () => {});
    connection.start();
    last().onopen?.();
    last().onclose?.({ code: 1006 });
    expect(connection.state()).toMatchObject({ kind: 'waiting', attempt: 0 });
    advance(500);
    expect(sockets).toHaveLength(2);
    last().onopen?.();
    expect(last().sent).toEqual([{ type: 'subscribe', id: 1, channel: 'telemetry', deviceId: 'd' }]);
    expect(silences).toEqual([500]);
  });

  it('tells each listener, also a later one, when the server has confirmed, and anew after a lost connection', () => {
    const { connection, last, advance } = aConnection();
    const heard: string[] = [];
    const listen = (name: string) =>
      connection.subscribe({ channel: 'telemetry' }, ({ type }) => heard.push(`${name} ${type}`));
    const confirm = () => last().onmessage?.({ data: '{"type":"subscribed","id":1}' });
    connection.start();
    last().onopen?.();
    listen('first');
    expect(heard).toEqual([]);
    confirm();
    listen('second');
    expect(heard.splice(0)).toEqual(['first subscribed', 'second subscribed']);
    last().onclose?.({ code: 1006 });
    listen('third');
    advance(500);
    last().onopen?.();
    expect(heard).toEqual([]);
    confirm();
    expect(heard).toEqual(['first subscribed', 'second subscribed', 'third subscribed']);
  });

  it('waits twice as long after each failed attempt, up to half a minute', () => {
    const { connection, last, advance } = aConnection();
    connection.start();
    const waits: number[] = [];
    for (let round = 0; round < 8; round++) {
      last().onclose?.({ code: 1006 });
      const state = connection.state();
      if (state.kind !== 'waiting') throw new Error(state.kind);
      const before = state.retryAt;
      waits.push(backoffMs(state.attempt, 1));
      advance(waits.at(-1) ?? 0);
      expect(before).toBeGreaterThan(0);
    }
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  });

  it('does not come back by itself after the session ended', () => {
    const { connection, last, advance, sockets } = aConnection();
    connection.start();
    last().onopen?.();
    last().onclose?.({ code: 4401 });
    advance(600_000);
    expect(sockets).toHaveLength(1);
    expect(connection.state()).toEqual({ kind: 'ended', reason: 'notAuthenticated' });
  });

  it('notices a connection that went silent', () => {
    const { connection, last, advance, sockets } = aConnection();
    connection.start();
    const first = last();
    first.onopen?.();
    advance(25_000);
    expect(first.sent.at(-1)).toEqual({ type: 'ping' });
    first.onmessage?.({ data: '{"type":"pong"}' });
    advance(25_000);
    advance(10_000);
    expect(first.closed).toBe(true);
    advance(500);
    expect(sockets).toHaveLength(2);
  });

  it('survives frames that are not JSON', () => {
    const { connection, last } = aConnection();
    connection.start();
    last().onopen?.();
    expect(() => last().onmessage?.({ data: '{' })).not.toThrow();
    expect(connection.state().kind).toBe('open');
  });
});
