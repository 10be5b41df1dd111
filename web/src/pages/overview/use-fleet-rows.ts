import { type Alert, alertsList, type Device, devicesList } from '@valtronics/contract';
import { useMemo } from 'react';
import { useMay } from '../../api/session.ts';
import { useEndpoint, useEndpointPages } from '../../api/use-endpoint.ts';
import { fleetOrder } from './fleet-order.ts';

export type { FleetRow } from './fleet-order.ts';

const noDevices: readonly Device[] = [];
const noAlerts: readonly Alert[] = [];

/**
 * The fleet, problems first. Devices in trouble are asked for by themselves, so that they come first however large the fleet is; the
 * rest follows page by page.
 */
export function useFleetRows() {
  const mayReadAlerts = useMay('alert:read');
  const all = useEndpointPages(devicesList, { query: { sort: 'name', limit: 1000 } });
  const failing = useEndpoint(devicesList, { query: { status: 'error', limit: 500 } });
  const silent = useEndpoint(devicesList, { query: { status: 'offline', limit: 500 } });
  const open = useEndpoint(alertsList, { query: { open: 'true', limit: 500 } }, { enabled: mayReadAlerts });
  const failingItems = failing.data?.items ?? noDevices;
  const silentItems = silent.data?.items ?? noDevices;
  const alerts = open.data?.items ?? noAlerts;
  const { rows: every, hasNextPage, isFetchingNextPage } = all;
  const rows = useMemo(
    () => fleetOrder([...every, ...failingItems, ...silentItems], alerts),
    [every, failingItems, silentItems, alerts],
  );
  return {
    rows,
    isPending: all.isPending,
    error: all.error,
    retry: all.refetch,
    loadMore: hasNextPage && !isFetchingNextPage ? all.fetchNextPage : undefined,
  };
}
