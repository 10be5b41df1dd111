import { ActionIcon, Menu, Text } from '@mantine/core';
import { IconDots } from '@tabler/icons-react';
import type { User } from '@valtronics/contract';
import { Link } from 'react-router';
import { paths } from '../../ui/paths.ts';
import { ChangePersonDialog } from './change-person-dialog.tsx';
import { ForcePasswordDialog } from './force-password-dialog.tsx';
import { InvitationLinkDialog, PasswordLinkDialog } from './link-dialogs.tsx';
import { PersonSessionsDialog } from './person-sessions-dialog.tsx';
import { ResetFactorsDialog } from './reset-factors-dialog.tsx';
import { SwitchAccountDialog } from './switch-account-dialog.tsx';

const dialogs = {
  change: ChangePersonDialog,
  invite: InvitationLinkDialog,
  sessions: PersonSessionsDialog,
  password: PasswordLinkDialog,
  force: ForcePasswordDialog,
  factors: ResetFactorsDialog,
  switch: SwitchAccountDialog,
} as const;
export type PersonAction = keyof typeof dialogs;

interface Item {
  readonly action: PersonAction;
  readonly label: string;
  /** Why it cannot be done to this person now. */
  readonly refusal?: string | undefined;
}

function itemsFor({ id, kind, status, factors, mustChangePassword }: User, myId: string): Item[] {
  const own = id === myId;
  // Nobody signs in to it, so it has neither sessions nor password nor factors.
  if (kind === 'service') {
    return [
      { action: 'change', label: 'Change…' },
      { action: 'switch', label: status === 'disabled' ? 'Enable the account…' : 'Disable the account…' },
    ];
  }
  if (status === 'invited') {
    return [
      { action: 'change', label: 'Change…' },
      { action: 'invite', label: 'Invite again…' },
      { action: 'switch', label: 'Disable the account…', refusal: 'The invitation is not accepted yet' },
    ];
  }
  const inactive = status === 'active' ? undefined : 'The account is disabled';
  return [
    { action: 'change', label: 'Change…' },
    { action: 'sessions', label: 'Sessions…' },
    { action: 'password', label: 'Link for a new password…', refusal: inactive },
    {
      action: 'force',
      label: 'Ask for a new password…',
      refusal: inactive ?? (mustChangePassword ? 'They are asked already' : undefined),
    },
    {
      action: 'factors',
      label: 'Reset second factors…',
      refusal: own ? 'Yours are on your account page' : factors.length === 0 ? 'They have none' : undefined,
    },
    {
      action: 'switch',
      label: status === 'disabled' ? 'Enable the account…' : 'Disable the account…',
      refusal: own ? 'Another administrator has to do this to yours' : undefined,
    },
  ];
}

interface MenuProps {
  person: User;
  myId: string;
  onPick: (action: PersonAction) => void;
}

export function PersonActions({ person, myId, onPick }: MenuProps) {
  return (
    <Menu position="bottom-end">
      <Menu.Target>
        <ActionIcon aria-label={`Actions for ${person.name ?? person.email}`}>
          <IconDots size={16} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {itemsFor(person, myId).map(({ action, label, refusal }) => (
          <Menu.Item key={action} disabled={refusal !== undefined} onClick={() => onPick(action)}>
            {label}
            {refusal ? (
              <Text size="xs" c="dimmed">
                {refusal}
              </Text>
            ) : null}
          </Menu.Item>
        ))}
        <Menu.Item component={Link} to={paths.apiKeysOf(person.id)}>
          API keys
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}

export function PersonDialog({ action, person, onClose }: { action: PersonAction; person: User; onClose: () => void }) {
  const Dialog = dialogs[action];
  return <Dialog person={person} onClose={onClose} />;
}
