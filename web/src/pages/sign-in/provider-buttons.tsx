import { Button, Stack, Text } from '@mantine/core';
import { offeredProvidersList } from '@valtronics/contract';
import { useEffect, useState } from 'react';
import { call, type ResultOf } from '../../api/call.ts';
import { providerStart } from '../../identity/provider-start.ts';
import classes from './sign-in.module.css';

type Offered = ResultOf<typeof offeredProvidersList>['items'];

/**
 * The providers the organisation trusts, below everything else: they arrive when somebody may be typing already, and nothing moves. Not
 * kept with the other answers, since this page forgets those.
 */
export function ProviderButtons({ next }: { next: string }) {
  const [offered, setOffered] = useState<Offered>([]);
  useEffect(() => {
    const leaving = new AbortController();
    call(offeredProvidersList, {}, leaving.signal).then(
      ({ items }) => setOffered(items),
      // The page signs in without them.
      () => undefined,
    );
    return () => leaving.abort();
  }, []);
  if (offered.length === 0) return null;
  return (
    <Stack gap="sm" className={classes.providers ?? ''}>
      <Text size="xs" c="dimmed" ta="center">
        or sign in with
      </Text>
      {offered.map(({ slug, name }) => (
        <Button key={slug} component="a" variant="default" size="sm" href={providerStart(slug, next)}>
          <span className="truncate">{name}</span>
        </Button>
      ))}
    </Stack>
  );
}
