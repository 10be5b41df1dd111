import { sessionDelete } from '@valtronics/contract';
import { useNavigate } from 'react-router';
import { call } from '../api/call.ts';
import { asProblem } from '../api/problem-error.ts';
import { useForgetEverything } from '../api/session.ts';
import { paths } from '../ui/paths.ts';
import { sayProblem } from '../ui/toasts.tsx';

export function useSignOut() {
  const navigate = useNavigate();
  const forgetEverything = useForgetEverything();
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
    // Whether the server could be told or not, and whether the next page could be loaded.
    forgetEverything();
  };
}
