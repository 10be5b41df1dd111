import { Skeleton } from '@mantine/core';
import { subjectChange, subjectDelete, subjectGet } from '@valtronics/contract';
import { type ReactNode, useState } from 'react';
import { useNavigate, useParams } from 'react-router';
import { useRefusal } from '../../api/session.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import { Copyable } from '../../ui/copyable.tsx';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { paths } from '../../ui/paths.ts';
import { ErrorState } from '../../ui/states/states.tsx';
import { ThingHeader } from '../../ui/thing-header.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { sayDone } from '../../ui/toasts.tsx';
import { MaskedValue } from '../reveal/masked-value.tsx';
import { SubjectDialog } from '../subjects/subject-dialog.tsx';
import { Masked, subjectLabel } from '../subjects/subject-label.tsx';
import { AssignmentHistory } from './assignment-history.tsx';
import classes from './subject.module.css';

export function SubjectPage() {
  const { id = '' } = useParams();
  const navigate = useNavigate();
  const changeRefusal = useRefusal(subjectChange);
  const deleteRefusal = useRefusal(subjectDelete);
  const remove = useChange(subjectDelete, ['/subjects', '/devices/{id}/assignments']);
  const [dialog, setDialog] = useState<'change' | 'delete' | null>(null);
  const [isGone, setIsGone] = useState(false);
  // What is being deleted is not asked for again until the page is left.
  const enabled = dialog !== 'delete' && !isGone;
  const { data: subject, error, refetch } = useEndpoint(subjectGet, { params: { id } }, { enabled });

  if (error && !subject) return <ErrorState problem={error} onRetry={() => void refetch()} />;
  if (!subject) return <Skeleton height={240} aria-label="Loading the person" />;
  const label = subjectLabel(subject);
  return (
    <>
      <ThingHeader
        title={label}
        list={{ name: 'People measured', path: paths.subjects }}
        change={{ label: 'Change', refusal: changeRefusal, onClick: () => setDialog('change') }}
        remove={{ refusal: deleteRefusal, onClick: () => setDialog('delete') }}
      />
      <dl className={classes.strip}>
        <Fact name="Reference">
          <MaskedValue resource="subjects" id={id} field="reference" what="reference" of={label}>
            {subject.masked ? <Masked what="reference" /> : <span className="mono">{subject.reference}</span>}
          </MaskedValue>
        </Fact>
        <Fact name="Name">
          <MaskedValue resource="subjects" id={id} field="name" what="name" of={label}>
            {subject.masked ? <Masked what="name" /> : (subject.name ?? '–')}
          </MaskedValue>
        </Fact>
        <Fact name="Registered">
          <RelativeTime at={subject.createdAt} />
        </Fact>
        <Fact name="Id">
          <Copyable value={subject.id} label="Copy the id" shorten />
        </Fact>
      </dl>
      <AssignmentHistory subjectId={subject.id} enabled={enabled} />
      {dialog === 'change' ? (
        <SubjectDialog
          subject={subject}
          onDone={() => {
            sayDone('Changes saved');
            setDialog(null);
          }}
          onClose={() => setDialog(null)}
        />
      ) : null}
      {dialog === 'delete' ? (
        <ConfirmDialog
          title={`Delete ${label}?`}
          action="Delete the person"
          typed={subject.reference}
          onClose={() => setDialog(null)}
          onConfirm={async () => {
            await remove.mutateAsync({ params: { id } });
            sayDone(`${label} deleted`);
            setIsGone(true);
            void navigate(paths.subjects);
          }}
        >
          Reference, name and all assignments go, past ones too: nobody will know any more whom the devices measured.
          Health measurements of them go as well; others stay with the devices. This cannot be undone.
        </ConfirmDialog>
      ) : null}
    </>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
