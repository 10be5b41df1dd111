import { Alert } from '@mantine/core';
import type { Problem } from '../states/states.tsx';

export function FormProblem({ problem }: { problem: Problem | null }) {
  if (!problem) return null;
  return (
    <Alert color="red" variant="light" role="alert" title={problem.title}>
      {problem.detail}
      {problem.requestId ? <div className="mono">Request {problem.requestId}</div> : null}
    </Alert>
  );
}
