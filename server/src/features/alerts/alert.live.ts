import { type Alert, alertsStream } from '@valtronics/contract';
import type { StreamGate } from '../../security/gate/streams.ts';
import type { Announcement } from './alert.ts';

export interface AlertFeed {
  publish(announcements: readonly Announcement[]): void;
}

interface Listener {
  readonly deviceId: string | undefined;
  send(alert: Alert): void;
}

/** Who looks at alerts right now, by organisation. */
export function createAlertFeed(streamGate: StreamGate): AlertFeed {
  const listeners = new Map<number, Set<Listener>>();

  streamGate.onSubscribe(alertsStream, ({ principal, filter, send }) => {
    const { organisationId } = principal;
    const listener: Listener = {
      deviceId: filter.deviceId,
      // A slow reader gets the newest state of each alert.
      send: (alert) => send({ type: 'alert', alert }, alert.id, alert.deviceId),
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
    publish(announcements) {
      for (const { organisationId, alert } of announcements) {
        for (const listener of listeners.get(organisationId) ?? []) {
          if (listener.deviceId === undefined || listener.deviceId === alert.deviceId) listener.send(alert);
        }
      }
    },
  };
}
