import { sessionDelete } from '@valtronics/contract';
import { useNavigate } from 'react-router';
import { call } from '../api/call.ts';
import { asProblem } from '../api/problem-error.ts';
import { paths } from '../ui/paths.ts';
import { sayProblem } from '../ui/toasts.tsx';

/** The sign-in page forgets what this one knew, whether the server could be told or not (ASVS 14.3.1). */
export function useSignOut() {
  const navigate = useNavigate();
  return async () => {
    try {
      await call(sessionDelete, {});
    } catch (error) {
      const { code, title } = asProblem(error);
      if (code !== 'not_authenticated') {
        sayProblem({ title, detail: 'This page is cleared, but the session is still open. Sign out once more later.' });
      }
    }
    await navigate(paths.signIn);
  };
}
