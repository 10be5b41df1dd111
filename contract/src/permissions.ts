/** The thirteen permissions and four roles every decision is made of (security overview, "Authorization"). */
export const permissions = [
  'device:read',
  'device:write',
  'device:delete',
  'telemetry:read',
  'telemetry:write',
  'alert:read',
  'alert:write',
  'alert:acknowledge',
  'analytics:read',
  'analytics:export',
  'system:admin',
  'user:manage',
  'config:manage',
] as const;
export type Permission = (typeof permissions)[number];

export const roles = ['admin', 'operator', 'analyst', 'user'] as const;
export type Role = (typeof roles)[number];

export const rolePermissions: Readonly<Record<Role, readonly Permission[]>> = {
  admin: permissions,
  operator: [
    'device:read',
    'device:write',
    'telemetry:read',
    'telemetry:write',
    'alert:read',
    'alert:write',
    'alert:acknowledge',
    'analytics:read',
  ],
  analyst: ['device:read', 'telemetry:read', 'alert:read', 'analytics:read', 'analytics:export'],
  user: ['device:read', 'telemetry:read', 'alert:read'],
};
