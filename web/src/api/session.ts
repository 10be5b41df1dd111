import { useQueryClient } from '@tanstack/react-query';
import { type Access, type Endpoint, type Me, meGet, type Permission } from '@valtronics/contract';
import { useCallback } from 'react';
import { endpointKey } from './query-keys.ts';
import { sparklines } from './sparkline-store.ts';
import { useEndpoint } from './use-endpoint.ts';

/** Who is signed in. Pages below the shell only render once this is known. */
export const useMeQuery = () => useEndpoint(meGet, {}, { staleTime: 60_000, retry: false, refetchOnWindowFocus: true });

export function useMe(): Me {
  const { data } = useMeQuery();
  if (!data) throw new Error('useMe outside the signed-in part');
  return data;
}

export function useSetMe() {
  const client = useQueryClient();
  return (me: Me) => client.setQueryData(endpointKey(meGet, {}), me);
}

/** What is due or allowed may have changed. */
export function useReadMeAgain() {
  const client = useQueryClient();
  return () => client.invalidateQueries({ queryKey: endpointKey(meGet) });
}

/** Nothing a person could see stays behind for the next one (ASVS 14.3.1). */
export function useForgetEverything() {
  const client = useQueryClient();
  return useCallback(() => {
    client.clear();
    sparklines.forget();
  }, [client]);
}

/** Why this person may not use it, or undefined when they may. */
export function refusalFor(me: Pick<Me, 'role' | 'permissions'>, access: Access): string | undefined {
  if (access.kind === 'needs' && !me.permissions.includes(access.permission)) {
    return `Needs the permission ${access.permission}; your role is ${me.role}`;
  }
  return access.kind === 'device' ? 'For devices only' : undefined;
}

export function useRefusal(endpoint: Pick<Endpoint, 'access'>): string | undefined {
  return refusalFor(useMe(), endpoint.access);
}

export function useMay(permission: Permission): boolean {
  return useMe().permissions.includes(permission);
}
