// Devices: what is registered, how it proves who it is, whether it is there, and what it is told to do.
import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { MqttBroker } from '../../platform/mqtt/broker.types.ts';
import type { People } from '../../security/access/people.ts';
import type { RevocationMatch, Revocations } from '../../security/access/revocations.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { DeviceAuthority } from '../../security/crypto/certificates/device-authority.ts';
import type { SecurityEvents } from '../../security/events/security-event.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { StreamGate } from '../../security/gate/streams.ts';
import type { TopicGate } from '../../security/gate/topics.ts';
import type { PersonalData } from '../../security/personal-data/personal-data.ts';
import { deviceJobs } from './device.jobs.ts';
import { createDeviceFeed } from './device.live.ts';
import { addDeviceTopics } from './device.mqtt.ts';
import { addDeviceRoutes, type DeviceChanges } from './device.routes.ts';
import { createDeviceService, type DeviceService } from './device.service.ts';
import { presentDevice } from './device.ts';
import { addDeviceCertificateRoutes, publishedAt } from './device-certificate.routes.ts';
import { createDeviceCertificateService } from './device-certificate.service.ts';
import { createDeviceCommandService } from './device-command.service.ts';
import { createDeviceCredentialService } from './device-credential.service.ts';
import { createDeviceProvisioningService, type DeviceProvisioningService } from './device-provisioning.service.ts';
import type { DeviceKeys } from './device-records.ts';
import { createFleetWatch } from './fleet-watch.ts';
import { createPresence, type Presence } from './presence.ts';
import { createRevocationList } from './revocation-list.ts';

export interface Devices {
  /** For the command line: `register(tx, organisationId, input)` and the rest, without HTTP. */
  readonly service: DeviceService;
  readonly provisioning: Pick<DeviceProvisioningService, 'create'>;
  readonly jobs: readonly Job[];
  /** A device let something be heard on another way than MQTT. Cheap. */
  heard: Presence['heard'];
  onPresence: Presence['onChange'];
  /** Name or type of the device changed, or it is gone: drop what was remembered of it. */
  onChanged(listener: (deviceId: string) => void): void;
  /** Writes what was heard last. After the broker has closed. */
  stop(): Promise<void>;
}

export function createDevices(deps: {
  gate: EndpointGate;
  topicGate: TopicGate;
  streamGate: StreamGate;
  transactions: Transactions;
  personalData: Pick<PersonalData, 'judge'>;
  people: People;
  dataKeys: DeviceKeys;
  broker: Pick<MqttBroker<unknown>, 'deliver'>;
  events: SecurityEvents;
  revocations: Revocations;
  /** Signs certificates of devices. */
  authority: DeviceAuthority;
  publicUrl: URL;
  clock: Clock;
  log: Logger;
}): Devices {
  const { gate, topicGate, log } = deps;
  const feed = createDeviceFeed(deps.streamGate);
  const presence = createPresence(deps);
  const devices = createDeviceService(deps);
  const commands = createDeviceCommandService({ ...deps, devices });
  const changeListeners: ((deviceId: string) => void)[] = [];
  const tellChanged = (deviceId: string) => {
    for (const listener of changeListeners) listener(deviceId);
  };

  /** The change is committed and holds here; if the word does not reach other servers, their caches run out within a minute. */
  async function announce(match: RevocationMatch): Promise<void> {
    try {
      await deps.revocations.announce(match);
    } catch (error) {
      log.error({ err: error, device: match.deviceId }, 'a revocation could not be announced to other servers');
    }
  }

  // One after the other: what was opened sooner must not be told later.
  let telling: Promise<void> = Promise.resolve();
  presence.onChange((changes) => {
    telling = telling.then(async () => {
      try {
        const changed = await devices.opened(changes.map(({ device }) => device));
        for (const device of changed) feed.publish(device.organisation_id, presentDevice(device));
      } catch (error) {
        log.error({ err: error }, 'devices that came or went are not shown live');
      }
    });
  });
  const fleetWatch = createFleetWatch(deps);
  presence.onChange((changes) => void fleetWatch(changes));
  const changes: DeviceChanges = {
    async registered(organisationId, device) {
      feed.publish(organisationId, device);
      if (device.ownerId !== null) await announce({ organisationId, sight: true });
    },
    async changed(organisationId, device, { typeChanged, ownerChanged }) {
      feed.publish(organisationId, device);
      tellChanged(device.id);
      // What the device may be asked for depends on its type; its connections begin anew with what is true now.
      if (typeChanged) await announce({ deviceId: device.id, recheck: true });
      if (ownerChanged) await announce({ organisationId, sight: true });
    },
    async removed(deviceId) {
      presence.forget(deviceId);
      tellChanged(deviceId);
      await announce({ deviceId });
    },
    async credentialsEnded(deviceId, credentialIds) {
      for (const credentialId of credentialIds) await announce({ deviceId, credentialId });
    },
  };
  const credentials = createDeviceCredentialService({ ...deps, devices });
  addDeviceRoutes({ gate, devices, credentials, commands, changes });
  const urls = publishedAt(deps.publicUrl);
  const certificates = createDeviceCertificateService({ ...deps, devices, crlUrl: urls.crl });
  const provisioning = createDeviceProvisioningService({ ...deps, devices, certificates });
  const revocationList = createRevocationList(deps);
  addDeviceCertificateRoutes({ ...deps, certificates, provisioning, revocationList, changes, urls });
  addDeviceTopics({ topicGate, presence, commands });

  return {
    service: devices,
    provisioning,
    jobs: deviceJobs({ ...deps, presence, commands, revocationList }),
    heard: presence.heard,
    onPresence: presence.onChange,
    onChanged: (listener) => {
      changeListeners.push(listener);
    },
    stop: () => presence.stop(),
  };
}
