import { Button, Skeleton, Stack, Text } from '@mantine/core';
import { linkedIdentitiesList } from '@valtronics/contract';
import { useLocation } from 'react-router';
import { useEndpoint } from '../api/use-endpoint.ts';
import { FormProblem } from '../ui/forms/form-problem.tsx';
import { providerStart } from './provider-start.ts';

/** For accounts without a second factor of ours: a linked provider asks the person again, and the page is loaded anew. */
export function ProveByProvider({ isOnlyWay }: { isOnlyWay: boolean }) {
  const { pathname, search } = useLocation();
  const { data, error } = useEndpoint(linkedIdentitiesList, {});
  // The password is asked for above; without an answer it is still there.
  if (!isOnlyWay && !data) return null;
  if (!data) return error ? <FormProblem problem={error} /> : <Skeleton height={36} />;
  const usable = data.items.filter(({ provider }) => provider.enabled);
  if (usable.length === 0) {
    return isOnlyWay ? (
      <Text size="sm" role="alert">
        Your account has nothing to prove itself with. Ask an administrator for a link to choose a password.
      </Text>
    ) : null;
  }
  return (
    <Stack gap="xs" mt={isOnlyWay ? 0 : 'sm'}>
      {usable.map(({ id, provider }) => (
        <Button
          key={id}
          component="a"
          size="sm"
          variant={isOnlyWay ? 'filled' : 'default'}
          href={providerStart(provider.slug, pathname + search, true)}
        >
          Prove it at {provider.name}
        </Button>
      ))}
      <Text size="xs" c="dimmed" ta="center">
        You come back to this page; what is typed into it and not saved is lost.
      </Text>
    </Stack>
  );
}
