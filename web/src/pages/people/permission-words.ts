import type { Permission } from '@valtronics/contract';

export const permissionWords: Record<Permission, string> = {
  'device:read': 'See devices, their status and commands',
  'device:write': 'Register and change devices, credentials, certificates and commands',
  'device:delete': 'Delete devices with their telemetry',
  'telemetry:read': 'See measurements',
  'telemetry:write': 'Write measurements for devices',
  'health:read': 'See the values of measurements of people',
  'alert:read': 'See alerts and rules',
  'alert:write': 'Create, change and delete rules',
  'alert:acknowledge': 'Acknowledge, resolve and note alerts',
  'analytics:read': 'See statistics of measurements',
  'analytics:export': 'Export measurements and reports',
  'system:admin': 'Audit log and the system itself',
  'user:manage': 'Invite, change and disable people',
  'config:manage': 'Settings and notifications',
};
