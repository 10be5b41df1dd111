import { type Device, devicesStream } from '@valtronics/contract';
import type { StreamGate } from '../../security/gate/streams.ts';

export interface DeviceFeed {
  publish(organisationId: number, device: Device): void;
}

interface Listener {
  readonly deviceId: string | undefined;
  send(device: Device): void;
}

/** Who looks at devices right now, by organisation. */
export function createDeviceFeed(streamGate: StreamGate): DeviceFeed {
  const listeners = new Map<number, Set<Listener>>();

  streamGate.onSubscribe(devicesStream, ({ principal, filter, send }) => {
    const { organisationId } = principal;
    const listener: Listener = {
      deviceId: filter.deviceId?.toLowerCase(),
      // A slow reader gets each device as it is now, not all it has been.
      send: (device) => send({ type: 'device', device }, device.id, device.id),
    };
    const ofOrganisation = listeners.get(organisationId) ?? new Set();
    listeners.set(organisationId, ofOrganisation.add(listener));
    return () => {
      ofOrganisation.delete(listener);
      if (ofOrganisation.size === 0 && listeners.get(organisationId) === ofOrganisation)
        listeners.delete(organisationId);
    };
  });

  return {
    publish(organisationId, device) {
      for (const listener of listeners.get(organisationId) ?? []) {
        if (listener.deviceId === undefined || listener.deviceId === device.id) listener.send(device);
      }
    },
  };
}
