import { sessionDelete } from '@valtronics/contract';
import { useNavigate } from 'react-router';
import { call } from '../api/call.ts';
import { asProblem, type ProblemError } from '../api/problem-error.ts';
import { useForgetEverything } from '../api/session.ts';
import { paths } from '../ui/paths.ts';
import { sayProblem } from '../ui/toasts.tsx';

export function useSignOut() {
  const navigate = useNavigate();
  const forgetEverything = useForgetEverything();
  return async () => {
    let untold: ProblemError | undefined;
    try {
      await call(sessionDelete, {});
    } catch (error) {
      const problem = asProblem(error);
      if (problem.code !== 'not_authenticated') untold = problem;
    }
    await navigate(paths.signIn);
    // Whether the server could be told or not, and whether the next page could be loaded.
    forgetEverything();
    if (!untold) return;
    const detail = 'This page is cleared, but the session is still open. Sign out once more later.';
    sayProblem({ title: untold.title, detail });
  };
}
