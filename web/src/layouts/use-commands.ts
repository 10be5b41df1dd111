import { useMantineColorScheme } from '@mantine/core';
import {
  IconArrowRight,
  IconCpu,
  IconKeyboard,
  IconLogout,
  IconMoon,
  IconPlus,
  IconSun,
  IconUser,
} from '@tabler/icons-react';
import { devicesList, usersList } from '@valtronics/contract';
import { useMe } from '../api/session.ts';
import { useEndpoint } from '../api/use-endpoint.ts';
import { paths } from '../ui/paths.ts';
import { deviceStatusWord } from '../ui/severity.tsx';
import { openShortcuts } from './keyboard-shortcuts.tsx';
import { navigationFor } from './navigation.ts';
import { useSignOut } from './use-sign-out.ts';

export interface Command {
  readonly id: string;
  readonly group: 'Devices' | 'People' | 'Pages' | 'Actions';
  readonly label: string;
  readonly detail?: string;
  readonly icon: typeof IconUser;
  readonly to?: string;
  readonly run?: () => void;
}

const foundAtMost = 8;
const has = (label: string, text: string) => label.toLowerCase().includes(text.toLowerCase());

/** What the palette offers for a text; `settled` is the text once typing paused, and is what the server is asked for. */
export function useCommands(text: string, settled: string) {
  const { permissions } = useMe();
  const signOut = useSignOut();
  const { setColorScheme } = useMantineColorScheme();
  const asked = settled.slice(0, 100);
  const devices = useEndpoint(
    devicesList,
    { query: { text: asked, limit: foundAtMost } },
    { enabled: asked !== '' && permissions.includes('device:read'), keepPrevious: true },
  );
  const people = useEndpoint(
    usersList,
    { query: { text: asked, limit: foundAtMost } },
    { enabled: asked !== '' && permissions.includes('user:manage'), keepPrevious: true },
  );
  const pages: Command[] = navigationFor(permissions).flatMap(({ items }) =>
    items.map(({ label, to, icon, key }) => ({
      id: `page ${to}`,
      group: 'Pages' as const,
      label,
      icon,
      to,
      detail: key ? `g ${key}` : '',
    })),
  );
  const act = (label: string, icon: Command['icon'], does: Pick<Command, 'to' | 'run'>): Command => ({
    id: `action ${label}`,
    group: 'Actions',
    label,
    icon,
    ...does,
  });
  const actions = [
    ...(permissions.includes('device:write')
      ? [
          act('Register a device', IconPlus, { to: `${paths.devices}?register=1` }),
          act('Make claims for devices', IconPlus, { to: paths.newClaims }),
          act('Register a person measured', IconPlus, { to: `${paths.subjects}?register=1` }),
        ]
      : []),
    ...(permissions.includes('alert:write') ? [act('Create a rule', IconPlus, { to: paths.newRule })] : []),
    ...(permissions.includes('user:manage')
      ? [
          act('Invite a person', IconPlus, { to: `${paths.people}?invite=1` }),
          act('Create a service account', IconPlus, { to: `${paths.apiKeys}?new=account` }),
          act('Create a device group', IconPlus, { to: `${paths.deviceGroups}?new=1` }),
          act('Add a sign-in provider', IconPlus, { to: paths.newProvider }),
        ]
      : []),
    ...(permissions.includes('alert:read')
      ? [act('Show active alerts', IconArrowRight, { to: `${paths.alerts}?status=active` })]
      : []),
    act('Use the light theme', IconSun, { run: () => setColorScheme('light') }),
    act('Use the dark theme', IconMoon, { run: () => setColorScheme('dark') }),
    act('Follow the theme of the system', IconSun, { run: () => setColorScheme('auto') }),
    act('Show keyboard shortcuts', IconKeyboard, { run: openShortcuts }),
    act('Sign out', IconLogout, { run: () => void signOut() }),
  ];
  /** The palette shows the first few; where there are more the list shows them. */
  const allThatMatch = (
    group: 'Devices' | 'People',
    list: string,
    page: { nextCursor: string | null } | undefined,
  ): Command[] =>
    page?.nextCursor
      ? [
          {
            id: `more ${group}`,
            group,
            label: `More ${group.toLowerCase()} match: show all`,
            icon: IconArrowRight,
            to: `${list}?text=${encodeURIComponent(asked)}`,
          },
        ]
      : [];
  const found: Command[] =
    text === ''
      ? []
      : [
          ...(devices.data?.items ?? []).map((device) => ({
            id: `device ${device.id}`,
            group: 'Devices' as const,
            label: device.name,
            detail: [deviceStatusWord(device.status), device.location].filter(Boolean).join(' · '),
            icon: IconCpu,
            to: paths.device(device.id),
          })),
          ...allThatMatch('Devices', paths.devices, devices.data),
          ...(people.data?.items ?? []).map((person) => ({
            id: `person ${person.id}`,
            group: 'People' as const,
            label: person.name ?? person.email,
            detail: `${person.email} · ${person.role}`,
            icon: IconUser,
            to: `${paths.people}?text=${encodeURIComponent(person.email)}`,
          })),
          ...allThatMatch('People', paths.people, people.data),
        ];
  return {
    commands: [...found, ...[...pages, ...actions].filter(({ label }) => has(label, text))],
    searching: text !== settled || devices.isFetching || people.isFetching,
  };
}
