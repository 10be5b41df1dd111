import { IconPencil, IconTrash } from '@tabler/icons-react';
import { GuardedButton } from './guarded.tsx';
import { BackTo, PageHeader } from './page.tsx';

interface Action {
  /** Why it may not be done, if so. */
  readonly refusal: string | undefined;
  readonly onClick: () => void;
}

interface Props {
  title: string;
  detail?: string | null | undefined;
  /** The list it is one of. */
  list: { readonly name: string; readonly path: string };
  change: Action & { readonly label: string };
  remove: Action;
}

/** Head of the page of one thing: from where it came, its name, and what is done with it. */
export function ThingHeader({ title, detail, list, change, remove }: Props) {
  return (
    <PageHeader
      before={<BackTo path={list.path}>{list.name}</BackTo>}
      title={title}
      {...(detail === undefined ? {} : { detail })}
      actions={
        <>
          <GuardedButton
            variant="default"
            refusal={change.refusal}
            leftSection={<IconPencil size={14} />}
            onClick={change.onClick}
          >
            {change.label}
          </GuardedButton>
          <GuardedButton
            variant="default"
            refusal={remove.refusal}
            leftSection={<IconTrash size={14} />}
            onClick={remove.onClick}
          >
            Delete
          </GuardedButton>
        </>
      }
    />
  );
}
