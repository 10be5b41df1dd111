import {
  auditEvents,
  type SecurityCategory,
  type SecurityEventBody,
  type SecurityLevel,
  securityActions,
  securityEventText,
} from '@valtronics/contract';
import { humanName } from '../../ui/format-value.ts';

export const categoryWords: Record<SecurityCategory, string> = {
  authentication: 'Authentication',
  authorization: 'Authorization',
  data_access: 'Data access',
  incident: 'Incident',
  configuration: 'Configuration',
};

export const levelWords: Record<SecurityLevel, string> = {
  info: 'Info',
  warning: 'Warning',
  error: 'Error',
  critical: 'Critical',
};

export const outcomeWords = { success: 'Success', failure: 'Failure', unknown: 'Unknown' } as const;

export const transportWords = {
  http: 'HTTP',
  mqtt: 'MQTT',
  websocket: 'WebSocket',
  cli: 'the command line',
  system: 'the server itself',
} as const;

/** Who did it, as far as it is known. */
export function sourceText({ user, deviceId, address, transport }: SecurityEventBody): string {
  if (user) return user.label ?? `…${user.id.slice(-8)}`;
  if (deviceId) return `Device …${deviceId.slice(-8)}`;
  return address ?? (transport === 'system' || transport === 'cli' ? 'The server' : 'Somebody');
}

/** `failed to sign in` → `Failed to sign in`. */
export const actionText = (action: string): string => humanName(securityEventText(action));

/** Every action there is, by what it says. */
export const actionOptions = [...new Set([...Object.keys(securityActions), ...Object.keys(auditEvents)])]
  .map((value) => ({ value, label: actionText(value) }))
  .sort((a, b) => a.label.localeCompare(b.label));
