import { Alert, Button, Group, Menu, Skeleton, Text } from '@mantine/core';
import { IconLink, IconLogin2 } from '@tabler/icons-react';
import {
  identityLink,
  identityUnlink,
  type LinkedIdentity,
  linkedIdentitiesList,
  offeredProvidersList,
  type SignInProblem,
  signInProblems,
} from '@valtronics/contract';
import { useState } from 'react';
import { call } from '../../api/call.ts';
import { asProblem } from '../../api/problem-error.ts';
import { useChange, useEndpoint } from '../../api/use-endpoint.ts';
import rows from '../../identity/rows.module.css';
import { ConfirmDialog } from '../../ui/forms/confirm-dialog.tsx';
import { Panel } from '../../ui/page.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { sayDone, sayProblem } from '../../ui/toasts.tsx';
import { oneOf, useSearchState } from '../../ui/use-search-state.ts';

const problems = Object.keys(signInProblems) as SignInProblem[];

/** Providers that sign this person in; absent where there are none to link. */
export function IdentityPanel() {
  const { data, error, refetch } = useEndpoint(linkedIdentitiesList, {});
  const { data: offered } = useEndpoint(offeredProvidersList, {}, { staleTime: 60_000 });
  const { get, set } = useSearchState();
  const [unlinking, setUnlinking] = useState<LinkedIdentity | null>(null);
  const linked = data?.items ?? [];
  const problem = oneOf(problems, get('problem'));
  const linkable = (offered?.items ?? []).filter(({ slug }) => !linked.some(({ provider }) => provider.slug === slug));
  const linkedNow = linked.find(({ provider }) => provider.slug === get('linked'));
  if (linked.length === 0 && linkable.length === 0 && !problem && !error) return null;
  return (
    <Panel title="Linked sign-in providers" flush aside={<LinkButton offered={data ? linkable : []} />}>
      {problem || linkedNow ? (
        <Alert
          m="md"
          variant="light"
          color={problem ? 'red' : 'teal'}
          role={problem ? 'alert' : 'status'}
          title={problem ? 'Nothing was linked' : `${linkedNow?.provider.name} is linked`}
          withCloseButton
          closeButtonLabel="Dismiss"
          onClose={() => set({ problem: null, linked: null })}
        >
          {problem ? signInProblems[problem] : 'From now on it signs you in here.'}
        </Alert>
      ) : null}
      {error && !data ? <ErrorState problem={error} onRetry={() => void refetch()} /> : null}
      {!data && !error ? <Skeleton height={48} m="md" /> : null}
      {data && linked.length === 0 ? (
        <Text size="sm" c="dimmed" px="md" py="sm">
          None yet. Once linked, a provider signs you in without a password of ours.
        </Text>
      ) : null}
      {linked.length > 0 ? (
        <ul className={rows.list} aria-label="Linked sign-in providers">
          {linked.map((identity) => (
            <li key={identity.id} className={rows.row}>
              <IconLogin2 size={18} stroke={1.6} aria-hidden />
              <span className={rows.what}>
                <b>{identity.provider.name}</b>
                <div className="dim">
                  linked <RelativeTime at={identity.createdAt} />
                  {identity.provider.enabled ? null : '; turned off by an administrator'}
                </div>
              </span>
              <span className="dim">
                used <RelativeTime at={identity.lastUsedAt} />
              </span>
              <Button
                variant="default"
                size="compact-xs"
                aria-label={`Unlink ${identity.provider.name}`}
                onClick={() => setUnlinking(identity)}
              >
                Unlink
              </Button>
            </li>
          ))}
        </ul>
      ) : null}
      {unlinking ? <UnlinkDialog identity={unlinking} onClose={() => setUnlinking(null)} /> : null}
    </Panel>
  );
}

/** Leaves this page for the provider, once the person proved anew who they are. */
function LinkButton({ offered }: { offered: readonly { slug: string; name: string }[] }) {
  const [busy, setBusy] = useState(false);
  const link = async (provider: string) => {
    setBusy(true);
    try {
      const { authorizationUrl } = await call(identityLink, { params: { provider } });
      window.location.assign(authorizationUrl);
    } catch (failure) {
      sayProblem(asProblem(failure));
      setBusy(false);
    }
  };
  const [only] = offered;
  if (!only) return null;
  const looks = { variant: 'default', leftSection: <IconLink size={14} />, loading: busy } as const;
  if (offered.length === 1) {
    return (
      <Button {...looks} onClick={() => void link(only.slug)}>
        Link {only.name}
      </Button>
    );
  }
  return (
    <Group gap="xs">
      <Menu position="bottom-end">
        <Menu.Target>
          <Button {...looks}>Link a provider</Button>
        </Menu.Target>
        <Menu.Dropdown>
          {offered.map(({ slug, name }) => (
            <Menu.Item key={slug} onClick={() => void link(slug)}>
              {name}
            </Menu.Item>
          ))}
        </Menu.Dropdown>
      </Menu>
    </Group>
  );
}

function UnlinkDialog({ identity, onClose }: { identity: LinkedIdentity; onClose: () => void }) {
  const unlink = useChange(identityUnlink, ['/auth/identities', '/auth/sessions']);
  const { name } = identity.provider;
  return (
    <ConfirmDialog
      title={`Unlink ${name}?`}
      action="Unlink"
      onClose={onClose}
      onConfirm={async () => {
        await unlink.mutateAsync({ params: { id: identity.id } });
        sayDone(`${name} unlinked`);
      }}
    >
      It no longer signs you in, and the other sessions it opened end. Your account at {name} stays as it is.
    </ConfirmDialog>
  );
}
