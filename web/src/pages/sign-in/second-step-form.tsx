import { Button } from '@mantine/core';
import { type ChallengeAnswer, type Me, type SecondStep, sessionVerify } from '@valtronics/contract';
import { call } from '../../api/call.ts';
import { ProofForm } from '../../identity/proof-form.tsx';
import { PublicFrame } from '../../ui/public-frame.tsx';

interface Props {
  step: SecondStep;
  onSignedIn: (me: Me) => Promise<void>;
  onCancel: () => void;
}

/** What the account asks for besides the password. */
export function SecondStepForm({ step, onSignedIn, onCancel }: Props) {
  return (
    <PublicFrame title="Confirm that it is you" detail="Your password is right. Your second factor comes next.">
      <ProofForm
        question={step}
        onAgain={onCancel}
        againLabel="Sign in again"
        // A password is never among the methods here.
        onAnswer={async (body) => onSignedIn(await call(sessionVerify, { body: body as ChallengeAnswer }))}
      />
      <Button variant="subtle" color="gray" fullWidth mt="sm" onClick={onCancel}>
        Back to the password
      </Button>
    </PublicFrame>
  );
}
