import { Button, Group, Skeleton, Text } from '@mantine/core';
import { IconDeviceMobile, IconFingerprint } from '@tabler/icons-react';
import { type Factor, factorsGet } from '@valtronics/contract';
import { useState } from 'react';
import { useEndpoint } from '../../api/use-endpoint.ts';
import { factorWords } from '../../identity/factor-words.ts';
import { passkeysWork, withoutPasskeys } from '../../identity/passkeys.ts';
import rows from '../../identity/rows.module.css';
import { GuardedButton } from '../../ui/guarded.tsx';
import { Panel } from '../../ui/page.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { AddFactorDialog } from './add-factor-dialog.tsx';
import { RemoveFactorDialog } from './remove-factor-dialog.tsx';
import { RenewCodesDialog } from './renew-codes-dialog.tsx';

type Open =
  | { readonly kind: 'add'; readonly factor: Factor['kind'] }
  | { readonly kind: 'remove'; readonly factor: Factor }
  | { readonly kind: 'renew' };

const icons = { totp: IconDeviceMobile, passkey: IconFingerprint } as const;

/** The person's own second factors and recovery codes. */
export function FactorPanel() {
  const { data, error, refetch } = useEndpoint(factorsGet, {});
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  return (
    <Panel
      title="Second factors"
      flush
      aside={
        <Group gap="xs">
          <Button variant="default" onClick={() => setOpen({ kind: 'add', factor: 'totp' })}>
            Add authenticator app
          </Button>
          <GuardedButton
            variant="default"
            refusal={passkeysWork() ? undefined : withoutPasskeys}
            onClick={() => setOpen({ kind: 'add', factor: 'passkey' })}
          >
            Add passkey
          </GuardedButton>
        </Group>
      }
    >
      {error && !data ? <ErrorState problem={error} onRetry={() => void refetch()} /> : null}
      {!data && !error ? <Skeleton height={96} m="md" /> : null}
      {data?.items.length === 0 ? (
        <Text size="sm" c="dimmed" px="md" py="sm">
          None yet: your password alone opens the account. A passkey also signs in without it.
        </Text>
      ) : null}
      {data && data.items.length > 0 ? (
        <ul className={rows.list} aria-label="Second factors">
          {data.items.map((factor) => (
            <FactorRow key={factor.id} factor={factor} onRemove={() => setOpen({ kind: 'remove', factor })} />
          ))}
          <li className={rows.row}>
            <span className={rows.what}>
              <b>Recovery codes</b>
              <div className="dim">
                {data.recoveryCodesLeft === 0 ? 'None left' : `${data.recoveryCodesLeft} left`}; each stands in for a
                lost factor once
              </div>
            </span>
            <Button variant="default" size="compact-xs" onClick={() => setOpen({ kind: 'renew' })}>
              Make new ones
            </Button>
          </li>
        </ul>
      ) : null}
      {open?.kind === 'add' ? <AddFactorDialog kind={open.factor} onClose={close} /> : null}
      {open?.kind === 'remove' ? <RemoveFactorDialog factor={open.factor} onClose={close} /> : null}
      {open?.kind === 'renew' ? <RenewCodesDialog onClose={close} /> : null}
    </Panel>
  );
}

function FactorRow({ factor, onRemove }: { factor: Factor; onRemove: () => void }) {
  const { kind, label, createdAt, lastUsedAt } = factor;
  const Icon = icons[kind];
  return (
    <li className={rows.row}>
      <Icon size={18} stroke={1.6} aria-hidden />
      <span className={rows.what}>
        <b>{label}</b>
        <div className="dim">
          {factorWords[kind]} · added <RelativeTime at={createdAt} />
        </div>
      </span>
      <span className="dim">
        used <RelativeTime at={lastUsedAt} />
      </span>
      <Button variant="default" size="compact-xs" aria-label={`Remove ${label}`} onClick={onRemove}>
        Remove
      </Button>
    </li>
  );
}
