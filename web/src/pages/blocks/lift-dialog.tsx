import { type Block, blockLift, graceSeconds } from '@valtronics/contract';
import { useChange } from '../../api/use-endpoint.ts';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { duration } from '../../ui/time/format-time.ts';
import { sayDone } from '../../ui/toasts.tsx';
import { scopeWords, subjectOf } from './block-words.ts';

export function LiftDialog({ block, onClose }: { block: Block; onClose: () => void }) {
  const lift = useChange(blockLift, ['/blocks', '/incidents']);
  const who = `${scopeWords[block.scope].toLowerCase()} ${subjectOf(block)}`;
  return (
    <ConfirmDialog
      title={`Lift the ${block.kind} of ${subjectOf(block)}?`}
      action={`Lift the ${block.kind}`}
      onClose={onClose}
      onConfirm={async () => {
        await lift.mutateAsync({ params: { id: block.id }, body: {} });
        sayDone(`The ${block.kind} of ${subjectOf(block)} is lifted`);
      }}
    >
      The {who} is let in again on every server within a second. It was kept out because of: {block.reason}. For{' '}
      {duration(graceSeconds)} no detection blocks it again.
    </ConfirmDialog>
  );
}
