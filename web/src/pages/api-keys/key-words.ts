import { type ApiKey, type Permission, permissions } from '@valtronics/contract';
import { humanName } from '../../ui/format-value.ts';

/** `Device: read, write · Telemetry: read`; the whole list in one word. */
export function permissionSummary(held: readonly Permission[]): string {
  if (permissions.every((permission) => held.includes(permission))) return 'Everything';
  const byArea = new Map<string, string[]>();
  for (const permission of permissions.filter((each) => held.includes(each))) {
    const [area = '', verb = ''] = permission.split(':');
    byArea.set(area, [...(byArea.get(area) ?? []), verb]);
  }
  return [...byArea].map(([area, verbs]) => `${humanName(area)}: ${verbs.join(', ')}`).join(' · ');
}

export const networksText = (networks: readonly string[]) =>
  networks.length === 0 ? 'anywhere' : networks.map(withoutFullPrefix).join(', ');

/** A single address needs no length of its network. */
const withoutFullPrefix = (network: string) => network.replace(network.includes(':') ? /\/128$/ : /\/32$/, '');

export const ownerKindWords: Readonly<Record<ApiKey['owner']['kind'], string>> = {
  person: 'a person',
  service: 'a service account',
};
