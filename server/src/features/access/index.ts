// Access: what the roles of an organisation give, who sees which devices, and the keys its programs sign in with.
import type { Clock } from '../../lib/clock.ts';
import type { Job } from '../../platform/jobs/scheduler.ts';
import type { FactorPolicy } from '../../security/access/pending.ts';
import type { People } from '../../security/access/people.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { Transactions } from '../../security/audit/transactions.types.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import type { AccountMailbox } from '../identity/account-mailbox.ts';
import { addApiKeyRoutes, addDeviceGroupRoutes, addRoleRoutes } from './access.routes.ts';
import { apiKeyJobs } from './api-key.jobs.ts';
import { createApiKeyService } from './api-key.service.ts';
import { createDeviceGroupService } from './device-group.service.ts';
import { createRoleService } from './role.service.ts';

export function createAccess(deps: {
  gate: EndpointGate;
  transactions: Transactions;
  people: People;
  mailbox: Pick<AccountMailbox, 'isOpen' | 'put'>;
  revocations: Revocations;
  factorPolicy: FactorPolicy;
  /** Whether there is a port that API keys bound to a certificate are good at. */
  takesCertificates: boolean;
  clock: Clock;
}): { readonly jobs: readonly Job[] } {
  addRoleRoutes({ gate: deps.gate, roles: createRoleService(deps) });
  addDeviceGroupRoutes({ gate: deps.gate, groups: createDeviceGroupService(deps) });
  addApiKeyRoutes({ gate: deps.gate, apiKeys: createApiKeyService(deps) });
  return { jobs: apiKeyJobs(deps) };
}
