import { type DeviceGroup, deviceGroupsList } from '@valtronics/contract';
import { useRefusal } from '../../api/session.ts';
import { useEndpoint } from '../../api/use-endpoint.ts';

const none: readonly DeviceGroup[] = [];

/** Every group there is; none for who may not read them, who then sees how many and not which. */
export function useDeviceGroups() {
  const mayRead = useRefusal(deviceGroupsList) === undefined;
  const { data } = useEndpoint(deviceGroupsList, {}, { staleTime: 60_000, enabled: mayRead });
  return { mayRead, isRead: data !== undefined, groups: data?.items ?? none };
}

/** `Cold rooms, Ward 3`, or how many where the names are not known. */
export function groupsText(ids: readonly string[], groups: readonly DeviceGroup[]): string {
  const known = groups.filter(({ id }) => ids.includes(id)).map(({ name }) => name);
  if (ids.length === 0) return 'no group';
  if (known.length === ids.length) return known.join(', ');
  return ids.length === 1 ? 'one device group' : `${ids.length} device groups`;
}

/** What shows groups or counts what is limited to them. */
export const staleWithGroups = ['/device-groups', '/users', '/api-keys', '/auth/api-keys'];
