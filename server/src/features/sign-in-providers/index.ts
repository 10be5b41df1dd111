// Signing in with OpenID providers: which ones an organisation trusts, leaving for one and coming back, and the accounts they open.

import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { Logger } from '../../platform/log/log.ts';
import type { Outbound } from '../../platform/outbound/outbound.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { DataKeys } from '../../security/keys/data-keys.ts';
import type { Guessing } from '../../security/shield/guessing.types.ts';
import type { VouchedAccounts } from '../identity/vouched-accounts.ts';
import { createArrivalService } from './arrival.service.ts';
import { createBackchannelLogout } from './backchannel-logout.service.ts';
import { createCodeExchange } from './code-exchange.ts';
import { removeExpired } from './departure.repository.ts';
import { createDepartureService } from './departure.service.ts';
import { addIdentityRoutes } from './identity.routes.ts';
import { createIdentityLinkService } from './identity-link.service.ts';
import { createLinkedIdentities } from './linked-identities.ts';
import { addProviderRoutes } from './provider.routes.ts';
import { createProviderService } from './provider.service.ts';
import { createProviderAccounts } from './provider-account.service.ts';
import { createProviderClients } from './provider-client.ts';
import { createMetadataSource } from './provider-metadata.ts';
import { createProviderProbe } from './provider-probe.ts';
import { addSignInRoutes } from './sign-in-providers.routes.ts';

export interface SignInProviderDependencies {
  readonly gate: EndpointGate;
  readonly transactions: Transactions;
  readonly accounts: VouchedAccounts;
  readonly guessing: Pick<Guessing, 'check'>;
  readonly dataKeys: Pick<DataKeys, 'seal' | 'open' | 'sealIndexed' | 'findIndexed'>;
  readonly outbound: Outbound;
  readonly revocations: Revocations;
  readonly publicUrl: URL;
  readonly clock: Clock;
  readonly log: Logger;
}

const ROWS_PER_TRANSACTION = 1000;

export function createSignInProviders(deps: SignInProviderDependencies): { readonly jobs: readonly Job[] } {
  const { transactions, clock } = deps;
  const metadata = createMetadataSource(deps);
  const clientOf = createProviderClients({ ...deps, metadata });
  const departures = createDepartureService({ ...deps, clientOf });
  const identities = createLinkedIdentities(deps.dataKeys);
  const exchange = createCodeExchange({ ...deps, clientOf });
  const providerAccounts = createProviderAccounts({ ...deps, identities });
  const arrivals = createArrivalService({ ...deps, identities, departures, exchange, providerAccounts });
  addProviderRoutes({
    ...deps,
    providers: createProviderService(deps),
    probe: createProviderProbe({ ...deps, metadata }),
  });
  const backchannelLogout = createBackchannelLogout({ ...deps, identities, metadata, departures });
  addSignInRoutes({ ...deps, departures, arrivals, backchannelLogout });
  addIdentityRoutes({ ...deps, links: createIdentityLinkService({ ...deps, departures }) });
  return {
    jobs: [
      {
        name: 'sign_in_providers.expired',
        everySeconds: 300,
        async run(signal) {
          const run = () =>
            transactions.unaudited(null, 'housekeeping', (tx) => removeExpired(tx, clock.date(), ROWS_PER_TRANSACTION));
          while ((await run()) >= ROWS_PER_TRANSACTION && !signal.aborted);
        },
      },
    ],
  };
}
