import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { type User, userInviteAgain, userPasswordReset } from '@valtronics/contract';
import type { ProblemError } from '../../api/problem-error.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { FormProblem } from '../../ui/forms/form-problem.tsx';
import { type Link, MadeLink } from './made-link.tsx';

interface DialogProps {
  person: User;
  onClose: () => void;
}

interface LinkDialogProps {
  title: string;
  explanation: string;
  label: string;
  does: string;
  link: Link | undefined;
  problem: ProblemError | null;
  busy: boolean;
  onMake: () => void;
  onClose: () => void;
}

/** Says what the link replaces before it is made, and shows it once. */
function LinkDialog({ title, explanation, label, does, link, problem, busy, onMake, onClose }: LinkDialogProps) {
  return (
    <Modal
      opened
      onClose={onClose}
      title={title}
      closeOnClickOutside={!link}
      closeButtonProps={{ 'aria-label': 'Close' }}
    >
      {link ? (
        <MadeLink label={label} does={does} link={link} onDone={onClose} />
      ) : (
        <Stack gap="sm">
          <Text size="sm">{explanation}</Text>
          <FormProblem problem={problem} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={onClose}>
              Cancel
            </Button>
            <Button loading={busy} onClick={onMake}>
              Make a link
            </Button>
          </Group>
        </Stack>
      )}
    </Modal>
  );
}

export function InvitationLinkDialog({ person, onClose }: DialogProps) {
  const invite = useChange(userInviteAgain, ['/users']);
  return (
    <LinkDialog
      title={`Invite ${person.name ?? person.email} again`}
      explanation="A new link opens the account; the one made before is no longer good."
      label="Invitation link"
      does="opens one account"
      link={invite.data?.invitation}
      problem={invite.error}
      busy={invite.isPending}
      onMake={() => invite.mutate({ params: { id: person.id }, body: {} })}
      onClose={onClose}
    />
  );
}

export function PasswordLinkDialog({ person, onClose }: DialogProps) {
  const reset = useChange(userPasswordReset, ['/users']);
  return (
    <LinkDialog
      title={`New password for ${person.name ?? person.email}`}
      explanation="With the link they choose a new password, and their sessions end. You do not learn it; their second factors stay."
      label="Password link"
      does="replaces one password"
      link={reset.data}
      problem={reset.error}
      busy={reset.isPending}
      onMake={() => reset.mutate({ params: { id: person.id }, body: {} })}
      onClose={onClose}
    />
  );
}
