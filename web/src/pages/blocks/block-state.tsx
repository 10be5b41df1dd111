import { IconBan, IconCircleCheck, IconClock, IconFlask } from '@tabler/icons-react';
import type { Block } from '@valtronics/contract';
import label from '../../ui/severity.module.css';
import { kindWords } from './block-words.ts';

const ended = {
  expired: { icon: IconClock, word: 'Over', tone: 'plain' },
  lifted: { icon: IconCircleCheck, word: 'Lifted', tone: 'resolved' },
} as const;

/** What it does now; what was tried out never did anything. */
export function BlockState({ block: { state, kind, simulated } }: { block: Block }) {
  const shown = simulated
    ? { icon: IconFlask, word: 'Tried out', tone: 'plain' }
    : state === 'in_force'
      ? { icon: IconBan, word: kindWords[kind], tone: 'critical' }
      : ended[state];
  const { icon: Icon, word, tone } = shown;
  return (
    <span className={label.label} data-tone={tone}>
      <Icon size={14} stroke={1.8} aria-hidden />
      {word}
    </span>
  );
}
