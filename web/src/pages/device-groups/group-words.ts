import type { DeviceGroup } from '@valtronics/contract';
import { countText } from '../../ui/format-value.ts';

const counted = (count: number, one: string, many: string) => `${countText(count)} ${count === 1 ? one : many}`;

export const devicesText = (count: number) => counted(count, 'device', 'devices');

/** `3 people and 1 key are`, or undefined for nobody. Service accounts count as people. */
export function limitedTo({ people, apiKeys }: Pick<DeviceGroup, 'people' | 'apiKeys'>): string | undefined {
  const who = [
    ...(people > 0 ? [counted(people, 'account', 'accounts')] : []),
    ...(apiKeys > 0 ? [counted(apiKeys, 'API key', 'API keys')] : []),
  ];
  if (who.length === 0) return undefined;
  return `${who.join(' and ')} ${people + apiKeys === 1 ? 'is' : 'are'}`;
}
