import { Skeleton, Tabs } from '@mantine/core';
import { alertsList, deviceChange, deviceDelete, deviceGet } from '@valtronics/contract';
import { useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { useMay, useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { latestValues } from '../../live/latest-values.ts';
import { useLive } from '../../live/live-provider.tsx';
import { paths } from '../../ui/paths.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import { ThingHeader } from '../../ui/thing-header.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';
import { DeleteDevicesDialog } from '../devices/delete-devices-dialog.tsx';
import { CertificatesPanel } from './certificates-panel.tsx';
import { CommandsTab } from './commands-tab.tsx';
import { CredentialsTab } from './credentials-tab.tsx';
import { DeviceStrip } from './device-strip.tsx';
import { EditDeviceDialog } from './edit-device-dialog.tsx';
import { EventsTab } from './events-tab.tsx';
import { MeasuredPerson } from './measured-person.tsx';
import { MeasurementsTab } from './measurements-tab.tsx';

const tabs = ['measurements', 'commands', 'credentials', 'events'] as const;

export function DevicePage() {
  const { id = '' } = useParams();
  const { get, set } = useSearchState();
  const navigate = useNavigate();
  const tab = oneOf(tabs, get('tab')) ?? 'measurements';
  const { data: device, error, refetch } = useEndpoint(deviceGet, { params: { id } });
  const mayReadAlerts = useMay('alert:read');
  const mayReadTelemetry = useMay('telemetry:read');
  const alerts = useEndpoint(alertsList, { query: { deviceId: id, limit: 100 } }, { enabled: mayReadAlerts });
  const mayManage = useMay('device:write');
  const editRefusal = useRefusal(deviceChange);
  const deleteRefusal = useRefusal(deviceDelete);
  const [dialog, setDialog] = useState<'edit' | 'delete' | null>(null);
  useLive('devices', () => void refetch(), { deviceId: id });
  useLive('telemetry', ({ points }) => latestValues.take(points), { deviceId: id, enabled: mayReadTelemetry });

  if (error && !device) return <ErrorState problem={error} onRetry={() => void refetch()} />;
  if (!device) return <Skeleton height={320} aria-label="Loading the device" />;
  return (
    <>
      <ThingHeader
        title={device.name}
        detail={device.description}
        list={{ name: 'Devices', path: paths.devices }}
        change={{ label: 'Edit', refusal: editRefusal, onClick: () => setDialog('edit') }}
        remove={{ refusal: deleteRefusal, onClick: () => setDialog('delete') }}
      />
      <DeviceStrip device={device} alerts={alerts.data?.items ?? []} />
      <MeasuredPerson device={device} />
      <Tabs value={tab} onChange={(next) => set({ tab: next === 'measurements' ? null : next }, { replace: false })}>
        <Tabs.List mb="md">
          <Tabs.Tab value="measurements">Measurements</Tabs.Tab>
          <Tabs.Tab value="commands">Commands</Tabs.Tab>
          {mayManage ? <Tabs.Tab value="credentials">Credentials</Tabs.Tab> : null}
          <Tabs.Tab value="events">Events</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="measurements">
          <MeasurementsTab device={device} alerts={alerts.data?.items ?? []} />
        </Tabs.Panel>
        <Tabs.Panel value="commands">
          <CommandsTab device={device} />
        </Tabs.Panel>
        <Tabs.Panel value="credentials">
          <CredentialsTab device={device} />
          <CertificatesPanel device={device} />
        </Tabs.Panel>
        <Tabs.Panel value="events">
          <EventsTab device={device} />
        </Tabs.Panel>
      </Tabs>
      {dialog === 'edit' ? <EditDeviceDialog device={device} onClose={() => setDialog(null)} /> : null}
      {dialog === 'delete' ? (
        <DeleteDevicesDialog
          devices={[device]}
          onDeleted={() => void navigate(paths.devices)}
          onClose={() => setDialog(null)}
        />
      ) : null}
    </>
  );
}
