import { ActionIcon, Menu, Text } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import type { RoleEntry } from '@valtronics/contract';
import { useMe } from '../../api/session.ts';
import { humanName } from '../../ui/format-value.ts';

interface Props {
  role: RoleEntry;
  onChange: () => void;
  onDelete: () => void;
}

/** What may be done to a role of the organisation's own, and why not where it may not. */
export function RoleMenu({ role, onChange, onDelete }: Props) {
  const me = useMe();
  const isAbove = role.permissions.some((permission) => !me.permissions.includes(permission));
  const refusal =
    role.name === me.role ? 'You hold this role yourself' : isAbove ? 'It may more than you may' : undefined;
  const inUse = role.people > 0 ? `${role.people} hold it` : undefined;
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon size="sm" aria-label={`Actions for the role ${humanName(role.name)}`}>
          <IconDots size={14} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Item disabled={refusal !== undefined} onClick={onChange}>
          Change…
          <Reason text={refusal} />
        </Menu.Item>
        <Menu.Item disabled={refusal !== undefined || inUse !== undefined} onClick={onDelete}>
          Delete…
          <Reason text={refusal ?? inUse} />
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

function Reason({ text }: { text: string | undefined }) {
  if (text === undefined) return null;
  return (
    <Text size="xs" c="dimmed">
      {text}
    </Text>
  );
}
