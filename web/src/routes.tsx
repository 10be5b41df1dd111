import { type RouteObject, useRouteError } from 'react-router';
import { asProblem } from './api/problem-error.ts';
import { paths } from './ui/paths.ts';
import type { RouteHandle } from './ui/route-handle.ts';
import { ErrorState } from './ui/states/states.tsx';

type Load = NonNullable<RouteObject['lazy']>;

const screen = (path: string, handle: RouteHandle, lazy: Load): RouteObject => ({ path, handle, lazy });

function Failed() {
  const problem = asProblem(useRouteError());
  return <ErrorState problem={problem} onRetry={() => window.location.reload()} />;
}

const Nothing = () => null;

/** Every URL there is; each page is loaded when it is first opened. */
export const routes: RouteObject[] = [
  {
    path: paths.signIn,
    HydrateFallback: Nothing,
    ErrorBoundary: Failed,
    lazy: async () => ({ Component: (await import('./pages/sign-in/sign-in-page.tsx')).SignInPage }),
  },
  {
    path: paths.acceptInvitation,
    HydrateFallback: Nothing,
    ErrorBoundary: Failed,
    lazy: async () => ({
      Component: (await import('./pages/sign-in/accept-invitation-page.tsx')).AcceptInvitationPage,
    }),
  },
  {
    path: paths.forgotPassword,
    HydrateFallback: Nothing,
    ErrorBoundary: Failed,
    lazy: async () => ({ Component: (await import('./pages/sign-in/forgot-password-page.tsx')).ForgotPasswordPage }),
  },
  {
    path: paths.resetPassword,
    HydrateFallback: Nothing,
    ErrorBoundary: Failed,
    lazy: async () => ({ Component: (await import('./pages/sign-in/reset-password-page.tsx')).ResetPasswordPage }),
  },
  {
    lazy: async () => ({ Component: (await import('./layouts/shell.tsx')).Shell }),
    HydrateFallback: Nothing,
    ErrorBoundary: Failed,
    children: [
      {
        ErrorBoundary: Failed,
        children: [
          screen(
            paths.overview,
            { title: 'The overview', permission: 'device:read', usesTimeRange: true },
            async () => ({ Component: (await import('./pages/overview/overview-page.tsx')).OverviewPage }),
          ),
          screen(
            paths.devices,
            { title: 'The device list', permission: 'device:read', usesTimeRange: true },
            async () => ({ Component: (await import('./pages/devices/devices-page.tsx')).DevicesPage }),
          ),
          screen(paths.claims, { title: 'The list of claims', permission: 'device:write' }, async () => ({
            Component: (await import('./pages/device-claims/claims-page.tsx')).ClaimsPage,
          })),
          screen('/devices/:id', { title: 'The device', permission: 'device:read', usesTimeRange: true }, async () => ({
            Component: (await import('./pages/device/device-page.tsx')).DevicePage,
          })),
          screen(paths.subjects, { title: 'The list of people measured', permission: 'device:read' }, async () => ({
            Component: (await import('./pages/subjects/subjects-page.tsx')).SubjectsPage,
          })),
          screen(paths.erasedSubjects, { title: 'The list of the erased', permission: 'device:write' }, async () => ({
            Component: (await import('./pages/subjects/erased-page.tsx')).ErasedPage,
          })),
          screen('/subjects/:id', { title: 'The person measured', permission: 'device:read' }, async () => ({
            Component: (await import('./pages/subject/subject-page.tsx')).SubjectPage,
          })),
          screen(paths.alerts, { title: 'The alert list', permission: 'alert:read' }, async () => ({
            Component: (await import('./pages/alerts/alerts-page.tsx')).AlertsPage,
          })),
          screen(paths.rules, { title: 'The rule list', permission: 'alert:read' }, async () => ({
            Component: (await import('./pages/rules/rules-page.tsx')).RulesPage,
          })),
          screen(paths.newRule, { title: 'The rule editor', permission: 'alert:write' }, async () => ({
            Component: (await import('./pages/rules/rule-page.tsx')).NewRulePage,
          })),
          screen('/rules/:ruleId', { title: 'The rule editor', permission: 'alert:write' }, async () => ({
            Component: (await import('./pages/rules/rule-page.tsx')).RulePage,
          })),
          screen(paths.explore, { title: 'Explore', permission: 'telemetry:read', usesTimeRange: true }, async () => ({
            Component: (await import('./pages/explore/explore-page.tsx')).ExplorePage,
          })),
          screen(
            paths.securityEvents,
            { title: 'The list of security events', permission: 'system:admin' },
            async () => ({
              Component: (await import('./pages/security-events/security-events-page.tsx')).SecurityEventsPage,
            }),
          ),
          screen(paths.detections, { title: 'The list of detections', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/security-events/detections-page.tsx')).DetectionsPage,
          })),
          screen(paths.scenarios, { title: 'The list of scenarios', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/security-events/scenarios-page.tsx')).ScenariosPage,
          })),
          screen(paths.blocks, { title: 'The list of blocks', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/blocks/blocks-page.tsx')).BlocksPage,
          })),
          screen(paths.allowList, { title: 'The allow-list', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/blocks/allow-list-page.tsx')).AllowListPage,
          })),
          screen(paths.bouncers, { title: 'The list of firewalls', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/blocks/firewalls-page.tsx')).FirewallsPage,
          })),
          screen(paths.incidents, { title: 'The list of incidents', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/incidents/incidents-page.tsx')).IncidentsPage,
          })),
          screen(paths.incident(':id'), { title: 'The incident', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/incidents/incident-page.tsx')).IncidentPage,
          })),
          screen(
            paths.siemDestinations,
            { title: 'The list of SIEM destinations', permission: 'system:admin' },
            async () => ({
              Component: (await import('./pages/siem-destinations/siem-destinations-page.tsx')).SiemDestinationsPage,
            }),
          ),
          screen(paths.auditLog, { title: 'The audit log', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/audit-log/audit-log-page.tsx')).AuditLogPage,
          })),
          screen(paths.keys, { title: 'The page of keys', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/keys/keys-page.tsx')).KeysPage,
          })),
          screen(paths.backups, { title: 'The list of backups', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/backups/backups-page.tsx')).BackupsPage,
          })),
          screen(paths.fieldCatalogue, { title: 'The field catalogue', permission: 'system:admin' }, async () => ({
            Component: (await import('./pages/field-catalogue/field-catalogue-page.tsx')).FieldCataloguePage,
          })),
          screen(paths.people, { title: 'The list of people', permission: 'user:manage' }, async () => ({
            Component: (await import('./pages/people/people-page.tsx')).PeoplePage,
          })),
          screen(paths.roles, { title: 'The table of roles', permission: 'user:manage' }, async () => ({
            Component: (await import('./pages/people/roles-page.tsx')).RolesPage,
          })),
          screen(paths.apiKeys, { title: 'The list of API keys', permission: 'user:manage' }, async () => ({
            Component: (await import('./pages/api-keys/api-keys-page.tsx')).ApiKeysPage,
          })),
          screen(paths.deviceGroups, { title: 'The list of device groups', permission: 'user:manage' }, async () => ({
            Component: (await import('./pages/device-groups/device-groups-page.tsx')).DeviceGroupsPage,
          })),
          screen(paths.deviceGroup(':id'), { title: 'The device group', permission: 'user:manage' }, async () => ({
            Component: (await import('./pages/device-groups/device-group-page.tsx')).DeviceGroupPage,
          })),
          screen(paths.providers, { title: 'The list of sign-in providers', permission: 'user:manage' }, async () => ({
            Component: (await import('./pages/sign-in-providers/providers-page.tsx')).ProvidersPage,
          })),
          screen(paths.newProvider, { title: 'The provider editor', permission: 'user:manage' }, async () => ({
            Component: (await import('./pages/sign-in-providers/provider-page.tsx')).NewProviderPage,
          })),
          screen('/sign-in-providers/:id', { title: 'The sign-in provider', permission: 'user:manage' }, async () => ({
            Component: (await import('./pages/sign-in-providers/provider-page.tsx')).ProviderPage,
          })),
          screen(paths.notifications, { title: 'The list of channels', permission: 'alert:read' }, async () => ({
            Component: (await import('./pages/notifications/notifications-page.tsx')).NotificationsPage,
          })),
          screen(paths.settings, { title: 'The settings', permission: 'config:manage' }, async () => ({
            Component: (await import('./pages/settings/settings-page.tsx')).SettingsPage,
          })),
          screen(paths.account, { title: 'My account' }, async () => ({
            Component: (await import('./pages/account/account-page.tsx')).AccountPage,
          })),
          {
            path: '*',
            handle: { title: 'This page' } satisfies RouteHandle,
            lazy: async () => ({ Component: (await import('./pages/not-found-page.tsx')).NotFoundPage }),
          },
        ],
      },
    ],
  },
];
