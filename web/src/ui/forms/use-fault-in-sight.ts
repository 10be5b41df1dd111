import { useEffect, useRef } from 'react';

/** Brings the first complaint about a form longer than the screen into sight once it was sent; while it is mended, nothing moves. */
export function useFaultInSight(errors: object, problem: object | null) {
  const form = useRef<HTMLFormElement>(null);
  const isSent = useRef(false);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the complaints are what the page is looked at for
  useEffect(() => {
    const first = isSent.current ? form.current?.querySelector('[id$="-error"], [role="alert"]') : null;
    if (!first) return;
    isSent.current = false;
    first.scrollIntoView({ block: 'center' });
  }, [errors, problem]);
  return {
    form,
    sent: () => {
      isSent.current = true;
    },
  };
}
