import { IconFingerprint, IconHeartbeat, IconKey, IconUser } from '@tabler/icons-react';
import type { CataloguedField } from '@valtronics/contract';
import badge from '../../ui/severity.module.css';
import { classWords } from './field-words.ts';

const icons = { personal: IconUser, health: IconHeartbeat, secret: IconKey, identifier: IconFingerprint } as const;

export function ClassBadge({ of }: { of: CataloguedField['class'] }) {
  const Icon = icons[of];
  return (
    <span className={badge.badge} data-tone="muted">
      <Icon size={13} stroke={2} aria-hidden />
      {classWords[of]}
    </span>
  );
}
