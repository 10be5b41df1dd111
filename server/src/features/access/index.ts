// Access: what the roles of an organisation give, who sees which devices, and the keys its programs sign in with.
import type { Clock } from '../../lib/clock.ts';
import type { FactorPolicy } from '../../security/access/pending.ts';
import type { Revocations } from '../../security/access/revocations.ts';
import type { EndpointGate } from '../../security/gate/endpoint-gate.ts';
import { addApiKeyRoutes, addDeviceGroupRoutes, addRoleRoutes } from './access.routes.ts';
import { createApiKeyService } from './api-key.service.ts';
import { createDeviceGroupService } from './device-group.service.ts';
import { createRoleService } from './role.service.ts';

export function createAccess(deps: {
  gate: EndpointGate;
  revocations: Revocations;
  factorPolicy: FactorPolicy;
  clock: Clock;
}): void {
  addRoleRoutes({ gate: deps.gate, roles: createRoleService(deps) });
  addDeviceGroupRoutes({ gate: deps.gate, groups: createDeviceGroupService(deps) });
  addApiKeyRoutes({ gate: deps.gate, apiKeys: createApiKeyService(deps) });
}
