import { IconRefresh } from '@tabler/icons-react';
import { keysRotate } from '@valtronics/contract';
import { useState } from 'react';
import { useRefusal } from '../../api/session.ts';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { GuardedButton } from '../../ui/guarded.tsx';
import { sayDone } from '../../ui/toasts.tsx';

interface Props {
  /** What the next epoch will be called; undefined as long as nothing is known. */
  next: number | undefined;
  isUnderWay: boolean;
  /** One that was interrupted is gone on with before another epoch is begun. */
  isUnfinished: boolean;
}

export function RotateButton({ next, isUnderWay, isUnfinished }: Props) {
  const rotate = useChange(keysRotate, ['/keys']);
  const [isAsking, setIsAsking] = useState(false);
  const refusal = useRefusal(keysRotate) ?? (isUnderWay ? 'A rotation is under way' : undefined);
  const begin = async (resume: boolean) => {
    await rotate.mutateAsync({ body: { resume } });
    sayDone(resume ? 'The rotation goes on' : 'The rotation has begun');
  };
  return (
    <>
      <GuardedButton
        refusal={refusal ?? (next === undefined ? 'Not read yet' : undefined)}
        leftSection={<IconRefresh size={14} />}
        onClick={() => setIsAsking(true)}
      >
        {isUnfinished ? 'Go on with the rotation' : 'Rotate the keys'}
      </GuardedButton>
      {isAsking ? (
        <ConfirmDialog
          title={isUnfinished ? 'Go on with the rotation?' : `Begin key epoch ${next}?`}
          action={isUnfinished ? 'Go on' : 'Rotate the keys'}
          onClose={() => setIsAsking(false)}
          onConfirm={() => begin(isUnfinished)}
        >
          {isUnfinished
            ? 'What is still sealed under older epochs is sealed again under the active one. No further epoch is begun.'
            : 'New keys seal everything from then on, and every value there is is sealed again under them. Nobody is refused anything meanwhile, but the database has work to do: with much health data for hours. An epoch that was begun stays.'}
        </ConfirmDialog>
      ) : null}
    </>
  );
}
