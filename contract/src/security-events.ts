/** ECS `event.category` in our five words; the mapping to ECS's own stands in the server's `security/events`. */
export const securityCategories = [
  'authentication',
  'authorization',
  'data_access',
  'incident',
  'configuration',
] as const;
export type SecurityCategory = (typeof securityCategories)[number];

export const securityLevels = ['info', 'warning', 'error', 'critical'] as const;
export type SecurityLevel = (typeof securityLevels)[number];

export const incidentSeverities = ['low', 'medium', 'high', 'critical'] as const;
export type IncidentSeverity = (typeof incidentSeverities)[number];

/**
 * What the doors and the machinery report beside what the audit log records (events of the audit log are security events under their own
 * name). Public: add, never rename. The text completes the sentence "On <date> <source> …".
 */
export const securityActions = {
  'credential.refused': { category: 'authentication', text: 'presented a credential that is not good' },
  'access.refused': { category: 'authorization', text: 'asked for what it may not do' },
  'resource.missing': { category: 'authorization', text: 'asked for something that is not there' },
  'path.unknown': { category: 'authorization', text: 'asked for a path that does not exist' },
  'origin.refused': { category: 'authorization', text: 'sent a write from another site' },
  'rate.exceeded': { category: 'authorization', text: 'sent more than its limit' },
  'block.enforced': { category: 'authorization', text: 'was turned away by a block' },
  'topic.refused': { category: 'authorization', text: 'used a topic that is not its own' },
  'request.malformed': { category: 'authorization', text: 'sent what cannot be read' },
  'request.suspicious': { category: 'authorization', text: 'sent what looks like an attack' },
  'request.blocked': { category: 'authorization', text: 'sent an attack, which was refused' },
  'device.connected': { category: 'authentication', text: 'connected' },
  'device.disconnected': { category: 'authentication', text: 'disconnected' },
  'telemetry.flooded': { category: 'authorization', text: 'sent more telemetry than its limit' },
  'fleet.silent': { category: 'incident', text: 'fell silent' },
  'detection.raised': { category: 'incident', text: 'was detected' },
  'incident.opened': { category: 'incident', text: 'became an incident' },
  'audit.tampered': { category: 'incident', text: 'does not match what was signed before' },
  'audit.checkpoint': { category: 'configuration', text: 'signed a checkpoint of the audit log' },
  'backup.tampered': { category: 'incident', text: 'is not the backup that was made' },
  'clock.jumped': { category: 'incident', text: 'moved its clock' },
} as const satisfies Record<string, { category: SecurityCategory; text: string }>;
export type SecurityAction = keyof typeof securityActions;
