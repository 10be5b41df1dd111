/**
 * The permissions and four built-in roles every decision is made of: the thirteen of the security overview ("Authorization"), and
 * `health:read`, which makes measurements of people readable on top of `telemetry:read`.
 */
export const permissions = [
  'device:read',
  'device:write',
  'device:delete',
  'telemetry:read',
  'telemetry:write',
  'health:read',
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
export type BuiltInRole = (typeof roles)[number];
/** The name of a built-in role or of one of the organisation's own. */
export type Role = string;

export const isBuiltInRole = (role: Role): role is BuiltInRole => (roles as readonly string[]).includes(role);

export const rolePermissions: Readonly<Record<BuiltInRole, readonly Permission[]>> = {
  admin: permissions,
  operator: [
    'device:read',
    'device:write',
    'telemetry:read',
    'telemetry:write',
    'health:read',
    'alert:read',
    'alert:write',
    'alert:acknowledge',
    'analytics:read',
  ],
  analyst: ['device:read', 'telemetry:read', 'health:read', 'alert:read', 'analytics:read', 'analytics:export'],
  user: ['device:read', 'telemetry:read', 'alert:read'],
};
