import { Modal, Text } from '@mantine/core';
import { useEffect, useEffectEvent } from 'react';
import { answerProof, useProofAsked } from '../api/step-up.ts';
import { ProveAgain } from './prove-again.tsx';

/** Asks in place for what a call needs; the call goes on, or is refused, once this closes. */
export function StepUpDialog() {
  const asked = useProofAsked();
  const cancelByKey = useEffectEvent((event: KeyboardEvent) => {
    if (!asked || event.key !== 'Escape') return;
    event.stopImmediatePropagation();
    answerProof(false);
  });
  useEffect(() => {
    // Listens before any dialog of a page does: the key closes this one and not the form below it, which is waiting.
    const onKey = (event: KeyboardEvent) => cancelByKey(event);
    window.addEventListener('keydown', onKey, { capture: true });
    return () => window.removeEventListener('keydown', onKey, { capture: true });
  }, []);
  return (
    <Modal
      opened={asked}
      onClose={() => answerProof(false)}
      title="Confirm that it is you"
      zIndex={300}
      size="sm"
      closeOnEscape={false}
      closeOnClickOutside={false}
      closeButtonProps={{ 'aria-label': 'Cancel' }}
    >
      <Text size="sm" c="dimmed" mb="sm">
        This needs a proof that is at most five minutes old.
      </Text>
      <ProveAgain onProven={() => answerProof(true)} />
    </Modal>
  );
}
