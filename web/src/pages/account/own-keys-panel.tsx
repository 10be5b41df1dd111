import { Button, Skeleton, Text, UnstyledButton } from '@mantine/core';
import { IconKey, IconPlus } from '@tabler/icons-react';
import { type ApiKey, ownApiKeysList } from '@valtronics/contract';
import { useState } from 'react';
import { useEndpointPages } from '../../api/use-endpoint.ts';
import rows from '../../identity/rows.module.css';
import { MoreButton } from '../../ui/more-button.tsx';
import { Panel } from '../../ui/page.tsx';
import { ErrorState } from '../../ui/states/states.tsx';
import { EndTime } from '../../ui/time/end-time.tsx';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { KeyDetailsDialog } from '../api-keys/key-details-dialog.tsx';
import { networksText, permissionSummary } from '../api-keys/key-words.ts';
import { NewKeyDialog } from '../api-keys/new-key-dialog.tsx';
import { RevokeKeyDialog } from '../api-keys/revoke-key-dialog.tsx';

type Open = { readonly kind: 'new' } | { readonly kind: 'details' | 'revoke'; readonly key: ApiKey };

/** Keys of programs that act in the person's own name. */
export function OwnKeysPanel() {
  const list = useEndpointPages(ownApiKeysList, { query: { limit: 20 } });
  const [open, setOpen] = useState<Open | null>(null);
  const close = () => setOpen(null);
  return (
    <Panel
      title="My API keys"
      flush
      aside={
        <Button variant="default" leftSection={<IconPlus size={14} />} onClick={() => setOpen({ kind: 'new' })}>
          New key of mine
        </Button>
      }
    >
      {list.error ? <ErrorState problem={list.error} onRetry={list.refetch} /> : null}
      {list.isPending ? <Skeleton height={64} m="md" /> : null}
      {!list.isPending && !list.error && list.rows.length === 0 ? (
        <Text size="sm" c="dimmed" px="md" py="sm">
          None yet: with a key a program acts in your name, as far as you let it, until the key ends.
        </Text>
      ) : null}
      {list.rows.length > 0 ? (
        <ul className={rows.list} aria-label="My API keys">
          {list.rows.map((key) => (
            <li key={key.id} className={rows.row}>
              <IconKey size={18} stroke={1.6} aria-hidden />
              <span className={rows.what}>
                <UnstyledButton fz="inherit" fw={700} onClick={() => setOpen({ kind: 'details', key })}>
                  {key.label}
                </UnstyledButton>
                <div className="dim">
                  {permissionSummary(key.permissions)} · from {networksText(key.networks)}
                </div>
              </span>
              <span className="dim">
                used <RelativeTime at={key.lastUsedAt} />
              </span>
              <span className="dim">
                <EndTime at={key.expiresAt} lead="ends" />
              </span>
              <Button
                variant="default"
                size="compact-xs"
                aria-label={`Revoke the key ${key.label}`}
                onClick={() => setOpen({ kind: 'revoke', key })}
              >
                Revoke
              </Button>
            </li>
          ))}
        </ul>
      ) : null}
      <MoreButton of={list} />
      {open?.kind === 'new' ? <NewKeyDialog whose="mine" onClose={close} /> : null}
      {open?.kind === 'details' ? (
        <KeyDetailsDialog
          apiKey={open.key}
          isMine
          onRevoke={() => setOpen({ kind: 'revoke', key: open.key })}
          onClose={close}
        />
      ) : null}
      {open?.kind === 'revoke' ? <RevokeKeyDialog apiKey={open.key} isMine onClose={close} /> : null}
    </Panel>
  );
}
