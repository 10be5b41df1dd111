import { Text } from '@mantine/core';
import { IconAlertTriangle, IconCircleCheck } from '@tabler/icons-react';
import type { ReactNode } from 'react';
import classes from './keys.module.css';

/** Something about keys that is good or is not: by icon, colour and words. */
export function Said({ tone, children }: { tone: 'resolved' | 'warning' | 'critical'; children: ReactNode }) {
  const Icon = tone === 'resolved' ? IconCircleCheck : IconAlertTriangle;
  return (
    <Text
      size="sm"
      component="div"
      className={classes.said}
      data-tone={tone}
      role={tone === 'critical' ? 'alert' : undefined}
    >
      <Icon size={15} stroke={1.8} aria-hidden />
      <div>{children}</div>
    </Text>
  );
}
