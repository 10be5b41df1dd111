import { Stack, Text } from '@mantine/core';
import { oidcBackchannelLogout, oidcCallback } from '@valtronics/contract';
import { endpointUrl } from '../../api/endpoint-url.ts';
import { Panel } from '../../ui/page.tsx';
import { CopyBlock } from '../../ui/secret-once.tsx';

interface Addresses {
  readonly callbackUrl: string;
  readonly backchannelLogoutUrl: string;
}

/** What they will be: the provider wants them before it hands out a client id, so they are shown before anything is saved. */
export const addressesOf = (slug: string): Addresses => ({
  callbackUrl: window.location.origin + endpointUrl(oidcCallback, { provider: slug }),
  backchannelLogoutUrl: window.location.origin + endpointUrl(oidcBackchannelLogout, { provider: slug }),
});

/** What to tell the provider about us. */
export function ProviderAddresses({ addresses }: { addresses: Addresses }) {
  return (
    <Panel title="Register at the provider">
      <Stack gap="sm">
        <Text size="sm" c="dimmed">
          A confidential web client with the authorization code flow, and PKCE (S256) where it can be required.
        </Text>
        <CopyBlock label="Redirect URI (callback)" text={addresses.callbackUrl} />
        <CopyBlock label="Back-channel logout URI" text={addresses.backchannelLogoutUrl} />
      </Stack>
    </Panel>
  );
}
