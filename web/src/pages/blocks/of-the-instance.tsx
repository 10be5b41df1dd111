import type { ReactNode } from 'react';
import { useMe } from '../../api/session.ts';
import { ForbiddenState } from '../../ui/states/states.tsx';

/** A screen that only the organisation which runs the instance has any use for. */
export function OfTheInstance({ what, children }: { what: string; children: ReactNode }) {
  const { organisation } = useMe();
  if (organisation.operatesInstance) return <>{children}</>;
  return (
    <ForbiddenState
      what={what}
      reason="Addresses belong to no organisation: only the one that runs this instance decides about them"
      remedy=""
    />
  );
}
