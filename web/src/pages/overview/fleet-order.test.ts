import type { Alert, Device } from '@valtronics/contract';
import { expect, it } from 'vitest';
import { fleetOrder } from './fleet-order.ts';

const aDevice = (name: string, status: Device['status'] = 'online') => ({ id: name, name, status }) as Device;
const anAlert = (deviceId: string, severity: Alert['severity'], status: Alert['status'] = 'active') =>
  ({ deviceId, severity, status }) as Alert;
const names = (rows: readonly { name: string }[]) => rows.map(({ name }) => name);

it('puts problems first, the worst of them on top, and the rest by name', () => {
  const devices = [
    aDevice('b'),
    aDevice('a'),
    aDevice('silent', 'offline'),
    aDevice('broken', 'error'),
    aDevice('burning'),
    aDevice('warm'),
  ];
  const rows = fleetOrder(devices, [
    anAlert('warm', 'warning'),
    anAlert('burning', 'info'),
    anAlert('burning', 'critical'),
  ]);
  expect(names(rows)).toEqual(['burning', 'broken', 'warm', 'silent', 'a', 'b']);
  expect(rows[0]?.worst).toBe('critical');
});

it('ranks what someone is on below what nobody has seen', () => {
  const rows = fleetOrder(
    [aDevice('handled'), aDevice('new')],
    [anAlert('handled', 'critical', 'acknowledged'), anAlert('new', 'warning')],
  );
  expect(names(rows)).toEqual(['new', 'handled']);
  expect(rows[1]?.acknowledged).toBe(true);
});

it('shows a device that arrived twice once', () => {
  expect(fleetOrder([aDevice('a'), aDevice('a')], [])).toHaveLength(1);
});
