import '../ui/theme/shell-styles.ts';
import { Drawer, Skeleton, VisuallyHidden } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { lazy, Suspense, useEffect, useState } from 'react';
import { Navigate, Outlet, ScrollRestoration, useLocation, useMatches } from 'react-router';
import { useMe, useMeQuery } from '../api/session.ts';
import { StepUpDialog } from '../identity/step-up-dialog.tsx';
import { LiveProvider } from '../live/live-provider.tsx';
import { paths } from '../ui/paths.ts';
import type { RouteHandle } from '../ui/route-handle.ts';
import { ErrorState, ForbiddenState } from '../ui/states/states.tsx';
import { AlertAnnouncer } from './alert-announcer.tsx';
import { ConnectionBanner } from './connection-banner.tsx';
import { KeyboardShortcuts } from './keyboard-shortcuts.tsx';
import { Navigation } from './navigation-list.tsx';
import classes from './shell.module.css';
import { TopBar } from './top-bar.tsx';

const DuePage = lazy(async () => ({ default: (await import('./due-page.tsx')).DuePage }));

/** Everything behind the sign-in. */
export function Shell() {
  const [codes, setCodes] = useState<readonly string[] | null>(null);
  const { data: me, error, refetch } = useMeQuery();
  const { pathname, search } = useLocation();
  if (error?.code === 'not_authenticated') {
    const next = pathname === '/' ? '' : `?next=${encodeURIComponent(pathname + search)}`;
    return <Navigate to={`${paths.signIn}${next}`} replace />;
  }
  if (!me && error) return <ErrorState problem={error} onRetry={() => void refetch()} />;
  if (!me) return <ShellSkeleton />;
  return (
    <>
      <StepUpDialog />
      {me.pending || codes ? (
        <Suspense fallback={<ShellSkeleton />}>
          <DuePage me={me} codes={codes} onCodes={setCodes} />
        </Suspense>
      ) : (
        <LiveProvider>
          <Frame />
        </LiveProvider>
      )}
    </>
  );
}

function Frame() {
  const [drawer, { open, close }] = useDisclosure();
  const { pathname } = useLocation();
  const handle = useHandle();
  // biome-ignore lint/correctness/useExhaustiveDependencies: another page closes the drawer
  useEffect(close, [pathname]);
  return (
    <div className={classes.shell}>
      <a href="#main" className={classes.skip}>
        Skip to content
      </a>
      <TopBar onMenu={open} usesTimeRange={handle?.usesTimeRange ?? false} />
      <aside className={classes.side}>
        <Navigation />
      </aside>
      <Drawer
        opened={drawer}
        onClose={close}
        size={260}
        title="Valtronics"
        closeButtonProps={{ 'aria-label': 'Close the navigation' }}
      >
        <Navigation />
      </Drawer>
      <main id="main" tabIndex={-1} className={classes.main}>
        <ConnectionBanner />
        <Suspense fallback={<Skeleton height={240} />}>
          <Page handle={handle} />
        </Suspense>
      </main>
      <AlertAnnouncer />
      <KeyboardShortcuts />
      <ScrollRestoration getKey={(location) => location.pathname} />
    </div>
  );
}

function useHandle(): RouteHandle | undefined {
  return useMatches()
    .map(({ handle }) => handle as RouteHandle | undefined)
    .findLast((handle) => handle !== undefined);
}

function Page({ handle }: { handle: RouteHandle | undefined }) {
  const { permissions, role } = useMe();
  const { permission, title = 'This page' } = handle ?? {};
  if (permission && !permissions.includes(permission)) {
    return <ForbiddenState what={title} reason={`It needs the permission ${permission}; your role is ${role}`} />;
  }
  return <Outlet />;
}

function ShellSkeleton() {
  return (
    <div className={classes.shell} aria-busy>
      <VisuallyHidden>Loading</VisuallyHidden>
      <div className={classes.bar} />
      <aside className={classes.side} />
      <main className={classes.main}>
        <Skeleton height={24} width={180} mb="md" />
        <Skeleton height={320} />
      </main>
    </div>
  );
}
