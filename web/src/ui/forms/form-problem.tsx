import { Alert } from '@mantine/core';
import type { Problem } from '../states/states.tsx';
import { timeOfDay } from '../time/format-time.ts';

export function FormProblem({ problem }: { problem: Problem | null }) {
  if (!problem) return null;
  return (
    <Alert color="red" variant="light" role="alert" title={problem.title}>
      {problem.detail}
      {problem.retryAt ? <div>Try again after {timeOfDay(problem.retryAt)}.</div> : null}
      {problem.requestId ? <div className="mono">Request {problem.requestId}</div> : null}
    </Alert>
  );
}
