import type { Block, BlockKind, BlockScope } from '@valtronics/contract';
import { humanName } from '../../ui/format-value.ts';

export const scopeWords: Record<BlockScope, string> = {
  ip: 'Address',
  range: 'Network',
  user: 'Person',
  device: 'Device',
};
export const kindWords: Record<BlockKind, string> = { block: 'Block', ban: 'Ban' };

export const subjectOf = ({ label, value }: Pick<Block, 'label' | 'value'>): string => label ?? value;

export const originText = ({ origin, scenario, createdBy }: Block): string => {
  if (origin === 'manual') return `by ${createdBy?.label ?? 'hand'}`;
  return origin === 'guessing' ? 'by guessing too often' : `by ${scenario ? humanName(scenario) : 'a detection'}`;
};

/** `1st`, `2nd`, `3rd`, `11th`. */
export function ordinal(count: number): string {
  const tens = count % 100;
  const ending = tens >= 11 && tens <= 13 ? 'th' : (['th', 'st', 'nd', 'rd'][count % 10] ?? 'th');
  return `${count}${ending}`;
}

/** The filter of the events that led to it: of its detection, else of its subject in the hour before. */
export function evidenceFilter({ detectionId, scope, value, createdAt }: Block): Record<string, string> {
  if (detectionId !== null) return { detectionId };
  const made = Date.parse(createdAt);
  const span = { from: new Date(made - 3_600_000).toISOString(), to: new Date(made + 60_000).toISOString() };
  if (scope === 'ip' || scope === 'range') return { address: value, ...span };
  if (scope === 'user') return { userId: value, ...span };
  return { deviceId: value, ...span };
}
