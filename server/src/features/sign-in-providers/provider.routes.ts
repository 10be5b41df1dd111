import * as contract from '@valtronics/contract';
import type { Revocations } from '../../security/access/revocations.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { ProviderService } from './provider.service.ts';
import type { createProviderProbe } from './provider-probe.ts';

/** Which providers an organisation trusts. */
export function addProviderRoutes(parts: {
  gate: EndpointGate;
  providers: ProviderService;
  probe: ReturnType<typeof createProviderProbe>;
  revocations: Revocations;
}): void {
  const { gate, providers, probe, revocations } = parts;

  async function announceEnded(sessions: readonly string[]): Promise<void> {
    for (const sessionId of sessions) await revocations.announce({ sessionId });
  }

  gate.handle(contract.identityProvidersList, ({ read }) => read((reader) => providers.list(reader)));

  gate.handle(contract.identityProviderGet, ({ params, read }) => read((reader) => providers.get(reader, params.id)));

  gate.handle(contract.identityProviderCreate, ({ body, principal, write }) =>
    write((tx) => providers.create(tx, principal, body)),
  );

  gate.handle(contract.identityProviderChange, async ({ params, body, principal, write }) => {
    const { provider, ended } = await write((tx) => providers.change(tx, principal, params.id, body));
    await announceEnded(ended);
    return provider;
  });

  gate.handle(contract.identityProviderDelete, async ({ params, write }) => {
    await announceEnded(await write((tx) => providers.remove(tx, params.id)));
    return undefined;
  });

  gate.handle(contract.identityProviderTest, async ({ params, read, write }) => {
    const provider = await read((reader) => providers.load(reader, params.id));
    const found = await probe(provider);
    await write(async (tx) => {
      tx.describe({ resource: { kind: 'identity_provider', id: provider.id }, details: { slug: provider.slug } });
    });
    return found;
  });
}
