import * as contract from '@valtronics/contract';
import type { Revocations } from '../../security/access/revocations.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { IdentityLinkService } from './identity-link.service.ts';

/** Which providers a person has linked to their own account. */
export function addIdentityRoutes(parts: {
  gate: EndpointGate;
  links: IdentityLinkService;
  revocations: Revocations;
}): void {
  const { gate, links, revocations } = parts;

  gate.handle(contract.linkedIdentitiesList, ({ principal, read }) => read((reader) => links.list(reader, principal)));

  gate.handle(contract.identityLink, async (call) => {
    const { url, browserToken, provider } = await links.leave(call.principal, call.params.provider);
    await call.write(async (tx) => {
      tx.describe({ resource: { kind: 'identity_provider', id: provider.id }, details: { provider: provider.slug } });
    });
    call.setDepartureCookie(browserToken);
    return { authorizationUrl: url };
  });

  gate.handle(contract.identityUnlink, async ({ params, principal, write }) => {
    const ended = await write((tx) => links.unlink(tx, principal, params.id));
    for (const sessionId of ended) await revocations.announce({ sessionId });
    return undefined;
  });
}
