import { Anchor, Badge } from '@mantine/core';
import { IconHeartbeat } from '@tabler/icons-react';
import type { Alert, Device } from '@valtronics/contract';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { Copyable } from '../../ui/copyable.tsx';
import { humanName } from '../../ui/format-value.ts';
import { paths } from '../../ui/paths.ts';
import { DeviceStatusLabel, SeverityBadge } from '../../ui/severity.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { Unreadable } from '../../ui/unreadable.tsx';
import { LastSeen } from '../devices/device-cells.tsx';
import { MaskedValue } from '../reveal/masked-value.tsx';
import classes from './device.module.css';

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

/** What a glance must answer: is it there, since when, what is wrong. */
export function DeviceStrip({ device, alerts }: { device: Device; alerts: readonly Alert[] }) {
  const open = alerts.filter(({ status }) => status !== 'resolved');
  const worst = (['critical', 'warning', 'info'] as const).find((severity) =>
    open.some((alert) => alert.severity === severity),
  );
  return (
    <dl className={classes.strip}>
      <Fact name="Status">
        <DeviceStatusLabel status={device.status} />
      </Fact>
      <Fact name="Since">
        <RelativeTime at={device.statusSince} />
      </Fact>
      <Fact name="Last heard">
        <LastSeen device={device} />
      </Fact>
      <Fact name="Open alerts">
        {worst ? (
          <Anchor component={Link} to={`${paths.alerts}?device=${device.id}`} size="sm">
            {open.length} <SeverityBadge severity={worst} />
          </Anchor>
        ) : (
          'none'
        )}
      </Fact>
      <Fact name="Type">{humanName(device.type)}</Fact>
      <Fact name="Location">{device.location ?? '–'}</Fact>
      <Fact name="Serial">
        {device.unreadable === 'serial' ? (
          <Unreadable />
        ) : (
          <MaskedValue resource="devices" id={device.id} field="serial" what="serial" of={device.name}>
            {device.serial ?? '–'}
          </MaskedValue>
        )}
      </Fact>
      <Fact name="Id">
        <Copyable value={device.id} label="Copy the device id" shorten />
      </Fact>
      {device.health ? (
        <Fact name="Class">
          <Badge leftSection={<IconHeartbeat size={12} aria-hidden />}>Health data</Badge>
        </Fact>
      ) : null}
    </dl>
  );
}
