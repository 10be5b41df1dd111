import { Button } from '@mantine/core';
import { IconEye, IconEyeOff } from '@tabler/icons-react';
import { type Revealable, revealable } from '@valtronics/contract';
import { type ReactNode, useEffect, useState } from 'react';
import { useMe } from '../../api/session.ts';
import { GuardedButton } from '../../ui/guarded.tsx';
import classes from './reveal.module.css';
import { RevealDialog } from './reveal-dialog.tsx';

/** Long enough to read it out over the telephone, short enough not to stay behind on a screen. */
const shownMs = 60_000;

interface Props<R extends Revealable> {
  resource: R;
  id: string;
  field: keyof (typeof revealable)[R] & string;
  /** What a person calls the field, and the thing it is of. */
  what: string;
  of: string;
  /** What the server sent: the value, or its mask. */
  children: ReactNode;
}

/** A value that may be a mask for whoever looks; then it can be revealed, by whoever may. What was revealed of one thing is not shown on another's page. */
export function MaskedValue<R extends Revealable>(props: Props<R>) {
  return <ValueOfOne key={`${props.resource} ${props.id} ${props.field}`} {...props} />;
}

function ValueOfOne<R extends Revealable>({ resource, id, field, what, of, children }: Props<R>) {
  const { maskedFields } = useMe();
  const [isAsking, setIsAsking] = useState(false);
  const [revealed, setRevealed] = useState<{ value: string | null } | null>(null);
  useEffect(() => {
    if (!revealed) return;
    const timer = setTimeout(() => setRevealed(null), shownMs);
    return () => clearTimeout(timer);
  }, [revealed]);

  const fields: Readonly<Record<string, string>> = revealable[resource];
  const masked = maskedFields.find((one) => one.field === fields[field]);
  if (!masked) return children;
  if (revealed)
    return (
      <span className={classes.value}>
        <span role="status">{revealed.value ?? 'none'}</span>
        <Button
          variant="subtle"
          size="compact-xs"
          leftSection={<IconEyeOff size={12} aria-hidden />}
          aria-label={`Hide the ${what} of ${of}`}
          onClick={() => setRevealed(null)}
        >
          Hide
        </Button>
      </span>
    );
  return (
    <span className={classes.value}>
      {children}
      <GuardedButton
        variant="subtle"
        size="compact-xs"
        leftSection={<IconEye size={12} aria-hidden />}
        aria-label={`Reveal the ${what} of ${of}`}
        refusal={masked.revealable ? undefined : `Your role may not reveal the ${what}`}
        onClick={(event) => {
          // The row it may stand in opens something else.
          event.stopPropagation();
          setIsAsking(true);
        }}
      >
        Reveal…
      </GuardedButton>
      {isAsking ? (
        <RevealDialog
          resource={resource}
          id={id}
          field={field}
          what={what}
          onClose={() => setIsAsking(false)}
          onRevealed={(value) => {
            setIsAsking(false);
            setRevealed({ value });
          }}
        />
      ) : null}
    </span>
  );
}
