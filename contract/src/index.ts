import * as accessContract from './access.ts';
import * as alertRulesContract from './alert-rules.ts';
import * as alertsContract from './alerts.ts';
import * as auditLogContract from './audit-log.ts';
import * as backupsContract from './backups.ts';
import * as blocksContract from './blocks.ts';
import type { Stream, Topic } from './channel.ts';
import * as deviceCertificatesContract from './device-certificates.ts';
import * as deviceChannels from './device-channels.ts';
import * as devicesContract from './devices.ts';
import type { Endpoint } from './endpoint.ts';
import * as factorsContract from './factors.ts';
import * as fieldCatalogueContract from './field-catalogue.ts';
import * as healthContract from './health.ts';
import * as healthTelemetryContract from './health-telemetry.ts';
import * as identityContract from './identity.ts';
import * as identityProvidersContract from './identity-providers.ts';
import * as incidentsContract from './incidents.ts';
import * as keysContract from './keys.ts';
import * as channelsContract from './notification-channels.ts';
import * as passwordsContract from './passwords.ts';
import * as peopleContract from './people.ts';
import * as revealContract from './reveal.ts';
import * as securityEventsContract from './security-events.ts';
import * as sessionsContract from './sessions.ts';
import * as siemDestinationsContract from './siem-destinations.ts';
import * as subjectsContract from './subjects.ts';
import * as telemetryContract from './telemetry.ts';

export * from './access.ts';
export * from './alert-rules.ts';
export * from './alerts.ts';
export * from './audit-events.ts';
export * from './audit-log.ts';
export * from './backups.ts';
export * from './blocks.ts';
export type * from './channel.ts';
export type { Page, Severity } from './common.ts';
export { severity } from './common.ts';
export * from './device-certificates.ts';
export * from './device-channels.ts';
export * from './devices.ts';
export type * from './endpoint.ts';
export * from './factors.ts';
export * from './field-catalogue.ts';
export type { FieldMark } from './fields.ts';
export { fieldMark } from './fields.ts';
export * from './health.ts';
export * from './health-telemetry.ts';
export * from './identity.ts';
export * from './identity-providers.ts';
export * from './incidents.ts';
export * from './keys.ts';
export * from './live.ts';
export * from './notification-channels.ts';
export * from './passkeys.ts';
export * from './passwords.ts';
export * from './people.ts';
export * from './permissions.ts';
export * from './personal-data.ts';
export type { Access, Audit, InspectionExemption, Pending, Rate, RateClass } from './policy.ts';
export { pendings, rates, stepUpSeconds } from './policy.ts';
export * from './problems.ts';
export * from './reveal.ts';
export * from './secrets.ts';
export * from './security-events.ts';
export * from './sessions.ts';
export * from './siem-destinations.ts';
export * from './subjects.ts';
export * from './telemetry.ts';

const features = [
  healthContract,
  identityContract,
  factorsContract,
  sessionsContract,
  passwordsContract,
  identityProvidersContract,
  peopleContract,
  accessContract,
  auditLogContract,
  backupsContract,
  blocksContract,
  securityEventsContract,
  devicesContract,
  subjectsContract,
  deviceCertificatesContract,
  telemetryContract,
  healthTelemetryContract,
  alertRulesContract,
  alertsContract,
  channelsContract,
  incidentsContract,
  siemDestinationsContract,
  revealContract,
  fieldCatalogueContract,
  keysContract,
];
const declared = features.flatMap((feature) => Object.entries(feature as Record<string, unknown>));

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/** Every endpoint there is, by its exported name. What is not here is not exposed. */
export const endpoints: Readonly<Record<string, Endpoint>> = Object.fromEntries(
  declared.filter(
    (entry): entry is [string, Endpoint] => isRecord(entry[1]) && 'method' in entry[1] && 'access' in entry[1],
  ),
);

/** Every MQTT topic there is. */
export const topics: readonly Topic[] = [
  ...Object.values(telemetryContract.telemetryTopics),
  ...Object.values(deviceChannels.deviceTopics),
  ...Object.values(alertsContract.alertTopics),
];

/** Every live stream there is. */
export const streams: readonly Stream[] = [
  telemetryContract.telemetryStream,
  telemetryContract.telemetryPublish,
  deviceChannels.devicesStream,
  alertsContract.alertsStream,
  securityEventsContract.securityStream,
];
