import { Button, type ButtonProps, Tooltip } from '@mantine/core';
import type { ComponentPropsWithoutRef } from 'react';

type Props = ButtonProps &
  Omit<ComponentPropsWithoutRef<'button'>, keyof ButtonProps> & {
    /** Why it may not be used; with one, the button stays in place, can be focused, and says so. */
    refusal?: string | undefined;
  };

export function GuardedButton({ refusal, onClick, ...props }: Props) {
  if (!refusal) return <Button {...props} onClick={onClick} />;
  return (
    <Tooltip label={refusal} events={{ hover: true, focus: true, touch: true }}>
      <Button
        {...props}
        type="button"
        data-disabled
        aria-disabled
        aria-description={refusal}
        onClick={(event) => event.preventDefault()}
      />
    </Tooltip>
  );
}
