import { Anchor, Tooltip } from '@mantine/core';
import { IconEyeOff } from '@tabler/icons-react';
import { Link } from 'react-router';
import { paths } from '../../ui/paths.ts';

interface Shown {
  readonly id: string;
  readonly reference: string;
  readonly name: string | null;
  readonly masked: boolean;
}

/** What a person measured is called here; who sees masks tells them apart by the end of their id. */
export const subjectLabel = ({ id, name, reference, masked }: Shown) =>
  masked ? `Person …${id.slice(-8)}` : (name ?? reference);

export function SubjectLink({ subject }: { subject: Shown }) {
  return (
    <Anchor component={Link} to={paths.subject(subject.id)} size="sm" fw={600}>
      {subjectLabel(subject)}
    </Anchor>
  );
}

/** Stands where a value would be that this role may not see. */
export function Masked({ what }: { what: string }) {
  return (
    <Tooltip label={`The ${what} is hidden from your role; it needs the permission device:write`}>
      <span className="dim" role="note" aria-label={`${what} hidden`}>
        <IconEyeOff size={12} aria-hidden /> hidden
      </span>
    </Tooltip>
  );
}
