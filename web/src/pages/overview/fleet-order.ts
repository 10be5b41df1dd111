import type { Alert, Device, Severity } from '@valtronics/contract';

export type FleetRow = Device & {
  readonly rank: number;
  readonly worst: Severity | undefined;
  /** Somebody is on every open alert of the device. */
  readonly acknowledged: boolean;
};

const severityRank = { critical: 0, warning: 2, info: 4 } as const satisfies Record<Severity, number>;
const statusRank = { error: 1, offline: 3, maintenance: 8, online: 9 } as const satisfies Record<
  Device['status'],
  number
>;
const acknowledgedPenalty = 4;

/** Critical alerts, then errors, warnings, silence, information; what someone already handles after that; the rest by name. */
export function fleetOrder(devices: readonly Device[], openAlerts: readonly Alert[]): FleetRow[] {
  const byDevice = new Map<string, Alert[]>();
  for (const alert of openAlerts) byDevice.set(alert.deviceId, [...(byDevice.get(alert.deviceId) ?? []), alert]);
  const rankOf = ({ severity, status }: Alert) =>
    severityRank[severity] + (status === 'acknowledged' ? acknowledgedPenalty : 0);
  const rows = new Map<string, FleetRow>();
  for (const device of devices) {
    if (rows.has(device.id)) continue;
    const alerts = (byDevice.get(device.id) ?? []).toSorted((a, b) => rankOf(a) - rankOf(b));
    const [first] = alerts;
    rows.set(device.id, {
      ...device,
      rank: Math.min(statusRank[device.status], first ? rankOf(first) : 9),
      worst: first?.severity,
      acknowledged: alerts.length > 0 && alerts.every(({ status }) => status === 'acknowledged'),
    });
  }
  return [...rows.values()].toSorted((a, b) => a.rank - b.rank || a.name.localeCompare(b.name));
}
