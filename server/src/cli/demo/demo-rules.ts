import { alertRuleCreate, alertRulesList } from '@valtronics/contract';
import { demoRules } from '@valtronics/simulator';
import type { ApiClient } from '../api-client.ts';

/** Creates the rules that suit the fleet, without doubling what an interrupted first start left. */
export async function createDemoRules(api: ApiClient): Promise<void> {
  const { items } = await api.call(alertRulesList, { query: { limit: 1000 } });
  const names = new Set(items.map(({ name }) => name));
  for (const rule of demoRules()) if (!names.has(rule.name)) await api.call(alertRuleCreate, { body: rule });
}
