import { Button, Group, Stack, Text, Title } from '@mantine/core';
import { IconAlertTriangle, IconLock, IconRefresh } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import { Copyable } from '../copyable.tsx';
import classes from './states.module.css';

interface Frame {
  icon: ReactNode;
  title: string;
  children?: ReactNode;
  action?: ReactNode;
  role?: 'alert' | undefined;
}

function Framed({ icon, title, children, action, role }: Frame) {
  return (
    <div className={classes.frame} role={role}>
      <div className={classes.icon} aria-hidden>
        {icon}
      </div>
      <Stack gap={4} align="center">
        <Title order={2} size="h3">
          {title}
        </Title>
        {children}
      </Stack>
      {action}
    </div>
  );
}

/** Says what will stand here, with the button that fills it. */
export function EmptyState({
  icon,
  title,
  hint,
  action,
}: {
  icon: ReactNode;
  title: string;
  hint: string;
  action?: ReactNode;
}) {
  return (
    <Framed icon={icon} title={title} action={action}>
      <Text c="dimmed" size="sm" ta="center" maw={440}>
        {hint}
      </Text>
    </Framed>
  );
}

export interface Problem {
  readonly title: string;
  readonly detail?: string | undefined;
  readonly requestId?: string | undefined;
  /** Before then it is refused whatever is sent. */
  readonly retryAt?: Date | undefined;
}

export function ErrorState({ problem, onRetry }: { problem: Problem; onRetry?: (() => void) | undefined }) {
  return (
    <Framed
      role="alert"
      icon={<IconAlertTriangle size={20} />}
      title={problem.title}
      action={
        onRetry ? (
          <Button variant="default" leftSection={<IconRefresh size={14} />} onClick={onRetry}>
            Try again
          </Button>
        ) : undefined
      }
    >
      {problem.detail ? (
        <Text c="dimmed" size="sm" ta="center" maw={440}>
          {problem.detail}
        </Text>
      ) : null}
      {problem.requestId ? (
        <Group gap={4}>
          <Text c="dimmed" size="xs">
            Request
          </Text>
          <Copyable value={problem.requestId} label="Copy the request id" />
        </Group>
      ) : null}
    </Framed>
  );
}

interface Forbidden {
  what: string;
  reason: string;
  /** What can be done about it, if anything. */
  remedy?: string;
}

export function ForbiddenState({ what, reason, remedy = ' An administrator can change your role.' }: Forbidden) {
  return (
    <Framed icon={<IconLock size={20} />} title={`${what} is not open to you`}>
      <Text c="dimmed" size="sm" ta="center" maw={440}>
        {reason}.{remedy}
      </Text>
    </Framed>
  );
}
