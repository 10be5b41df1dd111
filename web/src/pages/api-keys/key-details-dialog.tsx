import { Anchor, Button, Group, Modal, Stack } from '@mantine/core';
import type { ApiKey } from '@valtronics/contract';
import type { ReactNode } from 'react';
import { Link } from 'react-router';
import { Copyable } from '../../ui/copyable.tsx';
import { paths } from '../../ui/paths.ts';
import { EndTime } from '../../ui/time/end-time.tsx';
import { exactTime } from '../../ui/time/format-time.ts';
import { RelativeTime } from '../../ui/time/relative-time.tsx';
import { groupsText, useDeviceGroups } from '../device-groups/use-device-groups.ts';
import { permissionWords } from '../people/permission-words.ts';
import classes from './api-keys.module.css';
import { networksText, ownerKindWords } from './key-words.ts';

interface Props {
  apiKey: ApiKey;
  isMine?: boolean;
  onRevoke: () => void;
  onClose: () => void;
}

/** Everything about a key, for which a row has no room. */
export function KeyDetailsDialog({ apiKey, isMine = false, onRevoke, onClose }: Props) {
  const { owner, createdBy, permissions, networks, deviceGroupIds, expiresAt, lastUsedAt } = apiKey;
  const { groups } = useDeviceGroups();
  return (
    <Modal opened onClose={onClose} size="lg" title={apiKey.label} closeButtonProps={{ 'aria-label': 'Close' }}>
      <Stack gap="md">
        <dl className={classes.facts}>
          {isMine ? null : (
            <Fact name="Acts for">
              <Anchor component={Link} to={paths.apiKeysOf(owner.id)} size="sm" td="underline" onClick={onClose}>
                {owner.name}
              </Anchor>
              , {ownerKindWords[owner.kind]}
            </Fact>
          )}
          <Fact name="May, as far as its account and its maker may at the moment of use">
            <ul className={classes.permissions}>
              {permissions.map((permission) => (
                <li key={permission}>
                  {permissionWords[permission]} <span className="dim mono">{permission}</span>
                </li>
              ))}
            </ul>
          </Fact>
          <Fact name="May be used from">{networksText(networks)}</Fact>
          {apiKey.certificateSha256 === null ? null : (
            <Fact name="Only with the certificate of this SHA-256">
              <Copyable value={apiKey.certificateSha256} label="Copy the fingerprint of the certificate" shorten />
            </Fact>
          )}
          <Fact name="Sees">
            {deviceGroupIds === null
              ? `every device that ${isMine ? 'you see' : 'its account sees'}`
              : `the devices of ${groupsText(deviceGroupIds, groups)}`}
          </Fact>
          <Fact name="Made">
            <RelativeTime at={apiKey.createdAt} /> by {createdBy.name}
          </Fact>
          <Fact name="Ends">
            <EndTime at={expiresAt} /> <span className="dim">{exactTime(expiresAt, { milliseconds: false })}</span>
          </Fact>
          <Fact name="Last used">
            <RelativeTime at={lastUsedAt} />
            {apiKey.lastUsedAddress ? ` from ${apiKey.lastUsedAddress}` : null}
          </Fact>
          <Fact name="Id">
            <Copyable value={apiKey.id} label="Copy the id of the key" shorten />
          </Fact>
        </dl>
        <Group justify="flex-end" gap="xs">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button color="red.8" onClick={onRevoke}>
            Revoke…
          </Button>
        </Group>
      </Stack>
    </Modal>
  );
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
