import { Badge } from '@mantine/core';
import type { IdentityProvider } from '@valtronics/contract';

export function ProviderState({ provider: { enabled } }: { provider: Pick<IdentityProvider, 'enabled'> }) {
  return enabled ? (
    <Badge color="teal" variant="light">
      Enabled
    </Badge>
  ) : (
    <Badge color="gray">Off</Badge>
  );
}
