import { Button, Skeleton, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { stepUp, stepUpBegin } from '@valtronics/contract';
import { call, type ResultOf } from '../api/call.ts';
import type { ProblemError } from '../api/problem-error.ts';
import { noteProof } from '../api/step-up.ts';
import { FormProblem } from '../ui/forms/form-problem.tsx';
import { ProofForm } from './proof-form.tsx';
import { ProveByProvider } from './prove-by-provider.tsx';

/** Proves in an open session that it is still the same person. */
export function ProveAgain({ onProven }: { onProven: () => unknown }) {
  const { data, error, refetch, isFetching } = useQuery<ResultOf<typeof stepUpBegin>, ProblemError>({
    queryKey: [stepUpBegin.path],
    queryFn: () => call(stepUpBegin, { body: {} }),
    retry: false,
    // Each question is asked once, for this dialog.
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  if (error) {
    return (
      <Stack gap="sm">
        <FormProblem problem={error} />
        <Button variant="default" onClick={() => void refetch()}>
          Try again
        </Button>
      </Stack>
    );
  }
  if (!data || isFetching) return <Skeleton height={140} />;
  const isOnlyWay = data.methods.length === 0;
  return (
    <>
      {isOnlyWay ? null : (
        <ProofForm
          key={data.challengeId}
          question={data}
          onAgain={() => void refetch()}
          onAnswer={async (body) => {
            await call(stepUp, { body });
            noteProof();
            await onProven();
          }}
        />
      )}
      {/* Beside a factor of ours a provider proves nothing more: the account is opened by the factor. */}
      {isOnlyWay || data.methods.includes('password') ? <ProveByProvider isOnlyWay={isOnlyWay} /> : null}
    </>
  );
}
