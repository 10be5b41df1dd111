import { Button } from '@mantine/core';
import { Link, useLocation } from 'react-router';
import type { ProblemError } from '../../api/problem-error.ts';
import { paths } from '../../ui/paths.ts';
import { PublicFrame } from '../../ui/public-frame.tsx';

const shortestToken = 20;

/** The token stands behind `#`, so that it reaches neither the server's log nor another site. Undefined when part of it is missing. */
export function useLinkToken(): string | undefined {
  const { hash } = useLocation();
  const token = new URLSearchParams(hash.slice(1)).get('token') ?? '';
  return token.length < shortestToken ? undefined : token;
}

const toSignIn = (
  <Button component={Link} to={paths.signIn} variant="default">
    Go to the sign-in
  </Button>
);

export function IncompleteLink() {
  return (
    <PublicFrame title="This link is not complete" detail="Open it again from where you got it, up to its last letter.">
      {toSignIn}
    </PublicFrame>
  );
}

interface FailedProps {
  problem: ProblemError;
  /** What is said of a link that was used, replaced or has expired. */
  over: { title: string; detail: string };
  onRetry: () => void;
}

export function FailedLink({ problem, over, onRetry }: FailedProps) {
  if (problem.code === 'gone' || problem.code === 'not_found') {
    return (
      <PublicFrame title={over.title} detail={over.detail}>
        {toSignIn}
      </PublicFrame>
    );
  }
  return (
    <PublicFrame title={problem.title} detail={problem.detail}>
      <Button variant="default" onClick={onRetry}>
        Try again
      </Button>
    </PublicFrame>
  );
}
