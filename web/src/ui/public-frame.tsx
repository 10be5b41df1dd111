import { Text, Title } from '@mantine/core';
import { type ReactNode, useEffect } from 'react';
import classes from './public-frame.module.css';

/** The frame of the pages one sees before signing in. */
export function PublicFrame({
  title,
  detail,
  growsDown = false,
  children,
}: {
  title: string;
  detail?: ReactNode;
  /** More comes later, at its end: what is there already stays where it is. */
  growsDown?: boolean;
  children: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Valtronics`;
  }, [title]);
  return (
    <main className={classes.page} data-grows-down={growsDown || undefined}>
      <div className={classes.card}>
        <div className={classes.brand}>
          <img src="/favicon.svg" alt="" width={24} height={24} />
          Valtronics
        </div>
        <Title order={1}>{title}</Title>
        {detail ? (
          <Text size="sm" c="dimmed" component="div" mt={4}>
            {detail}
          </Text>
        ) : null}
        <div className={classes.body}>{children}</div>
      </div>
    </main>
  );
}
