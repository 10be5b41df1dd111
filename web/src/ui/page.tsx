import { Anchor, Group, Text, Title } from '@mantine/core';
import type { ReactNode } from 'react';
import { useEffect } from 'react';
import { Link } from 'react-router';
import classes from './page.module.css';

/** The heading of a page; it also names the browser's tab. */
export function PageHeader({
  title,
  detail,
  before,
  after,
  actions,
}: {
  title: string;
  detail?: ReactNode;
  before?: ReactNode;
  after?: ReactNode;
  actions?: ReactNode;
}) {
  useEffect(() => {
    document.title = `${title} · Valtronics`;
  }, [title]);
  return (
    <header className={classes.header}>
      <div className={classes.heading}>
        {before}
        <Group gap="xs" wrap="wrap">
          <Title order={1}>{title}</Title>
          {after}
        </Group>
        {detail ? (
          <Text c="dimmed" size="sm" component="div">
            {detail}
          </Text>
        ) : null}
      </div>
      {actions ? <Group gap="xs">{actions}</Group> : null}
    </header>
  );
}

export function Panel({
  title,
  aside,
  children,
  flush = false,
}: {
  title?: ReactNode;
  aside?: ReactNode;
  children: ReactNode;
  flush?: boolean;
}) {
  return (
    <section className={classes.panel}>
      {title ? (
        <div className={classes.panelHead}>
          <Title order={2} size="h3">
            {title}
          </Title>
          {aside}
        </div>
      ) : null}
      <div className={flush ? undefined : classes.panelBody}>{children}</div>
    </section>
  );
}

/** The way back to the list that a page belongs under. */
export function BackTo({ path, children }: { path: string; children: ReactNode }) {
  return (
    <Anchor component={Link} to={path} size="xs">
      {children}
    </Anchor>
  );
}
