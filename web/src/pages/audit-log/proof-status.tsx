import { IconCircleCheck, IconClock, IconListNumbers } from '@tabler/icons-react';
import type { AuditEvent, ProofStatus } from '@valtronics/contract';
import classes from './audit-log.module.css';

const statuses = {
  pending: { icon: IconClock, word: 'Pending', hint: 'Not in the log\u2019s tree yet; that takes up to a second' },
  sequenced: { icon: IconListNumbers, word: 'In order', hint: 'Has its position; the next checkpoint covers it' },
  signed: { icon: IconCircleCheck, word: 'Signed', hint: 'Covered by a signed checkpoint' },
} as const satisfies Record<ProofStatus, unknown>;

/** Never by colour alone: icon and word. */
export function ProofBadge({ proof }: { proof: AuditEvent['proof'] }) {
  const { icon: Icon, word, hint } = statuses[proof.status];
  const at = proof.position === null ? '' : `; position ${proof.position}`;
  return (
    <span className={classes.proof} data-status={proof.status} title={`${hint}${at}`}>
      <Icon size={13} stroke={2} aria-hidden />
      {word}
    </span>
  );
}
