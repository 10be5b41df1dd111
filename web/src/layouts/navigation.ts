import {
  IconAlertTriangle,
  IconBan,
  IconBellRinging,
  IconBuilding,
  IconChartLine,
  IconCpu,
  IconDatabaseExport,
  IconFileText,
  IconHeartbeat,
  IconKey,
  IconLayoutDashboard,
  IconListDetails,
  IconLogin2,
  IconRadar,
  IconRulerMeasure,
  IconServerBolt,
  IconShieldLock,
  IconStack2,
  IconUrgent,
  IconUser,
  IconUsers,
} from '@tabler/icons-react';
import type { Permission } from '@valtronics/contract';
import { paths } from '../ui/paths.ts';

export interface NavigationItem {
  readonly label: string;
  readonly to: string;
  readonly icon: typeof IconUser;
  readonly permission?: Permission;
  /** Pressed after `g`. */
  readonly key?: string;
}

export const navigation: readonly { group: string; items: readonly NavigationItem[] }[] = [
  {
    group: 'Fleet',
    items: [
      { label: 'Overview', to: paths.overview, icon: IconLayoutDashboard, permission: 'device:read', key: 'o' },
      { label: 'Devices', to: paths.devices, icon: IconCpu, permission: 'device:read', key: 'd' },
      { label: 'People measured', to: paths.subjects, icon: IconHeartbeat, permission: 'device:read', key: 'u' },
      { label: 'Alerts', to: paths.alerts, icon: IconAlertTriangle, permission: 'alert:read', key: 'a' },
      { label: 'Rules', to: paths.rules, icon: IconRulerMeasure, permission: 'alert:read', key: 'r' },
    ],
  },
  {
    group: 'Insight',
    items: [{ label: 'Explore', to: paths.explore, icon: IconChartLine, permission: 'telemetry:read', key: 'e' }],
  },
  {
    group: 'Security',
    items: [
      { label: 'Events', to: paths.securityEvents, icon: IconRadar, permission: 'system:admin', key: 'v' },
      { label: 'Blocks', to: paths.blocks, icon: IconBan, permission: 'system:admin', key: 'b' },
      { label: 'Incidents', to: paths.incidents, icon: IconUrgent, permission: 'system:admin', key: 'c' },
      { label: 'Audit log', to: paths.auditLog, icon: IconFileText, permission: 'system:admin', key: 'l' },
      {
        label: 'SIEM destinations',
        to: paths.siemDestinations,
        icon: IconServerBolt,
        permission: 'system:admin',
        key: 'f',
      },
      { label: 'Keys', to: paths.keys, icon: IconShieldLock, permission: 'system:admin', key: 'y' },
      { label: 'Backups', to: paths.backups, icon: IconDatabaseExport, permission: 'system:admin', key: 'x' },
      {
        label: 'Field catalogue',
        to: paths.fieldCatalogue,
        icon: IconListDetails,
        permission: 'system:admin',
        key: 'h',
      },
    ],
  },
  {
    group: 'Organisation',
    items: [
      { label: 'People', to: paths.people, icon: IconUsers, permission: 'user:manage', key: 'p' },
      { label: 'API keys', to: paths.apiKeys, icon: IconKey, permission: 'user:manage', key: 'k' },
      { label: 'Device groups', to: paths.deviceGroups, icon: IconStack2, permission: 'user:manage', key: 't' },
      { label: 'Sign-in providers', to: paths.providers, icon: IconLogin2, permission: 'user:manage', key: 'i' },
      { label: 'Notifications', to: paths.notifications, icon: IconBellRinging, permission: 'alert:read', key: 'n' },
      { label: 'Settings', to: paths.settings, icon: IconBuilding, permission: 'config:manage', key: 's' },
      { label: 'My account', to: paths.account, icon: IconUser, key: 'm' },
    ],
  },
];

/** The groups with what this person may open; what they may not is absent. */
export function navigationFor(permissions: readonly Permission[]) {
  return navigation
    .map(({ group, items }) => ({
      group,
      items: items.filter(({ permission }) => !permission || permissions.includes(permission)),
    }))
    .filter(({ items }) => items.length > 0);
}
