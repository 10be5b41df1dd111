import { ActionIcon, Menu, Text, useMantineColorScheme } from '@mantine/core';
import { IconKeyboard, IconLogout, IconUser, IconUserCircle } from '@tabler/icons-react';
import { Link } from 'react-router';
import { useMe } from '../api/session.ts';
import { paths } from '../ui/paths.ts';
import { openShortcuts } from './keyboard-shortcuts.tsx';
import { useSignOut } from './use-sign-out.ts';

export function PersonMenu() {
  const me = useMe();
  const signOut = useSignOut();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  return (
    <Menu position="bottom-end" width={240}>
      <Menu.Target>
        <ActionIcon size="lg" aria-label={`Account of ${me.name ?? me.email}`}>
          <IconUserCircle size={20} stroke={1.6} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>
          <Text size="sm" fw={550} c="var(--ink)" truncate>
            {me.name ?? me.email}
          </Text>
          <Text size="xs" truncate>
            {me.email} · {me.role}
          </Text>
        </Menu.Label>
        <Menu.Divider />
        <Menu.Label>Theme</Menu.Label>
        <Menu.RadioGroup value={colorScheme} onChange={(value) => setColorScheme(value as typeof colorScheme)}>
          <Menu.RadioItem value="auto">System</Menu.RadioItem>
          <Menu.RadioItem value="light">Light</Menu.RadioItem>
          <Menu.RadioItem value="dark">Dark</Menu.RadioItem>
        </Menu.RadioGroup>
        <Menu.Divider />
        <Menu.Item component={Link} to={paths.account} leftSection={<IconUser size={14} />}>
          My account
        </Menu.Item>
        <Menu.Item leftSection={<IconKeyboard size={14} />} onClick={openShortcuts}>
          Keyboard shortcuts
        </Menu.Item>
        <Menu.Item leftSection={<IconLogout size={14} />} onClick={() => void signOut()}>
          Sign out
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
